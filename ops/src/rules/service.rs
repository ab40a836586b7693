//! Alerts about the service, and about the silence of what they look at.

use super::objectives::FAILED;
use super::{Alert, Group, Severity, alerts};
use crate::query::Scope;
use crate::settings::Settings;

pub(super) fn groups(settings: &Settings, scope: &Scope) -> Vec<Group> {
    vec![
        alerts("service", service(settings, scope)),
        alerts("presence", presence(settings, scope)),
        alerts("watchdog", [watchdog()]),
    ]
}

fn service(settings: &Settings, scope: &Scope) -> [Alert; 5] {
    let alerts = &settings.alerts;
    let job = &settings.job;
    [
        Alert {
            name: "HighHTTPErrorRate",
            severity: Severity::Page,
            query: format!("{FAILED}5m{{job=\"{job}\"}} > {}", alerts.high_error_rate_threshold),
            hold: "5m",
            summary: "Many HTTP requests fail.",
            description: "{{ $value | humanizePercentage }} of the HTTP requests of {{ $labels.job }} ended in a status of 500 or more.".to_owned(),
        },
        Alert {
            name: "HighAPILatency",
            severity: Severity::Ticket,
            query: scope.query(&format!(
                "histogram_quantile(0.95, sum by (job, le) (rate(@http_request_duration_seconds_bucket[5m]))) > {}",
                alerts.high_latency_p95_seconds,
            )),
            hold: "5m",
            summary: "HTTP requests are slow.",
            description: "Five of a hundred HTTP requests of {{ $labels.job }} take longer than {{ $value | humanizeDuration }}.".to_owned(),
        },
        Alert {
            name: "CriticalIncidentsActive",
            severity: Severity::Page,
            query: scope.query(&format!("sum by (job) (@incidents_active{{severity=\"P0\"}}) > {}", alerts.active_p0_incidents_threshold)),
            hold: "1m",
            summary: "Incidents of severity P0 are not over.",
            description: "{{ $value }} incidents of severity P0 are active.".to_owned(),
        },
        Alert {
            name: "LLMHighErrorRate",
            severity: Severity::Ticket,
            query: scope.query(&format!(
                "sum by (job, provider) (rate(@llm_requests_total{{status=\"error\"}}[5m]))\n/\n\
                 sum by (job, provider) (rate(@llm_requests_total[5m]))\n> {}",
                alerts.llm_error_rate_threshold,
            )),
            hold: "5m",
            summary: "Many requests to a provider of LLMs fail.",
            description: "{{ $value | humanizePercentage }} of the requests to {{ $labels.provider }} failed.".to_owned(),
        },
        Alert {
            name: "JobQueueBacklog",
            severity: Severity::Ticket,
            query: scope.query(&format!("sum by (job, queue_name) (@jobs_queue_depth) > {}", alerts.job_queue_backlog_threshold)),
            hold: "10m",
            summary: "A queue of jobs does not empty.",
            description: "{{ $value }} items wait in the queue {{ $labels.queue_name }}.".to_owned(),
        },
    ]
}

/// Without the metrics that they look at, other alerts cannot fire. What is switched off is not missed.
fn presence(settings: &Settings, scope: &Scope) -> impl Iterator<Item = Alert> {
    let alert = |name, severity, query: &str, hold, summary, description: &str| Alert {
        name,
        severity,
        query: scope.query(query),
        hold,
        summary,
        description: description.to_owned(),
    };
    let all = [
        (
            true,
            alert(
                "IncidentManagerDown",
                Severity::Page,
                "@up == 0",
                "5m",
                "An instance of the service cannot be scraped.",
                "The last scrape of {{ $labels.instance }} failed: `up` is {{ $value }}.",
            ),
        ),
        (
            true,
            alert(
                "IncidentManagerAbsent",
                Severity::Page,
                "absent(@up)",
                "5m",
                "Prometheus knows no instance of the service.",
                "No target has the job {{ $labels.job }}: `absent(up)` is {{ $value }}.",
            ),
        ),
        (
            settings.has_http,
            alert(
                "HTTPMetricsAbsent",
                Severity::Ticket,
                "absent(@http_requests_total)\nor\nabsent(@http_request_duration_seconds_bucket)\nor\nabsent(@http_request_duration_seconds_count)",
                "15m",
                "Alerts about HTTP cannot fire: their metrics are not there.",
                "The job {{ $labels.job }} exposes no HTTP requests: `absent` is {{ $value }}.",
            ),
        ),
        (
            settings.has_incidents,
            alert(
                "IncidentMetricsAbsent",
                Severity::Ticket,
                "absent(@incidents_active)",
                "15m",
                "The alert about P0 incidents cannot fire: its metric is not there.",
                "The job {{ $labels.job }} exposes no active incidents: `absent` is {{ $value }}.",
            ),
        ),
    ];
    all.into_iter().filter_map(|(is_expected, alert)| is_expected.then_some(alert))
}

fn watchdog() -> Alert {
    Alert {
        name: "Watchdog",
        severity: Severity::None,
        query: "vector(1)".to_owned(),
        hold: "0s",
        summary: "Always fires, so that its end tells that alerts do not arrive.",
        description: "The way from Prometheus to you works: {{ $value }}.".to_owned(),
    }
}
