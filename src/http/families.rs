//! The families of the HTTP layer, as data.

use super::watch::Watch;
use crate::clock::Clock;
use crate::{Counter, Family, Histogram, InFlightGauge, LabelNames, RegisterError, Registry};

/// Bounds of body sizes, in bytes.
///
/// ```
/// let registry = quipu::Registry::new();
/// let mails = registry.histogram("mail_size_bytes", "Size of a mail.").bounds(quipu::http::SIZE_BOUNDS).register()?;
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub const SIZE_BOUNDS: [f64; 6] = [100.0, 1024.0, 10240.0, 102400.0, 1048576.0, 10485760.0];

pub(super) struct Families {
    pub(super) requests: Family<Counter, LabelNames<3>>,
    pub(super) duration: Family<Histogram, LabelNames<3>>,
    pub(super) request_size: Family<Histogram, LabelNames<2>>,
    pub(super) response_size: Family<Histogram, LabelNames<2>>,
    pub(super) in_flight: Family<InFlightGauge, LabelNames<2>>,
    pub(super) connections: InFlightGauge,
    pub(super) clock: Clock,
}

/// Registers all families, or none; and what watches over the routes.
pub(super) fn register(registry: &Registry, excluded: Vec<Box<str>>) -> Result<(Families, Watch), RegisterError> {
    let requests =
        registry.counter("http_requests_total", "HTTP requests finished.").labels(["method", "path", "status"]);
    let duration = registry
        .histogram(
            "http_request_duration_seconds",
            "Time from the head of an HTTP request to the end of the response body.",
        )
        .labels(["method", "path", "status"]);
    let request_size = registry
        .histogram("http_request_size_bytes", "Bytes read of the bodies of HTTP requests.")
        .bounds(SIZE_BOUNDS)
        .labels(["method", "path"]);
    let response_size = registry
        .histogram("http_response_size_bytes", "Bytes sent of the bodies of HTTP responses.")
        .bounds(SIZE_BOUNDS)
        .labels(["method", "path"]);
    let in_flight = registry
        .in_flight_gauge("http_requests_in_flight", "HTTP requests whose response has not ended.")
        .labels(["method", "path"]);
    let connections = registry.in_flight_gauge("http_connections_active", "Open HTTP connections.");

    let [requests, duration, request_size, response_size, in_flight, connections] = registry.get_or_register_all([
        requests.into_description(),
        duration.into_description(),
        request_size.into_description(),
        response_size.into_description(),
        in_flight.into_description(),
        connections.into_description(),
    ])?;
    // Nobody else can have its name.
    let faults = registry
        .own_metrics()
        .counter("http_faults_total", "Mistakes found in how HTTP requests are recorded.")
        .labels(["fault"])
        .register()?;
    let families = Families {
        requests: Family::new(requests),
        duration: Family::new(duration),
        request_size: Family::new(request_size),
        response_size: Family::new(response_size),
        in_flight: Family::new(in_flight),
        connections: Family::<InFlightGauge, LabelNames<0>>::new(connections).handle([]),
        clock: registry.clock().clone(),
    };
    Ok((families, Watch::new(excluded, registry.clock().clone(), faults)))
}
