//! What a registry says about itself.

mod limits;

use super::description::Description;
use super::family::FamilyCore;
use crate::clock::Clock;
use crate::lanes;
use crate::metric::sealed::Sealed;
use crate::metric::{Counter, Gauge, Instrument};
use crate::model::GlobalLabels;
use crate::store::{Handle, MetricRef, Series, SharedLimits, is_freeing_refused, lost_lanes, retained_series};
use crate::sync::AtomicU64;
use limits::LimitMetrics;
use std::borrow::Cow;
use std::sync::Arc;

/// The metrics of a registry about its families, with a series for each family.
pub(super) struct SelfMetrics {
    series: Arc<FamilyCore>,
    rejected: Arc<FamilyCore>,
    left_out: Arc<FamilyCore>,
    /// Those of [`PROCESS`], with their one series.
    process: [(Arc<FamilyCore>, Gauge); PROCESS.len()],
    refused: Arc<FamilyCore>,
    expired: Arc<FamilyCore>,
    limits: LimitMetrics,
}

/// A gauge about the process, the same in all registries.
struct ProcessMetric {
    name: &'static str,
    help: &'static str,
    value: fn() -> f64,
}

const PROCESS: [ProcessMetric; 6] = [
    ProcessMetric {
        name: "quipu_retained_series",
        help: "Series that were removed and are not freed yet: they wait for a `MetricRef` that a thread has kept, or for the next scrape.",
        value: || retained_series() as f64,
    },
    ProcessMetric {
        name: "quipu_freeing_refused",
        help: "1 if the system refuses membarrier(2): nothing that is removed is freed then.",
        value: || f64::from(u8::from(is_freeing_refused())),
    },
    ProcessMetric {
        name: "quipu_lost_lanes",
        help: "Lanes that no thread can get again: their threads have ended without dropping a `MetricRef`. Nothing is freed any more.",
        value: || lost_lanes() as f64,
    },
    ProcessMetric {
        name: "quipu_lane_bytes",
        help: "Most memory that the lanes of busy series can take now.",
        value: || lanes::used_bytes() as f64,
    },
    ProcessMetric {
        name: "quipu_lane_limit_bytes",
        help: "Memory that lanes may take; above it, series share one slot among all threads.",
        value: || lanes::limit_bytes() as f64,
    },
    ProcessMetric {
        name: "quipu_threads_without_lane",
        help: "Threads that have recorded without a lane, since the process began.",
        value: || lanes::threads_without() as f64,
    },
];

/// Whether a family is about the process.
pub(super) fn is_of_process(name: &str) -> bool {
    PROCESS.iter().any(|metric| metric.name == name)
}

/// The series that speak of one family.
#[derive(Debug, Default)]
pub(super) struct SelfSeries {
    /// The number of its series.
    pub(super) series: Option<Gauge>,
    /// The number of values that it has refused; `None` if it cannot refuse any.
    pub(super) rejected: Option<Series>,
    /// Count lookups in which the value of a label was replaced, by label.
    pub(super) overflowed: Vec<Handle>,
    /// How many of them `quipu_overflowed_lookups_total` has.
    reported: Vec<AtomicU64>,
}

impl SelfMetrics {
    /// Their label is `family`; if that is a global label, it is `exported_family`, as Prometheus has it of labels that it sets itself.
    pub(super) fn new(global_labels: &GlobalLabels, limits: &Arc<SharedLimits>) -> SelfMetrics {
        let label = global_labels.free_name("family");
        let process = PROCESS.each_ref().map(|metric| {
            let core = family(metric.name, &[], metric.help, Gauge::TYPE);
            let gauge = MetricRef::look_up_once(&core.set, &[], Gauge::from_series).clone();
            (core, gauge)
        });
        SelfMetrics {
            process,
            series: family("quipu_series", &[&label], "Series of a family.", Gauge::TYPE),
            rejected: family(
                "quipu_rejected_values_total",
                &[&label],
                "Values that were refused: NaN, infinite, of a magnitude of 2^960 or more, or for a counter negative.",
                Counter::TYPE,
            ),
            refused: family(
                "quipu_refused_lookups_total",
                &[&label],
                "Lookups of label values for which there was no memory, or for a gauge no room within a limit. What was recorded there is lost.",
                Counter::TYPE,
            ),
            expired: family(
                "quipu_expired_series_total",
                &[&label],
                "Series that were removed because they had been idle.",
                Counter::TYPE,
            ),
            left_out: family(
                "quipu_left_out_total",
                &[&label],
                "Series, and whole families, that scrapes left out because another registry behind the endpoint has the same.",
                Counter::TYPE,
            ),
            limits: LimitMetrics::new(global_labels, limits),
        }
    }

