//! What users hold: handles to series.

mod counter;
mod float_counter;
mod gauge;
mod histogram;
mod in_flight_gauge;

pub use counter::Counter;
pub use float_counter::FloatCounter;
pub use gauge::Gauge;
pub use histogram::Histogram;
pub use in_flight_gauge::{InFlightGauge, InFlightGuard};

use crate::model::MetricType;
use crate::store::{Series, SlotLayout};
use core::fmt;

/// A kind of handle that a registry can make: [`Counter`], [`FloatCounter`], [`Gauge`], [`InFlightGauge`] or [`Histogram`].
///
/// Sealed: how values lie in the store is not for other crates to know.
pub trait Metric: sealed::Sealed + Clone + Send + Sync + fmt::Debug + 'static {}

impl<M: sealed::Sealed + Clone + Send + Sync + fmt::Debug + 'static> Metric for M {}

pub(crate) mod sealed {
    use super::{Instrument, Series};

    pub trait Sealed {
        const TYPE: Instrument;
        /// Makes the handle. Only moves the series into it: see `MetricRef::look_up`.
        fn from_series(series: Series) -> Self;
    }
}

/// The type of a family's handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    Counter,
    FloatCounter,
    Gauge,
    InFlightGauge,
    Histogram,
}

impl Instrument {
    pub(crate) fn kind(self) -> MetricType {
        match self {
            Instrument::Counter | Instrument::FloatCounter => MetricType::Counter,
            Instrument::Gauge | Instrument::InFlightGauge => MetricType::Gauge,
            Instrument::Histogram => MetricType::Histogram,
        }
    }

    /// Whether recording can refuse a value.
    pub(crate) fn can_reject(self) -> bool {
        matches!(self, Instrument::FloatCounter | Instrument::Histogram)
    }

    /// What a series keeps in its cells, given the number of its buckets.
    pub(crate) fn form(self, buckets: usize) -> SlotLayout {
        match self {
            Instrument::Histogram => SlotLayout::Pairs(buckets),
            Instrument::FloatCounter => SlotLayout::Stripes,
            _ => SlotLayout::Number,
        }
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Instrument::Counter => "counter",
            Instrument::FloatCounter => "float counter",
            Instrument::Gauge => "gauge",
            Instrument::InFlightGauge => "in-flight gauge",
            Instrument::Histogram => "histogram",
        })
    }
}
