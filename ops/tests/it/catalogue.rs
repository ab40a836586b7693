//! What an incident manager's operators ask for, each with the panel that answers.

use crate::dashboards;
use crate::promql::{parse, selectors, without_variables};

/// Dashboard, panel, and what its query has: a family, a label or a function.
const ASKED: [(&str, &str, &[&str]); 26] = [
    ("quipu-http", "Requests by path", &["http_requests_total", "path", "rate"]),
    ("quipu-http", "Errors", &["http_requests_total", "rate"]),
    ("quipu-http", "Error ratio by path", &["http_requests_total", "path"]),
    ("quipu-http", "P50 latency by path", &["http_request_duration_seconds_bucket", "path", "histogram_quantile(0.5,"]),
    (
        "quipu-http",
        "P95 latency by path",
        &["http_request_duration_seconds_bucket", "path", "histogram_quantile(0.95,"],
    ),
    (
        "quipu-http",
        "P99 latency by path",
        &["http_request_duration_seconds_bucket", "path", "histogram_quantile(0.99,"],
    ),
    ("quipu-http", "Top five slowest endpoints", &["http_request_duration_seconds_bucket", "path", "topk(5,"]),
    ("quipu-overview", "Incidents created by severity", &["incidents_total", "severity", "rate"]),
    ("quipu-overview", "Active incidents by severity", &["incidents_active", "severity"]),
    (
        "quipu-overview",
        "Mean time to resolve",
        &["incident_resolution_duration_seconds_sum", "incident_resolution_duration_seconds_count"],
    ),
    (
        "quipu-overview",
        "Mean time to acknowledge",
        &["incident_acknowledgment_duration_seconds_sum", "incident_acknowledgment_duration_seconds_count"],
    ),
    ("quipu-overview", "Deduplication ratio", &["incidents_deduplicated_total", "incidents_total"]),
    ("quipu-llm", "Requests by model", &["llm_requests_total", "model", "rate"]),
    ("quipu-llm", "P95 latency by model", &["llm_request_duration_seconds_bucket", "histogram_quantile(0.95,"]),
    ("quipu-llm", "Tokens per hour", &["llm_tokens_total", "3600"]),
    ("quipu-llm", "Cost per hour", &["llm_cost_dollars_total", "3600"]),
    ("quipu-llm", "Cost per hour by model", &["llm_cost_dollars_total", "model", "3600"]),
    ("quipu-llm", "Error ratio by provider", &["llm_requests_total", "provider", "error"]),
    ("quipu-system", "Jobs by type", &["jobs_total", "job_type", "rate"]),
    ("quipu-system", "Failure ratio by type", &["jobs_total", "job_type", "failure"]),
    ("quipu-system", "Backlog by queue", &["jobs_queue_depth", "queue_name"]),
    ("quipu-system", "P99 duration by type", &["jobs_duration_seconds_bucket", "job_type", "histogram_quantile(0.99,"]),
    ("quipu-system", "Cache hit ratio", &["cache_hits_total", "cache_misses_total"]),
    ("quipu-system", "Pool use", &["database_connections_active", "database_connections_idle"]),
    ("quipu-system", "Consumer lag", &["message_queue_lag_seconds", "consumer_group"]),
    ("quipu-system", "Memory in use", &["system_memory_bytes"]),
];

#[test]
fn what_is_asked_for_is_shown() {
    let dashboards = dashboards::all();
    for (name, title, parts) in ASKED {
        let dashboard = dashboards.iter().find(|dashboard| dashboard.name == name).unwrap();
        let panel = dashboard.panels().find(|panel| panel["title"] == title);
        let panel = panel.unwrap_or_else(|| panic!("{name} has no panel {title:?}"));
        let query = without_variables(panel["targets"][0]["expr"].as_str().unwrap());
        let parsed = parse(&query);
        let names: Vec<_> = selectors(&parsed).iter().map(|selector| selector.name().to_owned()).collect();
        for part in parts {
            assert!(
                names.iter().any(|name| name == part) || query.contains(part),
                "{name}, {title}: no {part} in {query}"
            );
        }
    }
}

const ALERTS: [&str; 5] =
    ["HighHTTPErrorRate", "HighAPILatency", "CriticalIncidentsActive", "LLMHighErrorRate", "JobQueueBacklog"];

#[test]
fn alerts_have_the_names_and_times_that_were_asked_for() {
    let files = quipu_ops::rules::all(&crate::FAMILIES, &crate::settings()).unwrap();
    let alerts: Vec<_> = files.iter().flat_map(|file| file.alerts()).collect();
    let holds = ALERTS.map(|name| alerts.iter().find(|alert| alert.name == name).unwrap().hold);
    assert_eq!(holds, ["5m", "5m", "1m", "5m", "10m"]);
}
