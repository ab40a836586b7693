//! Thresholds of alerts.

use crate::config::{Keys, Section};

/// The table `metrics.alerts`: thresholds above which the alerts that are made for a service fire, and the objectives whose budgets they watch.
///
/// Each is exposed as `quipu_alert_threshold{alert="…"}`, so that a rule can compare with it, and a dashboard draw it.
///
/// ```
/// assert_eq!(quipu::engine::Alerts::default().high_error_rate_threshold, 0.05);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Alerts {
    /// Share of requests that fail, from 0 to 1.
    pub high_error_rate_threshold: f64,
    /// The time within which 95 % of requests are answered, in seconds.
    pub high_latency_p95_seconds: f64,
    /// Incidents of the severity P0 that are not over.
    pub active_p0_incidents_threshold: f64,
    /// Share of calls of LLMs that fail, from 0 to 1.
    pub llm_error_rate_threshold: f64,
    /// Jobs that wait in a queue.
    pub job_queue_backlog_threshold: f64,
    /// Share of requests that have to succeed, from 0 to 1.
    pub availability_objective: f64,
    /// Within what time requests have to be answered, in seconds.
    pub latency_objective_seconds: f64,
    /// Share of requests that have to be answered within that time, from 0 to 1.
    pub latency_objective: f64,
}

impl Default for Alerts {
    fn default() -> Alerts {
        Alerts {
            high_error_rate_threshold: 0.05,
            high_latency_p95_seconds: 1.0,
            active_p0_incidents_threshold: 0.0,
            llm_error_rate_threshold: 0.1,
            job_queue_backlog_threshold: 1_000.0,
            availability_objective: 0.999,
            latency_objective_seconds: 1.0,
            latency_objective: 0.99,
        }
    }
}

impl Alerts {
    /// Each threshold with the name of its key.
    pub fn each(&self) -> [(&'static str, f64); 8] {
        [
            ("high_error_rate_threshold", self.high_error_rate_threshold),
            ("high_latency_p95_seconds", self.high_latency_p95_seconds),
            ("active_p0_incidents_threshold", self.active_p0_incidents_threshold),
            ("llm_error_rate_threshold", self.llm_error_rate_threshold),
            ("job_queue_backlog_threshold", self.job_queue_backlog_threshold),
            ("availability_objective", self.availability_objective),
            ("latency_objective_seconds", self.latency_objective_seconds),
            ("latency_objective", self.latency_objective),
        ]
    }
}

impl Section for Alerts {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        let help = "What alerts compare with: thresholds, above which they fire, and objectives; each is exposed as quipu_alert_threshold{alert=\"…\"}.";
        keys.table("alerts", help, |keys| {
            let share = (0.0, 1.0);
            let any = (0.0, f64::INFINITY);
            let mut key = |name, help, (from, to), value: &mut f64| keys.key(name, help).range(from, to).live().value(value);
            let help = "Share of HTTP requests that fail.";
            key("high_error_rate_threshold", help, share, &mut self.high_error_rate_threshold);
            let help = "Time within which 95 % of HTTP requests are answered, in seconds.";
            key("high_latency_p95_seconds", help, any, &mut self.high_latency_p95_seconds);
            let help = "Incidents of the severity P0 that are not over.";
            key("active_p0_incidents_threshold", help, any, &mut self.active_p0_incidents_threshold);
            let help = "Share of calls of LLMs that fail.";
            key("llm_error_rate_threshold", help, share, &mut self.llm_error_rate_threshold);
            let help = "Jobs that wait in a queue.";
            key("job_queue_backlog_threshold", help, any, &mut self.job_queue_backlog_threshold);
            let help = "Share of requests that have to succeed: the objective of alerts on burn rates.";
            key("availability_objective", help, share, &mut self.availability_objective);
            let help = "Time within which requests have to be answered, in seconds: best one of the bounds of http_request_duration_seconds.";
            key("latency_objective_seconds", help, any, &mut self.latency_objective_seconds);
            let help = "Share of requests that have to be answered within that time.";
            key("latency_objective", help, share, &mut self.latency_objective);
        });
    }
}
