//! Input that makes no sense is recorded as something, and breaks nothing.

use quipu::testing::{histogram, value};
use quipu_catalog::Status;
use quipu_catalog::code::BatchStatus;
use quipu_catalog::incidents::{Category, Level, Severity, Source, State};
use quipu_catalog::jobs::{JobError, JobStatus, JobType, QueueName};
use quipu_catalog::llm::{CallStatus, ErrorType, FinishReason, Operation, Price, Prices, TokenType, Usage};
use quipu_catalog::notifications::Channel;
use quipu_catalog::storage::{QueryOperation, StorageOperation};
use std::time::Duration;

const USAGE: Usage = Usage { prompt: 400, completion: 100, cached_read: 0, cached_write: 0, reasoning: 0 };

#[test]
fn a_model_name_of_a_mebibyte_is_one_that_is_too_many() {
    let (catalog, registry, _) = crate::catalog();
    let model = "m".repeat(1 << 20);
    for _ in 0..3 {
        catalog.llm.start("openai", &model, Operation::Analysis).success(USAGE);
    }
    assert_eq!(value(&registry, "llm_requests_total", [("model", "__overflow__")]), 3.0);
    assert_eq!(value(&registry, "llm_requests_total", [("provider", "openai")]), 3.0);
    assert_eq!(value(&registry, "llm_requests_in_flight", []), 0.0);
    let text = registry.to_text();
    assert!(text.len() < 1 << 17, "{} bytes", text.len());
}

#[test]
fn control_characters_stay_and_are_escaped_by_the_format() {
    let (catalog, registry, _) = crate::catalog();
    let model = "gpt\u{0}\u{1b}[31m\n\"4\\o\u{7f}é";
    catalog.llm.start("openai", model, Operation::Analysis).success(USAGE);
    assert_eq!(value(&registry, "llm_requests_total", [("model", model)]), 1.0);
    let line = "llm_requests_total{provider=\"openai\",model=\"gpt\u{0}\u{1b}[31m\\n\\\"4\\\\o\u{7f}é\",operation=\"analysis\",status=\"success\"} 1\n";
    assert!(registry.to_text().contains(line));
    // It has the price of its beginning.
    let (registry, _) = quipu::testing::registry();
    let llm = quipu_catalog::llm::Llm::register(&registry, Prices::new([("gpt\u{0}", Price::new(1.0, 1.0))]).unwrap())
        .unwrap();
    llm.start("openai", model, Operation::Analysis).success(USAGE);
    assert_eq!(value(&registry, "llm_cost_dollars_total", []), 0.5);
}

#[test]
fn an_empty_name_is_a_name() {
    let (catalog, registry, _) = crate::catalog();
    catalog.llm.start("", "", Operation::Analysis).success(USAGE);
    assert_eq!(value(&registry, "llm_requests_total", [("provider", ""), ("model", "")]), 1.0);
}

/// Requests that name models as they like: 100 models have series, sums by provider stay exact.
#[test]
fn a_storm_of_models_stays_within_the_budget() {
    let (catalog, registry, _) = crate::catalog();
    for n in 0..3_000 {
        let call = catalog.llm.start("openai", &format!("model-{n}"), Operation::Analysis);
        call.success(USAGE);
    }
    let snapshot = registry.snapshot();
    let in_flight = snapshot.family("llm_requests_in_flight").unwrap();
    assert_eq!(in_flight.series().len(), 101);
    assert_eq!(value(&registry, "llm_requests_total", [("status", "success")]), 3_000.0);
    assert_eq!(value(&registry, "llm_requests_total", [("model", "__overflow__"), ("status", "success")]), 2_900.0);
    assert_eq!(value(&registry, "llm_tokens_total", [("provider", "openai")]), 1_500_000.0);
    assert_eq!(value(&registry, "llm_requests_in_flight", []), 0.0);
    // Those that were there first are what they were.
    catalog.llm.start("openai", "model-7", Operation::Analysis).success(USAGE);
    assert_eq!(value(&registry, "llm_requests_total", [("model", "model-7")]), 2.0);
}

