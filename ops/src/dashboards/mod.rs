//! What each dashboard shows: the layout table.
//!
//! The first row says what is wrong. Every family of the registry stands on one of the dashboards; a test sees to that.

mod http;
mod llm;
mod overview;
mod system;

use crate::families::Families;
use crate::panel::{Dashboard, Panel, Shape};
use quipu::engine::Alerts;

/// All of them.
pub fn all(families: &Families, alerts: &Alerts) -> [Dashboard; 4] {
    [
        overview::dashboard(families, alerts),
        http::dashboard(families, alerts),
        llm::dashboard(families, alerts),
        system::dashboard(families, alerts),
    ]
}

/// A number of the first row.
fn number(title: &str, unit: &'static str, description: &str, query: impl Into<String>) -> Panel {
    Panel::new(Shape::Number, title, unit, description).query(title, query)
}

/// A part of a whole over time.
fn ratio(title: &str, description: &str, legend: &str, query: impl Into<String>) -> Panel {
    Panel::new(Shape::Lines, title, "percentunit", description).query(legend, query).max(1.0)
}

/// The part of what a counter counts that has these labels; `by` is nothing, or such as ` by (path)`.
fn part(counter: &str, labels: &str, by: &str) -> String {
    format!("sum{by} (rate(@{counter}{{{labels}}}[$__rate_interval])) / sum{by} (rate(@{counter}[$__rate_interval]))")
}

/// The part of HTTP requests that fail.
fn http_errors(by: &str) -> String {
    part("http_requests_total", "status=~\"5..\"", by)
}

/// The part of requests to LLMs that fail.
fn llm_errors(by: &str) -> String {
    part("llm_requests_total", "status=\"error\"", by)
}

fn backlog(alerts: &Alerts) -> Panel {
    let query = "max(sum by (queue_name) (@jobs_queue_depth))";
    number("Backlog", "short", "Items that wait in the fullest queue.", query)
        .threshold(alerts.job_queue_backlog_threshold)
}
