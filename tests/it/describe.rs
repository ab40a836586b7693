//! What a registry says of its families: descriptions, the page made of them, and names that are better avoided.

use quipu::collect::Process;
use quipu::grpc::{GrpcMetrics, GrpcStatus};
use quipu::http::HttpMetrics;
use quipu::model::MetricType;
use quipu::registry::{FamilyDescription, LintRule};
use quipu::{LabelSet, LabelValue, Registry};
use std::collections::BTreeSet;
use std::time::Duration;

#[derive(LabelValue)]
#[expect(dead_code, reason = "only its names matter")]
enum Outcome {
    Ok,
    Failed,
}

#[derive(LabelSet)]
struct Call<'a> {
    peer: &'a str,
    outcome: Outcome,
}

#[derive(LabelSet)]
struct Closed {
    outcome: Outcome,
}

fn described(registry: &Registry, name: &str) -> FamilyDescription {
    registry.describe().into_iter().find(|family| family.name() == name).expect(name)
}

#[test]
fn all_that_was_registered_is_described() {
    let registry =
        Registry::builder().namespace("shop").label("region", "eu").max_series_per_family(50).build().unwrap();
    let calls = registry.histogram("call_duration_seconds", "Time of a call.").unit("seconds").bounds([0.5, 1.0]);
    let calls = calls.label_set::<Call>().max_values("peer", 9).expire_after(Duration::from_secs(60)).reserve_series(4);
    drop(calls.register().unwrap());
    let family = described(&registry, "shop_call_duration_seconds");
    assert_eq!(
        (family.metric_type(), family.help(), family.unit()),
        (MetricType::Histogram, "Time of a call.", Some("seconds"))
    );
    assert_eq!((family.bounds(), family.quantiles()), (&[0.5, 1.0][..], &[][..]));
    let labels: Vec<_> = family.labels().map(|label| (label.name(), label.values(), label.max_values())).collect();
    assert_eq!(labels, [("peer", None, Some(9)), ("outcome", Some(&["ok", "failed"][..]), None)]);
    assert_eq!((family.max_series(), family.reserved_series()), (Some(50), 4));
    assert_eq!(
        (family.expire_after(), family.collector(), family.is_own()),
        (Some(Duration::from_secs(60)), None, false)
    );
}

/// The labels of the layers that have few values.
#[test]
fn of_the_layers_all_bounded_labels_are_described() {
    let registry = Registry::new();
    let http = HttpMetrics::builder().label("is_long", |_| true).register(&registry).unwrap();
    GrpcMetrics::new(&registry).unwrap();
    let values = |family: &str, label: &str| {
        let family = described(&registry, family);
        let values = family.labels().find(|other| other.name() == label).expect(label).values();
        values.map(<[_]>::to_vec)
    };
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "other"];
    for family in [
        "http_requests_total",
        "http_request_duration_seconds",
        "http_request_size_bytes",
        "http_response_size_bytes",
        "http_requests_in_flight",
        "http_responses_incomplete_total",
    ] {
        assert_eq!(values(family, "method").as_deref(), Some(&methods[..]), "{family}");
        assert_eq!(values(family, "is_long"), Some(vec!["false", "true"]), "{family}");
        assert_eq!(values(family, "path"), None, "{family}");
    }
    assert_eq!(values("http_responses_incomplete_total", "cause"), Some(vec!["client", "server"]));
    for family in ["grpc_requests_total", "grpc_request_duration_seconds"] {
        let statuses = values(family, "status").unwrap();
        let all: Vec<_> = (0..17).map(|code| GrpcStatus::from_code(code).as_str()).collect();
        assert_eq!(statuses, all, "{family}");
        assert_eq!([values(family, "service"), values(family, "method")], [None, None], "{family}");
    }
    // A value that is known makes no series before it is recorded.
    assert_eq!(http.requests().len(), 0);
}

#[test]
fn a_closed_set_has_its_series_and_no_limit() {
    let registry = Registry::new();
    drop(registry.counter("calls_total", "Calls.").label_set::<Closed>().register().unwrap());
    let family = described(&registry, "calls_total");
    assert_eq!((family.max_series(), family.reserved_series(), family.bounds().len()), (None, 2, 0));
}

#[test]
fn families_of_collectors_and_own_ones_are_described_in_order_until_they_go() {
    let names = |registry: &Registry| -> Vec<String> {
        registry.describe().iter().map(|family| family.name().to_owned()).collect()
    };
    for has_own in [true, false] {
        let builder = Registry::builder();
        let registry = if has_own { builder } else { builder.without_self_metrics() }.build().unwrap();
        registry.collect(Process::new()).unwrap();
        registry.gauge("zebras", "Z.").register().unwrap();
        let before = names(&registry);
        assert!(before.is_sorted());
        assert_eq!(before.iter().any(|name| name.starts_with("quipu_")), has_own);
        let start = described(&registry, "process_start_time_seconds");
        assert_eq!((start.collector(), start.max_series()), (Some("process"), Some(10_000)));
        assert!(registry.unregister("process_start_time_seconds") && registry.unregister("zebras"));
        assert!(names(&registry).iter().all(|name| name.starts_with("quipu_")));
    }
}

/// What is exposed was described, and nothing else.
#[test]
fn descriptions_and_the_exposition_agree() {
    let registry = Registry::new();
    registry.counter("a_total", "A.").register().unwrap();
    registry.collect(Process::new()).unwrap();
    let exposed: BTreeSet<String> =
        registry.snapshot().families().iter().map(|family| family.name().to_owned()).collect();
    let described: BTreeSet<String> = registry.describe().iter().map(|family| family.name().to_owned()).collect();
    assert!(exposed.is_subset(&described), "{:?}", exposed.difference(&described));
}

