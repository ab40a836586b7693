//! Where the metrics of a registry are pushed: what the page shows of that.

use super::Registry;
use super::collected::LastError;
use crate::sync::{Mutex, lock};
use std::sync::{Arc, Weak};

/// The targets of all gateways of a registry. Those of gateways that are gone are forgotten.
#[derive(Default)]
pub(super) struct PushTargets(Mutex<Vec<Weak<PushTarget>>>);

/// A place to which metrics are pushed. The gateway keeps it.
#[derive(Debug)]
pub(crate) struct PushTarget(Mutex<PushStatus>);

/// What is known of the pushes to a target.
#[derive(Clone, Debug, Default)]
pub(crate) struct PushStatus {
    pub(crate) url: String,
    /// Whether the last one succeeded; `None` before the first one.
    pub(crate) is_up: Option<bool>,
    /// When one succeeded last, in seconds since 1970.
    pub(crate) last_success: Option<f64>,
    pub(crate) last_error: Option<LastError>,
}

impl PushTargets {
    pub(super) fn statuses(&self) -> Vec<PushStatus> {
        lock(&self.0).iter().filter_map(Weak::upgrade).map(|target| lock(&target.0).clone()).collect()
    }
}

#[cfg_attr(not(feature = "push"), expect(dead_code, reason = "nothing is pushed"))]
impl Registry {
    /// A new target, which the page shows as long as somebody has it.
    pub(crate) fn push_target(&self, url: String) -> Arc<PushTarget> {
        let target = Arc::new(PushTarget(Mutex::new(PushStatus { url, ..PushStatus::default() })));
        let mut targets = lock(&self.pushes().0);
        targets.retain(|target| target.strong_count() > 0);
        targets.push(Arc::downgrade(&target));
        target
    }
}

#[cfg_attr(not(feature = "push"), expect(dead_code, reason = "nothing is pushed"))]
impl PushTarget {
    /// One was done, at this time in seconds since 1970.
    pub(crate) fn succeeded(&self, time: f64) {
        let mut status = lock(&self.0);
        (status.is_up, status.last_success) = (Some(true), Some(time));
    }

    /// One was not done, for a reason that is the word for it in a label.
    pub(crate) fn failed(&self, time: f64, reason: &'static str, message: String) {
        let mut status = lock(&self.0);
        status.is_up = Some(false);
        LastError { reason, message: Some(message), time }.replace(&mut status.last_error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_knows_how_its_last_push_went() {
        let registry = Registry::new();
        let target = registry.push_target("http://gateway".to_owned());
        let status = || registry.pushes().statuses().remove(0);
        let error = || status().last_error.map(|error| (error.reason, error.message));
        assert_eq!((status().is_up, status().last_success, error()), (None, None, None));
        target.failed(1.0, "skipped", "many have failed".to_owned());
        assert_eq!(error(), Some(("skipped", Some("many have failed".to_owned()))));
        target.failed(2.0, "connect", "refused".to_owned());
        target.failed(1.0, "skipped", "many have failed".to_owned());
        assert_eq!((status().is_up, error()), (Some(false), Some(("connect", Some("refused".to_owned())))));
        target.succeeded(3.0);
        assert_eq!((status().is_up, status().last_success), (Some(true), Some(3.0)));
        assert_eq!(status().last_error.map(|error| error.time), Some(2.0));
        drop(target);
        assert!(registry.pushes().statuses().is_empty());
    }
}
