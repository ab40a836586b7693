//! A summary.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::model::{MetricType, SummaryConfig, SummarySnapshot};
use crate::store::{Series, SummaryHandle};
use core::time::Duration;

/// Observations, shown as quantiles of the last few minutes, with the count and the sum of all.
///
/// A handle, as [`Counter`](crate::Counter) is. **Mostly a [`Histogram`](crate::Histogram) is the better choice.** Quantiles cannot be added
/// up: from the 99th percentiles of ten instances, or of two routes, nothing follows for all of them together, and neither their
/// window nor the quantiles themselves can be chosen in a query. A summary is right where one process is looked at by itself, and
/// where good bounds of buckets are not known beforehand.
///
/// The window is a sliding one: 10 minutes in 5 steps, unless [`window`](crate::registry::MetricBuilder::window) says otherwise. So
/// quantiles are those of the last 8 to 10 minutes. When nothing was observed for that long, they are NaN; count and sum, which are
/// exact, never go back. It slides whether anybody scrapes or not.
///
/// A quantile is an observed value within a [relative error](crate::registry::MetricBuilder::relative_error) of 2 %. That holds for
/// values from 1e-6 to 1e5, unless the [range](crate::registry::MetricBuilder::range) is another one. Zero is zero; what is below the range or
/// above it is shown as the nearest end of it. What is observed while a step begins may count to the step before or after; so may,
/// of each thread, up to 15 observations of a busy series, when the next ones come only much later.
///
/// # Cost
/// [`observe`](Self::observe) finds the bucket by a polynomial and writes a cell that only the calling thread writes: about 7 ns,
/// wait-free, nothing allocated. The first thousand or so recordings of a series go to cells that all threads share, as with a
/// [`Counter`](crate::Counter): about 30 ns. The first observation in a step copies the counts: some microseconds, more where
/// many threads record.
///
/// Memory: 36 KB for each series, which is 16 bytes for each of the 641 buckets, and 8 more for each step; for a busy series, 12 KiB for
/// each thread that records. Half the error takes twice as much. Nothing is kept of single observations.
///
/// ```
/// let registry = quipu::Registry::new();
/// let seconds = registry.summary("job_duration_seconds", "Time a job took.").quantiles([0.5, 0.99]).register()?;
/// seconds.observe(0.25);
/// seconds.observe_duration(std::time::Duration::from_millis(250));
/// let snapshot = seconds.snapshot();
/// assert_eq!((snapshot.count(), snapshot.sum()), (2, 0.5));
/// assert!((snapshot.quantile(0.5) - 0.25).abs() <= 0.02 * 0.25);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Summary(SummaryHandle);

impl Summary {
    /// A summary that no registry knows: it records at the same cost, and only its handles can read it. Its window, error and range are
    /// those by default. For code that has to have a summary before there is a registry, and for tests.
    ///
    /// ```
    /// let seconds = quipu::Summary::detached();
    /// seconds.observe(0.25);
    /// assert_eq!(seconds.snapshot().count(), 1);
    /// ```
    pub fn detached() -> Summary {
        Summary::from_series(Summary::TYPE.detached())
    }

    /// Adds a value, in the family's unit.
    ///
    /// What is negative, NaN, infinite or not below [`VALUE_LIMIT`](crate::model::VALUE_LIMIT) (2^960) is refused and counted in
    /// `quipu_rejected_values_total`: the sum must not go down, nor become infinite.
    #[inline(always)]
    pub fn observe(&self, value: f64) {
        self.0.observe(value);
    }

    /// Adds a duration, in seconds.
    #[inline(always)]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// What all threads have observed until now: the count and the sum exactly, and the quantiles of the window.
    ///
    /// Allocates the list of buckets, and reads them all in the row of each thread that ever recorded; meant for tests, not
    /// for hot loops.
    pub fn snapshot(&self) -> SummarySnapshot {
        self.0.snapshot()
    }
}

impl Sealed for Summary {
    const TYPE: &Instrument = &Instrument {
        name: "a summary",
        exposed_as: MetricType::Summary,
        values: Values::Sketch,
        config: Config::Summary(SummaryConfig::DEFAULT),
        can_refuse: true,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        Summary(SummaryHandle::new(series))
    }
}
