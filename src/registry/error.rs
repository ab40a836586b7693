//! Why a registration was refused.

use crate::guard::BreakerError;
use crate::model::{BoundsError, MetricType, NameError, Named, SummaryError, debug_as_message};
use core::fmt;

/// Why a family was not registered. Its message names the offender and what to write instead.
///
/// ```
/// let registry = quipu::Registry::new();
/// let error = registry.gauge("queue-length", "Jobs that wait.").register().unwrap_err();
/// assert_eq!(error.to_string(), "metric name \"queue-length\": '-' is not allowed (byte 5); write `queue_length`");
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The metric's name breaks a rule.
    #[non_exhaustive]
    MetricName {
        /// The name, as it was given.
        name: String,
        /// What the registry puts before it: its namespace and prefix, each with a `_`, or nothing.
        namespace: String,
        /// What it was to name.
        kind: MetricType,
        /// The rule.
        problem: NameError,
    },
    /// A label's name breaks a rule.
    #[non_exhaustive]
    LabelName {
        /// The metric's name.
        metric: String,
        /// What the metric is.
        kind: MetricType,
        /// The label's name.
        label: String,
        /// The rule.
        problem: NameError,
    },
    /// The bucket bounds break a rule.
    #[non_exhaustive]
    Bounds {
        /// The metric's name.
        metric: String,
        /// The rule.
        problem: BoundsError,
    },
    /// The settings of a summary break a rule.
    #[non_exhaustive]
    Summary {
        /// The metric's name.
        metric: String,
        /// The rule.
        problem: SummaryError,
    },
    /// The metric's name does not end in its unit, or it cannot have one.
    #[non_exhaustive]
    Unit {
        /// The metric's name.
        metric: String,
        /// What the metric is.
        kind: MetricType,
        /// The unit.
        unit: String,
    },
    /// Labels that are added to all requests can have too many values together.
    #[non_exhaustive]
    TooManyCombinations {
        /// The labels.
        labels: Vec<String>,
        /// The product of the numbers of values.
        values: usize,
        /// The most that it may be.
        most: usize,
    },
    /// All series of a closed label set are made at registration, and these are too many.
    #[non_exhaustive]
    TooManySeries {
        /// The metric's name.
        metric: String,
        /// The product of the numbers of values.
        series: usize,
        /// The most that it may have.
        most: usize,
    },
    /// The metric has more labels than one may have.
    #[non_exhaustive]
    TooManyLabels {
        /// The metric's name.
        metric: String,
        /// How many labels it has.
        labels: usize,
        /// The most that it may have.
        most: usize,
    },
    /// A limit is set for a label that the metric does not have.
    #[non_exhaustive]
    UnknownLabel {
        /// The metric's name.
        metric: String,
        /// The label that was named.
        label: String,
        /// The labels that the metric has.
        labels: Vec<String>,
    },
    /// A label's values are known, and more than it may have.
    #[non_exhaustive]
    TooManyValues {
        /// The metric's name.
        metric: String,
        /// The label.
        label: String,
        /// How many values it has.
        values: usize,
        /// The most that it may have.
        most: usize,
    },
    /// The registry has not so many series left that no other family has reserved.
    #[non_exhaustive]
    Reserved {
        /// The metric's name.
        metric: String,
        /// How many series it needs from the start, or reserves.
        series: usize,
        /// How many can be reserved.
        left: usize,
    },
    /// A family of this name is there, with another description.
    #[non_exhaustive]
    Conflict {
        /// The metric's name.
        name: String,
        /// How the registered one differs.
        registered: String,
        /// How the refused one differs.
        refused: String,
    },
    /// Another family exposes a sample of the same name.
    #[non_exhaustive]
    SampleClash {
        /// The name of the metric that was refused.
        name: String,
        /// The name of the family that is registered.
        registered: String,
        /// The name that samples of both could have.
        sample: String,
    },
    /// A setting of a circuit breaker makes no sense.
    #[non_exhaustive]
    Breaker {
        /// The setting.
        problem: BreakerError,
    },
    /// A circuit breaker of this name is there, with other settings.
    #[non_exhaustive]
    BreakerConflict {
        /// The breaker's name.
        breaker: String,
    },
    /// A collector yields a family of this name.
    #[non_exhaustive]
    Collected {
        /// The metric's name.
        name: String,
        /// The collector's.
        collector: String,
    },
    /// A collector declares a family that is registered to be recorded into.
    #[non_exhaustive]
    Recorded {
        /// The family's name.
        name: String,
        /// The name of the collector that was refused.
        collector: String,
    },
    /// There is a collector of this name.
    #[non_exhaustive]
    CollectorName {
        /// The name.
        name: String,
    },
}

