//! A counter of amounts that are not whole.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::model::{MetricType, VALUE_LIMIT};
use crate::store::{Handle, Series};
use core::time::Duration;

/// An amount that only goes up and need not be whole: seconds, dollars.
///
/// A handle, as [`Counter`](crate::Counter) is.
///
/// # Cost
/// [`inc_by`](Self::inc_by) writes one of four cells that only the calling thread writes: about 0.8 ns, wait-free, nothing allocated.
/// The first thousand or so recordings of a series go to a cell that all threads share, as with a [`Counter`](crate::Counter).
///
/// ```
/// let registry = quipu::Registry::new();
/// let cost = registry.float_counter("cost_dollars_total", "Money spent.").register()?;
/// cost.inc_by(0.25);
/// cost.inc();
/// cost.inc_by(-1.0); // refused, and counted in quipu_rejected_values_total{family="cost_dollars_total"}
/// assert_eq!(cost.value(), 1.25);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FloatCounter(Handle);

impl FloatCounter {
    /// A counter that no registry knows: it records at the same cost, and only its handles can read it. For code that has to have
    /// a counter before there is a registry, and for tests.
    ///
    /// ```
    /// let cost = quipu::FloatCounter::detached();
    /// cost.inc_by(0.25);
    /// assert_eq!(cost.value(), 0.25);
    /// ```
    pub fn detached() -> FloatCounter {
        FloatCounter::from_series(FloatCounter::TYPE.detached())
    }

    /// Adds `amount`, which is not negative and is below [`VALUE_LIMIT`](crate::model::VALUE_LIMIT) (2^960).
    ///
    /// Any other amount is refused and counted in `quipu_rejected_values_total`: a counter that went down would look like a
    /// restart, and one that became NaN or infinite would stay so.
    #[inline(always)]
    pub fn inc_by(&self, amount: f64) {
        // The bits of floats from 0 on sort as integers; NaN and what is negative lie above them.
        if amount.to_bits() < VALUE_LIMIT.to_bits() {
            self.0.add_float(amount);
        } else if amount != 0.0 {
            self.0.reject();
        }
    }

    /// Adds one.
    #[inline(always)]
    pub fn inc(&self) {
        self.inc_by(1.0);
    }

    /// Adds a duration, in seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let registry = quipu::Registry::new();
    /// let busy = registry.float_counter("worker_busy_seconds_total", "Time spent working.").register()?;
    /// busy.inc_by_duration(Duration::from_millis(250));
    /// assert_eq!(busy.value(), 0.25);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[inline(always)]
    pub fn inc_by_duration(&self, duration: Duration) {
        self.inc_by(duration.as_secs_f64());
    }

    /// The sum over all threads; see [`Counter::value`](crate::Counter::value).
    pub fn value(&self) -> f64 {
        self.0.sum_float()
    }
}

impl Sealed for FloatCounter {
    const TYPE: &Instrument = &Instrument {
        name: "a float counter",
        exposed_as: MetricType::Counter,
        values: Values::Float,
        config: Config::Plain,
        can_refuse: true,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        FloatCounter(Handle::new(series))
    }
}
