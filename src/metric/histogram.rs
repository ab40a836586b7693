//! A classic histogram.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::clock::Clock;
use crate::model::{DEFAULT_BOUNDS, HistogramSnapshot, MetricType};
use crate::store::{HistogramHandle, Series};
use core::time::Duration;
use std::borrow::Cow;

/// Observations, counted by bucket, with their sum.
///
/// A handle, as [`Counter`](crate::Counter) is. The bounds are the family's, fixed at registration: finite, ascending, up to
/// [`MAX_BOUNDS`](crate::model::MAX_BOUNDS); a bucket holds the values up to and including its bound.
///
/// # Cost
/// [`observe`](Self::observe) finds the bucket by a table and one comparison and writes a cell that only the calling thread
/// writes: about 2 to 4 ns, wait-free, nothing allocated. Values below zero are searched for by halving, and so are all where
/// a bound is below zero or the bounds are too many or too uneven for the table (128 at equal distances fit). The
/// first thousand or so recordings of a series go to cells that all threads share, as with a [`Counter`](crate::Counter): about 20 ns. On
/// processors without 16-byte atomic stores (x86-64 before
/// AVX) the write takes an atomic instruction, about 10 ns. Memory: 16 bytes for each bucket; for a busy series, as much again for
/// each thread that records; and 5 KiB for all families of the same bounds.
///
/// ```
/// let registry = quipu::Registry::new();
/// let latency = registry.histogram("latency_seconds", "Time to answer.").bounds([0.1, 0.5, 1.0]).register()?;
/// latency.observe(0.42);
/// latency.observe_duration(std::time::Duration::from_millis(70));
/// assert_eq!(latency.snapshot().bucket_counts(), [1, 1, 0, 0]);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Histogram(HistogramHandle);

impl Histogram {
    /// A histogram that no registry knows: it records at the same cost, and only its handles can read it. It has the bounds
    /// [`DEFAULT_BOUNDS`]. For code that has to have
    /// a histogram before there is a registry, and for tests.
    ///
    /// ```
    /// let seconds = quipu::Histogram::detached();
    /// seconds.observe(0.25);
    /// assert_eq!(seconds.snapshot().count(), 1);
    /// ```
    pub fn detached() -> Histogram {
        Histogram::from_series(Histogram::TYPE.detached())
    }

    /// Adds a value, in the family's unit.
    ///
    /// NaN, the infinities and what is not below [`VALUE_LIMIT`](crate::model::VALUE_LIMIT) (2^960, of either sign) are refused
    /// and counted in `quipu_rejected_values_total`: they could make the sum NaN or infinite for good.
    #[inline(always)]
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }

    /// Adds a value `n` times at once: what comes counted already, such as a histogram of another library.
    ///
    /// Refused as in [`observe`](Self::observe), and then counted `n` times. Costs about 20 ns, whatever `n` is.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let sizes = registry.histogram("batch_size", "Jobs in a batch.").bounds([10.0, 100.0]).register()?;
    /// sizes.observe_n(50.0, 3);
    /// assert_eq!(sizes.snapshot().bucket_counts(), [0, 3, 0]);
    /// assert_eq!(sizes.snapshot().sum(), 150.0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn observe_n(&self, value: f64, n: u64) {
        self.0.observe_n(value, n);
    }

    /// Adds a duration, in seconds.
    #[inline(always)]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    #[inline(always)]
    pub(crate) fn clock(&self) -> &Clock {
        self.0.clock()
    }

    /// The values of the series' labels.
    pub(crate) fn label_values(&self) -> impl Iterator<Item = &str> {
        self.0.label_values()
    }

    /// The upper bounds of the buckets, without `+Inf`.
    pub fn bounds(&self) -> &[f64] {
        self.0.bounds()
    }

    /// What all threads have observed until now: exact, also while they go on.
    ///
    /// Allocates the list of buckets, and reads them all in the row of each thread that ever recorded; meant for tests, not
    /// for hot loops.
    pub fn snapshot(&self) -> HistogramSnapshot {
        self.0.snapshot()
    }
}

impl Sealed for Histogram {
    const TYPE: &Instrument = &Instrument {
        name: "a histogram",
        exposed_as: MetricType::Histogram,
        values: Values::Buckets,
        config: Config::Classic { bounds: Cow::Borrowed(&DEFAULT_BOUNDS) },
        can_refuse: true,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        Histogram(HistogramHandle::new(series))
    }
}
