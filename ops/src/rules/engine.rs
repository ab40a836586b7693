//! Alerts about the metrics engine: what it leaves out, and what it is about to.

use super::{Alert, Group, Severity, alerts};
use crate::query::{Scope, gained};

/// Name, query, how long, summary and description. All of them can wait for the next day.
type Line = (&'static str, String, &'static str, &'static str, &'static str);

fn lost() -> [Line; 4] {
    [
        (
            "LabelValuesOverflow",
            format!("{} > 0", gained("sum by (job, instance, family, label)", "quipu_overflowed_lookups_total")),
            "5m",
            "A label has more values than its limit allows.",
            "{{ $value | humanize }} times in 15 minutes a value of the label {{ $labels.label }} of {{ $labels.family }} was replaced, on {{ $labels.instance }}.",
        ),
        (
            "LookupsRefused",
            format!("{} > 0", gained("sum by (job, instance, family)", "quipu_refused_lookups_total")),
            "0s",
            "What was recorded is lost: there was no room for its series.",
            "{{ $value | humanize }} lookups of {{ $labels.family }} were refused in 15 minutes, on {{ $labels.instance }}.",
        ),
        (
            "ValuesRefused",
            format!("{} > 0", gained("sum by (job, instance, family)", "quipu_rejected_values_total")),
            "0s",
            "Values that make no sense were recorded, and refused.",
            "{{ $value | humanize }} values of {{ $labels.family }} were refused in 15 minutes, on {{ $labels.instance }}.",
        ),
        (
            "ScrapeIncomplete",
            format!("{} > 0", gained("sum by (job, instance, family)", "quipu_left_out_total")),
            "0s",
            "A scrape leaves series out: two registries behind one endpoint have the same.",
            "{{ $value | humanize }} times in 15 minutes something of {{ $labels.family }} was left out, on {{ $labels.instance }}.",
        ),
    ]
}

fn limits() -> [Line; 3] {
    [
        (
            "RegistrySeriesNearLimit",
            "@quipu_registry_series / @quipu_registry_series_limit > 0.8".to_owned(),
            "15m",
            "The registry has nearly as many series as it may have.",
            "{{ $value | humanizePercentage }} of the series that the registry of {{ $labels.instance }} may have are used.",
        ),
        (
            "RegistryBytesNearLimit",
            "@quipu_registry_bytes / @quipu_registry_bytes_limit > 0.8".to_owned(),
            "15m",
            "The registry takes nearly as much memory as it may take.",
            "{{ $value | humanizePercentage }} of the memory that the registry of {{ $labels.instance }} may take is used.",
        ),
        (
            "FamilySeriesNearLimit",
            "@quipu_series / @quipu_series_limit > 0.8".to_owned(),
            "15m",
            "A family has nearly as many series as it may have.",
            "{{ $value | humanizePercentage }} of the series that {{ $labels.family }} of {{ $labels.instance }} may have are used.",
        ),
    ]
}

fn state() -> [Line; 7] {
    [
        (
            "CollectorDown",
            "@quipu_collector_up == 0".to_owned(),
            "5m",
            "A collector yields nothing: its metrics are missing.",
            "The collector {{ $labels.collector }} of {{ $labels.instance }} does not yield its values in time: {{ $value }}.",
        ),
        (
            "CircuitBreakerOpen",
            // That of a model has an alert of its own. It is called as the model or as the provider.
            "@circuit_breaker_state > 0\nunless on (job, instance, breaker) (\n  \
             label_replace(@llm_circuit_breaker_state > 0, \"breaker\", \"$1\", \"model\", \"(.+)\")\n  or\n  \
             label_replace(@llm_circuit_breaker_state > 0, \"breaker\", \"$1\", \"provider\", \"(.+)\")\n)"
                .to_owned(),
            "5m",
            "A circuit breaker does not close: what it guards keeps failing.",
            "The circuit breaker {{ $labels.breaker }} of {{ $labels.instance }} is in state {{ $value }} (1 open, 2 half-open).",
        ),
        (
            "LLMCircuitBreakerOpen",
            "max by (job, provider, model) (@llm_circuit_breaker_state) > 0".to_owned(),
            "5m",
            "A model is not asked any more: requests to it keep failing.",
            "The circuit breaker of {{ $labels.model }} of {{ $labels.provider }} is in state {{ $value }} (1 open, 2 half-open).",
        ),
        (
            "ScrapeSlow",
            "@scrape_duration_seconds > 5".to_owned(),
            "10m",
            "A scrape takes so long that it soon fails.",
            "A scrape of {{ $labels.instance }} takes {{ $value | humanizeDuration }}; most time limits are 10 s.",
        ),
        (
            "ScrapesRefused",
            format!("{} > 0", gained("sum by (job, instance)", "quipu_refused_scrapes_total")),
            "0s",
            "Scrapes were answered 503 or 505: too many at once, or too large for HTTP/1.0.",
            "{{ $value | humanize }} scrapes of {{ $labels.instance }} were refused in 15 minutes.",
        ),
        (
            "ScrapesBrokenOff",
            format!("{} > 5", gained("sum by (job, instance)", "quipu_late_scrape_connections_total")),
            "5m",
            "Scrapes are broken off: their clients do not read them in time.",
            "{{ $value | humanize }} connections of scrapers of {{ $labels.instance }} were closed in 15 minutes.",
        ),
        (
            "PushFailing",
            format!(
                "time() - max by (job, instance, gateway) (@quipu_push_last_success_timestamp_seconds) > 900\nand\n{} > 0",
                gained("sum by (job, instance, gateway)", "quipu_push_failures_total"),
            ),
            "5m",
            "Pushes to a Pushgateway fail: what it shows is old.",
            // It is 0 before the first.
            "Pushes of {{ $labels.instance }} to {{ $labels.gateway }} fail: {{ if gt $value 1e9 }}none has succeeded since it was started{{ else }}the last that succeeded was {{ $value | humanizeDuration }} ago{{ end }}.",
        ),
    ]
}

pub(super) fn groups(scope: &Scope) -> Vec<Group> {
    let alert = |(name, query, hold, summary, description): Line| Alert {
        name,
        severity: Severity::Ticket,
        query: scope.query(&query),
        hold,
        summary,
        description: description.to_owned(),
    };
    vec![alerts("lost", lost().map(alert)), alerts("limits", limits().map(alert)), alerts("state", state().map(alert))]
}
