//! The incident manager at one glance: what is wrong, and how incidents go.

use super::{HTTP_ERRORS, LLM_ERRORS, mean};
use crate::families::Families;
use crate::panel::{Dashboard, HEALTH, Panel, Row, Shape, UP};
use crate::rules::latency_errors;
use quipu::engine::Alerts;

pub(super) fn dashboard(families: &Families, alerts: &Alerts) -> Dashboard {
    Dashboard {
        uid: "quipu-overview",
        title: "Incident manager / Overview",
        description: "What is wrong, first; then how incidents come and go. The other dashboards have the details.",
        rows: vec![now(alerts), firing(families), budgets(alerts), incidents(families), times(families)],
    }
}

fn now(alerts: &Alerts) -> Row {
    let number = |title, unit, description| Panel::new(Shape::Number, title, unit, description);
    let queue = "Items that wait in the fullest queue.";
    let p0 = "Incidents of severity P0 that are not over.";
    let p95 = "95th percentile of the duration of HTTP requests.";
    let (half_errors, half_llm) = (alerts.high_error_rate_threshold / 2.0, alerts.llm_error_rate_threshold / 2.0);
    Row {
        title: "Now",
        panels: vec![
            number("Instances down", "short", "Instances that Prometheus could not scrape.")
                .query("down", "count(@up) - sum(@up)")
                .red_from(1.0),
            number("Active P0 incidents", "short", p0)
                .query("P0", "sum(@incidents_active{severity=\"P0\"})")
                .red_from(alerts.active_p0_incidents_threshold + 1.0),
            number("HTTP errors", "percentunit", "Part of the HTTP requests that end in a status of 500 or more.")
                .query("errors", HTTP_ERRORS)
                .steps(half_errors, alerts.high_error_rate_threshold),
            number("HTTP p95", "s", p95)
                .query("p95", "histogram_quantile(0.95, sum by (le) (rate(@http_request_duration_seconds_bucket[$__rate_interval])))")
                .steps(alerts.high_latency_p95_seconds / 2.0, alerts.high_latency_p95_seconds),
            number("LLM errors", "percentunit", "Part of the requests to LLMs that fail.")
                .query("errors", LLM_ERRORS)
                .steps(half_llm, alerts.llm_error_rate_threshold),
            number("Backlog", "short", queue)
                .query("waiting", "max(sum by (queue_name) (@jobs_queue_depth))")
                .steps(alerts.job_queue_backlog_threshold / 2.0, alerts.job_queue_backlog_threshold),
        ],
    }
}

fn firing(families: &Families) -> Row {
    Row {
        title: "Alerts and state",
        panels: vec![
            Panel::new(
                Shape::States,
                "Firing alerts",
                "short",
                "Alerts of the service that fire, and since when. Empty: none.",
            )
            .query(
                "{{alertname}} ({{severity}})",
                "max by (alertname, severity) (ALERTS{alertstate=\"firing\",job=~\"$job\"})",
            )
            .names(FIRING)
            .width(12),
            families.states("Health", "service_health_status", &["service_name"], HEALTH).width(6),
            Panel::new(Shape::States, "Instances", "short", "Whether Prometheus could scrape an instance.")
                .query("{{instance}}", "max by (instance) (@up)")
                .names(UP)
                .width(6),
        ],
    }
}

const FIRING: &[(u32, &str, crate::panel::Colour)] = &[(1, "firing", crate::panel::Colour::Red)];

