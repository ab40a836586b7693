//! The families are exactly those of the catalogue.

use quipu::model::MetricType;
use quipu::registry::FamilyDescription;
use quipu_catalog::bounds;

const C: MetricType = MetricType::Counter;
const G: MetricType = MetricType::Gauge;
const H: MetricType = MetricType::Histogram;

type Row = (&'static str, MetricType, &'static str, &'static [f64]);

const FAMILIES: &[Row] = &[
    ("incidents_total", C, "severity source category", &[]),
    ("incidents_resolved_total", C, "severity source category", &[]),
    ("incidents_active", G, "severity source category", &[]),
    ("incidents_deduplicated_total", C, "source", &[]),
    ("incidents_correlated_total", C, "source", &[]),
    ("incidents_escalated_total", C, "level", &[]),
    ("incident_processing_duration_seconds", H, "severity", &bounds::HTTP),
    ("incident_acknowledgment_duration_seconds", H, "severity", &bounds::RESOLUTION),
    ("incident_resolution_duration_seconds", H, "severity source", &bounds::RESOLUTION),
    ("incident_state_transitions_total", C, "from_state to_state", &[]),
    ("llm_requests_total", C, "provider model operation status", &[]),
    ("llm_request_duration_seconds", H, "provider model operation", &bounds::LLM),
    ("llm_time_to_first_token_seconds", H, "provider model operation", &bounds::TOKEN),
    ("llm_time_per_output_token_seconds", H, "provider model operation", &bounds::TOKEN),
    ("llm_tokens_total", C, "provider model token_type", &[]),
    ("llm_request_input_tokens", H, "provider model operation", &bounds::COUNT4),
    ("llm_request_output_tokens", H, "provider model operation", &bounds::COUNT4),
    ("llm_cached_tokens_total", C, "provider model access", &[]),
    ("llm_reasoning_tokens_total", C, "provider model", &[]),
    ("llm_requests_in_flight", G, "provider model", &[]),
    ("llm_finish_reasons_total", C, "provider model reason", &[]),
    ("llm_fallbacks_total", C, "from to outcome", &[]),
    ("llm_retries_total", C, "provider model", &[]),
    ("llm_rate_limit_remaining", G, "provider resource", &[]),
    ("llm_unpriced_requests_total", C, "provider model", &[]),
    ("llm_errors_total", C, "provider model error_type", &[]),
    ("llm_cost_dollars_total", C, "provider model", &[]),
    ("llm_rate_limit_hits_total", C, "provider", &[]),
    ("llm_circuit_breaker_state", G, "provider model", &[]),
    ("jobs_total", C, "job_type status", &[]),
    ("jobs_duration_seconds", H, "job_type", &bounds::JOB),
    ("jobs_active", G, "job_type", &[]),
    ("jobs_queue_depth", G, "queue_name", &[]),
    ("jobs_queue_oldest_item_age_seconds", G, "queue_name", &[]), // the one that the catalogue has not
    ("jobs_failures_total", C, "job_type error_type", &[]),
    ("jobs_retries_total", C, "job_type", &[]),
    ("queue_items_processed_total", C, "queue_name", &[]),
    ("notifications_total", C, "channel status", &[]),
    ("notification_delivery_duration_seconds", H, "channel", &bounds::HTTP),
    ("notification_queue_size", G, "channel", &[]),
    ("playbook_executions_total", C, "playbook status", &[]),
    ("playbook_execution_duration_seconds", H, "playbook", &bounds::JOB),
    ("playbook_executions_active", G, "playbook", &[]),
    ("storage_operations_total", C, "operation backend status", &[]),
    ("storage_operation_duration_seconds", H, "operation backend", &bounds::DB),
    ("storage_size_bytes", G, "backend", &[]),
    ("database_connections_active", G, "pool", &[]),
    ("database_connections_idle", G, "pool", &[]),
    ("database_query_duration_seconds", H, "operation", &bounds::DB),
    ("database_query_errors_total", C, "operation error_type", &[]),
    ("cache_hits_total", C, "cache_name", &[]),
    ("cache_misses_total", C, "cache_name", &[]),
    ("cache_size_bytes", G, "cache_name", &[]),
    ("message_queue_lag_seconds", G, "topic consumer_group", &[]),
    ("function_calls_total", C, "function status", &[]),
    ("function_duration_seconds", H, "function", &bounds::HTTP),
    ("block_duration_seconds", H, "block", &bounds::HTTP),
    ("block_errors_total", C, "block", &[]),
    ("batch_operations_total", C, "operation status", &[]),
    ("batch_items_processed_total", C, "operation", &[]),
    ("errors_total", C, "component error_type", &[]),
    ("service_health_status", G, "service_name", &[]),
];

/// Of a label that is an enum, its values. `label` alone where it means the same everywhere, else `family prefix/label`.
const VALUES: &[(&str, &str)] = &[
    ("severity", "P0 P1 P2 P3 P4"),
    ("category", "performance security availability compliance cost"),
    ("source", "llm-sentinel llm-shield llm-edge-agent llm-governance-core other"),
    ("from_state", "NEW ACKNOWLEDGED IN_PROGRESS RESOLVED CLOSED"),
    ("to_state", "NEW ACKNOWLEDGED IN_PROGRESS RESOLVED CLOSED"),
    ("level", "L1 L2 L3"),
    ("llm/operation", "classification enrichment analysis embedding"),
    ("llm/status", "success error cancelled"),
    ("outcome", "success error cancelled"),
    ("token_type", "prompt completion"),
    ("access", "read write"),
    ("reason", "stop length content_filter tool_calls other"),
    ("llm/error_type", "rate_limit timeout authentication service_unavailable unknown"),
    ("resource", "requests tokens"),
    ("job_type", "deduplication enrichment notification escalation correlation other"),
    ("queue_name", "high_priority standard low_priority"),
    ("jobs/status", "success failure retry cancelled"),
    ("jobs/error_type", "timeout dependency_error validation_error unknown"),
    ("channel", "email slack pagerduty webhook sms other"),
    ("notifications/status", "success failure cancelled"),
    ("playbook/status", "success failure cancelled"),
    ("storage/status", "success failure cancelled"),
    ("function/status", "success failure cancelled"),
    ("batch/status", "success partial failure cancelled"),
    ("storage/operation", "read write delete list other"),
    ("database/operation", "select insert update delete other"),
];

/// Labels whose values the program or a request gives; each has a budget.
const OPEN: &[&str] = &[
    "provider",
    "model",
    "from",
    "to",
    "playbook",
    "backend",
    "pool",
    "cache_name",
    "topic",
    "consumer_group",
    "function",
    "block",
    "batch/operation",
    "component",
    "errors/error_type",
    "database/error_type",
    "service_name",
];

fn families() -> Vec<FamilyDescription> {
    let (_catalog, registry, _) = crate::catalog();
    registry.describe()
}

#[test]
fn names_kinds_labels_and_bounds_are_exact() {
    let found = families();
    let mut expected = FAMILIES.to_vec();
    expected.sort_by_key(|row| row.0);
    let names: Vec<_> = found.iter().map(|family| family.name()).collect();
    assert_eq!(names, expected.iter().map(|row| row.0).collect::<Vec<_>>());
    for (family, (name, kind, labels, bounds)) in found.iter().zip(expected) {
        let names: Vec<_> = family.labels().map(|label| label.name()).collect();
        assert_eq!((family.metric_type(), &*names.join(" "), family.bounds()), (kind, labels, bounds), "{name}");
    }
}

#[test]
fn label_values_are_exact_or_have_a_budget() {
    for family in families() {
        let area = family.name().split('_').next().unwrap();
        for label in family.labels() {
            let (name, whole) = (label.name(), format!("{area}/{}", label.name()));
            let known = VALUES.iter().find(|(of, _)| *of == name || *of == whole);
            match (label.values(), known) {
                (Some(values), Some((_, expected))) => assert_eq!(values.join(" "), *expected, "{whole}"),
                (None, None) => {
                    assert!(OPEN.contains(&name) || OPEN.contains(&&*whole), "{whole}");
                    assert!(label.max_values().is_some_and(|most| most <= 200), "{whole} has no budget");
                }
                (found, expected) => panic!("{whole}: {found:?}, expected {expected:?}"),
            }
        }
    }
}

#[test]
fn names_are_good_but_for_those_that_the_catalogue_sets() {
    let (_catalog, registry, _) = crate::catalog();
    quipu::testing::assert_good_names(&registry, []);
}

#[test]
fn what_is_known_is_there_at_zero_from_the_start() {
    let (_catalog, registry, _) = crate::catalog();
    let text = registry.to_text();
    for line in [
        "incidents_total{severity=\"P0\",source=\"llm-sentinel\",category=\"performance\"} 0\n",
        "incident_state_transitions_total{from_state=\"NEW\",to_state=\"IN_PROGRESS\"} 0\n",
        "jobs_total{job_type=\"deduplication\",status=\"retry\"} 0\n",
        "jobs_queue_depth{queue_name=\"low_priority\"} 0\n",
        "notifications_total{channel=\"pagerduty\",status=\"cancelled\"} 0\n",
        "database_query_duration_seconds_count{operation=\"select\"} 0\n",
    ] {
        assert!(text.contains(line), "{line}");
    }
}

/// A model's first failure must be able to alert.
#[test]
fn all_outcomes_of_a_model_are_there_from_its_first_call() {
    let (catalog, registry, _) = crate::catalog();
    let _call = catalog.llm.start("openai", "gpt-4o", "analysis".parse().unwrap());
    let text = registry.to_text();
    for labels in
        ["operation=\"analysis\",status=\"success\"", "error_type=\"timeout\"", "reason=\"length\"", "access=\"write\""]
    {
        assert!(text.contains(&format!("{{provider=\"openai\",model=\"gpt-4o\",{labels}}} 0\n")), "{labels}");
    }
    assert!(text.contains("llm_unpriced_requests_total{provider=\"openai\",model=\"gpt-4o\"} 0\n"));
    let _fallback = catalog.llm.fall_back("gpt-4o", "o3");
    let text = registry.to_text();
    for outcome in ["success", "error", "cancelled"] {
        let line = format!("llm_fallbacks_total{{from=\"gpt-4o\",to=\"o3\",outcome=\"{outcome}\"}} 0\n");
        assert!(text.contains(&line), "{line}");
    }
    // But nobody has said yet what is left.
    assert!(!text.contains("llm_rate_limit_remaining{"));
}

#[test]
fn each_area_can_be_switched_on_alone_and_twice() {
    let (registry, _) = quipu::testing::registry();
    let first = quipu_catalog::playbooks::Playbooks::register(&registry).unwrap();
    let second = quipu_catalog::playbooks::Playbooks::register(&registry).unwrap();
    first.start("a").success();
    second.start("a").success();
    assert_eq!(quipu::testing::value(&registry, "playbook_executions_total", [("status", "success")]), 2.0);
    assert_eq!(registry.describe().len(), 3);
}

#[test]
fn a_namespace_goes_before_every_name() {
    let registry = quipu::Registry::builder().namespace("llm_incident_manager").build().unwrap();
    let _catalog = quipu_catalog::Catalog::register(&registry, quipu_catalog::llm::Prices::none()).unwrap();
    let mut mine = registry.describe().into_iter().filter(|family| !family.is_own());
    assert!(mine.all(|family| family.name().starts_with("llm_incident_manager_")));
}

#[test]
fn a_disabled_registry_costs_nothing_and_breaks_nothing() {
    let registry = quipu::Registry::disabled();
    let catalog = quipu_catalog::Catalog::register(&registry, quipu_catalog::llm::Prices::none()).unwrap();
    catalog.llm.start("a", "b", quipu_catalog::llm::Operation::Embedding).success_without_usage();
    drop(catalog.jobs.queue(quipu_catalog::jobs::QueueName::Standard).put(1));
    assert_eq!(registry.to_text(), "");
}
