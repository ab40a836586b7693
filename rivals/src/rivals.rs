//! One file per crate; each says which of its interfaces was taken and why.

mod fast_telemetry;
mod fastmetrics;
mod foundations;
mod labels;
mod measured;
mod metrics;
mod metrics_lib;
mod metriken;
mod nothing;
mod opentelemetry;
mod prometheus;
mod prometheus_client;
mod quipu;

pub(crate) use fast_telemetry::FastTelemetry;
pub(crate) use fastmetrics::Fastmetrics;
pub(crate) use foundations::Foundations;
pub(crate) use measured::Measured;
pub(crate) use metrics::Metrics;
pub(crate) use metrics_lib::MetricsLib;
pub(crate) use metriken::Metriken;
pub(crate) use nothing::Nothing;
pub(crate) use opentelemetry::OpenTelemetry;
pub(crate) use prometheus::Prometheus;
pub(crate) use prometheus_client::PrometheusClient;
pub(crate) use quipu::{Quipu, registry_of_counters};
