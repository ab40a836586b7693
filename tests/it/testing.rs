//! The test kit, used as a test would, and used wrong.

use quipu::testing::{assert_changes, assert_good_names, assert_values, histogram, registry, value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// What `check` panics with.
#[track_caller]
fn message<R>(check: impl FnOnce() -> R) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).err().expect("it has to panic");
    panic.downcast_ref::<String>().expect("a formatted message").clone()
}

#[test]
fn changes_are_exact_and_each_difference_is_told() {
    let (registry, clock) = registry();
    let jobs = registry.counter("jobs_total", "J.").labels(["queue"]).register().unwrap();
    let seconds = registry.histogram("job_seconds", "S.").register().unwrap();
    jobs.with(["mail"]).inc_by(10);
    let work = || {
        jobs.with(["mail"]).inc();
        jobs.with(["sms"]).inc_by(2);
        seconds.time(|| clock.advance(Duration::from_secs(3)));
        "done"
    };
    let right = [
        (r#"jobs_total{queue="mail"}"#, 1.0),
        (r#"jobs_total{queue="sms"}"#, 2.0),
        ("job_seconds_count", 1.0),
        ("job_seconds_sum", 3.0),
    ];
    assert_eq!(assert_changes(&registry, right, work), "done");
    let wrong =
        [(r#"jobs_total{queue="mail"}"#, 2.0), ("job_seconds_count", 1.0), ("job_seconds_sum", 3.0), ("x", 1.0)];
    let expected = "metrics changed in another way than expected:
  jobs_total{queue=\"mail\"} changed by 1, expected 2
  x changed by 0, expected 1
  jobs_total{queue=\"sms\"} changed by 2, not expected
";
    assert_eq!(message(|| assert_changes(&registry, wrong, work)), expected);
}

/// What does not change is of no interest, whatever it is; and sums of floats are those that floats have.
#[test]
fn changes_of_floats_are_those_of_floats() {
    let (registry, _) = registry();
    let [ratio, age] = ["hit_ratio", "age_seconds"].map(|name| registry.gauge(name, "G.").register().unwrap());
    let cost = registry.float_counter("cost_dollars_total", "C.").register().unwrap();
    ratio.set(f64::NAN);
    age.set(f64::INFINITY);
    cost.inc_by(0.1);
    assert_changes(&registry, [("cost_dollars_total", 0.2)], || cost.inc_by(0.2));
    assert_values(
        &registry,
        [("cost_dollars_total", 0.1 + 0.2), ("hit_ratio", f64::NAN), ("age_seconds", f64::INFINITY)],
    );
    let text = message(|| assert_changes(&registry, [], || ratio.set(1.0)));
    assert!(text.contains("  hit_ratio changed by NaN, not expected\n"), "{text}");
}

#[test]
fn no_kind_of_metric_changes_unseen() {
    let (registry, _) = registry();
    let latency = registry.summary("latency_seconds", "L.").labels(["queue"]).register().unwrap();
    let ready = registry.state_set::<bool>("ready", "R.").register().unwrap();
    let flags = registry.flag_set::<bool>("flags", "F.").register().unwrap();
    let work = || {
        latency.with(["mail"]).observe(3.0);
        ready.set(true);
        flags.set(true, true);
    };
    let text = message(|| assert_changes(&registry, [], work));
    for line in [
        "latency_seconds_count{queue=\"mail\"} changed by 1, not expected",
        "latency_seconds_sum{queue=\"mail\"} changed by 3, not expected",
        "ready{ready=\"false\"} changed by -1, not expected",
        "ready{ready=\"true\"} changed by 1, not expected",
        "flags{flags=\"true\"} changed by 1, not expected",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_values(
        &registry,
        [
            (r#"latency_seconds_count{queue="mail"}"#, 1.0),
            (r#"latency_seconds_sum{queue="mail"}"#, 3.0),
            (r#"ready{ready="true"}"#, 1.0),
            (r#"flags{flags="true"}"#, 1.0),
        ],
    );
}

#[test]
fn values_are_exact_and_zeros_may_be_left_out() {
    let (registry, _) = registry();
    let depth = registry.gauge("depth", "D.").labels(["queue"]).register().unwrap();
    depth.with(["mail"]).set(7.0);
    depth.with(["sms"]).set(0.0);
    assert_values(&registry, [(r#"depth{queue="mail"}"#, 7.0)]);
    let text = message(|| assert_values(&registry, [(r#"depth{queue="mail"}"#, 8.0)]));
    assert!(text.contains("depth{queue=\"mail\"} is 7, expected 8\n"), "{text}");
    depth.with(["mail"]).set(f64::NAN);
    let text = message(|| assert_values(&registry, []));
    assert!(text.contains("depth{queue=\"mail\"} is NaN, not expected\n"), "{text}");
}

#[test]
fn a_value_is_the_sum_over_the_labels_that_are_not_given() {
    let (registry, _) = registry();
    let requests = registry.counter("requests_total", "R.").labels(["path", "status"]).register().unwrap();
    assert_eq!(value(&registry, "requests_total", []).to_string(), "0");
    for (path, status, n) in [("/a", "200", 1), ("/a", "500", 10), ("/b", "200", 100)] {
        requests.with([path, status]).inc_by(n);
    }
    for (labels, expected) in [
        (&[][..], 111.0),
        (&[("status", "200")], 101.0),
        (&[("path", "/a")], 11.0),
        (&[("status", "500"), ("path", "/a")], 10.0),
        (&[("status", "500"), ("path", "/b")], 0.0),
    ] {
        assert_eq!(value(&registry, "requests_total", labels), expected, "{labels:?}");
    }
}

#[test]
fn histograms_are_added_up() {
    let (registry, _) = registry();
    let sizes = registry.histogram("size_bytes", "S.").bounds([10.0]).labels(["queue"]).register().unwrap();
    assert_eq!(histogram(&registry, "size_bytes", []).count(), 0);
    sizes.with(["in"]).observe(1.0);
    sizes.with(["out"]).observe(20.0);
    let all = histogram(&registry, "size_bytes", []);
    assert_eq!((all.bounds(), all.bucket_counts(), all.sum()), (&[10.0][..], &[1, 1][..], 21.0));
    assert_eq!(histogram(&registry, "size_bytes", [("queue", "out")]).bucket_counts(), [0, 1]);
}

#[test]
fn a_name_that_is_not_there_is_a_mistake_in_the_test() {
    let (registry, _) = registry();
    drop(registry.counter("jobs_total", "J.").labels(["queue"]).register().unwrap());
    registry.histogram("size_bytes", "S.").register().unwrap();
    registry.summary("age_seconds", "A.").register().unwrap();
    for (text, expected) in [
        (
            message(|| value(&registry, "job_total", [])),
            "no family `job_total` is registered; there are [\"age_seconds\", \"jobs_total\", \"size_bytes\"]",
        ),
        (
            message(|| value(&registry, "jobs_total", [("queu", "a")])),
            "`jobs_total` has no label `queu`; its labels are [\"queue\"]",
        ),
        (
            message(|| value(&registry, "size_bytes", [])),
            "`size_bytes` has no single value; use `quipu::testing::histogram`",
        ),
        (
            message(|| value(&registry, "age_seconds", [])),
            "`age_seconds` has no single value; use `Registry::snapshot`",
        ),
        (
            message(|| histogram(&registry, "age_seconds", [])),
            "`age_seconds` is no histogram; use `Registry::snapshot`",
        ),
    ] {
        assert_eq!(text, expected);
    }
}

#[test]
fn names_are_good_but_for_exceptions_that_are_needed() {
    let (registry, _) = registry();
    registry.gauge("cpu_percent", "C.").register().unwrap();
    assert_good_names(&registry, [("ratio", "cpu_percent")]);
    let text = message(|| assert_good_names(&registry, [("help", "cpu_percent")]));
    assert!(
        text.contains("metric `cpu_percent`: use `ratio` instead of `percent`, with values from 0 to 1 (ratio: "),
        "{text}"
    );
    assert!(text.contains("the exception (\"help\", \"cpu_percent\") is not needed; remove it"), "{text}");
}
