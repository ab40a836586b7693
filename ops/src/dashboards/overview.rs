//! The incident manager at one glance: what is wrong, and how incidents go.

use super::{backlog, http_errors, llm_errors, number, ratio};
use crate::families::Families;
use crate::panel::{Dashboard, FIRING, HEALTH, Panel, Row, Shape, UP};
use crate::rules::latency_errors;
use quipu::engine::Alerts;

pub(super) fn dashboard(families: &Families, alerts: &Alerts) -> Dashboard {
    Dashboard {
        uid: "quipu-overview",
        title: "Incident manager / Overview",
        description: "What is wrong, first; then how incidents come and go. The other dashboards have the details.",
        rows: vec![
            now(families, alerts),
            firing(families),
            budgets(families, alerts),
            incidents(families),
            times(families),
        ],
    }
}

fn now(families: &Families, alerts: &Alerts) -> Row {
    let failed = "Part of the HTTP requests that end in a status of 500 or more.";
    let p95 = families.quantile_of("0.95", "http_request_duration_seconds", &[]);
    Row {
        title: "Now",
        panels: vec![
            number("Instances down", "short", "Instances that Prometheus could not scrape.", "count(@up) - sum(@up)")
                .red_from(1.0),
            number(
                "Active P0 incidents",
                "short",
                "Incidents of severity P0 that are not over.",
                "sum(@incidents_active{severity=\"P0\"})",
            )
            .red_from(alerts.active_p0_incidents_threshold + 1.0),
            number("HTTP errors", "percentunit", failed, http_errors("")).threshold(alerts.high_error_rate_threshold),
            number("HTTP p95", "s", "95th percentile of the duration of HTTP requests.", p95)
                .threshold(alerts.high_latency_p95_seconds),
            number("LLM errors", "percentunit", "Part of the requests to LLMs that fail.", llm_errors(""))
                .threshold(alerts.llm_error_rate_threshold),
            backlog(alerts),
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

fn budgets(families: &Families, alerts: &Alerts) -> Row {
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
            families.rate("HTTP requests by status", "http_requests_total", &["status"]).stacked(),
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
            families.value("Active incidents by severity", "incidents_active", &["severity"]).stacked().width(12),
            families.rate("Incidents created by source", "incidents_total", &["source"]),
            families.rate("Incidents resolved by severity", "incidents_resolved_total", &["severity"]),
            families.value("Active incidents by category", "incidents_active", &["category"]).stacked(),
            ratio("Deduplication ratio", is_part, "ratio", deduplicated),
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
    let processed = "incident_processing_duration_seconds";
    let range = "Of the incidents of the time that is shown.";
    let hour = "Of the incidents of an hour.";
    Row {
        title: "Times of incidents",
        panels: vec![
            number("Mean time to acknowledge", "s", range, mean(acknowledged, "", "$__range")).width(6),
            number("Mean time to resolve", "s", range, mean(resolved, "", "$__range")).width(6),
            number("Mean time to process", "s", range, mean(processed, "", "$__range")).width(6),
            number(
                "Oldest item in a queue",
                "s",
                "Age of the item that has waited for longest.",
                "max(@jobs_queue_oldest_item_age_seconds)",
            )
            .width(6),
            Panel::new(Shape::Lines, "Mean time to acknowledge by severity", "s", hour)
                .query("{{severity}}", mean(acknowledged, " by (severity)", "1h")),
            Panel::new(Shape::Lines, "Mean time to resolve by severity", "s", hour)
                .query("{{severity}}", mean(resolved, " by (severity)", "1h")),
            Panel::new(Shape::Lines, "Mean time to resolve by source", "s", hour)
                .query("{{source}}", mean(resolved, " by (source)", "1h")),
            families.heatmap("Time to acknowledge", acknowledged),
            families.heatmap("Time to resolve", resolved),
            families.quantiles("Time to process a report", processed),
        ],
    }
}

/// The mean of a histogram over a time.
fn mean(histogram: &str, by: &str, range: &str) -> String {
    format!("sum{by} (increase(@{histogram}_sum[{range}])) / sum{by} (increase(@{histogram}_count[{range}]))")
}
