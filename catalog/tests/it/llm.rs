//! Calls of LLMs: the right values.

use quipu::CircuitBreaker;
use quipu::testing::{assert_changes, histogram, value};
use quipu_catalog::llm::{CallStatus, ErrorType, FinishReason, Operation, Price, Prices, Resource, Usage, semconv};
use std::time::Duration;

const USAGE: Usage = Usage { prompt: 404, completion: 96, cached_read: 0, cached_write: 0, reasoning: 0 };

#[test]
fn a_success_records_exactly_this() {
    let (catalog, registry, clock) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Classification);
    let changed = [
        (r#"llm_requests_total{provider="openai",model="gpt-4o",operation="classification",status="success"}"#, 1.0),
        (r#"llm_request_duration_seconds_count{provider="openai",model="gpt-4o",operation="classification"}"#, 1.0),
        (r#"llm_request_duration_seconds_sum{provider="openai",model="gpt-4o",operation="classification"}"#, 2.2),
        (r#"llm_time_to_first_token_seconds_count{provider="openai",model="gpt-4o",operation="classification"}"#, 1.0),
        (r#"llm_time_to_first_token_seconds_sum{provider="openai",model="gpt-4o",operation="classification"}"#, 0.3),
        (
            r#"llm_time_per_output_token_seconds_count{provider="openai",model="gpt-4o",operation="classification"}"#,
            1.0,
        ),
        // 1.9 s for the 63 tokens that follow the first: 32 of 96 were hidden reasoning, before it.
        (
            r#"llm_time_per_output_token_seconds_sum{provider="openai",model="gpt-4o",operation="classification"}"#,
            (2.2 - 0.3) / 63.0,
        ),
        (r#"llm_tokens_total{provider="openai",model="gpt-4o",token_type="prompt"}"#, 812.0),
        (r#"llm_tokens_total{provider="openai",model="gpt-4o",token_type="completion"}"#, 96.0),
        (r#"llm_request_input_tokens_count{provider="openai",model="gpt-4o",operation="classification"}"#, 1.0),
        (r#"llm_request_input_tokens_sum{provider="openai",model="gpt-4o",operation="classification"}"#, 812.0),
        (r#"llm_request_output_tokens_count{provider="openai",model="gpt-4o",operation="classification"}"#, 1.0),
        (r#"llm_request_output_tokens_sum{provider="openai",model="gpt-4o",operation="classification"}"#, 96.0),
        (r#"llm_cached_tokens_total{provider="openai",model="gpt-4o",access="read"}"#, 512.0),
        (r#"llm_reasoning_tokens_total{provider="openai",model="gpt-4o"}"#, 32.0),
        (r#"llm_cost_dollars_total{provider="openai",model="gpt-4o"}"#, (812.0 * 0.0025 + 96.0 * 0.01) / 1000.0),
        (r#"llm_finish_reasons_total{provider="openai",model="gpt-4o",reason="stop"}"#, 1.0),
        (r#"llm_requests_in_flight{provider="openai",model="gpt-4o"}"#, -1.0),
    ];
    assert_changes(&registry, changed, || {
        clock.advance(Duration::from_millis(300));
        call.first_token();
        clock.advance(Duration::from_millis(1_900));
        call.first_token(); // another one
        call.finish_reason(FinishReason::Stop);
        call.success(Usage { prompt: 812, completion: 96, cached_read: 512, reasoning: 32, ..Usage::default() });
    });
}

#[test]
fn a_first_token_after_300_ms_is_in_the_bucket_of_half_a_second() {
    let (catalog, registry, clock) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    clock.advance(Duration::from_millis(300));
    call.first_token();
    call.success(USAGE);
    let labels = "provider=\"openai\",model=\"gpt-4o\",operation=\"analysis\"";
    let text = registry.to_text();
    for (bound, count) in [("0.25", 0), ("0.5", 1)] {
        let line = format!("llm_time_to_first_token_seconds_bucket{{{labels},le=\"{bound}\"}} {count}\n");
        assert!(text.contains(&line), "{line}");
    }
}

#[test]
fn two_answers_are_one_request_and_500_tokens_are_500() {
    let (catalog, registry, _) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Enrichment);
    call.finish_reason(FinishReason::Stop);
    call.finish_reason("length".into());
    call.success(USAGE);
    assert_eq!(value(&registry, "llm_requests_total", []), 1.0);
    assert_eq!(value(&registry, "llm_tokens_total", []), 500.0);
    assert_eq!(value(&registry, "llm_finish_reasons_total", []), 2.0);
}

#[test]
fn a_failed_call_has_no_latency_and_no_tokens() {
    let (catalog, registry, clock) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    let changed = [
        (r#"llm_requests_total{provider="openai",model="gpt-4o",operation="analysis",status="error"}"#, 1.0),
        (r#"llm_errors_total{provider="openai",model="gpt-4o",error_type="rate_limit"}"#, 1.0),
        (r#"llm_rate_limit_hits_total{provider="openai"}"#, 1.0),
        (r#"llm_requests_in_flight{provider="openai",model="gpt-4o"}"#, -1.0),
    ];
    assert_changes(&registry, changed, || {
        clock.advance(Duration::from_secs(1));
        call.first_token();
        call.error(ErrorType::of_http_status(429));
    });
}

#[test]
fn a_cancelled_call_keeps_the_time_of_its_first_token() {
    let (catalog, registry, clock) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    clock.advance(Duration::from_secs(1));
    call.first_token();
    clock.advance(Duration::from_secs(1));
    drop(call);
    assert_eq!(histogram(&registry, "llm_time_to_first_token_seconds", []).sum(), 1.0);
    assert_eq!(histogram(&registry, "llm_request_duration_seconds", []).count(), 0);
    assert_eq!(value(&registry, "llm_tokens_total", []), 0.0);
}

#[test]
fn what_nobody_can_price_is_counted_as_that() {
    let (catalog, registry, _) = crate::catalog();
    let unpriced = |model| value(&registry, "llm_unpriced_requests_total", [("model", model)]);
    catalog.llm.start("openai", "o3", Operation::Analysis).success(USAGE);
    assert_eq!((unpriced("o3"), value(&registry, "llm_cost_dollars_total", [])), (1.0, 0.0));
    assert_eq!(value(&registry, "llm_tokens_total", []), 500.0);
    // It has a price, but nobody said for how many tokens.
    catalog.llm.start("openai", "gpt-4o", Operation::Analysis).success_without_usage();
    assert_eq!((unpriced("gpt-4o"), value(&registry, "llm_cost_dollars_total", [])), (1.0, 0.0));
    assert_eq!(histogram(&registry, "llm_request_output_tokens", [("model", "gpt-4o")]).count(), 0);
    assert_eq!(value(&registry, "llm_requests_total", [("status", "success")]), 2.0);
}

#[test]
fn retries_and_fallbacks_are_counted() {
    let (catalog, registry, _) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    call.retry();
    call.retry();
    call.error(ErrorType::ServiceUnavailable);
    catalog.llm.fall_back("gpt-4o", "o3").error();
    catalog.llm.fall_back("gpt-4o", "claude").success();
    drop(catalog.llm.fall_back("gpt-4o", "claude"));
    assert_eq!(value(&registry, "llm_retries_total", [("model", "gpt-4o")]), 2.0);
    assert_eq!(value(&registry, "llm_requests_total", []), 1.0);
    for (to, outcome) in [("o3", "error"), ("claude", "success"), ("claude", "cancelled")] {
        assert_eq!(value(&registry, "llm_fallbacks_total", [("to", to), ("outcome", outcome)]), 1.0);
    }
}

#[test]
fn a_rate_limit_counts_each_time_also_if_the_call_succeeds() {
    let (catalog, registry, _) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    for _ in 0..2 {
        call.rate_limited();
        call.retry();
    }
    call.success(USAGE);
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    call.rate_limited();
    call.retry();
    call.error(ErrorType::RateLimit);
    assert_eq!(value(&registry, "llm_rate_limit_hits_total", [("provider", "openai")]), 4.0);
    assert_eq!(value(&registry, "llm_retries_total", [("model", "gpt-4o")]), 3.0);
    assert_eq!(value(&registry, "llm_errors_total", [("error_type", "rate_limit")]), 1.0);
}

#[test]
fn what_is_left_of_a_rate_limit_is_the_last_word() {
    let (catalog, registry, _) = crate::catalog();
    for remaining in [150_000, 149_000] {
        catalog.llm.rate_limit_remaining("openai", Resource::Tokens, remaining);
    }
    assert_eq!(value(&registry, "llm_rate_limit_remaining", [("resource", "tokens")]), 149_000.0);
}

/// The gauge is right at each scrape, also where the breaker moves on by itself.
#[test]
fn the_state_of_a_breaker_is_that_of_the_scrape() {
    let (catalog, registry, clock) = crate::catalog();
    let breaker = CircuitBreaker::builder("openai").min_calls(1).probes(1).jitter(0.0).clock(&clock).build().unwrap();
    catalog.llm.watch_breaker(&registry, "openai", "gpt-4o", &breaker);
    let state = || value(&registry, "llm_circuit_breaker_state", [("provider", "openai"), ("model", "gpt-4o")]);
    assert_eq!(state(), 0.0);
    breaker.try_acquire().unwrap().failure();
    assert_eq!(state(), 1.0);
    clock.advance(Duration::from_secs(31));
    let probe = breaker.try_acquire().unwrap();
    assert_eq!(state(), 2.0);
    probe.success();
    assert_eq!(state(), 0.0);
}

#[test]
fn prices_are_of_the_model_of_each_call() {
    let (registry, _) = quipu::testing::registry();
    let prices = [
        ("gpt-4o", Price { cached_read: Some(0.5), cached_write: Some(4.0), ..Price::new(1.0, 2.0) }),
        ("gpt-4o-mini", Price::new(0.25, 0.5)),
    ];
    let llm = quipu_catalog::llm::Llm::register(&registry, Prices::new(prices).unwrap()).unwrap();
    let cost = |model, usage| {
        llm.start("openai", model, Operation::Analysis).success(usage);
        value(&registry, "llm_cost_dollars_total", [("model", model)])
    };
    let usage = Usage { prompt: 10_000, completion: 1_000, cached_read: 4_000, cached_write: 1_000, reasoning: 500 };
    assert_eq!(cost("gpt-4o-2024-08-06", usage), 5.0 + 2.0 + 4.0 + 2.0);
    assert_eq!(cost("gpt-4o-mini-2024-07-18", usage), 2.5 + 0.5);
    // More is cached than there is: each token costs once.
    let nonsense = Usage { prompt: 1_000, cached_read: 700, cached_write: 5_000, ..Usage::default() };
    assert_eq!(cost("gpt-4o", nonsense), 1.55);
}

#[test]
fn every_family_with_a_name_in_the_conventions_is_there() {
    let (_catalog, registry, _) = crate::catalog();
    let families = registry.describe();
    for mapping in semconv::METRICS {
        let family = families.iter().find(|family| family.name() == mapping.family).expect(mapping.family);
        if let Some((label, value)) = mapping.of {
            let label = family.labels().find(|found| found.name() == label).expect(label);
            assert!(label.values().unwrap().contains(&value), "{value}");
        }
        for name in [mapping.v1_41, mapping.v2026_10].into_iter().flatten() {
            assert!(name.starts_with("gen_ai.client."), "{name}");
        }
    }
    for (label, _) in semconv::ATTRIBUTES {
        let has_label =
            |family: &quipu::registry::FamilyDescription| family.labels().any(|found| found.name() == *label);
        assert!(families.iter().any(has_label), "{label}");
    }
}

#[test]
fn statuses_of_http_are_sorted() {
    let of = ErrorType::of_http_status;
    assert_eq!([401, 403].map(of), [ErrorType::Authentication; 2]);
    assert_eq!([408, 504].map(of), [ErrorType::Timeout; 2]);
    assert_eq!([500, 502, 503, 529].map(of), [ErrorType::ServiceUnavailable; 4]);
    assert_eq!([200, 400, 404, 999].map(of), [ErrorType::Unknown; 4]);
    assert_eq!(CallStatus::Error.to_string(), "error");
}