#[test]
fn the_page_says_what_is_known_and_no_help_text_is_markdown() {
    let registry = Registry::builder().max_series_per_family(50).build().unwrap();
    let calls = registry.histogram("call_duration_seconds", "Time of a *call*.\n# Not a title").unit("seconds");
    let calls =
        calls.bounds([0.5, 1.0]).label_set::<Call>().max_values("peer", 9).expire_after(Duration::from_secs(60));
    drop(calls.register().unwrap());
    drop(registry.counter("calls_total", "Calls.").label_set::<Closed>().register().unwrap());
    drop(registry.summary("wait_seconds", "Waits.").quantiles([0.5, 0.99]).register().unwrap());
    let expected = "\
## `call_duration_seconds`

Histogram. Time of a \\*call\\*. \\# Not a title

- Unit: seconds
- Label `peer`, at most 9 values
- Label `outcome`: `ok`, `failed`
- Buckets: 0.5, 1
- At most 50 series
- Series go when they have been idle for 60s

## `calls_total`

Counter. Calls.

- Label `outcome`: `ok`, `failed`

## `wait_seconds`

Summary. Waits.

- Quantiles: 0.5, 0.99
";
    assert_eq!(registry.to_markdown(), expected);
}

#[derive(LabelValue)]
#[expect(dead_code, reason = "only its text matters")]
enum Odd {
    #[label("a`b")]
    Tick,
    #[label("``")]
    Ticks,
}

#[derive(LabelSet)]
struct Oddly {
    odd: Odd,
}

#[test]
fn label_values_stay_code() {
    let registry = Registry::new();
    drop(registry.counter("odd_total", "O.").label_set::<Oddly>().register().unwrap());
    let page = registry.to_markdown();
    assert!(page.contains("- Label `odd`: `` a`b ``, ``` `` ```\n"), "{page}");
}

/// The lints of a gauge of this name and labels, as rules with what they are about.
fn lints(name: &'static str, labels: &[&str]) -> Vec<(LintRule, Option<String>)> {
    let registry = Registry::builder().lenient_names().build().unwrap();
    drop(registry.gauge(name, "G.").dyn_labels(labels).register().unwrap());
    registry.lint().iter().map(|lint| (lint.rule(), lint.label().map(str::to_owned))).collect()
}

#[test]
fn each_rule_finds_what_breaks_it_and_leaves_what_does_not() {
    let rules = |name| lints(name, &[]).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>();
    for good in [
        "up_time_seconds",
        "disk_usage_ratio",
        "last_success_timestamp_seconds",
        "process_resident_memory_bytes",
        "heart_beats",
        "counterparts",
        "daystar",
        "s",
        "queue_length",
    ] {
        assert_eq!(rules(good), [], "{good}");
    }
    for (bad, rule) in [
        ("jobs_total", LintRule::Total),
        ("jobs_bucket", LintRule::ReservedSuffix),
        ("jobs_created", LintRule::ReservedSuffix),
        ("jobs_count", LintRule::ReservedSuffix),
        ("jobs_sum", LintRule::ReservedSuffix),
        ("wait_milliseconds", LintRule::BaseUnit),
        ("wait_hours", LintRule::BaseUnit),
        ("disk_kibibytes", LintRule::BaseUnit),
        ("wait_second", LintRule::PluralUnit),
        ("disk_byte", LintRule::PluralUnit),
        ("wait_ms", LintRule::UnitAbbreviation),
        ("disk_MB_free", LintRule::UnitAbbreviation),
        ("cpu_percent", LintRule::Ratio),
        ("last_success_timestamp", LintRule::Timestamp),
        ("jobs_gauge", LintRule::TypeInName),
        ("jobs_histogram_size", LintRule::TypeInName),
        ("jobsWaiting", LintRule::SnakeCase),
    ] {
        assert_eq!(rules(bad), [rule], "{bad}");
    }
    let of_label = |rule, label: &str| [(rule, Some(label.to_owned()))];
    assert_eq!(lints("depth", &["le"]), of_label(LintRule::ReservedLabel, "le"));
    assert_eq!(lints("depth", &["quantile"]), of_label(LintRule::ReservedLabel, "quantile"));
    assert_eq!(lints("depth", &["queueName"]), of_label(LintRule::SnakeCase, "queueName"));
    assert_eq!(lints("depth", &["job"]), of_label(LintRule::TargetLabel, "job"));
    assert_eq!(lints("depth_by_queue", &["queue"]), [(LintRule::LabelInName, None)]);
    assert_eq!(lints("depth_per_queue_seconds", &["queue"]), [(LintRule::LabelInName, None)]);
    assert_eq!(lints("depth_by_queues", &["queue"]), []);
}

#[test]
fn a_missing_help_text_and_what_collectors_declare_are_found() {
    let registry = Registry::new();
    registry.gauge("depth", " ").register().unwrap();
    registry.gauge("age_minutes", "Age.").collect(|| 1.0).unwrap();
    let found: Vec<_> = registry.lint().iter().map(|lint| (lint.rule(), lint.metric().unwrap().to_owned())).collect();
    assert_eq!(found, [(LintRule::BaseUnit, "age_minutes".to_owned()), (LintRule::Help, "depth".to_owned())]);
}

#[test]
fn ids_of_rules_are_all_different() {
    let ids: BTreeSet<_> = LintRule::ALL.iter().map(|rule| rule.id()).collect();
    assert_eq!(ids.len(), LintRule::ALL.len());
}

/// quipu keeps the rules itself.
#[test]
fn own_metrics_and_collectors_have_good_names() {
    let registry = Registry::new();
    registry.collect(Process::new()).unwrap();
    assert_eq!(registry.lint(), []);
}