fn budgets(alerts: &Alerts) -> Row {
    let availability = |range: &str| {
        let errors = format!(
            "sum(increase(@http_requests_total{{status=~\"5..\"}}[{range}])) / sum(increase(@http_requests_total[{range}]))"
        );
        format!("{errors} / {}", budget(alerts.availability_objective))
    };
    let latency = |range: &str| {
        format!("({}) / {}", latency_errors(alerts, "", "increase", range), budget(alerts.latency_objective))
    };
    let burn = "How fast the error budget of 30 days is used: at 1 it lasts for exactly these days, at 14.4 for two.";
    let panel = |title, what: &str| Panel::new(Shape::Lines, title, "short", &format!("{what} {burn}")).width(8);
    Row {
        title: "Error budgets",
        panels: vec![
            panel("Burn rate of the availability objective", "Of HTTP requests that fail.")
                .query("1 hour", availability("1h"))
                .query("6 hours", availability("6h"))
                .steps(1.0, 14.4),
            panel("Burn rate of the latency objective", "Of HTTP requests that succeed, and take too long.")
                .query("1 hour", latency("1h"))
                .query("6 hours", latency("6h"))
                .steps(1.0, 14.4),
            Panel::new(
                Shape::Stack,
                "HTTP requests by status",
                "reqps",
                "`http_requests_total`: HTTP requests finished, by the status of their response.",
            )
            .query("{{status}}", "sum by (status) (rate(@http_requests_total[$__rate_interval]))")
            .width(8),
        ],
    }
}

fn budget(objective: f64) -> f64 {
    // So that 1 - 0.999 reads 0.001.
    ((1.0 - objective) * 1e9).round() / 1e9
}

fn incidents(families: &Families) -> Row {
    let deduplicated = "sum(rate(@incidents_deduplicated_total[$__rate_interval])) / (sum(rate(@incidents_total[$__rate_interval])) + sum(rate(@incidents_deduplicated_total[$__rate_interval])))";
    let is_part = "Part of the reports that are of an incident that was there already.";
    Row {
        title: "Incidents",
        panels: vec![
            families.rate("Incidents created by severity", "incidents_total", &["severity"]).width(12),
            Panel {
                shape: Shape::Stack,
                ..families.value("Active incidents by severity", "incidents_active", &["severity"])
            }
            .width(12),
            families.rate("Incidents created by source", "incidents_total", &["source"]),
            families.rate("Incidents resolved by severity", "incidents_resolved_total", &["severity"]),
            Panel {
                shape: Shape::Stack,
                ..families.value("Active incidents by category", "incidents_active", &["category"])
            },
            Panel::new(Shape::Lines, "Deduplication ratio", "percentunit", is_part)
                .query("ratio", deduplicated)
                .max(1.0),
            families.rate("Deduplicated by source", "incidents_deduplicated_total", &["source"]),
            families.rate("Correlated by source", "incidents_correlated_total", &["source"]),
            families.rate("Escalations by level", "incidents_escalated_total", &["level"]),
            families
                .rate("Changes of state", "incident_state_transitions_total", &["from_state", "to_state"])
                .width(16),
        ],
    }
}

fn times(families: &Families) -> Row {
    let (acknowledged, resolved) = ("incident_acknowledgment_duration_seconds", "incident_resolution_duration_seconds");
    let range = "Of the incidents of the time that is shown.";
    let hour = "Of the incidents of an hour.";
    Row {
        title: "Times of incidents",
        panels: vec![
            Panel::new(Shape::Number, "Mean time to acknowledge", "s", range)
                .query("mean", mean(acknowledged, "", "$__range"))
                .width(6),
            Panel::new(Shape::Number, "Mean time to resolve", "s", range)
                .query("mean", mean(resolved, "", "$__range"))
                .width(6),
            Panel::new(Shape::Number, "Mean time to process", "s", range)
                .query("mean", mean("incident_processing_duration_seconds", "", "$__range"))
                .width(6),
            Panel::new(Shape::Number, "Oldest item in a queue", "s", "Age of the item that has waited for longest.")
                .query("age", "max(@jobs_queue_oldest_item_age_seconds)")
                .width(6),
            Panel::new(Shape::Lines, "Mean time to acknowledge by severity", "s", hour)
                .query("{{severity}}", mean(acknowledged, " by (severity)", "1h")),
            Panel::new(Shape::Lines, "Mean time to resolve by severity", "s", hour)
                .query("{{severity}}", mean(resolved, " by (severity)", "1h")),
            Panel::new(Shape::Lines, "Mean time to resolve by source", "s", hour)
                .query("{{source}}", mean(resolved, " by (source)", "1h")),
            families.heatmap("Time to acknowledge", acknowledged),
            families.heatmap("Time to resolve", resolved),
            families.quantiles("Time to process a report", "incident_processing_duration_seconds"),
        ],
    }
}
