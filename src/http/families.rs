//! The families of the HTTP layer, as data.

use crate::{Counter, Family, Histogram, InFlightGauge, LabelNames, RegisterError, Registry};

/// Bounds of body sizes, in bytes.
pub const SIZE_BOUNDS: [f64; 6] = [100.0, 1024.0, 10240.0, 102400.0, 1048576.0, 10485760.0];

pub(super) struct Families {
    pub(super) requests: Family<Counter, LabelNames<3>>,
    pub(super) duration: Family<Histogram, LabelNames<3>>,
    pub(super) request_size: Family<Histogram, LabelNames<2>>,
    pub(super) response_size: Family<Histogram, LabelNames<2>>,
    pub(super) in_flight: Family<InFlightGauge, LabelNames<2>>,
    pub(super) connections: InFlightGauge,
}

impl Families {
    pub(super) fn register(registry: &Registry) -> Result<Self, RegisterError> {
        Ok(Self {
            requests: registry
                .counter("http_requests_total", "HTTP requests finished.")
                .labels(["method", "path", "status"])
                .register()?,
            duration: registry
                .histogram(
                    "http_request_duration_seconds",
                    "Time from the head of an HTTP request to the end of the response body.",
                )
                .labels(["method", "path", "status"])
                .register()?,
            request_size: registry
                .histogram("http_request_size_bytes", "Bytes read of the bodies of HTTP requests.")
                .bounds(SIZE_BOUNDS)
                .labels(["method", "path"])
                .register()?,
            response_size: registry
                .histogram("http_response_size_bytes", "Bytes sent of the bodies of HTTP responses.")
                .bounds(SIZE_BOUNDS)
                .labels(["method", "path"])
                .register()?,
            in_flight: registry
                .in_flight_gauge("http_requests_in_flight", "HTTP requests whose response has not ended.")
                .labels(["method", "path"])
                .register()?,
            connections: registry.in_flight_gauge("http_connections_active", "Open HTTP connections.").register()?,
        })
    }
}