#[test]
fn more_tokens_than_there_are_do_not_make_a_counter_wrap() {
    let (catalog, registry, _) = crate::catalog();
    let nonsense = Usage {
        prompt: u64::MAX,
        completion: u64::MAX,
        cached_read: u64::MAX,
        cached_write: u64::MAX,
        reasoning: u64::MAX,
    };
    for _ in 0..2 {
        catalog.llm.start("openai", "gpt-4o", Operation::Analysis).success(nonsense);
    }
    let most = f64::from(u32::MAX);
    assert_eq!(value(&registry, "llm_tokens_total", [("token_type", "prompt")]), 2.0 * most);
    assert_eq!(value(&registry, "llm_cached_tokens_total", []), 4.0 * most);
    assert_eq!(value(&registry, "llm_reasoning_tokens_total", []), 2.0 * most);
    assert!(value(&registry, "llm_cost_dollars_total", []).is_finite());
}

#[test]
fn no_token_or_one_has_no_time_for_each() {
    let (catalog, registry, clock) = crate::catalog();
    for completion in [0, 1] {
        let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
        clock.advance(Duration::from_secs(1));
        call.first_token();
        call.success(Usage { completion, ..USAGE });
    }
    // All of it reasoning, or more than all.
    for reasoning in [96, 97] {
        let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
        call.first_token();
        call.success(Usage { completion: 96, reasoning, ..USAGE });
    }
    assert_eq!(histogram(&registry, "llm_time_per_output_token_seconds", []).count(), 0);
}

/// A clock can show 584 years, and begins again: 2^64 ns less 5 s are 5 s back.
#[test]
fn a_clock_that_goes_back_makes_durations_of_zero() {
    let (catalog, registry, clock) = crate::catalog();
    clock.advance(Duration::from_secs(60));
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    let job = catalog.jobs.start(JobType::Correlation);
    let mut incident = catalog.incidents.open(crate::incidents::KIND);
    let waiting = catalog.jobs.queue(QueueName::Standard).put(());
    let write = catalog.storage.start(StorageOperation::Write, "disk");
    clock.advance(Duration::from_nanos(u64::MAX - 5_000_000_000));
    call.first_token();
    call.success(USAGE);
    job.success();
    incident.acknowledge();
    incident.resolve();
    write.success();
    assert_eq!(value(&registry, "jobs_queue_oldest_item_age_seconds", []), 0.0);
    waiting.take();
    for family in [
        "llm_request_duration_seconds",
        "llm_time_to_first_token_seconds",
        "llm_time_per_output_token_seconds",
        "jobs_duration_seconds",
        "incident_acknowledgment_duration_seconds",
        "incident_resolution_duration_seconds",
        "storage_operation_duration_seconds",
    ] {
        let seconds = histogram(&registry, family, []);
        assert_eq!((seconds.count(), seconds.sum()), (1, 0.0), "{family}");
    }
}

/// Back only after the first token: the answer still takes no negative time.
#[test]
fn a_clock_that_goes_back_midway_makes_no_negative_time_per_token() {
    let (catalog, registry, clock) = crate::catalog();
    let call = catalog.llm.start("openai", "gpt-4o", Operation::Analysis);
    clock.advance(Duration::from_secs(10));
    call.first_token();
    clock.advance(Duration::from_nanos(u64::MAX - 5_000_000_000));
    call.success(USAGE);
    let seconds = histogram(&registry, "llm_time_per_output_token_seconds", []);
    assert_eq!((seconds.count(), seconds.sum()), (1, 0.0));
}

#[test]
fn text_from_a_wire_is_a_value_or_other_or_an_error() {
    macro_rules! check {
        ($($Enum:ident)+; else $($Other:ident::$other:ident)+) => {
            $({
                for value in $Enum::ALL {
                    assert_eq!(value.as_str().parse::<$Enum>().as_ref(), Ok(value));
                    assert_eq!(value.to_string(), value.as_str());
                }
                for text in ["", "nonsense", " success", "SUCCESS", "p0"] {
                    let error = text.parse::<$Enum>().unwrap_err();
                    assert_eq!(error.known().len(), $Enum::ALL.len());
                }
            })+
            $({
                for value in $Other::ALL {
                    assert_eq!($Other::from(value.as_str()), *value);
                }
                for text in ["", "nonsense", "TIMEOUT", &"x".repeat(1 << 20)] {
                    assert_eq!($Other::from(text), $Other::$other);
                }
            })+
        };
    }
    check! {
        Severity Category State Level Operation CallStatus TokenType JobStatus QueueName Status BatchStatus;
        else Source::Other JobType::Other JobError::Unknown ErrorType::Unknown FinishReason::Other Channel::Other
            StorageOperation::Other QueryOperation::Other
    }
    let error = "\n".repeat(1 << 20).parse::<Severity>().unwrap_err();
    assert!(error.to_string().len() < 300);
}
