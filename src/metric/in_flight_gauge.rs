//! A gauge that is only counted up and down.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::model::MetricType;
use crate::store::{Handle, Series};

/// The number of things under way: up when one begins, down when it ends.
///
/// A handle, as [`Counter`](crate::Counter) is. It cannot be set; that is [`Gauge`](crate::Gauge).
///
/// # Cost
/// One atomic addition to a cell that all threads share: about 5 ns alone, more when contended; wait-free, nothing
/// allocated. A sum of what each thread has counted would be quicker, but it would not be a value that was ever there: a reader
/// could see the end of what it has not seen begin.
///
/// ```
/// let registry = quipu::Registry::new();
/// let requests = registry.in_flight_gauge("requests_in_flight", "Requests being served.").register()?;
/// let under_way = requests.guard();
/// assert_eq!(requests.value(), 1);
/// drop(under_way); // also on panic, and when a future is dropped
/// requests.inc_by(3);
/// requests.dec_by(2);
/// assert_eq!(requests.value(), 1);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InFlightGauge(Handle);

impl InFlightGauge {
    /// A gauge that no registry knows: it records at the same cost, and only its handles can read it. For code that has to have
    /// a gauge before there is a registry, and for tests.
    ///
    /// ```
    /// let requests = quipu::InFlightGauge::detached();
    /// let _request = requests.guard();
    /// assert_eq!(requests.value(), 1);
    /// ```
    pub fn detached() -> InFlightGauge {
        InFlightGauge::from_series(InFlightGauge::TYPE.detached())
    }

    /// Adds one.
    #[inline(always)]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Subtracts one.
    #[inline(always)]
    pub fn dec(&self) {
        self.dec_by(1);
    }

    /// Adds `n`. The sum wraps at the ends of `i64`.
    #[inline(always)]
    pub fn inc_by(&self, n: u64) {
        self.0.add_shared(n);
    }

    /// Subtracts `n`.
    #[inline(always)]
    pub fn dec_by(&self, n: u64) {
        self.0.add_shared(n.wrapping_neg());
    }

    /// Adds one now, and subtracts it when the returned guard is dropped, on whichever thread that is.
    ///
    /// The guard owns a handle, so it also costs that handle's reference count (10 ns for both ends).
    #[must_use = "the guard counts down when it is dropped"]
    pub fn guard(&self) -> InFlightGuard {
        self.inc();
        InFlightGuard(self.clone())
    }

    /// The value now: one that was there, however many threads count.
    #[inline]
    pub fn value(&self) -> i64 {
        self.0.get_shared().cast_signed()
    }
}

impl Sealed for InFlightGauge {
    const TYPE: &Instrument = &Instrument {
        name: "an in-flight gauge",
        exposed_as: MetricType::Gauge,
        values: Values::Signed,
        config: Config::Plain,
        can_refuse: false,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        InFlightGauge(Handle::new(series))
    }
}

/// One thing under way: counts down when dropped. Made by [`InFlightGauge::guard`].
#[derive(Debug)]
pub struct InFlightGuard(InFlightGauge);

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
