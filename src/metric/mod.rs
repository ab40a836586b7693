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
pub use in_flight_gauge::{InFlight, InFlightGauge};

use crate::model::Kind;
use crate::store::{Form, Series};
use core::fmt;

/// A kind of handle that a registry can make: [`Counter`], [`FloatCounter`], [`Gauge`], [`InFlightGauge`] or [`Histogram`].
///
/// Sealed: how values lie in the store is not for other crates to know.
pub trait Metric: sealed::Sealed + Clone + Send + Sync + fmt::Debug + 'static {}

impl<M: sealed::Sealed + Clone + Send + Sync + fmt::Debug + 'static> Metric for M {}

pub(crate) mod sealed {
    use super::{MetricType, Series};

    pub trait Sealed {
        const TYPE: MetricType;
        /// Makes the handle. Only moves the series into it: see `Bound::look_up`.
        fn from_series(series: Series) -> Self;
    }
}

/// The type of a family's handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    Counter,
    FloatCounter,
    Gauge,
    InFlightGauge,
    Histogram,
}

impl MetricType {
    pub(crate) fn kind(self) -> Kind {
        match self {
            MetricType::Counter | MetricType::FloatCounter => Kind::Counter,
            MetricType::Gauge | MetricType::InFlightGauge => Kind::Gauge,
            MetricType::Histogram => Kind::Histogram,
        }
    }

    /// Whether recording can refuse a value.
    pub(crate) fn can_reject(self) -> bool {
        matches!(self, MetricType::FloatCounter | MetricType::Histogram)
    }

    /// What a series keeps in its cells, given the number of its buckets.
    pub(crate) fn form(self, buckets: usize) -> Form {
        match self {
            MetricType::Histogram => Form::Pairs(buckets),
            MetricType::FloatCounter => Form::Strands,
            _ => Form::Number,
        }
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MetricType::Counter => "counter",
            MetricType::FloatCounter => "float counter",
            MetricType::Gauge => "gauge",
            MetricType::InFlightGauge => "in-flight gauge",
            MetricType::Histogram => "histogram",
        })
    }
}
