//! Objectives of 30 days: what part of requests may fail or be slow, and how fast that budget is used.
//!
//! An alert looks at a long window, to be sure, and at a short one, to end soon after the fault does.

use super::{Alert, Group, Rule, Severity};
use crate::query::Scope;
use crate::settings::Settings;
use quipu::engine::Alerts;

const DAYS: f64 = 30.0;

/// A part of the budget that is used within a long window.
struct Burn {
    part: f64,
    hours: f64,
    long: &'static str,
    short: &'static str,
}

const FAST: [Burn; 2] = [
    Burn { part: 0.02, hours: 1.0, long: "1h", short: "5m" },
    Burn { part: 0.05, hours: 6.0, long: "6h", short: "30m" },
];
const SLOW: [Burn; 2] = [
    Burn { part: 0.1, hours: 24.0, long: "1d", short: "2h" },
    Burn { part: 0.1, hours: 72.0, long: "3d", short: "6h" },
];
const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// The part of HTTP requests that fail, by window.
pub(super) const FAILED: &str = "job:http_requests_failed:ratio_rate";
const SLOW_REQUESTS: &str = "job:http_requests_slow:ratio_rate";

impl Burn {
    /// How many times as fast as the budget allows.
    fn rate(&self) -> f64 {
        self.part * DAYS * 24.0 / self.hours
    }
}

/// The part of successful HTTP requests that took too long, by labels such as ` by (job)`.
///
/// Prometheus 3 stores the bound 1 as `1.0`.
pub fn latency_errors(alerts: &Alerts, by: &str, function: &str, window: &str) -> String {
    let seconds = alerts.latency_objective_seconds;
    let bound = if seconds.fract() == 0.0 { format!("=~\"{seconds}(\\\\.0)?\"") } else { format!("=\"{seconds}\"") };
    let requests = |series: &str, bound: &str| {
        format!("sum{by} ({function}(@http_request_duration_seconds_{series}{{{bound}status!~\"5..\"}}[{window}]))")
    };
    format!("1 - {} / {}", requests("bucket", &format!("le{bound},")), requests("count", ""))
}

pub(super) fn groups(settings: &Settings, scope: &Scope) -> Vec<Group> {
    let alerts = &settings.alerts;
    let failed = |window: &str| {
        format!(
            "sum by (job) (rate(@http_requests_total{{status=~\"5..\"}}[{window}]))\n/\nsum by (job) (rate(@http_requests_total[{window}]))"
        )
    };
    let slow = |window: &str| latency_errors(alerts, " by (job)", "rate", window);
    let record = |name: &str, query: &dyn Fn(&str) -> String| {
        let rule = |window: &&str| Rule::Record { name: format!("{name}{window}"), query: scope.query(&query(window)) };
        WINDOWS.iter().map(rule).collect::<Vec<_>>()
    };
    let budgets = [1.0 - alerts.availability_objective, 1.0 - alerts.latency_objective];
    vec![
        Group { name: "availability", rules: record(FAILED, &failed) },
        Group { name: "latency", rules: record(SLOW_REQUESTS, &slow) },
        super::alerts("burn rates", burn_rates(settings, budgets)),
    ]
}

fn burn_rates(settings: &Settings, budgets: [f64; 2]) -> [Alert; 4] {
    let alert = |name, severity, hold, recorded: &str, budget, burns: &[Burn; 2], summary, what: &str| Alert {
        name,
        severity,
        query: burns
            .iter()
            .map(|burn| too_fast(recorded, burn, budget, &settings.job))
            .collect::<Vec<_>>()
            .join("\nor\n"),
        hold,
        summary,
        description: format!(
            "{{{{ $value | humanizePercentage }}}} of the HTTP requests of {{{{ $labels.job }}}} {what}. The objective allows {} in {DAYS} days.",
            percent(budget),
        ),
    };
    let (failed, slow) = ("failed over the last hours", "took too long over the last hours");
    [
        alert(
            "HTTPAvailabilityFastBurn",
            Severity::Page,
            "2m",
            FAILED,
            budgets[0],
            &FAST,
            "HTTP requests fail so often that the error budget is soon used up.",
            failed,
        ),
        alert(
            "HTTPAvailabilitySlowBurn",
            Severity::Ticket,
            "15m",
            FAILED,
            budgets[0],
            &SLOW,
            "HTTP requests fail more often than the objective allows.",
            failed,
        ),
        alert(
            "HTTPLatencyFastBurn",
            Severity::Page,
            "2m",
            SLOW_REQUESTS,
            budgets[1],
            &FAST,
            "HTTP requests are so slow that the latency budget is soon used up.",
            slow,
        ),
        alert(
            "HTTPLatencySlowBurn",
            Severity::Ticket,
            "15m",
            SLOW_REQUESTS,
            budgets[1],
            &SLOW,
            "HTTP requests are slow more often than the objective allows.",
            slow,
        ),
    ]
}

fn too_fast(recorded: &str, burn: &Burn, budget: f64, job: &str) -> String {
    let most = number(burn.rate() * budget);
    let part = |window| format!("{recorded}{window}{{job=\"{job}\"}} > {most}");
    format!("(\n  {}\nand\n  {}\n)", part(burn.long), part(burn.short))
}

/// Without what the binary system adds to its end.
fn number(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}

fn percent(part: f64) -> String {
    format!("{} %", number(part * 100.0))
}
