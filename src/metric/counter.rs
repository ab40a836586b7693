//! A counter of whole numbers.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::model::MetricType;
use crate::store::{Handle, Series};

/// A number of events, which only goes up.
///
/// A handle: cloning it gives another one to the same series, and both may be used from any thread. Its series lives as long
/// as a handle does, also when the family or the registry is gone (but then nobody reads it).
///
/// There is no reset: a scraper takes a count that goes down for a restart of the process, and adds what came after it. To read
/// what was counted since some moment, subtract the [`value`](Self::value) of that moment.
///
/// # Cost
/// [`inc`](Self::inc) writes a cell that only the calling thread writes: 0.3 to 0.6 ns, wait-free, and nothing is allocated. The
/// first thousand or so recordings of a series go to a cell that all threads share: 5 to 10 ns, more when contended. So do those of
/// a thread beyond the 256th that records at the same time, and of a series for which the [lanes](crate::lanes) have no memory. The
/// first recording of a thread finds it a lane (about 100 ns, once).
///
/// ```
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").register()?;
/// jobs.inc();
/// jobs.inc_by(41);
/// assert_eq!(jobs.value(), 42);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Counter(Handle);

impl Counter {
    /// A counter that no registry knows: it records at the same cost, and only its handles can read it. For code that has to have
    /// a counter before there is a registry, and for tests.
    ///
    /// ```
    /// let jobs = quipu::Counter::detached();
    /// jobs.inc();
    /// assert_eq!(jobs.value(), 1);
    /// ```
    pub fn detached() -> Counter {
        Counter::from_series(Counter::TYPE.detached())
    }

    /// Adds one.
    #[inline(always)]
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds `n`. The count wraps at 2^64.
    #[doc(alias = "add")]
    #[inline(always)]
    pub fn inc_by(&self, n: u64) {
        self.0.add(n);
    }

    /// The sum over all threads. About a nanosecond for each thread that ever recorded; meant for tests, not for hot loops.
    pub fn value(&self) -> u64 {
        self.0.sum()
    }
}

impl Counter {
    /// Whether both are of the same family, which another one of its name is not.
    pub(crate) fn is_of_family_of(&self, other: &Counter) -> bool {
        self.0.is_of_family_of(&other.0)
    }
}

impl Sealed for Counter {
    const TYPE: &Instrument = &Instrument {
        name: "a counter",
        exposed_as: MetricType::Counter,
        values: Values::Unsigned,
        config: Config::Plain,
        can_refuse: false,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        Counter(Handle::new(series))
    }
}
