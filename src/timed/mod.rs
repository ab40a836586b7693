//! Timers: how long a piece of work took, recorded into a histogram of seconds.
//!
//! The attribute [`timed`](macro@crate::timed) times every call of a function, [`timed_block`](crate::timed_block) and
//! [`instrumented`](crate::instrumented) an expression. By hand it is a [`Timer`].

mod call;
mod future;
mod site;
mod tracker;

#[doc(hidden)]
pub use call::{Call, classify, once};
#[doc(hidden)]
pub use future::Body;
pub use future::Timed;
#[doc(hidden)]
pub use site::{Handles, Site, Spec};
pub use tracker::Tracker;

use crate::Histogram;
use crate::clock::Moment;
use core::future::Future;
use core::time::Duration;

/// Work that is being timed: records its duration, in seconds, when it is dropped.
///
/// Made by [`Histogram::start_timer`]. Each timer records once, however the work ends: [`stop`](Self::stop), the end of a
/// scope, an early return, a panic, a future that is dropped half-way. Only [`discard`](Self::discard) records nothing, and
/// [`core::mem::forget`].
///
/// ```
/// # fn parse(text: &str) -> Result<u32, core::num::ParseIntError> { text.parse() }
/// # let registry = quipu::Registry::new();
/// let seconds = registry.histogram("parse_duration_seconds", "Time to parse.").register()?;
/// let read = |text| {
///     let _timer = seconds.start_timer(); // records at the end of the scope, also if `?` returns
///     Ok(parse(text)? + 1)
/// };
/// let _: Result<u32, core::num::ParseIntError> = read("1");
/// let _ = read("one");
/// assert_eq!(seconds.snapshot().count(), 2);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a timer that is dropped at once times nothing; keep it in a variable such as `_timer`"]
pub struct Timer {
    histogram: Histogram,
    /// None while it does not run.
    start: Option<Moment>,
}

impl Timer {
    /// Ends the work here. Returns the duration that was recorded.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
    /// let timer = seconds.start_timer();
    /// let took = timer.stop();
    /// assert!((seconds.snapshot().sum() - took.as_secs_f64()).abs() < 1e-9);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn stop(mut self) -> Duration {
        Duration::from_secs_f64(self.record())
    }

    /// Records nothing: what was begun is not to be counted.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
    /// seconds.start_timer().discard();
    /// assert_eq!(seconds.snapshot().count(), 0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn discard(mut self) {
        self.start = None;
    }

    /// Starts it, unless it runs.
    fn start(&mut self) {
        if self.start.is_none() {
            self.start = Some(self.histogram.clock().now());
        }
    }

    /// Records the seconds since the start, if it runs.
    fn record(&mut self) -> f64 {
        let Some(start) = self.start.take() else { return 0.0 };
        let seconds = self.histogram.clock().seconds_since(start);
        self.histogram.observe(seconds);
        seconds
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.record();
    }
}

/// Timers. The histogram's values are seconds.
///
/// # Cost
/// A timer reads the clock twice. With the processor's counter, where that can be trusted, both readings take 33 ns on a machine on
/// which they take 65 with the system's clock, which is read until the counter's rate is known (some readings that are 10 to 100 ms
/// apart). The timer's handle costs 10 ns. Nothing is allocated.
impl Histogram {
    /// Starts a timer, which records when it is dropped.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").labels(["queue"]).register()?;
    /// {
    ///     let _timer = seconds.with(["mail"]).start_timer();
    /// }
    /// assert_eq!(seconds.with(["mail"]).snapshot().count(), 1);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[inline]
    pub fn start_timer(&self) -> Timer {
        Timer { histogram: self.clone(), start: Some(self.clock().now()) }
    }

    /// Times a call, also one that panics. Of a family, take a [handle](crate::Family::handle) for what takes long, and not
    /// [`with`](crate::Family::with), whose result should not be kept.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let seconds = registry.histogram("sum_duration_seconds", "Time to add up.").register()?;
    /// assert_eq!(seconds.time(|| (1..=100).sum::<u32>()), 5050);
    /// assert_eq!(seconds.snapshot().count(), 1);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[inline]
    pub fn time<R>(&self, work: impl FnOnce() -> R) -> R {
        let _timer = self.start_timer();
        work()
    }

    /// Times a future, from its first poll until it is ready. If it is dropped before that, or panics, the time until then is
    /// recorded; of a future that was never polled, nothing.
    ///
    /// ```
    /// # async fn answer() -> u32 { 42 }
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// # let registry = quipu::Registry::new();
    /// let seconds = registry.histogram("answer_duration_seconds", "Time to answer.").register()?;
    /// assert_eq!(seconds.time_future(answer()).await, 42);
    /// assert_eq!(seconds.snapshot().count(), 1);
    /// # Ok::<(), quipu::RegisterError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn time_future<F: Future>(&self, future: F) -> Timed<F> {
        Timed::new(Timer { histogram: self.clone(), start: None }, future)
    }
}
