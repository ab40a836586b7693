//! The rules as assertions, for literals: a name, a label or a bound that breaks one does not compile. Derives call them.

use super::names::{check_label_of, ends_in_unit, equal};
use super::{BoundsError, MAX_BOUNDS, MetricType, NameError, check_bounds, check_label_name, check_metric_name};

/// Checks the names of one set: each by [`check_label_name`], none twice. For constants; derives call it.
///
/// # Panics
/// At compile time, when a name breaks a rule.
///
/// ```
/// use quipu::model::assert_label_names;
/// const NAMES: [&str; 2] = ["method", "status"];
/// const _: () = assert_label_names(&NAMES);
/// ```
#[track_caller]
pub const fn assert_label_names(names: &[&str]) {
    let mut at = 0;
    while at < names.len() {
        match check_label_name(names[at]) {
            Ok(()) => {}
            Err(NameError::LeadingUnderscore) => panic!("label names that start with `_` are reserved"),
            Err(_) => panic!("a label name has the form [a-zA-Z][a-zA-Z0-9_]*"),
        }
        let mut before = 0;
        while before < at {
            assert!(!equal(names[before].as_bytes(), names[at].as_bytes()), "two labels of one set have the same name");
            before += 1;
        }
        at += 1;
    }
}

/// Checks the labels of a metric of this kind: each by [`check_label_name`], none twice, and none that samples of the kind have
/// themselves. `None` are labels that nobody has named. For constants; derives call it.
///
/// # Panics
/// At compile time, when there are no names, or one breaks a rule.
///
/// ```
/// use quipu::model::{MetricType, assert_labels};
/// const _: () = assert_labels(Some(&["method", "status"]), MetricType::Histogram);
/// ```
#[track_caller]
pub const fn assert_labels(names: Option<&[&str]>, kind: MetricType) {
    let Some(names) = names else {
        panic!("the labels have no names; write `#[metric(labels(\"name\", ...))]`, with a name for each");
    };
    assert_label_names(names);
    let mut at = 0;
    while at < names.len() {
        match check_label_of(names[at], kind) {
            Err(NameError::BucketLabel) => {
                panic!("`le` is the label of the histogram's own buckets; use another name")
            }
            Err(NameError::QuantileLabel) => {
                panic!("`quantile` is the label of the summary's own quantiles; use another name")
            }
            _ => {}
        }
        at += 1;
    }
}

/// Checks that none of a state set's labels has the metric's name: that is the name of the label that has the states. For constants;
/// derives call it.
///
/// # Panics
/// At compile time, when one has.
///
/// ```
/// use quipu::model::{MetricType, assert_state_label};
/// const _: () = assert_state_label("worker_state", Some(&["worker"]), MetricType::StateSet);
/// ```
#[track_caller]
pub const fn assert_state_label(name: &str, labels: Option<&[&str]>, kind: MetricType) {
    let (MetricType::StateSet, Some(labels)) = (kind, labels) else { return };
    let mut at = 0;
    while at < labels.len() {
        assert!(
            !equal(labels[at].as_bytes(), name.as_bytes()),
            "the label of this name has the state set's own states; use another name"
        );
        at += 1;
    }
}

/// Checks that a label is one of these. For constants; derives call it.
///
/// # Panics
/// At compile time, when it is not.
///
/// ```
/// const _: () = quipu::model::assert_label(Some(&["tenant", "queue"]), "queue");
/// ```
#[track_caller]
pub const fn assert_label(names: Option<&[&str]>, label: &str) {
    let names = match names {
        Some(names) => names,
        None => &[],
    };
    let mut at = 0;
    while at < names.len() {
        if equal(names[at].as_bytes(), label.as_bytes()) {
            return;
        }
        at += 1;
    }
    panic!("the metric has no label of this name; write one of its labels");
}

/// Checks the name of a metric by [`check_metric_name`]; of a lenient one, conventions are left to the registry. For constants; derives
/// call it.
///
/// # Panics
/// At compile time, when the name breaks a rule.
///
/// ```
/// use quipu::model::{MetricType, assert_metric_name};
/// const _: () = assert_metric_name("jobs_total", MetricType::Counter, false);
/// const _: () = assert_metric_name("jobs", MetricType::Counter, true);
/// ```
#[track_caller]
pub const fn assert_metric_name(name: &str, kind: MetricType, is_lenient: bool) {
    let Err(problem) = check_metric_name(name, kind) else { return };
    if is_lenient && problem.is_convention() {
        return;
    }
    match problem {
        NameError::CounterWithoutTotal => {
            panic!("a counter's name ends in `_total`; append it")
        }
        NameError::InfoWithoutInfo => {
            panic!("an info's name ends in `_info`; append it, or write `#[metric(lenient)]`")
        }
        NameError::Suffix { .. } => {
            panic!("only samples of another type end in `_total`, `_created` or `_bucket`; leave the suffix out")
        }
        NameError::LeadingUnderscore => panic!("metric names that start with `_` are reserved; write a letter first"),
        NameError::ScraperMetric => {
            panic!("Prometheus writes a metric of this name for every target; put a prefix before the name")
        }
        NameError::OwnMetric => {
            panic!("names that start with `quipu_` are reserved for quipu's own metrics; use another name")
        }
        _ => panic!("a metric name has the form [a-zA-Z][a-zA-Z0-9_]*; write only these characters"),
    }
}

/// Checks a prefix, after which `_` and a name follow. For constants; derives call it.
///
/// # Panics
/// At compile time, when no name can begin with it.
///
/// ```
/// const _: () = quipu::model::assert_prefix("mail_");
/// ```
#[track_caller]
pub const fn assert_prefix(prefix: &str) {
    match check_label_name(prefix) {
        Ok(()) => {}
        Err(NameError::LeadingUnderscore) => {
            panic!("metric names that start with `_` are reserved; write a letter first")
        }
        Err(_) => panic!("a prefix has the form [a-zA-Z][a-zA-Z0-9_]*; write only these characters"),
    }
}

/// Checks that a metric's name ends in its unit, before `_total`, and that metrics of its kind have one. For constants; derives call it.
///
/// # Panics
/// At compile time, when it does not.
///
/// ```
/// use quipu::model::{MetricType, assert_unit};
/// const _: () = assert_unit("mail_received_bytes_total", "bytes", MetricType::Counter);
/// ```
#[track_caller]
pub const fn assert_unit(name: &str, unit: &str, kind: MetricType) {
    assert!(kind.has_unit(), "infos and state sets have no unit; leave it out");
    assert!(
        ends_in_unit(name, unit),
        "a metric's name ends in `_` and its unit, before `_total`; append the unit to the name"
    );
}

/// Checks bounds by [`check_bounds`]. For constants; derives call it.
///
/// # Panics
/// At compile time, when a bound breaks the rule.
///
/// ```
/// const _: () = quipu::model::assert_bounds(&[0.1, 0.5, 1.0]);
/// ```
#[track_caller]
pub const fn assert_bounds(bounds: &[f64]) {
    const _: () = assert!(MAX_BOUNDS == 255, "the message below says how many");
    match check_bounds(bounds) {
        Ok(()) => {}
        Err(BoundsError::TooMany { .. }) => panic!("each bucket is a series of its own; give at most 255 bounds"),
        Err(BoundsError::NotANumber { .. }) => panic!("a bucket bound is NaN; give a finite number"),
        Err(BoundsError::NegativeInfinity { .. }) => panic!("a bucket bound is -Inf; leave it out"),
        Err(BoundsError::NotAscending { .. }) => {
            panic!("a bucket bound does not exceed the one before it; sort the bounds, each once")
        }
    }
}
