//! Good and bad inputs, from the specification and from what servers refuse.

use super::{MetricType, read};

const GOOD: &str = "\
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method=\"post\",code=\"200\"} 1027 1395066363000
http_requests_total{method=\"post\",code=\"400\"} 3 1395066363000
# HELP escapes C:\\\\DIR\\nsecond \"line\"
# TYPE escapes gauge
escapes{path=\"C:\\\\DIR\\\\\",error=\"Cannot find:\\n\\\"FILE\\\"\",empty=\"\"} 1.458255915e9
# TYPE metric_without_timestamp_and_labels untyped
metric_without_timestamp_and_labels 12.47
# TYPE something_weird gauge
something_weird{problem=\"division by zero\"} +Inf 3982045
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le=\"0.05\"} 24054
http_request_duration_seconds_bucket{le=\"0.1\"} 33444
http_request_duration_seconds_bucket{le=\"+Inf\"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile=\"0.5\"} 4773
rpc_duration_seconds{quantile=\"0.99\"} NaN
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
";

/// A histogram of this name with these lines after its `TYPE`.
fn histogram(lines: &str) -> String {
    format!("# TYPE h histogram\n{lines}")
}

#[track_caller]
fn refused(text: &str, line: usize, reason: &str) {
    let error = read(text).expect_err(text);
    assert!(error.reason.contains(reason), "{error}, not {reason:?}");
    assert_eq!(error.line, line, "{error}");
}

#[test]
fn the_example_of_the_specification_is_read() {
    let read = read(GOOD).unwrap();
    let kinds: Vec<_> = read.families.iter().map(|family| family.kind).collect();
    let expected = [
        MetricType::Counter,
        MetricType::Gauge,
        MetricType::Untyped,
        MetricType::Gauge,
        MetricType::Histogram,
        MetricType::Summary,
    ];
    assert_eq!(kinds, expected);
    let requests = read.sample("http_requests_total", &[("code", "400"), ("method", "post")]).unwrap();
    assert_eq!((requests.value, requests.timestamp), (3.0, Some(1_395_066_363_000)));
    assert_eq!(requests.line, 4);
    let escapes = read.family("escapes").unwrap();
    assert_eq!(escapes.help.as_deref(), Some("C:\\DIR\nsecond \"line\""));
    let labels = &escapes.samples[0];
    assert_eq!(labels.label("path"), Some("C:\\DIR\\"));
    assert_eq!(labels.label("error"), Some("Cannot find:\n\"FILE\""));
    assert_eq!(labels.label("empty"), Some(""));
    assert_eq!(labels.text, "1.458255915e9");
    assert_eq!(read.value("something_weird", &[("problem", "division by zero")]), Some(f64::INFINITY));
    assert!(read.value("rpc_duration_seconds", &[("quantile", "0.99")]).unwrap().is_nan());
}

#[test]
fn nothing_at_all_is_an_exposition() {
    assert!(read("").unwrap().families.is_empty());
    assert_eq!(read("# TYPE a gauge\n").unwrap().order(), []);
}

#[test]
fn the_order_is_compared_without_the_values() {
    let first = read("# TYPE a gauge\na{b=\"1\"} 1\na{b=\"2\"} 2\n").unwrap();
    let later = read("# TYPE a gauge\na{b=\"1\"} 7\na{b=\"2\"} 8\n").unwrap();
    let other = read("# TYPE a gauge\na{b=\"2\"} 2\na{b=\"1\"} 1\n").unwrap();
    assert_eq!(first.order(), later.order());
    assert_ne!(first.order(), other.order());
}

#[test]
fn lines_end_in_a_line_feed_and_nothing_else() {
    refused("# TYPE a gauge\na 1", 2, "line feed");
    refused("# TYPE a gauge\na 1\n\n", 3, "blank line");
    refused("\n", 1, "blank line");
    refused("# TYPE a gauge\na 1\r\n", 2, "no number");
    refused("# TYPE a gauge\r\na 1\n", 1, "unknown type");
    let label = read("# TYPE a gauge\na{b=\"\r\"} 1\n").unwrap();
    assert_eq!(label.samples().next().unwrap().label("b"), Some("\r"));
}

#[test]
fn blanks_stand_where_they_must_and_nowhere_else() {
    refused("# TYPE a gauge\n a 1\n", 2, "bad metric name");
    refused("# TYPE a gauge\na  1\n", 2, "no number");
    refused("# TYPE a gauge\na 1 \n", 2, "no timestamp");
    refused("# TYPE a gauge\na 1 2 3\n", 2, "no timestamp");
    refused("# TYPE a gauge\na\t1\n", 2, "without a value");
    refused("# TYPE a gauge\na{b=\"c\"}1\n", 2, "no blank before the value");
    refused("# TYPE a gauge\na{b=\"c\" } 1\n", 2, "neither comma nor brace");
    refused("# TYPE a gauge\na{ b=\"c\"} 1\n", 2, "bad label name");
    refused("# TYPE a gauge \n", 1, "unknown type");
    refused("#TYPE a gauge\n", 1, "comment");
    refused("# TYPE  a gauge\n", 1, "bad metric name");
    refused("# just a comment\n", 1, "comment");
    refused("# EOF\n", 1, "comment");
}

#[test]
fn names_are_of_the_old_alphabet() {
    for name in ["", "0a", "a-b", "a.b", "ä", "a b"] {
        refused(&format!("# TYPE {name} gauge\n"), 1, "");
    }
    refused("# TYPE a gauge\na-b 1\n", 2, "bad metric name");
    refused("# TYPE a gauge\na{b-c=\"1\"} 1\n", 2, "bad label name");
    refused("# TYPE a gauge\na{b:c=\"1\"} 1\n", 2, "bad label name");
    refused("# TYPE a gauge\na{__b=\"1\"} 1\n", 2, "reserved");
    assert!(read("# TYPE a:b_0 gauge\na:b_0{_b=\"1\"} 1\n").is_ok());
}

#[test]
fn labels_are_whole_and_named_once() {
    refused("# TYPE a gauge\na{b=\"1\",b=\"2\"} 1\n", 2, "label b twice");
    refused("# TYPE a gauge\na{} 1\n", 2, "label without a value");
    refused("# TYPE a gauge\na{b=\"1\",} 1\n", 2, "label without a value");
    refused("# TYPE a gauge\na{b=1} 1\n", 2, "not quoted");
    refused("# TYPE a gauge\na{b=\"1\n", 2, "without an end");
    refused("# TYPE a gauge\na{b=\"1\\\"} 1\n", 2, "without an end");
    refused("# TYPE a gauge\na{b=\"1\"\n", 2, "neither comma nor brace");
    refused("# TYPE a gauge\na{b=\"\\t\"} 1\n", 2, "unknown escape");
    refused("# HELP a \\\"quoted\\\"\n", 1, "unknown escape");
    refused("# HELP a \\\n", 1, "backslash at the end");
}

#[test]
fn a_name_has_one_help_and_one_type_before_its_samples() {
    refused("# HELP a x\n# HELP a x\n", 2, "second HELP");
    refused("# TYPE a gauge\n# TYPE a gauge\n", 2, "second TYPE");
    refused("a 1\n", 1, "before any TYPE");
    refused("# HELP a x\na 1\n", 2, "before the TYPE");
    refused("# TYPE a gauge\na 1\n# TYPE a gauge\n", 3, "after its samples");
    refused("# TYPE a gauge\na 1\n# HELP a x\n", 3, "after its samples");
    refused("# HELP a x\n# TYPE b gauge\n", 1, "a has no TYPE");
    refused("# HELP a x\n", 1, "a has no TYPE");
    refused("# HELP a\n", 1, "HELP without a text");
    refused("# TYPE a\n", 1, "TYPE without a type");
    for kind in ["info", "stateset", "unknown", "gaugehistogram", "Counter"] {
        refused(&format!("# TYPE a {kind}\n"), 1, "unknown type");
    }
    assert!(read("# TYPE a gauge\n# HELP a \na 1\n").is_ok());
}

#[test]
fn a_family_is_one_group_of_unique_series() {
    let twice = "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n";
    refused(&format!("{twice}# TYPE a gauge\n"), 5, "not in one group");
    refused(&format!("{twice}a{{c=\"1\"}} 1\n"), 5, "not in one group");
    refused("# TYPE a gauge\nb 1\n", 2, "among the lines of a");
    refused("# TYPE a gauge\na 1\na 1\n", 3, "twice");
    let reordered = "# TYPE a gauge\na{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\"} 1\n";
    refused(reordered, 3, "twice");
    refused("# TYPE a gauge\na_sum 1\n", 2, "among the lines of a");
}

#[test]
fn families_cannot_write_each_others_names() {
    let clash = histogram("# TYPE h_count gauge\n");
    refused(&clash, 2, "can both write h_count");
    refused("# TYPE h_sum gauge\n# TYPE h summary\n", 2, "can both write h_sum");
    assert!(read("# TYPE a gauge\n# TYPE a_count gauge\n").is_ok());
}

#[test]
fn values_are_numbers_as_prometheus_reads_them() {
    for value in ["1", "-1", "+1.5", ".5", "5.", "1e3", "1E-3", "-0", "5e-324", "NaN", "+Inf"] {
        assert!(read(&format!("# TYPE a gauge\na {value}\n")).is_ok(), "{value}");
    }
    for value in ["", "inf", "-inf", "nan", "infinity", "0x1p3", "1_000", "1e", ".", "-", "1,5"] {
        refused(&format!("# TYPE a gauge\na {value}\n"), 2, "no number");
    }
    refused("# TYPE a gauge\na 1e309\n", 2, "out of range");
    refused("# TYPE a gauge\na 1 -1\n", 2, "no timestamp");
    refused("# TYPE a gauge\na 1 1.5\n", 2, "no timestamp");
    let zero = read("# TYPE a gauge\na -0\n").unwrap();
    assert!(zero.value("a", &[]).unwrap().is_sign_negative());
    let exact = read("# TYPE a counter\na 18446744073709551615\n").unwrap();
    assert_eq!(exact.sample("a", &[]).unwrap().text, u64::MAX.to_string());
}

#[test]
fn counters_do_not_fall_below_zero() {
    refused("# TYPE a counter\na -1\n", 2, "negative");
    refused("# TYPE a counter\na NaN\n", 2, "NaN");
}

#[test]
fn histograms_agree_with_themselves() {
    let good = "h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n";
    assert!(read(&histogram(good)).is_ok());
    let bad = [
        ("h_bucket{le=\"1\"} 1\nh_sum 3\nh_count 1\n", "without the +Inf bucket"),
        ("h_sum 3\nh_count 1\n", "without the +Inf bucket"),
        ("h_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 3\n", "+Inf is 2, _count is 3"),
        ("h_bucket{le=\"+Inf\"} 2\nh_count 2\n", "without _sum"),
        ("h_bucket{le=\"+Inf\"} 2\nh_sum 2\n", "without _count"),
        ("h_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n", "less than the bucket before"),
        (
            "h_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n",
            "le 1 does not rise",
        ),
        (
            "h_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n",
            "le 1.0 does not rise",
        ),
        ("h_bucket{le=\"+Inf\"} 0.5\nh_sum 3\nh_count 2\n", "no count"),
        ("h_bucket{le=\"+Inf\"} 0\nh_sum 3\nh_count 0\n", "sum without observations"),
    ];
    for (lines, reason) in bad {
        refused(&histogram(lines), 2, reason);
    }
    refused(&histogram("h_bucket{le=\"x\"} 1\n"), 2, "no number");
    refused(&histogram("h_bucket{le=\"NaN\"} 1\n"), 2, "le is NaN");
    refused(&histogram("h_bucket 1\n"), 2, "without le");
    refused(&histogram("h_sum{le=\"1\"} 1\n"), 2, "with le");
    refused(&histogram("h 1\n"), 2, "among the lines of h");
}

#[test]
fn the_lines_of_one_histogram_series_stand_together() {
    let series = |label: &str| {
        format!("h_bucket{{a=\"{label}\",le=\"+Inf\"}} 1\nh_sum{{a=\"{label}\"}} 1\nh_count{{a=\"{label}\"}} 1\n")
    };
    assert!(read(&histogram(&format!("{}{}", series("1"), series("2")))).is_ok());
    let torn = format!("{}h_bucket{{a=\"1\",le=\"2\"}} 1\n", series("1") + &series("2"));
    refused(&histogram(&torn), 8, "not in one group");
    let counts = "h_bucket{le=\"+Inf\"} 9007199254740993\nh_sum 1\nh_count 9007199254740992\n";
    refused(&histogram(counts), 2, "+Inf is 9007199254740993");
}

#[test]
fn summaries_have_quantiles_sum_and_count() {
    let bad = [
        ("s{quantile=\"1.5\"} 1\n", "not within 0 and 1"),
        ("s 1\n", "without quantile"),
        ("s_sum{quantile=\"0.5\"} 1\n", "with quantile"),
        ("s{quantile=\"0.5\"} 1\ns_sum 1\n", "without _count"),
    ];
    for (lines, reason) in bad {
        refused(&format!("# TYPE s summary\n{lines}"), 2, reason);
    }
}
