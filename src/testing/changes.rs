//! All that a registry exposes, compared with what is expected.

use crate::Registry;
use crate::model::{FamilySnapshot, OWN_PREFIX, SeriesSnapshot};
use core::fmt::Write as _;
use std::collections::{BTreeMap, BTreeSet};

/// Values by sample, as they are exposed: `jobs_total{queue="mail"}`. Of a histogram or a summary, `_count` and `_sum`.
type Samples = BTreeMap<String, f64>;

/// Asserts that `work` changes exactly these samples, each by so much, and no others. Returns what `work` does.
///
/// Samples are written as they are exposed: `jobs_total{queue="mail"}`; of a histogram or a summary there are `_count` and `_sum`,
/// without the buckets or quantiles. A series that `work` makes changes from zero. quipu's metrics about itself, whose names begin with `quipu_`, are left out.
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
    let of = |samples: &Samples, name: &str| samples.get(name).copied().unwrap_or(0.0);
    let has_changed = |name: &&str| !is_same(of(&before, name), of(&after, name));
    let changed = after.keys().chain(before.keys()).map(|name| &**name).filter(has_changed).collect();
    let changes = Differences {
        verb: "changed by",
        found: changed,
        is: &|name, expected| of(&before, name) + expected == of(&after, name),
        shown: &|name| of(&after, name) - of(&before, name),
    };
    let differences = changes.from(expected.as_ref());
    assert!(differences.is_empty(), "metrics changed in another way than expected:\n{differences}");
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
    let values: Samples = samples(registry).into_iter().filter(|(_, value)| *value != 0.0).collect();
    let of = |name: &str| values.get(name).copied().unwrap_or(0.0);
    let is = |name: &str, expected: f64| is_same(of(name), expected);
    let found = values.keys().map(|name| &**name).collect();
    let differences = Differences { verb: "is", found, is: &is, shown: &of }.from(expected.as_ref());
    assert!(differences.is_empty(), "metrics have other values than expected:\n{differences}");
}

fn is_same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

/// How samples are compared with what is expected of them.
struct Differences<'a> {
    verb: &'a str,
    /// Those that have to be expected.
    found: BTreeSet<&'a str>,
    is: &'a dyn Fn(&str, f64) -> bool,
    shown: &'a dyn Fn(&str) -> f64,
}

impl Differences<'_> {
    /// A line for each sample that is not as it was expected.
    fn from(&self, expected: &[(&str, f64)]) -> String {
        let Differences { verb, found, is, shown } = self;
        let mut lines = String::new();
        for (name, expected) in expected.iter().filter(|(name, expected)| !is(name, *expected)) {
            let _ = writeln!(lines, "  {name} {verb} {}, expected {expected}", shown(name));
        }
        for name in found.iter().filter(|name| !expected.iter().any(|(other, _)| other == *name)) {
            let _ = writeln!(lines, "  {name} {verb} {}, not expected", shown(name));
        }
        lines
    }
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
    if let Some(value) = series.value() {
        return vec![named("", value)];
    }
    let histogram = series.histogram().map(|histogram| (histogram.count(), histogram.sum()));
    let observed = histogram.or_else(|| series.summary().map(|summary| (summary.count(), summary.sum())));
    let (count, sum) = observed.expect("a series has a value, or is a histogram or a summary");
    vec![named("_count", count as f64), named("_sum", sum)]
}
