//! What users hold: handles to series.

mod counter;
mod float_counter;
mod gauge;
mod histogram;
mod in_flight_gauge;
mod info;
mod state_set;
mod summary;

pub use counter::Counter;
pub use float_counter::FloatCounter;
pub use gauge::Gauge;
pub use histogram::Histogram;
pub use in_flight_gauge::{InFlightGauge, InFlightGuard};
pub use info::Info;
pub use state_set::{FlagSet, StateSet};
pub use summary::Summary;

use crate::model::{Buckets, MetricType, SummaryConfig};
use crate::store::{FamilyLayout, Series, SlotLayout, SummaryLayout};
use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

/// A kind of handle that a registry can make: [`Counter`], [`FloatCounter`], [`Gauge`], [`InFlightGauge`], [`Histogram`],
/// [`Summary`], [`Info`], [`StateSet`] or [`FlagSet`].
///
/// Sealed: how values lie in the store is not for other crates to know. It lets functions take families of any of them:
///
/// ```
/// use quipu::{Family, LabelNames, Metric};
///
/// fn forget_tenant<M: Metric>(family: &Family<M, LabelNames<2>>, tenant: &str) {
///     family.retain(|values, _| values[0] != tenant);
/// }
///
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["tenant", "queue"]).register()?;
/// jobs.with(["a", "mail"]).inc();
/// forget_tenant(&jobs, "a");
/// assert!(jobs.is_empty());
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub trait Metric: sealed::Sealed + Clone + Send + Sync + fmt::Debug + 'static {}

impl<M: sealed::Sealed + Clone + Send + Sync + fmt::Debug + 'static> Metric for M {}

pub(crate) mod sealed {
    use super::{Instrument, Series};

    pub trait Sealed {
        const TYPE: &'static Instrument;
        /// Makes the handle. Only moves the series into it: see `MetricRef::look_up`.
        fn from_series(series: Series) -> Self;
    }
}

/// A type of metric: all that the rest of the crate has to know of it. Each handle's file has one.
#[derive(Debug, PartialEq)]
pub struct Instrument {
    /// For messages, with its article.
    pub(crate) name: &'static str,
    /// What an encoder calls it.
    pub(crate) exposed_as: MetricType,
    pub(crate) values: Values,
    /// What a family has unless it is given something else.
    pub(crate) config: Config,
    /// Whether recording can refuse a value, which is then counted.
    pub(crate) can_refuse: bool,
}

/// What a series keeps, and how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// A sum of whole numbers.
    Unsigned,
    /// A whole number that goes up and down, shared by all threads.
    Signed,
    /// A sum of floats.
    Float,
    /// A float that is set, shared by all threads.
    SharedFloat,
    /// A count and a sum for each bucket.
    Buckets,
    /// A count and a sum for each bucket of a sketch.
    Sketch,
    /// 1, always.
    One,
    /// The number of the state that holds, shared by all threads.
    State,
    /// A bit for each flag, shared by all threads.
    Flags,
}

/// What is chosen for each family of a type.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Config {
    /// Nothing.
    Plain,
    /// The upper bounds of a classic histogram's buckets, without `+Inf`.
    Classic {
        bounds: Cow<'static, [f64]>,
    },
    /// The states of a state set, in the order of their numbers.
    States(&'static [&'static str]),
    Summary(SummaryConfig),
}

impl Instrument {
    /// Whether a family with closed labels has all series from the start. An info says what is so, not what could be.
    pub(crate) const fn can_be_closed(&self) -> bool {
        !matches!(self.values, Values::One)
    }

    /// A series of this type that no registry knows.
    fn detached(&self) -> Series {
        let buckets = match &self.config {
            Config::Classic { bounds } => Some(Buckets::new(bounds).expect("the bounds of a type are good")),
            _ => None,
        };
        Series::detached(Arc::new(self.values.layout(&self.config, Box::default(), buckets, None)))
    }
}

impl Config {
    /// Those of a classic histogram, or the quantiles of a summary; else none.
    pub(crate) fn bounds(&self) -> &[f64] {
        match self {
            Config::Classic { bounds } => bounds,
            Config::Summary(config) => &config.quantiles,
            _ => &[],
        }
    }

    /// Those of a state set; else none.
    pub(crate) fn states(&self) -> &'static [&'static str] {
        match self {
            Config::States(states) => states,
            _ => &[],
        }
    }
}

/// In words that follow "registered".
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Config::Plain => f.write_str("as it is by default"),
            Config::Classic { bounds } => write!(f, "with the bounds {bounds:?}"),
            Config::States(states) => write!(f, "with the states {states:?}"),
            Config::Summary(SummaryConfig { quantiles, window, steps, relative_error, range: [from, to] }) => write!(
                f,
                "with the quantiles {quantiles:?}, a window of {window:?} in {steps} steps, \
                 a relative error of {relative_error} and the range {from:e} to {to:e}"
            ),
        }
    }
}

impl Values {
    /// Whether the values of several series can be added up.
    pub(crate) fn is_summed(self) -> bool {
        !matches!(self, Values::SharedFloat | Values::One | Values::State | Values::Flags)
    }

    /// What the series of a family have in common. There are buckets if these are [`Values::Buckets`].
    pub(crate) fn layout(
        self,
        config: &Config,
        label_names: Box<[Box<str>]>,
        buckets: Option<Buckets>,
        rejected: Option<Series>,
    ) -> FamilyLayout {
        let summary = match config {
            Config::Summary(config) => Some(Box::new(SummaryLayout::new(config))),
            _ => None,
        };
        let slots = match self {
            Values::Unsigned => SlotLayout::Number,
            Values::Signed | Values::SharedFloat | Values::One | Values::State | Values::Flags => SlotLayout::Shared,
            Values::Float => SlotLayout::Stripes,
            Values::Buckets => SlotLayout::Pairs(buckets.as_ref().map_or(0, Buckets::count)),
            Values::Sketch => SlotLayout::Pairs(summary.as_ref().map_or(0, |summary| summary.pairs())),
        };
        let mut layout = FamilyLayout::new(slots, label_names, buckets, rejected);
        layout.summary = summary;
        layout
    }
}
