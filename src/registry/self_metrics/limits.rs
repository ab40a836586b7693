//! What a registry says about its limits.

use super::{SelfSeries, family};
use crate::guard::LabelLimit;
use crate::metric::sealed::Sealed;
use crate::metric::{Counter, Gauge};
use crate::model::GlobalLabels;
use crate::registry::description::Description;
use crate::registry::family::FamilyCore;
use crate::registry::offenders;
use crate::store::{FamilyLayout, Handle, MetricRef, Series, SharedLimits, SlotLayout};
use crate::sync::{AtomicU64, Ordering};
use std::sync::Arc;

/// How much of each limit is used, and what went beyond one.
pub(super) struct LimitMetrics {
    shared: Arc<SharedLimits>,
    /// Those of [`REGISTRY`], with their one series.
    registry: [(Arc<FamilyCore>, Gauge); REGISTRY.len()],
    most_series: Arc<FamilyCore>,
    values: Arc<FamilyCore>,
    most_values: Arc<FamilyCore>,
    overflowed: Arc<FamilyCore>,
    offending: Arc<FamilyCore>,
    /// Of the counts of lookups, which are in no family.
    counts: Arc<FamilyLayout>,
}

/// A gauge about the registry.
struct RegistryMetric {
    name: &'static str,
    help: &'static str,
    value: fn(&SharedLimits) -> f64,
}

const REGISTRY: [RegistryMetric; 4] = [
    RegistryMetric {
        name: "quipu_registry_series",
        help: "Series of all families, and those that are reserved; without metrics about the registry itself, and without the \
               first series with a replaced value of each family.",
        value: |shared| shared.series() as f64,
    },
    RegistryMetric {
        name: "quipu_registry_series_limit",
        help: "Series that the registry may have.",
        value: |shared| shared.most_series().map_or(f64::INFINITY, |most| most as f64),
    },
    RegistryMetric {
        name: "quipu_registry_bytes",
        help: "Memory of all series, and of the lanes of the process.",
        value: |shared| shared.bytes() as f64,
    },
    RegistryMetric {
        name: "quipu_registry_bytes_limit",
        help: "Memory that the registry may take.",
        value: |shared| shared.most_bytes().map_or(f64::INFINITY, |most| most as f64),
    },
];

impl LimitMetrics {
    pub(super) fn new(global_labels: &GlobalLabels, shared: &Arc<SharedLimits>) -> LimitMetrics {
        let names = ["family", "label"].map(|name| global_labels.free_name(name));
        let [of_family, of_label] = [&[&*names[0]][..], &[&*names[0], &*names[1]]];
        let registry = REGISTRY.each_ref().map(|metric| {
            let core = family(metric.name, &[], metric.help, Gauge::TYPE);
            let gauge = MetricRef::look_up_once(&core.set, &[], Gauge::from_series).clone();
            (core, gauge)
        });
        LimitMetrics {
            shared: shared.clone(),
            registry,
            most_series: family("quipu_series_limit", of_family, "Series that a family may have.", Gauge::TYPE),
            values: family("quipu_label_values", of_label, "Distinct values of a label that is limited.", Gauge::TYPE),
            most_values: family(
                "quipu_label_values_limit",
                of_label,
                "Distinct values that a label may have.",
                Gauge::TYPE,
            ),
            overflowed: family(
                "quipu_overflowed_lookups_total",
                of_label,
                "Lookups of label values for which there was no room within a limit, by the label whose value was replaced.",
                Counter::TYPE,
            ),
            offending: family(
                "quipu_overflowed_values",
                of_label,
                "About how many different values of a label came for which there was no room within a limit.",
                Gauge::TYPE,
            ),
            counts: FamilyLayout::new(SlotLayout::Number, Box::default(), None, None).into(),
        }
    }

    pub(super) fn families(&self) -> impl Iterator<Item = &Arc<FamilyCore>> {
        let others = [&self.most_series, &self.values, &self.most_values, &self.overflowed, &self.offending];
        self.registry.iter().map(|(family, _)| family).chain(others)
    }

    /// Makes the series that speak of a new family, which has at most so many series.
    pub(super) fn add(&self, family: &Description, most: Option<usize>) -> SelfSeries {
        let name = &*family.name;
        let set = |core: &FamilyCore, labels: &[&str], value: usize| {
            MetricRef::look_up_once(&core.set, labels, Gauge::from_series).set(value as f64);
        };
        if let Some(most) = most {
            set(&self.most_series, &[name], most);
        }
        for (label, limit) in family.labels.iter().zip(family.label_limits()) {
            if let LabelLimit::Open(Some(most)) = limit {
                set(&self.most_values, &[name, label], most);
            }
        }
        let is_open = family.metric.values.is_summed() && !family.is_closed();
        let labels = if is_open { family.labels.len() } else { 0 };
        SelfSeries {
            overflowed: (0..labels).map(|_| Handle::new(Series::detached(self.counts.clone()))).collect(),
            reported: (0..labels).map(|_| AtomicU64::new(0)).collect(),
            ..SelfSeries::default()
        }
    }

    /// Brings up to date what is said about a family.
    pub(super) fn bring_up_to_date(&self, family: &FamilyCore) {
        let (name, labels) = (&*family.description.name, &family.description.labels);
        for (label, values, _) in family.set.label_values() {
            MetricRef::look_up_once(&self.values.set, &[name, &labels[label]], Gauge::from_series).set(values as f64);
        }
        for (label, values) in offenders::distinct(family) {
            MetricRef::look_up_once(&self.offending.set, &[name, label], Gauge::from_series).set(values as f64);
        }
        let counts = family.about.overflowed.iter().zip(&family.about.reported);
        for (label, (count, reported)) in labels.iter().zip(counts) {
            let count = count.sum();
            if count == reported.load(Ordering::Relaxed) {
                continue;
            }
            let labels = [name, label];
            self.overflowed.set.admit(&labels);
            // Without memory for this series, the count waits for a later scrape.
            if let Some(metric) = MetricRef::find(&self.overflowed.set, &labels, Counter::from_series) {
                // Another scrape may be ahead.
                metric.inc_by(count.saturating_sub(reported.fetch_max(count, Ordering::Relaxed)));
            }
        }
    }

    /// Brings those about the registry up to date.
    pub(super) fn refresh(&self) {
        REGISTRY.iter().zip(&self.registry).for_each(|(metric, (_, gauge))| gauge.set((metric.value)(&self.shared)));
    }

    /// Removes the series that speak of a family.
    pub(super) fn remove(&self, family: &Description) {
        let name = &*family.name;
        self.most_series.set.remove(&[name]);
        for label in &family.labels {
            for core in [&self.values, &self.most_values, &self.overflowed, &self.offending] {
                core.set.remove(&[name, label]);
            }
        }
    }
}
