//! Values of series, by the labels that matter.

use crate::Registry;
use crate::model::{FamilySnapshot, HistogramSnapshot, SeriesSnapshot};

/// The value of a counter or a gauge: the sum over the series with these labels, whatever others they have. Zero if there is none.
///
/// # Panics
/// If the registry has no such family, or it has no such label; if it is a histogram or a summary.
///
/// ```
/// let (registry, _) = quipu::testing::registry();
/// let requests = registry.counter("requests_total", "Requests.").labels(["path", "status"]).register()?;
/// requests.with(["/a", "200"]).inc();
/// requests.with(["/b", "200"]).inc_by(2);
/// assert_eq!(quipu::testing::value(&registry, "requests_total", [("status", "200")]), 3.0);
/// assert_eq!(quipu::testing::value(&registry, "requests_total", [("status", "500")]), 0.0);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[track_caller]
pub fn value<'a>(registry: &Registry, family: &str, labels: impl AsRef<[(&'a str, &'a str)]>) -> f64 {
    let numbers = matching(registry, family, labels.as_ref(), |series| match series.value() {
        Some(value) => value,
        None => panic!("`{family}` has no single value; use `{}`", reader(series)),
    });
    // The sum of no floats is -0.
    numbers.into_iter().fold(0.0, |sum, number| sum + number)
}

/// What a histogram has observed in the series with these labels together, whatever others they have. Empty if there is none.
///
/// # Panics
/// If the registry has no such family, or it has no such label; if it is no histogram.
///
/// ```
/// let (registry, _) = quipu::testing::registry();
/// let sizes = registry.histogram("mail_size_bytes", "Size of a mail.").bounds([10.0]).labels(["queue"]).register()?;
/// sizes.with(["in"]).observe(7.0);
/// sizes.with(["out"]).observe(70.0);
/// let all = quipu::testing::histogram(&registry, "mail_size_bytes", []);
/// assert_eq!((all.bucket_counts(), all.sum()), (&[1, 1][..], 77.0));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[track_caller]
pub fn histogram<'a>(registry: &Registry, family: &str, labels: impl AsRef<[(&'a str, &'a str)]>) -> HistogramSnapshot {
    let found = matching(registry, family, labels.as_ref(), |series| match series.histogram() {
        Some(histogram) => histogram.clone(),
        None => panic!("`{family}` is no histogram; use `{}`", reader(series)),
    });
    found.into_iter().reduce(HistogramSnapshot::plus).unwrap_or_default()
}

/// What reads a series of its kind.
fn reader(series: &SeriesSnapshot) -> &'static str {
    match (series.value(), series.histogram()) {
        (Some(_), _) => "quipu::testing::value",
        (_, Some(_)) => "quipu::testing::histogram",
        // A summary.
        _ => "Registry::snapshot",
    }
}

/// What `read` says of the series with these labels.
#[track_caller]
fn matching<R>(
    registry: &Registry,
    family: &str,
    labels: &[(&str, &str)],
    read: impl Fn(&SeriesSnapshot) -> R,
) -> Vec<R> {
    check(registry, family, labels);
    let snapshot = registry.snapshot();
    let Some(family) = snapshot.family(family) else { return Vec::new() };
    family.series().iter().filter(|series| has(family, series, labels)).map(read).collect()
}

fn has(family: &FamilySnapshot, series: &SeriesSnapshot, labels: &[(&str, &str)]) -> bool {
    labels.iter().all(|label| family.label_names().zip(series.label_values()).any(|pair| pair == *label))
}

/// A name that is not there is a mistake in the test.
#[track_caller]
fn check(registry: &Registry, family: &str, labels: &[(&str, &str)]) {
    let families = registry.describe();
    let Some(found) = families.iter().find(|other| other.name() == family) else {
        let names: Vec<_> = families.iter().map(|family| family.name()).collect();
        panic!("no family `{family}` is registered; there are {names:?}");
    };
    let names: Vec<_> = found.labels().map(|label| label.name()).collect();
    if let Some((label, _)) = labels.iter().find(|(label, _)| !names.contains(label)) {
        panic!("`{family}` has no label `{label}`; its labels are {names:?}");
    }
}
