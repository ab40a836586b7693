//! Circuit breakers: what keeps failing is left alone for a while.

mod builder;
mod machine;
#[cfg(all(test, not(quipu_loom)))]
mod model;
mod permit;
#[cfg(all(test, not(quipu_loom)))]
mod tests;
mod window;

pub use builder::{BreakerError, CircuitBreakerBuilder, SettingProblem};
pub use machine::BreakerState;
pub(crate) use machine::Totals;
pub use permit::{CallError, Permit, Rejected};

use crate::clock::{Clock, Moment};
use crate::sync::{Mutex, lock};
use core::fmt;
use core::time::Duration;
use machine::{Lease, Machine, Outcome, Settings};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Leaves alone what keeps failing: rejects calls for a while, then tries a few, and goes on when these succeed.
///
/// - *Closed*, it lets all calls through. It opens when, of the calls that ended in the last minute, half have failed (or too many were slow,
///   where [`slow_calls`](CircuitBreakerBuilder::slow_calls) says which are), and there were twenty at least.
/// - *Open*, it rejects calls, for 30 to 33 seconds.
/// - *Half-open*, it lets three calls through, the *probes*, and no more. When all three have succeeded it closes; when one fails, or is slow,
///   it opens again. Half-open lasts a minute at most, whatever becomes of the probes. At its end those count that have succeeded: the
///   breaker closes if there are any and none is under way; else it opens.
///
/// These are the defaults; [`builder`](Self::builder) sets others. A clone is another handle to the same breaker.
///
/// Calls that have begun under one state and end under another say nothing. Nor does a call that hangs while the breaker is closed, until it
/// ends: give calls a timeout, inside of [`call`](Self::call). A timeout around it drops the call, which says nothing.
///
/// # Cost
/// A short lock and a reading of the clock before and after each call: 0.2 to 0.5 µs together. Nothing is allocated, and no lock is held while the
/// call is under way.
///
/// # Metrics
/// [`register`](CircuitBreakerBuilder::register) exposes, with the name of the breaker in the label `breaker`:
///
/// | family | kind | more labels |
/// |---|---|---|
/// | `circuit_breaker_state`: 0 closed, 1 open, 2 half-open | gauge | |
/// | `circuit_breaker_transitions_total` | counter | `to`: `closed`, `open` or `half_open` |
/// | `circuit_breaker_rejections_total` | counter | |
///
/// ```
/// use quipu::guard::{CallError, CircuitBreaker};
/// use std::time::Duration;
/// use tokio::time::timeout;
///
/// # async fn complete(prompt: &str) -> Result<String, std::io::Error> { Ok(prompt.to_owned()) }
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let registry = quipu::Registry::new();
/// let breaker = CircuitBreaker::builder("openai").register(&registry)?;
/// let timely = async { timeout(Duration::from_secs(10), complete("Hello")).await? };
/// match breaker.call(timely).await {
///     Ok(text) => println!("{text}"),
///     Err(CallError::Failed(error)) => println!("it failed: {error}"),
///     Err(CallError::Rejected(rejected)) => println!("{rejected}"), // at once, without a call
/// }
/// assert!(registry.to_text().contains("circuit_breaker_state{breaker=\"openai\"} 0\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

/// What all handles to a breaker, and its permits, share.
struct Shared {
    name: Arc<str>,
    clock: Clock,
    start: Moment,
    machine: Mutex<Machine>,
}

impl Shared {
    /// Nanoseconds since the breaker was made.
    fn now(&self) -> u64 {
        // Rounded: whole milliseconds of a manual clock stay whole.
        (self.clock.seconds_since(self.start) * 1e9).round() as u64
    }

    fn release(&self, lease: Lease, outcome: Outcome) {
        let now = self.now();
        lock(&self.machine).release(lease, outcome, now);
    }
}

impl CircuitBreaker {
    /// Settings for a breaker of this name, which stands in the label `breaker` and in messages.
    pub fn builder(name: impl Into<Arc<str>>) -> CircuitBreakerBuilder {
        CircuitBreakerBuilder::new(name.into())
    }

    fn with(name: Arc<str>, settings: Settings, clock: Clock) -> Self {
        let machine = Mutex::new(Machine::new(settings, RandomState::new().hash_one(0)));
        let start = clock.now();
        Self { shared: Arc::new(Shared { name, clock, start, machine }) }
    }

    /// The right to make one call, to hold by hand; or why not.
    ///
    /// # Errors
    /// While the breaker is open, or half-open with all of its probes under way.
    pub fn try_acquire(&self) -> Result<Permit, Rejected> {
        let now = self.shared.now();
        let acquired = lock(&self.shared.machine).acquire(now);
        match acquired {
            Ok(lease) => Ok(Permit::new(self.shared.clone(), lease)),
            Err(wait) => Err(Rejected { breaker: self.shared.name.clone(), retry_after: Duration::from_nanos(wait) }),
        }
    }

    /// Waits for a future, unless calls are rejected now. `Err` counts as a failure, and so does a panic. A call that is dropped before its
    /// end counts as neither.
    ///
    /// Where not every `Err` is a failure of the other side, take a permit with [`try_acquire`](Self::try_acquire).
    ///
    /// # Errors
    /// The future's, or that it was not polled at all.
    pub async fn call<T, E>(&self, future: impl Future<Output = Result<T, E>>) -> Result<T, CallError<E>> {
        let permit = self.try_acquire()?;
        let result = future.await;
        permit.record(&result);
        result.map_err(CallError::Failed)
    }

    /// Calls a function, unless calls are rejected now. `Err` counts as a failure, and so does a panic.
    ///
    /// ```
    /// # let breaker = quipu::guard::CircuitBreaker::builder("config").build()?;
    /// let text = breaker.call_blocking(|| std::fs::read_to_string("Cargo.toml"));
    /// # Ok::<(), quipu::guard::BreakerError>(())
    /// ```
    ///
    /// # Errors
    /// The function's, or that it was not called.
    pub fn call_blocking<T, E>(&self, call: impl FnOnce() -> Result<T, E>) -> Result<T, CallError<E>> {
        let permit = self.try_acquire()?;
        let result = call();
        permit.record(&result);
        result.map_err(CallError::Failed)
    }

    /// The state now. Open becomes half-open with the first call after the cool-down.
    pub fn state(&self) -> BreakerState {
        self.observe().0
    }

    /// The name that it was built with.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The state now, and what has happened until now.
    pub(crate) fn observe(&self) -> (BreakerState, Totals) {
        let now = self.shared.now();
        let mut machine = lock(&self.shared.machine);
        (machine.state(now), machine.totals())
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("name", &self.shared.name).field("state", &self.state()).finish()
    }
}
