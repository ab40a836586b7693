//! What metrics and labels may be called, and what stands before their names.

use crate::read;
use quipu::model::NameError;
use quipu::registry::BuildError;
use quipu::{RegisterError, Registry};

fn lenient() -> Registry {
    Registry::builder().lenient_names().build().unwrap()
}

/// The rule by which a registration was refused.
#[track_caller]
fn rule<T: std::fmt::Debug>(result: Result<T, RegisterError>) -> NameError {
    match result {
        Err(RegisterError::MetricName { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

/// Gauges of stock dashboards, which end in what samples of other types end in.
const GAUGES: [&str; 3] = ["kube_pod_created", "machine_swap_total", "ring_bucket"];

#[test]
fn names_against_convention_are_refused_with_a_way_out() {
    let registry = Registry::new();
    for name in GAUGES {
        let refused = registry.gauge(name, "G.").register().unwrap_err();
        assert!(refused.to_string().ends_with(" (a registry built with `lenient_names` accepts it)"), "{refused}");
    }
    assert_eq!(rule(registry.counter("jobs_processed", "J.").register()), NameError::CounterWithoutTotal);
    assert!(rule(registry.histogram("size_bucket", "S.").register()).is_convention());
}

#[test]
fn lenient_names_keep_the_names_of_dashboards() {
    let registry = lenient();
    for name in GAUGES {
        registry.gauge(name, "G.").register().unwrap().set(7.0);
    }
    registry.counter("jobs_processed", "J.").register().unwrap().inc_by(7);
    registry.float_counter("cpu", "C.").register().unwrap().inc_by(7.0);
    registry.histogram("lag_total", "L.").register().unwrap().observe(7.0);
    let read = read(&registry);
    for name in GAUGES.into_iter().chain(["jobs_processed", "cpu", "lag_total_sum"]) {
        assert_eq!(read.value(name, &[]), Some(7.0), "{name}");
    }
}

#[test]
fn lenient_names_still_keep_what_a_format_requires() {
    let registry = lenient();
    for name in ["", "a-b", "9a", "a:b", "_a", "up", "scrape_samples_scraped", "quipu_a"] {
        assert!(!rule(registry.gauge(name, "G.").register()).is_convention(), "{name}");
    }
    registry.histogram("size", "S.").register().unwrap();
    registry.counter("jobs", "J.").register().unwrap();
    registry.gauge("depth_total", "D.").register().unwrap();
    let clash = |result: Result<(), RegisterError>, taken: &str| match result.unwrap_err() {
        RegisterError::SampleClash { sample, .. } => assert_eq!(sample, taken),
        other => panic!("{other}"),
    };
    for suffix in ["bucket", "count", "sum", "created"] {
        let name = format!("size_{suffix}");
        clash(registry.gauge(name.clone(), "G.").register().map(drop), &name);
    }
    clash(registry.counter("jobs_total", "J.").register().map(drop), "jobs");
    clash(registry.gauge("jobs_total", "J.").register().map(drop), "jobs_total");
    clash(registry.gauge("jobs_created", "J.").register().map(drop), "jobs_created");
    clash(registry.counter("depth", "D.").register().map(drop), "depth_total");
    let le = registry.histogram("seconds", "S.").labels(["le"]).register().unwrap_err();
    assert!(matches!(le, RegisterError::LabelName { problem: NameError::BucketLabel, .. }), "{le}");
}

#[test]
fn only_what_prometheus_writes_itself_is_taken() {
    let registry = Registry::new();
    for name in ["scrape_requests", "scrape_duration", "scrape_samples", "upper", "scrape"] {
        registry.gauge(name, "G.").register().unwrap();
    }
    let taken = [
        "up",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
        "scrape_timeout_seconds",
        "scrape_sample_limit",
        "scrape_body_size_bytes",
    ];
    for name in taken {
        assert_eq!(rule(registry.gauge(name, "G.").register()), NameError::ScraperMetric, "{name}");
    }
    let scrape = Registry::builder().namespace("scrape").build().unwrap();
    assert_eq!(rule(scrape.gauge("timeout_seconds", "G.").register()), NameError::ScraperMetric);
}

#[test]
fn what_openmetrics_reserves_is_refused() {
    let registry = Registry::new();
    for name in ["_a", "_total", "__a_total"] {
        assert_eq!(rule(registry.counter(name, "C.").register()), NameError::LeadingUnderscore, "{name}");
    }
    let colon = registry.gauge("job:errors:rate5m", "G.").register().unwrap_err().to_string();
    let expected = "metric name \"job:errors:rate5m\": ':' is reserved for recording rules (byte 3); \
                    write `job_errors_rate5m`";
    assert_eq!(colon, expected);
}

#[test]
fn nobody_else_gets_the_metrics_of_the_library() {
    let registry = Registry::new();
    registry.gauge("a", "A.").register().unwrap();
    let series = registry.gauge("quipu_series", "Series of a family.").labels(["family"]).register();
    assert_eq!(rule(series), NameError::OwnMetric);
    assert_eq!(rule(registry.counter("quipu_anything_total", "A.").register()), NameError::OwnMetric);
    assert!(matches!(registry.with_prefix("quipu"), Err(BuildError::Prefix { .. })));
    assert!(matches!(Registry::builder().namespace("quipu_x").build(), Err(BuildError::Namespace { .. })));
    assert!(!registry.unregister("quipu_series"));
    assert_eq!(read(&registry).value("quipu_series", &[("family", "a")]), Some(1.0));
}

#[test]
fn a_global_label_may_be_called_family() {
    let builder = Registry::builder().label("family", "x").label("exported_family", "y");
    let registry = builder.build().unwrap();
    registry.histogram("a", "A.").register().unwrap().observe(f64::NAN);
    let labels = [("family", "x"), ("exported_family", "y"), ("exported_exported_family", "a")];
    let read = read(&registry);
    assert_eq!(read.value("quipu_series", &labels), Some(1.0));
    assert_eq!(read.value("quipu_rejected_values_total", &labels), Some(1.0));
}

#[test]
fn a_registry_without_self_metrics_exposes_none() {
    let registry = Registry::builder().without_self_metrics().build().unwrap();
    let seconds = registry.histogram("a", "A.").register().unwrap();
    seconds.observe(f64::NAN);
    seconds.observe(1.0);
    let read = read(&registry);
    let names: Vec<_> = read.families.iter().map(|family| &*family.name).collect();
    assert_eq!(names, ["a"]);
    assert_eq!(read.value("a_count", &[]), Some(1.0));
}

#[test]
fn a_prefix_follows_the_namespace() {
    let registry = Registry::builder().namespace("shop").label("region", "eu").build().unwrap();
    let db = registry.with_prefix("db").unwrap();
    let reads = db.with_prefix("read_").unwrap();
    db.counter("queries_total", "Q.").labels(["table"]).register().unwrap().with(["orders"]).inc();
    reads.gauge("threads", "T.").register().unwrap().set(2.0);
    registry.gauge("threads", "T.").register().unwrap().set(3.0);
    // Every handle speaks of the same registry.
    let read = read(&db);
    assert_eq!(read.value("shop_db_queries_total", &[("region", "eu"), ("table", "orders")]), Some(1.0));
    assert_eq!(read.value("shop_db_read_threads", &[("region", "eu")]), Some(2.0));
    assert_eq!(read.value("shop_threads", &[("region", "eu")]), Some(3.0));
    assert!(reads.unregister("shop_db_read_threads"));
    assert!(crate::read(&registry).family("shop_db_read_threads").is_none());
    let refused = reads.gauge("a-b", "A.").register().unwrap_err().to_string();
    assert_eq!(refused, r#"metric name "a-b" (after `shop_db_read_`): '-' is not allowed (byte 1); write `a_b`"#);
    let refused = registry.with_prefix("9").unwrap_err().to_string();
    assert_eq!(refused, r#"prefix "9": '9' is not allowed (byte 0); write `n9`"#);
}

#[test]
fn a_stock_name_has_nothing_before_it() {
    let registry = Registry::builder().namespace("shop").label("region", "eu").build().unwrap();
    let stock = registry.with_prefix("db").unwrap().without_namespace();
    stock.gauge("process_threads", "T.").register().unwrap().set(2.0);
    assert_eq!(read(&registry).value("process_threads", &[("region", "eu")]), Some(2.0));
}

/// The same whole name is the same metric, whatever part of it was the namespace.
#[test]
fn one_name_by_two_ways_is_one_metric() {
    let registry = Registry::builder().namespace("shop").build().unwrap();
    let orders = |registry: &Registry, name: &'static str| registry.counter(name, "O.").register().unwrap();
    orders(&registry, "orders_total").inc();
    orders(&registry.without_namespace(), "shop_orders_total").inc();
    orders(&registry.without_namespace().with_prefix("shop").unwrap(), "orders_total").inc();
    assert_eq!(read(&registry).value("shop_orders_total", &[]), Some(3.0));
}

#[test]
fn the_bucket_of_infinity_need_not_be_written_but_may() {
    let registry = Registry::new();
    let register = |name: &'static str, bounds: &[f64]| registry.histogram(name, "A.").bounds(bounds).register();
    let a = register("a", &[1.0, f64::INFINITY]).unwrap();
    assert_eq!(a.bounds(), [1.0]);
    // The same bounds, so the same metric.
    register("a", &[1.0]).unwrap().observe(2.0);
    let b = register("b", &[]).unwrap();
    register("b", &[f64::INFINITY]).unwrap();
    assert!(b.bounds().is_empty());
    for value in [-5.0, 0.0, 7.0] {
        b.observe(value);
    }
    assert_eq!((b.snapshot().bucket_counts(), b.snapshot().sum()), (&[3][..], 2.0));
    let read = read(&registry);
    for (bucket, count) in [("1", 0.0), ("+Inf", 1.0)] {
        assert_eq!(read.value("a_bucket", &[("le", bucket)]), Some(count));
    }
    let buckets = read.family("b").unwrap().samples.iter().filter(|sample| sample.name == "b_bucket");
    assert_eq!(buckets.map(|sample| (sample.label("le").unwrap(), sample.value)).collect::<Vec<_>>(), [("+Inf", 3.0)]);
    assert_eq!((read.value("b_count", &[]), read.value("b_sum", &[])), (Some(3.0), Some(2.0)));
}

#[test]
fn what_is_better_avoided_is_said_by_a_lint() {
    let builder = Registry::builder().lenient_names().label("instance", "a").label("region", "eu");
    let registry = builder.build().unwrap();
    registry.counter("jobs", "J.").labels(["queue", "job"]).register().unwrap();
    registry.gauge("depth", "D.").labels(["queue"]).register().unwrap();
    let lints: Vec<_> = registry.lint().iter().map(ToString::to_string).collect();
    let expected = [
        "global label `instance`: Prometheus sets `instance` itself, and renames this one to `exported_instance`; \
         use another name",
        "metric `jobs`: a counter's name ends in `_total`",
        "label `job` of `jobs`: Prometheus sets `job` itself, and renames this one to `exported_job`; use another name",
    ];
    assert_eq!(lints, expected);
}
