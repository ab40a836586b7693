//! A gauge that is set.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::model::MetricType;
use crate::store::{Handle, Series};
use core::time::Duration;

/// A value that goes up and down and can be set: a temperature, a size, a state.
///
/// A handle, as [`Counter`](crate::Counter) is. What is only counted up and down belongs in an
/// [`InFlightGauge`](crate::InFlightGauge), which counts in whole numbers and never retries.
///
/// # Cost
/// All threads share one cell, since the last `set` must win. [`set`](Self::set) is a store; [`add`](Self::add) and
/// its like are a compare-and-swap loop (5 ns alone, more when contended). Lock-free; nothing is allocated.
///
/// ```
/// let registry = quipu::Registry::new();
/// let queue = registry.gauge("queue_depth", "Jobs waiting.").register()?;
/// queue.set(10.0);
/// queue.inc();
/// queue.dec();
/// queue.add(2.0);
/// queue.sub(0.5);
/// assert_eq!(queue.value(), 11.5);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gauge(Handle);

impl Gauge {
    /// A gauge that no registry knows: it records at the same cost, and only its handles can read it. For code that has to have
    /// a gauge before there is a registry, and for tests.
    ///
    /// ```
    /// let depth = quipu::Gauge::detached();
    /// depth.set(2.0);
    /// assert_eq!(depth.value(), 2.0);
    /// ```
    pub fn detached() -> Gauge {
        Gauge::from_series(Gauge::TYPE.detached())
    }

    /// Replaces the value. Any float, NaN and the infinities included.
    #[inline(always)]
    pub fn set(&self, value: f64) {
        self.0.set_shared(value.to_bits());
    }

    /// Sets a duration, in seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # let registry = quipu::Registry::new();
    /// let pause = registry.gauge("gc_pause_seconds", "Length of the last pause.").register()?;
    /// pause.set_duration(Duration::from_millis(250));
    /// assert_eq!(pause.value(), 0.25);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[inline]
    pub fn set_duration(&self, duration: Duration) {
        self.set(duration.as_secs_f64());
    }

    /// Sets the time now, in seconds since the start of 1970 (UTC). Reads the system's clock, or the registry's
    /// [`ManualClock`](crate::clock::ManualClock), which begins at zero.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let last = registry.gauge("backup_last_success_timestamp_seconds", "End of the last backup.").register()?;
    /// last.set_to_current_time();
    /// assert!(last.value() > 1.7e9);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn set_to_current_time(&self) {
        self.set(self.0.clock().unix_seconds());
    }

    /// Sets `value` if it is above the present one: for the highest value that was ever seen. NaN changes nothing, and is
    /// replaced by any number. A load where nothing changes, else a compare-and-swap.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let longest = registry.gauge("queue_depth_peak", "Most jobs that ever waited.").register()?;
    /// longest.set_max(7.0);
    /// longest.set_max(3.0);
    /// assert_eq!(longest.value(), 7.0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[inline]
    pub fn set_max(&self, value: f64) {
        self.replace_if(value, |now| value > now);
    }

    /// Sets `value` if it is below the present one, as [`set_max`](Self::set_max) does if it is above. A gauge begins at zero:
    /// set it first.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let least = registry.gauge("disk_free_low_bytes", "Least space that was ever free.").register()?;
    /// least.set(f64::INFINITY);
    /// least.set_min(4096.0);
    /// least.set_min(8192.0);
    /// assert_eq!(least.value(), 4096.0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[inline]
    pub fn set_min(&self, value: f64) {
        self.replace_if(value, |now| value < now);
    }

    #[inline]
    fn replace_if(&self, value: f64, is_replaced: impl Fn(f64) -> bool) {
        self.0.update_shared_float(|now| (now.is_nan() || is_replaced(now)).then_some(value));
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

    /// Adds `amount`. What is added to NaN or to an infinity is lost: such a gauge has to be set again.
    #[inline]
    pub fn add(&self, amount: f64) {
        self.0.update_shared_float(|value| Some(value + amount));
    }

    /// Subtracts `amount`.
    #[inline]
    pub fn sub(&self, amount: f64) {
        self.add(-amount);
    }

    /// The value now.
    #[inline]
    pub fn value(&self) -> f64 {
        f64::from_bits(self.0.get_shared())
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
