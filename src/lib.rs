//! A metrics engine for services.

#[cfg(not(quipu_loom))]
mod encode;
#[cfg(not(quipu_loom))]
pub mod export;
#[cfg(all(feature = "http", not(quipu_loom)))]
pub mod http;
#[cfg(not(quipu_loom))]
mod metric;
pub mod model;
#[cfg(not(quipu_loom))]
pub mod registry;
mod store;
mod sync;

#[cfg(not(quipu_loom))]
pub use {
    metric::{Counter, FloatCounter, Gauge, Histogram, InFlight, InFlightGauge, Metric},
    registry::{Family, DynNames, LabelBuffer, LabelError, LabelSet, LabelValue, Names, RegisterError, Registry, global},
    store::Bound,
};
#[cfg(feature = "derive")]
pub use quipu_macros::{LabelSet, LabelValue};
