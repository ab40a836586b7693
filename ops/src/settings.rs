//! What differs from one deployment to the next.

/// Of which service the files speak, and when its alerts fire.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The label `job` that Prometheus gives to the service's series.
    pub job: String,
    /// Before the names of the service's metrics, with the `_` at its end; often nothing.
    pub prefix: String,
    /// The address below which the pages of `docs/runbooks` are.
    pub runbooks: String,
    /// When alerts fire.
    pub thresholds: Thresholds,
}

/// When alerts fire: above these values.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Part of the HTTP requests that end in a status of 500 or more, from 0 to 1.
    pub http_error_ratio: f64,
    /// 95th percentile of the duration of HTTP requests, in seconds.
    pub http_p95_seconds: f64,
    /// Incidents of severity P0 that are not over.
    pub active_p0_incidents: f64,
    /// Part of the requests to a provider of LLMs that fail, from 0 to 1.
    pub llm_error_ratio: f64,
    /// Items that wait in a queue.
    pub queue_backlog: f64,
    /// Part of the HTTP requests that are to succeed, in 30 days; below 1.
    pub availability_objective: f64,
    /// Part of the successful HTTP requests that are to take at most `latency_seconds`, in 30 days; below 1.
    pub latency_objective: f64,
    /// A bound of the histogram `http_request_duration_seconds`.
    pub latency_seconds: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            job: "incident-manager".to_owned(),
            prefix: String::new(),
            runbooks: "docs/runbooks".to_owned(),
            thresholds: Thresholds::default(),
        }
    }
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            http_error_ratio: 0.05,
            http_p95_seconds: 1.0,
            active_p0_incidents: 0.0,
            llm_error_ratio: 0.1,
            queue_backlog: 1000.0,
            availability_objective: 0.999,
            latency_objective: 0.99,
            latency_seconds: 1.0,
        }
    }
}