/// The most series that a closed label set may have.
pub(crate) const MAX_CLOSED_SERIES: usize = 65_536;

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterError::MetricName { name, namespace, kind, problem } => {
                write!(f, "metric name {name:?}")?;
                if !namespace.is_empty() {
                    write!(f, " (after `{namespace}`)")?;
                }
                write!(f, ": ")?;
                problem.advise(name, Named::Metric { kind: *kind, namespace }, f)
            }
            RegisterError::LabelName { metric, kind, label, problem } => {
                write!(f, "label name {label:?} of `{metric}`: ")?;
                problem.advise(label, Named::Label(*kind), f)
            }
            RegisterError::Bounds { metric, problem } => write!(f, "`{metric}`: {problem}"),
            RegisterError::Summary { metric, problem } => write!(f, "`{metric}`: {problem}"),
            RegisterError::Unit { metric, kind, unit } => advise_unit(metric, *kind, unit, f),
            RegisterError::TooManySeries { metric, series, most } => write!(
                f,
                "`{metric}`: its label set has {series} series, all of which are made at registration; \
                 at most {most} are allowed: use fewer labels, or a string for one of them"
            ),
            RegisterError::TooManyCombinations { labels, values, most } => write!(
                f,
                "the labels {labels:?} can have {values} values together, for each route and method; \
                 at most {most} are allowed: give them shorter lists"
            ),
            RegisterError::TooManyLabels { metric, labels, most } => {
                write!(f, "`{metric}` has {labels} labels; at most {most} are allowed: leave some of them out")
            }
            RegisterError::UnknownLabel { metric, label, labels } => write!(
                f,
                "`{metric}`: `max_values` names the label {label:?}, which it does not have; its labels are {labels:?}"
            ),
            RegisterError::TooManyValues { metric, label, values, most } => write!(
                f,
                "`{metric}`: the label {label:?} has {values} values, all of them known; `max_values` allows {most}: \
                 leave it out, or use a string for the label"
            ),
            RegisterError::Reserved { metric, series, left } => write!(
                f,
                "`{metric}`: it reserves {series} series, and the registry has {left} left to reserve; \
                 reserve fewer, or raise the registry's `max_series`"
            ),
            RegisterError::Conflict { name, registered, refused } => write!(
                f,
                "`{name}` is already registered {registered}; it cannot be registered again {refused}. Use the same definition or another name"
            ),
            RegisterError::SampleClash { name, registered, sample } => write!(
                f,
                "`{name}` and the registered `{registered}` could both expose a sample `{sample}`; rename one of them"
            ),
            RegisterError::Breaker { problem } => problem.fmt(f),
            RegisterError::BreakerConflict { breaker } => write!(
                f,
                "the circuit breaker `{breaker}` is already registered with other settings. \
                 Use the same settings or another name"
            ),
            RegisterError::Collected { name, collector } => {
                write!(f, "`{name}` is a family of the collector `{collector}`; use another name")
            }
            RegisterError::Recorded { name, collector } => {
                write!(f, "the collector `{collector}` declares `{name}`, which is registered to be recorded into; ")?;
                write!(f, "use another name")
            }
            RegisterError::CollectorName { name } => {
                write!(f, "there is a collector `{name}` already; name this one with `Declaration::name`")
            }
        }
    }
}

fn advise_unit(metric: &str, kind: MetricType, unit: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (base, total) = metric.strip_suffix("_total").map_or((metric, ""), |base| (base, "_total"));
    match unit {
        "" => write!(f, "`{metric}`: the unit is empty; leave it out"),
        _ if !kind.has_unit() => write!(f, "`{metric}`: {kind} metrics have no unit; leave it out"),
        _ => write!(f, "`{metric}` does not end in its unit; write `{base}_{unit}{total}`, or leave the unit out"),
    }
}

debug_as_message!(RegisterError);

impl core::error::Error for RegisterError {}

