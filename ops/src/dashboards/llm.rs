//! Calls of language models: whether they work, how fast they are, what they cost.

use super::{llm_errors, number, ratio};
use crate::families::Families;
use crate::panel::{BREAKER, Dashboard, Panel, Row, Shape};
use quipu::engine::Alerts;

const MODEL: &[&str] = &["provider", "model"];

pub(super) fn dashboard(families: &Families, alerts: &Alerts) -> Dashboard {
    Dashboard {
        uid: "quipu-llm",
        title: "Incident manager / LLM integration",
        description: "Calls of language models by provider and model: errors, limits, latency, tokens and cost.",
        rows: vec![
            now(families, alerts),
            failures(families),
            traffic(families),
            latency(families),
            tokens(families),
            cost(families),
        ],
    }
}

fn now(families: &Families, alerts: &Alerts) -> Row {
    let p95 = |histogram| families.quantile_of("0.95", histogram, &[]);
    let fallbacks =
        "sum(rate(@llm_fallbacks_total[$__rate_interval])) / sum(rate(@llm_requests_total[$__rate_interval]))";
    Row {
        title: "Now",
        panels: vec![
            number("Errors", "percentunit", "Part of the requests that fail.", llm_errors(""))
                .threshold(alerts.llm_error_rate_threshold),
            number(
                "Breakers not closed",
                "short",
                "Models that are left alone because they kept failing.",
                "count(@llm_circuit_breaker_state > 0) or vector(0)",
            )
            .red_from(1.0),
            number(
                "p95",
                "s",
                "95th percentile of the time from a request to the end of its answer.",
                p95("llm_request_duration_seconds"),
            ),
            number(
                "First token, p95",
                "s",
                "95th percentile of the time to the first token.",
                p95("llm_time_to_first_token_seconds"),
            ),
            number(
                "Fallback ratio",
                "percentunit",
                "Part of the requests after which another model was asked.",
                fallbacks,
            )
            .steps(0.01, 0.1),
            number(
                "Cost per hour",
                "currencyUSD",
                "What an hour costs at the rate of now.",
                "sum(rate(@llm_cost_dollars_total[$__rate_interval])) * 3600",
            ),
        ],
    }
}

fn failures(families: &Families) -> Row {
    let left = "What a provider said is left of a rate limit.";
    Row {
        title: "What is wrong",
        panels: vec![
            ratio(
                "Error ratio by provider",
                "Part of the requests to a provider that fail.",
                "{{provider}}",
                llm_errors(" by (provider)"),
            ),
            families.rate("Errors by type", "llm_errors_total", &["provider", "model", "error_type"]),
            families.states("Circuit breakers", "llm_circuit_breaker_state", MODEL, BREAKER),
            families.rate("Rate limit hits", "llm_rate_limit_hits_total", &["provider"]),
            Panel::new(Shape::Lines, "Rate limit remaining", "short", left)
                .query("{{provider}} {{resource}}", "min by (provider, resource) (@llm_rate_limit_remaining)"),
            families.rate("Retries", "llm_retries_total", MODEL),
            families.rate("Fallbacks", "llm_fallbacks_total", &["from", "to", "outcome"]).width(12),
            families.rate("Why answers ended", "llm_finish_reasons_total", &["model", "reason"]).width(12),
        ],
    }
}

fn traffic(families: &Families) -> Row {
    Row {
        title: "Traffic",
        panels: vec![
            families.rate("Requests by model", "llm_requests_total", MODEL).width(6),
            families.rate("Requests by operation", "llm_requests_total", &["operation"]).width(6),
            families.rate("Requests by outcome", "llm_requests_total", &["status"]).stacked().width(6),
            families.value("Requests in flight", "llm_requests_in_flight", MODEL).width(6),
        ],
    }
}

fn latency(families: &Families) -> Row {
    let (whole, first, each) =
        ("llm_request_duration_seconds", "llm_time_to_first_token_seconds", "llm_time_per_output_token_seconds");
    Row {
        title: "Latency",
        panels: vec![
            families.quantiles("Latency", whole),
            families.quantile("P95 latency by model", "0.95", whole, MODEL),
            families.heatmap("Spread of latency", whole),
            families.quantiles("Time to first token", first),
            families.quantile("P95 time to first token by model", "0.95", first, MODEL),
            families.heatmap("Spread of time to first token", first),
            families.quantiles("Time per output token", each),
            families.quantile("P95 time per output token by model", "0.95", each, MODEL),
            families.heatmap("Spread of time per output token", each),
        ],
    }
}

fn tokens(families: &Families) -> Row {
    let per_hour = |title, legend, query: &str, description| {
        Panel::new(Shape::Lines, title, "short", description).query(legend, query)
    };
    let cached = "sum by (provider, model) (rate(@llm_cached_tokens_total{access=\"read\"}[$__rate_interval])) / sum by (provider, model) (rate(@llm_tokens_total{token_type=\"prompt\"}[$__rate_interval]))";
    Row {
        title: "Tokens",
        panels: vec![
            per_hour(
                "Tokens per hour",
                "{{token_type}}",
                "sum by (token_type) (rate(@llm_tokens_total[$__rate_interval])) * 3600",
                "`llm_tokens_total`: tokens sent and received, at the rate of now for an hour.",
            ),
            per_hour(
                "Tokens per hour by model",
                "{{provider}} {{model}}",
                "sum by (provider, model) (rate(@llm_tokens_total[$__rate_interval])) * 3600",
                "`llm_tokens_total`: tokens sent and received, at the rate of now for an hour.",
            ),
            ratio(
                "Prompt tokens from the cache",
                "Part of the prompt tokens that the provider read from its cache.",
                "{{provider}} {{model}}",
                cached,
            ),
            families.rate("Cached tokens", "llm_cached_tokens_total", &["model", "access"]),
            families.rate("Reasoning tokens", "llm_reasoning_tokens_total", MODEL),
            families.quantiles("Tokens of a prompt", "llm_request_input_tokens"),
            families.heatmap("Spread of tokens of prompts", "llm_request_input_tokens"),
            families.quantiles("Tokens of an answer", "llm_request_output_tokens"),
            families.heatmap("Spread of tokens of answers", "llm_request_output_tokens"),
        ],
    }
}

fn cost(families: &Families) -> Row {
    let cost = "sum by (provider, model) (rate(@llm_cost_dollars_total[$__rate_interval]))";
    let each = format!(
        "{cost} / sum by (provider, model) (rate(@llm_requests_total{{status=\"success\"}}[$__rate_interval]))"
    );
    let dollars = |title, description, query: String| {
        Panel::new(Shape::Lines, title, "currencyUSD", description).query("{{provider}} {{model}}", query)
    };
    Row {
        title: "Cost",
        panels: vec![
            dollars(
                "Cost per hour by model",
                "`llm_cost_dollars_total`: cost of requests that succeeded, at the rate of now for an hour.",
                format!("{cost} * 3600"),
            ),
            dollars("Cost of a request", "Mean cost of the requests that succeeded.", each),
            families.rate("Requests without a price", "llm_unpriced_requests_total", MODEL),
        ],
    }
}
