//! What a registry says about its pushes.

use super::error::{PushError, Reason};
use crate::clock::Moment;
use crate::registry::DynLabelNames;
#[cfg(feature = "page")]
use crate::registry::PushTarget;
use crate::sync::{Mutex, try_lock};
use crate::{Counter, Gauge, RegisterError, Registry};
use core::time::Duration;
use http::Uri;
#[cfg(feature = "page")]
use std::sync::Arc;

/// One failure in so long a time is logged.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The metrics about the pushes to one gateway.
#[derive(Debug)]
pub(super) struct About {
    registry: Registry,
    /// What the page shows.
    #[cfg(feature = "page")]
    target: Arc<PushTarget>,
    pushes: Counter,
    /// By reason.
    failures: [Counter; Reason::WORDS.len()],
    duration: Gauge,
    last_success: Gauge,
    /// When one was logged.
    logged: Mutex<Option<Moment>>,
}

impl About {
    /// Of a gateway, as a label names it, and of the group there, which has a URL.
    #[cfg_attr(not(feature = "page"), expect(unused_variables, reason = "no page shows the URL"))]
    pub(super) fn register(registry: &Registry, gateway: &str, url: &Uri) -> Result<About, RegisterError> {
        let [label, reason] = ["gateway", "reason"].map(|label| registry.global_labels().free_name(label));
        let own = registry.own_metrics();
        let pushes = own
            .counter(
                "pushes_total",
                "Requests to a Pushgateway, pushes and deletions, also those that failed or were not sent.",
            )
            .dyn_labels(&[&label])
            .register()?;
        let failures = own
            .counter(
                "push_failures_total",
                "Requests to a Pushgateway that failed, or were not sent as many had failed.",
            )
            .dyn_labels(&[&label, &reason])
            .register()?;
        let gauge = |name, help| own.gauge(name, help).dyn_labels(&[&label]).register();
        let duration = gauge("push_duration_seconds", "How long the last request to a Pushgateway took.")?;
        let help = "When the last request to a Pushgateway succeeded, in seconds since 1970; 0 before the first.";
        let last_success = gauge("push_last_success_timestamp_seconds", help)?;
        let value = |gauge: &crate::Family<Gauge, DynLabelNames>| {
            gauge.handle(&[gateway]).unwrap_or_else(|_| Gauge::detached())
        };
        Ok(About {
            registry: registry.clone(),
            #[cfg(feature = "page")]
            target: registry.push_target(url.to_string()),
            pushes: pushes.handle(&[gateway]).unwrap_or_else(|_| Counter::detached()),
            failures: Reason::WORDS
                .map(|reason| failures.handle(&[gateway, reason]).unwrap_or_else(|_| Counter::detached())),
            duration: value(&duration),
            last_success: value(&last_success),
            logged: Mutex::new(None),
        })
    }

    pub(super) fn now(&self) -> Moment {
        self.registry.clock().now()
    }

    /// Counts a request, logs that it failed, and hands on how it ended.
    pub(super) fn record(&self, begun: Moment, result: Result<(), PushError>) -> Result<(), PushError> {
        let time = self.registry.clock().unix_seconds();
        self.pushes.inc();
        match &result {
            Ok(()) => {
                #[cfg(feature = "page")]
                self.target.succeeded(time);
                self.last_success.set(time);
            }
            Err(error) => {
                #[cfg(feature = "page")]
                self.target.failed(time, Reason::WORDS[error.reason() as usize], error.to_string());
                self.failures[error.reason() as usize].inc();
                self.log(error);
            }
        }
        if !matches!(result, Err(PushError::Rejected(_))) {
            self.duration.set(self.registry.clock().seconds_since(begun));
        }
        result
    }

    fn log(&self, error: &PushError) {
        // Nobody waits here: another thread that logs at this moment is enough.
        let Some(mut logged) = try_lock(&self.logged) else { return };
        let clock = self.registry.clock();
        if logged.is_none_or(|last| clock.seconds_since(last) >= LOG_INTERVAL.as_secs_f64()) {
            *logged = Some(clock.now());
            drop(logged);
            warn(error);
        }
    }
}

#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "there is no log"))]
fn warn(error: &PushError) {
    // A subscriber is code of others.
    #[cfg(feature = "tracing")]
    crate::registry::guarded(|| {
        tracing::warn!("a push of metrics failed: {error}; others that fail within a minute are only counted")
    });
}
