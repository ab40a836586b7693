//! The right to make one call.

use super::Shared;
use super::machine::{Lease, Outcome};
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// The right to make one call, from [`CircuitBreaker::try_acquire`](super::CircuitBreaker::try_acquire). Say how the call ended.
///
/// It is a lease. Dropped without a word, it counts as a failure if the thread is panicking, and else as a call that was cancelled: it
/// comes back, and says nothing about the other side. If it never comes back, the breaker goes on without it after the time that
/// [`lease`](super::CircuitBreakerBuilder::lease) sets. After the breaker has changed its state, it means nothing any more.
///
/// ```
/// use quipu::guard::CircuitBreaker;
///
/// let breaker = CircuitBreaker::builder("geocoder").build()?;
/// # let ask = || 404;
/// let permit = breaker.try_acquire()?;
/// match ask() {
///     500.. => permit.failure(),
///     _ => permit.success(), // 404 is an answer
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a permit that is dropped at once says nothing; keep it until the call has ended"]
pub struct Permit {
    shared: Arc<Shared>,
    lease: Lease,
    outcome: Outcome,
}

impl Permit {
    pub(super) fn new(shared: Arc<Shared>, lease: Lease) -> Self {
        Self { shared, lease, outcome: Outcome::Cancelled }
    }

    /// The call has succeeded. It may still have been slow.
    pub fn success(mut self) {
        self.outcome = Outcome::Success;
    }

    /// The call has failed.
    pub fn failure(mut self) {
        self.outcome = Outcome::Failure;
    }

    /// The call has succeeded if it returned `Ok`.
    ///
    /// ```
    /// # let breaker = quipu::guard::CircuitBreaker::builder("geocoder").build()?;
    /// let permit = breaker.try_acquire()?;
    /// let answer = "47.4".parse::<f64>();
    /// permit.record(&answer);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn record<T, E>(self, result: &Result<T, E>) {
        match result {
            Ok(_) => self.success(),
            Err(_) => self.failure(),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let outcome = match self.outcome {
            Outcome::Cancelled if std::thread::panicking() => Outcome::Failure,
            outcome => outcome,
        };
        self.shared.release(self.lease, outcome);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("breaker", &self.shared.name).finish_non_exhaustive()
    }
}

/// A call that was not made, because the breaker is open, or half-open with all of its probes under way.
///
/// ```
/// # use quipu::guard::CircuitBreaker;
/// let breaker = CircuitBreaker::builder("openai").min_calls(1).jitter(0.0).build()?;
/// breaker.try_acquire()?.failure();
/// let rejected = breaker.try_acquire().unwrap_err();
/// assert_eq!(rejected.breaker(), "openai");
/// assert!(rejected.retry_after() <= std::time::Duration::from_secs(30));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub(super) breaker: Arc<str>,
    pub(super) retry_after: Duration,
}

impl Rejected {
    /// The name of the breaker.
    pub fn breaker(&self) -> &str {
        &self.breaker
    }

    /// When it is worth while to ask again: when the cool-down is over, or the longest time of the probes.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.retry_after.as_millis().div_ceil(1000);
        write!(f, "the circuit breaker `{}` rejects calls now; try again in {seconds} s", self.breaker)
    }
}

impl core::error::Error for Rejected {}

/// Why [`call`](super::CircuitBreaker::call) has no result.
///
/// ```
/// use quipu::guard::{CallError, CircuitBreaker};
///
/// let breaker = CircuitBreaker::builder("openai").min_calls(1).build()?;
/// let ask = || breaker.call_blocking(|| "one".parse::<u8>());
/// assert!(matches!(ask(), Err(CallError::Failed(_))));
/// assert!(matches!(ask(), Err(CallError::Rejected(_))));
/// # Ok::<(), quipu::guard::BreakerError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError<E> {
    /// The call was not made.
    Rejected(Rejected),
    /// The call was made, and returned this.
    Failed(E),
}

impl<E> From<Rejected> for CallError<E> {
    fn from(rejected: Rejected) -> Self {
        CallError::Rejected(rejected)
    }
}

impl<E: fmt::Display> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Rejected(rejected) => rejected.fmt(f),
            CallError::Failed(error) => error.fmt(f),
        }
    }
}

impl<E: core::error::Error> core::error::Error for CallError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            CallError::Rejected(_) => None,
            CallError::Failed(error) => error.source(),
        }
    }
}
