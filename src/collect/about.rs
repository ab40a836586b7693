//! What a registry says about its collectors.

use super::samples::Refused;
use super::slot::Failure;
use crate::registry::{DynLabelNames, Family};
use crate::{Counter, Gauge, RegisterError, Registry};

/// The metrics about one collector. They are there from its first call on.
#[derive(Debug)]
pub(super) struct About {
    name: String,
    up: Family<Gauge, DynLabelNames>,
    duration: Family<Gauge, DynLabelNames>,
    errors: Family<Counter, DynLabelNames>,
}

impl About {
    pub(super) fn register(registry: &Registry, name: &str) -> Result<About, RegisterError> {
        let [collector, reason] = ["collector", "reason"].map(|label| registry.own_label(label));
        let own = registry.own_metrics();
        Ok(About {
            name: name.to_owned(),
            up: own
                .gauge("collector_up", "Whether the last call of a collector yielded its values in time.")
                .dyn_labels(&[&collector])
                .register()?,
            duration: own
                .gauge("collector_duration_seconds", "How long the last call of a collector took, or has taken so far.")
                .dyn_labels(&[&collector])
                .register()?,
            errors: own
                .counter(
                    "collector_errors_total",
                    "What went wrong in calls of a collector: calls, or samples that were refused.",
                )
                .dyn_labels(&[&collector, &reason])
                .register()?,
        })
    }

    pub(super) fn up(&self, is_up: bool) {
        set(&self.up, &self.name, f64::from(u8::from(is_up)));
    }

    pub(super) fn took(&self, seconds: f64) {
        set(&self.duration, &self.name, seconds);
    }

    pub(super) fn failed(&self, failure: Failure) {
        self.count(failure.reason(), 1);
    }

    pub(super) fn refused(&self, Refused { invalid, duplicate, .. }: Refused) {
        self.count("invalid", invalid);
        self.count("duplicate", duplicate);
    }

    fn count(&self, reason: &str, n: u64) {
        if n > 0
            && let Ok(errors) = self.errors.with(&[&self.name, reason])
        {
            errors.inc_by(n);
        }
    }

    /// Removes what is said about the collector.
    pub(super) fn remove(&self) {
        for gauge in [&self.up, &self.duration] {
            gauge.retain(|values, _| values[0] != self.name);
        }
        self.errors.retain(|values, _| values[0] != self.name);
    }
}

fn set(gauge: &Family<Gauge, DynLabelNames>, collector: &str, value: f64) {
    // There is one label.
    if let Ok(gauge) = gauge.with(&[collector]) {
        gauge.set(value);
    }
}
