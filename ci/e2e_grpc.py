"""Calls of a gRPC client that shares no code with the service: grpcio. Messages are written by hand, as bytes."""

import collections

import grpc
from e2e_lib import check, difference

SERVICE = "incidents.v1.Incidents"
# Title, severity, source and category.
INCIDENT = b"\x0a\x04Test\x12\x02P4\x1a\x05other\x22\x04cost"
KIND = ("P4", "other", "cost")
# That is 500 milliseconds.
IDLE_MS = b"\x10\xf4\x03"
UNKNOWN = 50


def ends(call, wanted):
    """The call comes to an end with this status; returns how many messages came before."""
    messages = 0
    try:
        for _ in call:
            messages += 1
    except grpc.RpcError as error:
        check(error.code() == wanted, f"gRPC: {error.code()}, not {wanted}: {error.details()}")
        return messages
    check(wanted == grpc.StatusCode.OK, f"gRPC: OK, not {wanted}")
    return messages


def call_as_foreigner(address):
    """Makes calls that end in many ways, to a service at which nothing else happens.

    Returns how often each was made, by service, method and status, and of which kind is the incident that one has created.
    """
    calls = collections.Counter()
    with grpc.insecure_channel(address) as channel:
        # All as streams, which is the same on the wire.
        call = lambda method, request=b"", service=SERVICE, **options: channel.unary_stream(f"/{service}/{method}")(request, **options)

        def expect(method, status, name, request=b"", **options):
            calls[SERVICE, method, name] += 1
            return ends(call(method, request, **options), status)

        expect("Check", grpc.StatusCode.OK, "OK")
        expect("GetIncident", grpc.StatusCode.NOT_FOUND, "NotFound")
        expect("CreateIncident", grpc.StatusCode.INVALID_ARGUMENT, "InvalidArgument")
        expect("WatchIncidents", grpc.StatusCode.DEADLINE_EXCEEDED, "DeadlineExceeded", timeout=0.5)

        given_up = call("WatchIncidents")
        given_up.initial_metadata()
        given_up.cancel()
        ends(given_up, grpc.StatusCode.CANCELLED)
        calls[SERVICE, "WatchIncidents", "Canceled"] += 1

        # An event, and then an error in the trailers.
        watched = call("WatchIncidents", IDLE_MS)
        watched.initial_metadata()
        expect("CreateIncident", grpc.StatusCode.OK, "OK", INCIDENT)
        messages = ends(watched, grpc.StatusCode.ABORTED)
        check(messages == 1, f"gRPC: {messages} events, not 1")
        calls[SERVICE, "WatchIncidents", "Aborted"] += 1

        for n in range(UNKNOWN):
            service, method = (f"made.up.Service{n}", "Get") if n % 2 else (SERVICE, f"MadeUp{n}")
            ends(call(method, service=service), grpc.StatusCode.UNIMPLEMENTED)
        calls["other", "other", "Unimplemented"] += UNKNOWN
    return calls, KIND


def compare_calls(prometheus, calls):
    labels = ("service", "method", "status")
    for expression in ["grpc_requests_total > 0", "grpc_request_duration_seconds_count > 0"]:
        found = prometheus.query(expression, *labels)
        check(found == calls, f"{expression}:\n{difference(found, calls)}")
    sent = prometheus.number('grpc_messages_sent_total{method="WatchIncidents"}')
    check(sent == 1, f"{sent} events were sent, not 1")
    for gauge in ["grpc_streams_active", "grpc_connections_active"]:
        left = prometheus.number(f"max({gauge})")
        check(left == 0, f"{gauge} came back to {left}, not to zero")
