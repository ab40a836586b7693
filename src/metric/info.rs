//! What is so.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::model::MetricType;
use crate::store::{Handle, Series};

/// What is so, said by labels: which build runs, which schema a database has. Its value is always 1.
///
/// A handle, as [`Counter`](crate::Counter) is. A series is there, with the value 1, from its first lookup on; also of a closed
/// [`LabelSet`](crate::LabelSet), of which other metrics have all series from the start. What is not so any more has to be
/// [removed](crate::Family::remove). In text 0.0.4 and in protobuf, which do not know the type, it is a gauge.
///
/// To put a label of an info on other metrics: `http_requests_total * on (instance) group_left (version) build_info`.
///
/// # Cost
/// [`set`](Self::set) is a load, and a store if that is the first one since a scrape. Wait-free; nothing is allocated.
///
/// ```
/// let registry = quipu::Registry::new();
/// let build = registry.info("build_info", "The build that runs.").labels(["version", "commit"]).register()?;
/// build.with(["1.4.0", "4f3c2b1"]).set();
/// assert!(registry.to_text().contains("build_info{version=\"1.4.0\",commit=\"4f3c2b1\"} 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Info(Handle);

impl Info {
    /// An info that no registry knows. For code that has to have one before there is a registry, and for tests.
    ///
    /// ```
    /// quipu::Info::detached().set();
    /// ```
    pub fn detached() -> Info {
        Info::from_series(Info::TYPE.detached())
    }

    /// Says that it is so. The lookup has made the series already; of a family whose series
    /// [expire](crate::registry::MetricBuilder::expire_after), this one stays for another while.
    #[inline]
    pub fn set(&self) {
        self.0.mark_used();
    }
}

impl Sealed for Info {
    const TYPE: &Instrument = &Instrument {
        name: "an info",
        exposed_as: MetricType::Info,
        values: Values::One,
        config: Config::Plain,
        can_refuse: false,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        Info(Handle::new(series))
    }
}
