//! What each dashboard shows: the layout table.
//!
//! The first row says what is wrong. Every family of the registry stands on one of the dashboards; a test sees to that.

mod http;
mod llm;
mod overview;
mod system;

use crate::families::Families;
use crate::panel::Dashboard;
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

/// The part of HTTP requests that fail.
const HTTP_ERRORS: &str = "sum(rate(@http_requests_total{status=~\"5..\"}[$__rate_interval])) / sum(rate(@http_requests_total[$__rate_interval]))";

/// The part of requests to LLMs that fail.
const LLM_ERRORS: &str = "sum(rate(@llm_requests_total{status=\"error\"}[$__rate_interval])) / sum(rate(@llm_requests_total[$__rate_interval]))";

/// The mean of a histogram over an hour, or over the time that is shown.
fn mean(histogram: &str, by: &str, range: &str) -> String {
    format!("sum{by} (increase(@{histogram}_sum[{range}])) / sum{by} (increase(@{histogram}_count[{range}]))")
}
