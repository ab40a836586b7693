//! What a registry says about its collectors.

use super::samples::Refused;
use super::slot::Failure;
use crate::clock::Clock;
use crate::registry::{CollectorStatus, DynLabelNames, Family, LastError};
use crate::sync::{Mutex, lock};
use crate::{Counter, Gauge, RegisterError, Registry};

/// The metrics about one collector. They are there from the end of its first call on, until it is removed.
#[derive(Debug)]
pub(super) struct About {
    name: String,
    up: Family<Gauge, DynLabelNames>,
    duration: Family<Gauge, DynLabelNames>,
    errors: Family<Counter, DynLabelNames>,
    clock: Clock,
    /// Held while series are made: a call may end after the removal.
    is_removed: Mutex<bool>,
    last: Mutex<CollectorStatus>,
}

impl About {
    pub(super) fn register(registry: &Registry, name: &str) -> Result<About, RegisterError> {
        let [collector, reason] = ["collector", "reason"].map(|label| registry.global_labels().free_name(label));
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
            clock: registry.clock().clone(),
            is_removed: Mutex::new(false),
            last: Mutex::default(),
        })
    }

    pub(super) fn up(&self, is_up: bool) {
        lock(&self.last).is_up = Some(is_up);
        self.set(&self.up, f64::from(u8::from(is_up)));
    }

    pub(super) fn took(&self, seconds: f64) {
        lock(&self.last).seconds = Some(seconds);
        self.set(&self.duration, seconds);
    }

    pub(super) fn failed(&self, failure: Failure, message: Option<String>) {
        let (reason, time) = (failure.reason(), self.clock.unix_seconds());
        LastError { reason, message, time }.replace(&mut lock(&self.last).last_error);
        self.count(reason, 1);
    }

    /// How the calls went, without their series.
    pub(super) fn status(&self) -> CollectorStatus {
        lock(&self.last).clone()
    }

    pub(super) fn refused(&self, Refused { invalid, duplicate, .. }: Refused) {
        self.count("invalid", invalid);
        self.count("duplicate", duplicate);
    }

    fn count(&self, reason: &str, n: u64) {
        let is_removed = lock(&self.is_removed);
        if n > 0
            && !*is_removed
            && let Ok(errors) = self.errors.with(&[&self.name, reason])
        {
            errors.inc_by(n);
        }
    }

    fn set(&self, gauge: &Family<Gauge, DynLabelNames>, value: f64) {
        let is_removed = lock(&self.is_removed);
        // There is one label.
        if !*is_removed && let Ok(gauge) = gauge.with(&[&self.name]) {
            gauge.set(value);
        }
    }

    /// Removes what is said about the collector, for good.
    pub(super) fn remove(&self) {
        let mut is_removed = lock(&self.is_removed);
        *is_removed = true;
        for gauge in [&self.up, &self.duration] {
            gauge.retain(|values, _| values[0] != self.name);
        }
        self.errors.retain(|values, _| values[0] != self.name);
    }
}