/// Why a registry, or a handle with a prefix, was not made. Its message names the offender and what to write instead.
///
/// ```
/// use quipu::{Registry, registry::BuildError};
/// let error = Registry::builder().namespace("my-shop").build().unwrap_err();
/// assert!(matches!(&error, BuildError::Namespace { namespace, .. } if namespace == "my-shop"));
/// assert_eq!(error.to_string(), "namespace \"my-shop\": '-' is not allowed (byte 2); write `my_shop`");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// No metric's name can begin with the namespace.
    #[non_exhaustive]
    Namespace {
        /// The namespace.
        namespace: String,
        /// The rule it breaks.
        problem: NameError,
    },
    /// No metric's name can begin with the prefix.
    #[non_exhaustive]
    Prefix {
        /// The prefix.
        prefix: String,
        /// The rule it breaks.
        problem: NameError,
    },
    /// A global label's name breaks a rule.
    #[non_exhaustive]
    LabelName {
        /// The label's name.
        label: String,
        /// The rule.
        problem: NameError,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Namespace { namespace, problem } => {
                write!(f, "namespace {namespace:?}: ")?;
                problem.advise(namespace, Named::Namespace, f)
            }
            BuildError::Prefix { prefix, problem } => {
                write!(f, "prefix {prefix:?}: ")?;
                problem.advise(prefix, Named::Namespace, f)
            }
            BuildError::LabelName { label, problem } => {
                write!(f, "global label name {label:?}: ")?;
                problem.advise(label, Named::GlobalLabel, f)
            }
        }
    }
}

debug_as_message!(BuildError);

impl core::error::Error for BuildError {}

/// Label values do not fit the family's label names.
///
/// ```
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").dyn_labels(&["queue"]).register()?;
/// let error = jobs.with(&["mail", "ok"]).unwrap_err();
/// assert_eq!(error.to_string(), "2 label values for 1 label names; give one value for each name, in their order");
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelError {
    /// There are not as many values as names.
    #[non_exhaustive]
    Count {
        /// The number of label names.
        names: usize,
        /// The number of values given.
        values: usize,
    },
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelError::Count { names, values } => {
                write!(f, "{values} label values for {names} label names; give one value for each name, in their order")
            }
        }
    }
}

debug_as_message!(LabelError);

impl core::error::Error for LabelError {}

#[cfg(test)]
mod tests {
    use super::RegisterError;
    use crate::{LabelSet, Registry};
    use core::error::Error;

    #[test]
    fn what_unwrap_prints_says_what_to_write() {
        let registry = Registry::new();
        let family = registry.gauge("a", "A.").dyn_labels(&["b"]).register().unwrap();
        let errors: [Box<dyn Error>; 4] = [
            registry.counter("jobs", "Jobs.").register().unwrap_err().into(),
            Registry::builder().namespace("a-b").build().unwrap_err().into(),
            family.handle(&[]).unwrap_err().into(),
            crate::model::check_bounds(&[f64::NAN]).unwrap_err().into(),
        ];
        for error in errors {
            assert_eq!(format!("{error:?}"), error.to_string());
        }
    }

    /// The one label `a`, with one value or two.
    struct Closed<const VALUES: usize>;

    impl<const VALUES: usize> LabelSet for Closed<VALUES> {
        const NAMES: &'static [&'static str] = &["a"];
        const VALUES: &'static [Option<&'static [&'static str]>] =
            if VALUES == 1 { &[Some(&["x"])] } else { &[Some(&["x", "y"])] };

        fn index(&self) -> usize {
            0
        }

        fn with_values<R>(&self, use_values: impl FnOnce(&[&str]) -> R) -> R {
            use_values(&["x"])
        }
    }

