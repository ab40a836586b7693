//! Pushing again and again.

use super::error::PushError;
use super::{Attempt, Gateway, Stage, thread};
use crate::sync::block_on::block_on;
use crate::sync::gate;
use core::mem;
use core::pin::pin;
use core::time::Duration;
use std::future::pending;
use std::hash::{BuildHasher, RandomState};
use std::io;

use http::Method;
use tokio::select;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

/// The pause after a first failure, which doubles with each further one up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// A blocked thread looks again after so long, whether it was woken or not.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Pushes that go on until they are stopped; made by [`Gateway::start`].
///
/// Dropping it leaves them going on, as dropping a thread's handle leaves the thread.
///
/// ```no_run
/// # async fn run(gateway: quipu::push::Gateway) -> Result<(), Box<dyn std::error::Error>> {
/// let pushing = gateway.start()?;
/// tokio::signal::ctrl_c().await?;
/// pushing.stop().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Pushing {
    /// The forks until it was started: the child of a fork does not have its thread.
    forks: u64,
    stop: oneshot::Sender<()>,
    last: oneshot::Receiver<Result<(), PushError>>,
}

impl Pushing {
    pub(super) fn start(gateway: Gateway) -> io::Result<Pushing> {
        let (stop, stopped) = oneshot::channel();
        let (ended, last) = oneshot::channel();
        thread::spawn(async move {
            let result = push_until(&gateway, stopped).await;
            let _ = ended.send(result);
        })?;
        Ok(Pushing { forks: gate::forks(), stop, last })
    }

    /// Stops, with a last push of what was recorded until now. Returns when it has ended, after
    /// [`timeout`](super::GatewayBuilder::timeout) at the latest.
    ///
    /// In the child of a fork, which does not have the thread, it is an error at once.
    ///
    /// Call [`Gateway::delete`] afterwards if the metrics are not to outlive the process.
    ///
    /// # Errors
    /// Those of the last push.
    pub async fn stop(self) -> Result<(), PushError> {
        if self.forks != gate::forks() {
            // A lock in there may be held by a thread that is not here.
            mem::forget(self);
            return Err(PushError::no_answer());
        }
        let _ = self.stop.send(());
        self.last.await.unwrap_or_else(|_| Err(PushError::no_answer()))
    }

    /// As [`stop`](Self::stop), for threads without async: it blocks.
    ///
    /// # Errors
    /// Those of the last push.
    pub fn stop_blocking(self) -> Result<(), PushError> {
        wait(self.stop())
    }
}

/// Blocks on what ends by itself.
pub(super) fn wait(push: impl Future<Output = Result<(), PushError>>) -> Result<(), PushError> {
    block_on(push, || Some(PATIENCE)).unwrap_or_else(|| Err(PushError::no_answer()))
}

async fn push_until(gateway: &Gateway, stopped: oneshot::Receiver<()>) -> Result<(), PushError> {
    // A handle that was dropped cannot ask any more.
    let stopped = async {
        if stopped.await.is_err() {
            pending().await
        }
    };
    let mut stopped = pin!(stopped);
    let mut pauses = Pauses { interval: gateway.shared.interval, failures: 0 };
    // Processes that start together do not push together.
    let mut next = Instant::now() + pauses.interval.mul_f64(0.1 * chance());
    loop {
        select! {
            () = &mut stopped => break,
            () = sleep_until(next) => {}
        }
        let begun = Instant::now();
        let mut push = pin!(gateway.request(Method::PUT, Attempt::Usual, gateway.shared.client.deadline()));
        let result = select! {
            result = &mut push => result,
            () = &mut stopped => {
                // What is half sent is let finish, within the time of both.
                let deadline = gateway.shared.client.deadline();
                let last = async { let _ = push.await; };
                let _ = gateway.shared.client.within(deadline, Stage::Wait, last).await;
                return gateway.request(Method::PUT, Attempt::Last, deadline).await;
            }
        };
        let pause = pauses.after(&result, chance());
        next = if result.is_ok() { begun } else { Instant::now() } + pause;
    }
    gateway.request(Method::PUT, Attempt::Last, gateway.shared.client.deadline()).await
}

/// From 0 to 1, anew at each call.
fn chance() -> f64 {
    RandomState::new().hash_one(0) as f64 / u64::MAX as f64
}

/// How long to wait after a push.
struct Pauses {
    interval: Duration,
    /// How many failed one after another that may succeed a little later.
    failures: u32,
}

impl Pauses {
    fn after(&mut self, result: &Result<(), PushError>, chance: f64) -> Duration {
        match result {
            Err(error) if error.is_transient() => {
                let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16)).min(self.interval);
                self.failures += 1;
                let pause = pause.mul_f64(0.5 + 0.5 * chance);
                if let PushError::Rejected(rejected) = error { pause.max(rejected.retry_after()) } else { pause }
            }
            // The same again would be refused again.
            _ => {
                self.failures = 0;
                self.interval.mul_f64(0.9 + 0.2 * chance)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16) -> Result<(), PushError> {
        Err(PushError::Status { url: String::new(), status, text: String::new() })
    }

    #[test]
    fn pauses_grow_from_a_second_to_the_interval_and_begin_anew() {
        let mut pauses = Pauses { interval: Duration::from_secs(10), failures: 0 };
        let mut after = |result, chance| pauses.after(&result, chance).as_secs_f64();
        assert_eq!([0; 6].map(|_| after(refused(503), 1.0)), [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]);
        assert_eq!(after(refused(503), 0.0), 5.0);
        assert_eq!(after(Ok(()), 0.5), 10.0);
        assert_eq!(after(refused(500), 1.0), 1.0);
        assert_eq!(after(refused(400), 0.5), 10.0);
        assert_eq!(after(refused(429), 1.0), 1.0);
    }

    #[test]
    fn pauses_never_overflow() {
        let mut pauses = Pauses { interval: Duration::from_secs(365 * 24 * 3600), failures: u32::MAX - 1 };
        assert!(pauses.after(&refused(503), 1.0) <= pauses.interval);
    }

    #[test]
    fn the_interval_varies_by_a_tenth() {
        let mut pauses = Pauses { interval: Duration::from_secs(10), failures: 0 };
        assert_eq!([0.0, 1.0].map(|chance| pauses.after(&Ok(()), chance).as_secs_f64().round()), [9.0, 11.0]);
        assert!((0..1000).map(|_| chance()).all(|chance| (0.0..=1.0).contains(&chance)));
    }
}
