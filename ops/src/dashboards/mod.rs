//! What each dashboard shows: the layout table.
//!
//! The first row says what is wrong. Every family of the registry stands on one of the dashboards; a test sees to that.

mod http;
mod llm;
mod overview;
mod system;

use crate::families::Families;
use crate::panel::Dashboard;
use crate::settings::Thresholds;

/// All of them.
pub fn all(families: &Families, thresholds: &Thresholds) -> [Dashboard; 4] {
    [
        overview::dashboard(families, thresholds),
        http::dashboard(families, thresholds),
        llm::dashboard(families, thresholds),
        system::dashboard(families, thresholds),
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
