//! The families of the gRPC layer, as data.

use super::GrpcMetricsBuilder;
use super::failures::Failures;
use super::status::NAMES;
use crate::clock::Clock;
use crate::{Counter, Family, Histogram, InFlightGauge, LabelNames, RegisterError, Registry};

/// Which end of its calls a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

pub(super) struct Families {
    pub(super) side: Side,
    pub(super) failures: Failures,
    pub(super) requests: Family<Counter, LabelNames<3>>,
    pub(super) duration: Family<Histogram, LabelNames<3>>,
    pub(super) streams: Family<InFlightGauge, LabelNames<2>>,
    pub(super) received: Family<Counter, LabelNames<2>>,
    pub(super) sent: Family<Counter, LabelNames<2>>,
    pub(super) connections: Family<InFlightGauge, LabelNames<1>>,
    pub(super) clock: Clock,
}

/// Registers all families, or none.
pub(super) fn register(registry: &Registry, settings: GrpcMetricsBuilder) -> Result<Families, RegisterError> {
    let GrpcMetricsBuilder { side, failures, duration_bounds, .. } = settings;
    let name = |name: &str| match side {
        Side::Server => format!("grpc_{name}"),
        Side::Client => format!("grpc_client_{name}"),
    };
    let calls = ["service", "method", "status"];
    let requests = registry.counter(name("requests_total"), "gRPC calls finished.").labels(calls);
    let requests = requests.known_values("status", &NAMES[..]);
    let duration = registry
        .histogram(name("request_duration_seconds"), "Time from the head of a gRPC call to its status.")
        .bounds(duration_bounds)
        .labels(calls)
        .known_values("status", &NAMES[..]);
    let methods = ["service", "method"];
    let streams = registry.in_flight_gauge(name("streams_active"), "gRPC calls that have not ended.").labels(methods);
    let received = registry.counter(name("messages_received_total"), "gRPC messages received.").labels(methods);
    let sent = registry.counter(name("messages_sent_total"), "gRPC messages sent.").labels(methods);
    let connections =
        registry.in_flight_gauge(name("connections_active"), "Open connections for gRPC.").labels(["service"]);

    let [requests, duration, streams, received, sent, connections] = registry.get_or_register_all([
        requests.into_description(),
        duration.into_description(),
        streams.into_description(),
        received.into_description(),
        sent.into_description(),
        connections.into_description(),
    ])?;
    Ok(Families {
        side,
        failures,
        requests: Family::new(requests),
        duration: Family::new(duration),
        streams: Family::new(streams),
        received: Family::new(received),
        sent: Family::new(sent),
        connections: Family::new(connections),
        clock: registry.clock().clone(),
    })
}
