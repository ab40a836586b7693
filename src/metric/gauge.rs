//! A gauge that is set.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::model::MetricType;
use crate::store::{Handle, Series};

/// A value that goes up and down and can be set: a temperature, a size, a state.
///
/// A handle, as [`Counter`](crate::Counter) is. What is only ever counted up and down is cheaper in an
/// [`InFlightGauge`](crate::InFlightGauge).
///
/// # Cost
/// All threads share one cell, since the last `set` must win. [`set`](Self::set) is a store; [`add`](Self::add) and
/// its like are a compare-and-swap loop (5 ns alone, more when contended). Lock-free; nothing is allocated.
///
/// ```
/// let registry = quipu::Registry::new();
/// let queue = registry.gauge("queue_depth", "Jobs waiting.").register()?;
/// queue.set(10.0);
/// queue.sub(0.5);
/// assert_eq!(queue.value(), 9.5);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gauge(Handle);

impl Gauge {
    /// Replaces the value. Any float, NaN and the infinities included.
    #[inline(always)]
    pub fn set(&self, value: f64) {
        self.0.shared().set_shared(value.to_bits());
    }

    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Subtracts one.
    #[inline]
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Adds `amount`.
    #[inline]
    pub fn add(&self, amount: f64) {
        self.0.shared().add_float_shared(amount);
    }

    /// Subtracts `amount`.
    #[inline]
    pub fn sub(&self, amount: f64) {
        self.add(-amount);
    }

    /// The value now.
    #[inline]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.shared().get_shared())
    }
}

impl Sealed for Gauge {
    const TYPE: &Instrument = &Instrument {
        name: "a gauge",
        exposed_as: MetricType::Gauge,
        values: Values::SharedFloat,
        config: Config::Plain,
        can_refuse: false,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        Gauge(Handle::new(series))
    }
}