    pub(super) fn families(&self) -> impl Iterator<Item = &Arc<FamilyCore>> {
        let by_family = [&self.series, &self.rejected, &self.left_out, &self.refused, &self.expired];
        self.process.iter().map(|(family, _)| family).chain(by_family).chain(self.limits.families())
    }

    /// Brings up to date what is said about a family. Takes the family's lock; not to be called under a pin.
    pub(super) fn bring_up_to_date(&self, family: &FamilyCore) {
        if let Some(series) = &family.about.series {
            series.set(family.set.len() as f64);
        }
        self.limits.bring_up_to_date(family);
        let name = &*family.description.name;
        if family.set.has_refused() {
            count(&self.refused, name, || family.set.take_refused());
        }
        if family.set.has_expired() {
            count(&self.expired, name, || family.set.take_expired());
        }
    }

    /// Brings those about the process up to date.
    pub(super) fn refresh(&self) {
        PROCESS.iter().zip(&self.process).for_each(|(metric, (_, gauge))| gauge.set((metric.value)()));
        self.limits.refresh();
    }

    /// Counts what was left out of a family. Not to be called under a pin.
    pub(super) fn count_left_out(&self, name: &str, n: u64) {
        MetricRef::look_up_once(&self.left_out.set, &[name], Counter::from_series).inc_by(n);
    }

    /// Makes the series that speak of a new family, which has at most so many series.
    pub(super) fn add(&self, family: &Description, most: Option<usize>) -> SelfSeries {
        let name = [&*family.name];
        let series = MetricRef::look_up_once(&self.series.set, &name, Gauge::from_series).clone();
        let rejected = || MetricRef::look_up_once(&self.rejected.set, &name, |series: Series| series).clone();
        SelfSeries {
            series: Some(series),
            rejected: family.metric.can_refuse.then(rejected),
            ..self.limits.add(family, most)
        }
    }

    /// Removes the series that speak of a family.
    pub(super) fn remove(&self, family: &Description) {
        let name = &*family.name;
        self.series.set.remove(&[name]);
        self.rejected.set.remove(&[name]);
        self.left_out.set.remove(&[name]);
        self.refused.set.remove(&[name]);
        self.expired.set.remove(&[name]);
        self.limits.remove(family);
    }
}

/// Counts what speaks of the family of this name. Without memory for that series, too, it waits for a later scrape.
fn count(about: &FamilyCore, name: &str, take: impl FnOnce() -> u64) {
    about.set.admit(&[name]);
    if let Some(metric) = MetricRef::find(&about.set, &[name], Counter::from_series) {
        metric.inc_by(take());
    }
}

fn family(name: &str, labels: &[&str], help: &'static str, metric: &'static Instrument) -> Arc<FamilyCore> {
    let labels = labels.iter().map(|label| Cow::Owned((*label).to_owned())).collect();
    let description = Description { labels, ..Description::new(name.to_owned(), help.into(), metric) };
    Arc::new(FamilyCore::new(description, None, SelfSeries::default(), Clock::default(), None))
}

#[cfg(test)]
mod tests {
    use crate::Registry;

    #[test]
    fn each_refused_lookup_is_counted_once() {
        let registry = Registry::new();
        registry.counter("jobs_total", "Jobs.").labels(["queue"]).register().unwrap();
        let jobs = registry.families().into_iter().find(|family| family.description.name == "jobs_total").unwrap();
        let refused = || registry.snapshot().value("quipu_refused_lookups_total", &[("family", "jobs_total")]);
        assert_eq!(refused(), None);
        jobs.set.unread();
        jobs.set.unread();
        assert_eq!([refused(), refused()], [Some(2.0); 2]);
        jobs.set.unread();
        assert_eq!(refused(), Some(3.0));
        assert!(registry.unregister("jobs_total"));
        assert_eq!(refused(), None);
    }
}
