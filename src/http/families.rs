//! The families of the HTTP layer, as data.

use super::builder::HttpMetricsBuilder;
use super::labels::ExtraLabels;
use super::method::METHODS;
use super::watch::Watch;
use crate::clock::Clock;
use crate::registry::MetricBuilder;
use crate::{
    Counter, DynLabelNames, Family, Gauge, Histogram, InFlightGauge, LabelNames, Metric, RegisterError, Registry,
};

/// Bounds of body sizes, in bytes.
///
/// ```
/// let registry = quipu::Registry::new();
/// let mails = registry.histogram("mail_size_bytes", "Size of a mail.").bounds(quipu::http::SIZE_BOUNDS).register()?;
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub const SIZE_BOUNDS: [f64; 6] = [100.0, 1024.0, 10240.0, 102400.0, 1048576.0, 10485760.0];

/// Who broke off a response: the values of the label `cause`.
pub(super) const CAUSES: [&str; 2] = ["client", "server"];

/// After the labels that are written here, most have those that the program adds.
pub(super) struct Families {
    pub(super) requests: Family<Counter, DynLabelNames>,
    pub(super) duration: Family<Histogram, DynLabelNames>,
    pub(super) request_size: Family<Histogram, DynLabelNames>,
    pub(super) response_size: Family<Histogram, DynLabelNames>,
    pub(super) in_flight: Family<InFlightGauge, DynLabelNames>,
    pub(super) incomplete: Family<Counter, DynLabelNames>,
    pub(super) connections: InFlightGauge,
    /// If the histograms of some routes are sampled.
    pub(super) sample_ratio: Option<Family<Gauge, LabelNames<1>>>,
    pub(super) clock: Clock,
}

/// Registers all families, or none; and what watches over the routes.
pub(super) fn register(registry: &Registry, settings: &HttpMetricsBuilder) -> Result<(Families, Watch), RegisterError> {
    let extra = &settings.extra;
    let routes = &["method", "path"];
    let statuses = &["method", "path", "status"];
    let requests = registry.counter("http_requests_total", "HTTP requests finished.");
    let duration = registry
        .histogram(
            "http_request_duration_seconds",
            "Time from the head of an HTTP request to the end of the response body, or to the head of a stream.",
        )
        .bounds(settings.duration_bounds.clone());
    let request_size = registry
        .histogram("http_request_size_bytes", "Bytes read of the bodies of HTTP requests.")
        .bounds(settings.size_bounds.clone());
    let response_size = registry
        .histogram("http_response_size_bytes", "Bytes sent of the bodies of HTTP responses.")
        .bounds(settings.size_bounds.clone());
    let in_flight = registry.in_flight_gauge("http_requests_in_flight", "HTTP requests whose response has not ended.");
    let incomplete =
        registry.counter("http_responses_incomplete_total", "HTTP responses that were broken off in their body.");
    let incomplete = labelled(incomplete, &["method", "path", "cause"], extra).known_values("cause", &CAUSES[..]);
    let connections = registry.in_flight_gauge("http_connections_active", "Open HTTP connections.");

    let [requests, duration, request_size, response_size, in_flight, incomplete, connections] = registry
        .get_or_register_all([
            labelled(requests, statuses, extra).into_description(),
            labelled(duration, statuses, extra).into_description(),
            labelled(request_size, routes, extra).into_description(),
            labelled(response_size, routes, extra).into_description(),
            labelled(in_flight, routes, extra).into_description(),
            incomplete.into_description(),
            connections.into_description(),
        ])?;
    let sample_ratio = match settings.sampled.is_empty() {
        true => None,
        false => Some(
            registry
                .gauge(
                    "http_histogram_sample_ratio",
                    "Share of HTTP requests whose time and response size are observed.",
                )
                .labels(["path"])
                .register()?,
        ),
    };
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
        incomplete: Family::new(incomplete),
        connections: Family::<InFlightGauge, LabelNames<0>>::new(connections).handle([]),
        sample_ratio,
        clock: registry.clock().clone(),
    };
    Ok((families, Watch::new(settings.excluded.clone(), registry.clock().clone(), faults)))
}

/// Gives a family these labels and the extra ones, with the values that are known.
fn labelled<'r, M: Metric>(
    family: MetricBuilder<'r, M>,
    labels: &[&str],
    extra: &ExtraLabels,
) -> MetricBuilder<'r, M, DynLabelNames> {
    let family = family.dyn_labels(&extra.names(labels)).known_values("method", &METHODS[..]);
    extra.known().fold(family, |family, (name, values)| family.known_values(name, values.to_vec()))
}

/// The series with these labels and the extra ones of a class of requests.
pub(super) fn handle<M: Metric>(
    family: &Family<M, DynLabelNames>,
    labels: &[&str],
    extra: &ExtraLabels,
    class: usize,
) -> M {
    let mut values = labels.to_vec();
    values.extend(extra.values(class));
    family.handle(&values).expect("the family has these labels and the extra ones")
}
