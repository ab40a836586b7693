//! A loop that asks.

use super::{Health, ServiceLabels, ServiceState};
use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

impl Health {
    /// Asks a service how it is, and shows that: at once, and then as often as `every` says (1 ms at least, a year at most).
    ///
    /// Spawn the future on a tokio runtime. Needs the feature `tokio`.
    ///
    /// - A probe returns a [`ServiceState`], or a `Result<(), E>`, whose `Err` is [`Down`](ServiceState::Down).
    /// - Without an answer after `longest`, the service is down, and the probe is dropped. Until that has happened, no other is made.
    /// - A probe that blocks its thread may hold up tokio's timers, and with them the loop: let it wait for tokio's `spawn_blocking`.
    /// - A probe that panics is one of a service that is down. The process's panic hook sees it.
    /// - Before the first answer, the service is down. When the future is dropped, its series goes: nobody asks any more.
    ///
    /// The [module](super) has an example.
    pub fn watch<F, R>(
        &self,
        service: &str,
        every: Duration,
        longest: Duration,
        mut probe: F,
    ) -> impl Future<Output = ()> + Send + use<F, R>
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output: Into<ServiceState> + Send> + Send + 'static,
    {
        let shown = Shown { health: self.clone(), service: service.to_owned() };
        async move {
            shown.set(ServiceState::Down);
            let mut ticks = interval(every.clamp(SHORTEST, LONGEST));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut last: Option<Probe> = None;
            loop {
                ticks.tick().await;
                if last.as_ref().is_some_and(|last| !last.0.is_finished()) {
                    continue;
                }
                let Ok(future) = catch_unwind(AssertUnwindSafe(&mut probe)) else {
                    shown.set(ServiceState::Down);
                    continue;
                };
                // What it says is understood there as well: that is code of the probe's.
                let running = last.insert(Probe(tokio::spawn(async { future.await.into() })));
                let state = match timeout(longest, &mut running.0).await {
                    Ok(Ok(state)) => state,
                    Ok(Err(_)) => ServiceState::Down,
                    Err(_) => {
                        running.0.abort();
                        ServiceState::Down
                    }
                };
                shown.set(state);
            }
        }
    }
}

/// The bounds of a period: tokio cannot tell when one much longer would end.
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A probe, which does not outlive the loop.
struct Probe(JoinHandle<ServiceState>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A series that is there while somebody asks.
struct Shown {
    health: Health,
    service: String,
}

impl Shown {
    fn set(&self, state: ServiceState) {
        self.health.set(&self.service, state);
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.health.0.service_health_status.remove(ServiceLabels { service_name: &self.service });
    }
}
