//! All that a registry exposes, compared with what is expected.

use crate::Registry;
use crate::model::{FamilySnapshot, OWN_PREFIX, SeriesSnapshot};
use core::fmt::Write as _;
use std::collections::BTreeMap;

/// Values by sample, as they are exposed: `jobs_total{queue="mail"}`. Of a histogram, `_count` and `_sum`.
type Samples = BTreeMap<String, f64>;

/// Asserts that `work` changes exactly these samples, each by so much, and no others. Returns what `work` does.
///
/// Samples are written as they are exposed: `jobs_total{queue="mail"}`; of a histogram there are `_count` and `_sum`, without the
/// buckets. A series that `work` makes changes from zero. quipu's metrics about itself, whose names begin with `quipu_`, are left out.
///
/// # Panics
/// If other samples change, or by another amount. The message lists each difference.
///
/// ```
/// let (registry, _) = quipu::testing::registry();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
/// quipu::testing::assert_changes(&registry, [(r#"jobs_total{queue="mail"}"#, 2.0)], || jobs.with(["mail"]).inc_by(2));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[track_caller]
pub fn assert_changes<'a, R>(
    registry: &Registry,
    expected: impl AsRef<[(&'a str, f64)]>,
    work: impl FnOnce() -> R,
) -> R {
    let before = samples(registry);
    let result = work();
    let after = samples(registry);
    let names = before.keys().chain(after.keys());
    let of = |samples: &Samples, name: &str| samples.get(name).copied().unwrap_or(0.0);
    let changes = names.map(|name| (name.clone(), of(&after, name) - of(&before, name)));
    let changes = changes.filter(|(_, change)| *change != 0.0).collect();
    let difference = difference(&changes, expected.as_ref(), "changed by");
    assert!(difference.is_empty(), "metrics changed in another way than expected:\n{difference}");
    result
}

/// Asserts that the registry exposes exactly these samples with exactly these values. Those that are zero may be left out.
///
/// # Panics
/// If others are exposed, or with another value. The message lists each difference.
///
/// ```
/// let (registry, _) = quipu::testing::registry();
/// let depth = registry.gauge("queue_depth", "Jobs that wait.").labels(["queue"]).register()?;
/// depth.with(["mail"]).set(7.0);
/// depth.with(["sms"]).set(0.0);
/// quipu::testing::assert_values(&registry, [(r#"queue_depth{queue="mail"}"#, 7.0)]);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[track_caller]
pub fn assert_values<'a>(registry: &Registry, expected: impl AsRef<[(&'a str, f64)]>) {
    let values = samples(registry).into_iter().filter(|(_, value)| *value != 0.0).collect();
    let difference = difference(&values, expected.as_ref(), "is");
    assert!(difference.is_empty(), "metrics have other values than expected:\n{difference}");
}

/// A line for each sample that is not as it was expected.
fn difference(found: &Samples, expected: &[(&str, f64)], verb: &str) -> String {
    let mut lines = String::new();
    for (name, expected) in expected {
        let value = found.get(*name).copied().unwrap_or(0.0);
        if value.to_bits() != expected.to_bits() && value != *expected {
            let _ = writeln!(lines, "  {name} {verb} {value}, expected {expected}");
        }
    }
    for (name, value) in found.iter().filter(|(name, _)| !expected.iter().any(|(other, _)| other == name)) {
        let _ = writeln!(lines, "  {name} {verb} {value}, not expected");
    }
    lines
}

fn samples(registry: &Registry) -> Samples {
    let snapshot = registry.snapshot();
    let families = snapshot.families().iter().filter(|family| !family.name().starts_with(OWN_PREFIX));
    families.flat_map(|family| family.series().iter().flat_map(|series| of_series(family, series))).collect()
}

fn of_series(family: &FamilySnapshot, series: &SeriesSnapshot) -> Vec<(String, f64)> {
    let labels = match family.label_names().next() {
        Some(first) => format!("{{{first}=\"{}\"}}", series.exposed_labels()),
        None => String::new(),
    };
    let named = |suffix: &str, value| (format!("{}{suffix}{labels}", family.name()), value);
    match (series.value(), series.histogram()) {
        (Some(value), _) => vec![named("", value)],
        (_, Some(histogram)) => vec![named("_count", histogram.count() as f64), named("_sum", histogram.sum())],
        _ => Vec::new(),
    }
}