    #[test]
    fn a_conflict_shows_what_differs() {
        let registry = Registry::new();
        let conflict = |result: Result<(), RegisterError>, registered: &str, refused: &str| {
            let RegisterError::Conflict { name, .. } = result.as_ref().unwrap_err() else { panic!("{result:?}") };
            let expected = format!(
                "`{name}` is already registered {registered}; it cannot be registered again {refused}. \
                 Use the same definition or another name"
            );
            assert_eq!(result.unwrap_err().to_string(), expected);
        };
        let counter = |help: &'static str| registry.counter("a_total", help);
        counter("A.").labels(["a", "b"]).register().unwrap();
        let ab = r#"with the labels ["a", "b"]"#;
        let float = registry.float_counter("a_total", "A.").labels(["a", "b"]);
        conflict(float.register().map(drop), "as a counter", "as a float counter");
        conflict(counter("A.").register().map(drop), ab, "without labels");
        conflict(counter("A.").labels(["a"]).register().map(drop), ab, r#"with the labels ["a"]"#);
        let (registered, refused) = (&format!("{ab} in this order"), r#"with the labels ["b", "a"] in this order"#);
        conflict(counter("A.").labels(["b", "a"]).register().map(drop), registered, refused);
        let help = counter("B.").labels(["a", "b"]);
        conflict(help.register().map(drop), r#"with the help "A.""#, r#"with the help "B.""#);
        let all = registry.float_counter("a_total", "B.");
        let registered = &format!(r#"as a counter {ab} and with the help "A.""#);
        conflict(all.register().map(drop), registered, r#"as a float counter without labels and with the help "B.""#);

        registry.histogram("b", "B.").bounds([1.0]).register().unwrap();
        let bounds = registry.histogram("b", "B.").bounds([1.0, 2.5]);
        conflict(bounds.register().map(drop), "with the bounds [1.0]", "with the bounds [1.0, 2.5]");
        conflict(registry.in_flight_gauge("b", "B.").register().map(drop), "as a histogram", "as an in-flight gauge");

        registry.gauge("c", "C.").label_set::<Closed<1>>().register().unwrap();
        let gauge = || registry.gauge("c", "C.");
        let one = r#"with the labels ["a"] of the values [["x"]]"#;
        let two = r#"with the labels ["a"] of the values [["x", "y"]]"#;
        conflict(gauge().label_set::<Closed<2>>().register().map(drop), one, two);
        conflict(gauge().labels(["a"]).register().map(drop), one, r#"with the labels ["a"] of any values"#);
    }

    #[test]
    fn in_a_namespace_the_advice_is_what_to_write_after_it() {
        let registry = Registry::builder().namespace("shop").build().unwrap();
        let refused = |name: &'static str| registry.counter(name, "A.").register().unwrap_err().to_string();
        let jobs = r#"metric name "jobs" (after `shop_`): a counter's name ends in `_total`; write `jobs_total` (a registry built with `lenient_names` accepts it)"#;
        assert_eq!(refused("jobs"), jobs);
        let dash = r#"metric name "a-b_total" (after `shop_`): '-' is not allowed (byte 1); write `a_b_total`"#;
        assert_eq!(refused("a-b_total"), dash);
        assert_eq!(refused(""), r#"metric name "" (after `shop_`): the name is empty; give one"#);
        assert!(registry.counter("jobs_total", "Jobs.").register().is_ok());
    }

    #[test]
    fn a_namespace_is_good_if_names_that_begin_with_it_are() {
        for namespace in ["up", "scrape", "shop_total", "shop_"] {
            let registry = Registry::builder().namespace(namespace).build().unwrap();
            registry.gauge("x", "X.").register().unwrap();
            registry.with_prefix(namespace).unwrap().gauge("x", "X.").register().unwrap();
        }
        let refused = |namespace: &str| Registry::builder().namespace(namespace).build().unwrap_err().to_string();
        assert_eq!(refused("a:b"), r#"namespace "a:b": ':' is reserved for recording rules (byte 1); write `a_b`"#);
        let refused = |prefix| Registry::new().with_prefix(prefix).unwrap_err().to_string();
        assert_eq!(refused("a:b"), r#"prefix "a:b": ':' is reserved for recording rules (byte 1); write `a_b`"#);
        assert_eq!(refused(""), r#"prefix "": the name is empty; give one"#);
    }

    #[test]
    fn a_label_that_is_there_already_is_named() {
        let registry = Registry::builder().label("host", "a").build().unwrap();
        let refused = |labels| registry.gauge("a", "A.").labels(labels).register().unwrap_err().to_string();
        let global = r#"label name "host" of `a`: it is already a global label of this registry; use another name"#;
        assert_eq!(refused(["b", "host"]), global);
        assert_eq!(refused(["b", "b"]), r#"label name "b" of `a`: the label is listed twice; remove one"#);
    }
}
