//! What a registry says about itself.

use super::description::Description;
use super::family::FamilyCore;
use crate::clock::Clock;
use crate::metric::sealed::Sealed;
use crate::metric::{Counter, Gauge, Instrument};
use crate::model::GlobalLabels;
use crate::store::{MetricRef, Series};
use std::borrow::Cow;
use std::sync::Arc;

/// The metrics of a registry about its families, with a series for each family.
pub(super) struct SelfMetrics {
    series: Arc<FamilyCore>,
    rejected: Arc<FamilyCore>,
    left_out: Arc<FamilyCore>,
}

/// The series that speak of one family.
#[derive(Default)]
pub(super) struct SelfSeries {
    /// The number of its series.
    pub(super) series: Option<Gauge>,
    /// The number of values that it has refused; `None` if it cannot refuse any.
    pub(super) rejected: Option<Series>,
}

impl SelfMetrics {
    /// Their label is `family`; if that is a global label, it is `exported_family`, as Prometheus has it of labels that it sets itself.
    pub(super) fn new(global_labels: &GlobalLabels) -> SelfMetrics {
        let mut label = String::from("family");
        while global_labels.has(&label) {
            label.insert_str(0, "exported_");
        }
        SelfMetrics {
            series: family("quipu_series", &label, "Series of a family.", Gauge::TYPE),
            rejected: family(
                "quipu_rejected_values_total",
                &label,
                "Values that were refused: NaN, infinite, of a magnitude of 2^960 or more, or for a counter negative.",
                Counter::TYPE,
            ),
            left_out: family(
                "quipu_left_out_total",
                &label,
                "Series, and whole families, that scrapes left out because another registry behind the endpoint has the same.",
                Counter::TYPE,
            ),
        }
    }

    pub(super) fn families(&self) -> [&Arc<FamilyCore>; 3] {
        [&self.series, &self.rejected, &self.left_out]
    }

    /// Counts what was left out of a family. Not to be called under a pin.
    pub(super) fn count_left_out(&self, name: &str, n: u64) {
        MetricRef::look_up_once(&self.left_out.set, &[name], Counter::from_series).inc_by(n);
    }

    /// Makes the series that speak of a new family.
    pub(super) fn add(&self, family: &Description) -> SelfSeries {
        let name = [&*family.name];
        let series = MetricRef::look_up_once(&self.series.set, &name, Gauge::from_series).clone();
        let rejected = || MetricRef::look_up_once(&self.rejected.set, &name, |series: Series| series).clone();
        SelfSeries { series: Some(series), rejected: family.metric.can_refuse.then(rejected) }
    }

    /// Removes the series that speak of a family.
    pub(super) fn remove(&self, name: &str) {
        self.series.set.remove(&[name]);
        self.rejected.set.remove(&[name]);
        self.left_out.set.remove(&[name]);
    }
}

fn family(name: &str, label: &str, help: &'static str, metric: &'static Instrument) -> Arc<FamilyCore> {
    let labels = vec![Cow::Owned(label.to_owned())];
    let description = Description {
        name: name.to_owned(),
        help: help.into(),
        metric,
        labels,
        unit: None,
        config: metric.config.clone(),
        closed: None,
    };
    Arc::new(FamilyCore::new(description, None, SelfSeries::default(), Clock::default()))
}
