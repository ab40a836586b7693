//! HTTP and gRPC, as the service answers them.

use super::{http_errors, number, part, ratio};
use crate::families::Families;
use crate::panel::{Dashboard, Panel, Row, Shape};
use quipu::engine::Alerts;

const SECONDS: &str = "http_request_duration_seconds";

pub(super) fn dashboard(families: &Families, alerts: &Alerts) -> Dashboard {
    Dashboard {
        uid: "quipu-http",
        title: "Incident manager / HTTP",
        description: "Requests by HTTP and gRPC: how many, how many fail, how long they take. Paths are patterns of routes.",
        rows: vec![
            now(families, alerts),
            errors(families),
            traffic(families),
            latency(families),
            bodies(families),
            grpc(families),
            grpc_latency(families),
        ],
    }
}

fn now(families: &Families, alerts: &Alerts) -> Row {
    let p95 = families.quantile_of("0.95", SECONDS, &[]);
    let grpc = part("grpc_requests_total", "status=~\"Unknown|Unimplemented|Internal|Unavailable|DataLoss\"", "");
    Row {
        title: "Now",
        panels: vec![
            number(
                "Errors",
                "percentunit",
                "Part of the requests that end in a status of 500 or more.",
                http_errors(""),
            )
            .threshold(alerts.high_error_rate_threshold),
            number("p95", "s", "95th percentile of the duration of requests.", p95)
                .threshold(alerts.high_latency_p95_seconds),
            number(
                "Requests",
                "reqps",
                "Requests finished, a second.",
                "sum(rate(@http_requests_total[$__rate_interval]))",
            ),
            number("In flight", "short", "Requests whose response has not ended.", "sum(@http_requests_in_flight)"),
            number("Connections", "short", "Open HTTP connections.", "sum(@http_connections_active)"),
            number(
                "gRPC errors",
                "percentunit",
                "Part of the gRPC calls that end in a status that is the server's fault.",
                grpc,
            )
            .threshold(alerts.high_error_rate_threshold),
        ],
    }
}

fn errors(families: &Families) -> Row {
    let slowest = format!("topk(5, {})", families.quantile_of("0.95", SECONDS, &["method", "path"]));
    Row {
        title: "What is wrong",
        panels: vec![
            ratio(
                "Error ratio by path",
                "Part of the requests of a route that end in a status of 500 or more.",
                "{{path}}",
                http_errors(" by (path)"),
            ),
            Panel::new(
                Shape::Lines,
                "Failures by path and status",
                "reqps",
                "Requests that ended in a status of 400 or more, a second.",
            )
            .query(
                "{{path}} {{status}}",
                "sum by (path, status) (rate(@http_requests_total{status=~\"[45]..\"}[$__rate_interval])) > 0",
            ),
            Panel::new(
                Shape::Bars,
                "Top five slowest endpoints",
                "s",
                "Routes with the highest 95th percentile of the duration of requests.",
            )
            .query("{{method}} {{path}}", slowest),
        ],
    }
}

fn traffic(families: &Families) -> Row {
    Row {
        title: "Traffic",
        panels: vec![
            families.rate("Requests by path", "http_requests_total", &["path"]),
            families.rate("Requests by method", "http_requests_total", &["method"]),
            families.rate("Requests by status", "http_requests_total", &["status"]).stacked(),
            families.value("Requests in flight by path", "http_requests_in_flight", &["path"]),
            families.value("Connections by instance", "http_connections_active", &["instance"]),
            families.rate("Responses broken off", "http_responses_incomplete_total", &["path", "cause"]),
        ],
    }
}

fn latency(families: &Families) -> Row {
    Row {
        title: "Latency",
        panels: vec![
            families.quantiles("Latency", SECONDS).width(12),
            families.heatmap("Spread of latency", SECONDS).width(12),
            families.quantile("P50 latency by path", "0.5", SECONDS, &["path"]),
            families.quantile("P95 latency by path", "0.95", SECONDS, &["path"]),
            families.quantile("P99 latency by path", "0.99", SECONDS, &["path"]),
        ],
    }
}

fn bodies(families: &Families) -> Row {
    Row {
        title: "Bodies",
        panels: vec![
            families.quantiles("Size of requests", "http_request_size_bytes").width(6),
            families.heatmap("Spread of sizes of requests", "http_request_size_bytes").width(6),
            families.quantiles("Size of responses", "http_response_size_bytes").width(6),
            families.heatmap("Spread of sizes of responses", "http_response_size_bytes").width(6),
        ],
    }
}

fn grpc(families: &Families) -> Row {
    Row {
        title: "gRPC",
        panels: vec![
            families.rate("Calls by method", "grpc_requests_total", &["service", "method"]),
            families.rate("Calls by status", "grpc_requests_total", &["status"]),
            families.value("Streams by method", "grpc_streams_active", &["service", "method"]),
            families.value("gRPC connections", "grpc_connections_active", &["service"]),
            families.rate("Messages received", "grpc_messages_received_total", &["service", "method"]),
            families.rate("Messages sent", "grpc_messages_sent_total", &["service", "method"]),
        ],
    }
}

fn grpc_latency(families: &Families) -> Row {
    Row {
        title: "Latency of gRPC",
        panels: vec![
            families.quantiles("Latency of calls", "grpc_request_duration_seconds"),
            families.quantile("P95 latency by method", "0.95", "grpc_request_duration_seconds", &["service", "method"]),
            families.heatmap("Spread of latency of calls", "grpc_request_duration_seconds"),
        ],
    }
}
