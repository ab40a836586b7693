//! What a family or a label may be called.

use core::fmt;

/// What a family measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricType {
    /// A number that only goes up.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Observations, counted by bucket.
    Histogram,
}

impl MetricType {
    /// The word for it in a `# TYPE` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
        }
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a name was refused. Its message is the rule; the errors of a registry also say what to write instead.
///
/// ```
/// use quipu::model::{MetricType, check_metric_name};
/// let problem = check_metric_name("jobs", MetricType::Counter).unwrap_err();
/// assert_eq!(problem.to_string(), "a counter's name ends in `_total`");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    Empty,
    /// The character at this byte may not stand there: names are `[a-zA-Z_][a-zA-Z0-9_]*`, those of metrics may also
    /// contain `:`.
    Character {
        /// Byte offset of the character.
        at: usize,
    },
    /// Label names that start with `_` are reserved (OpenMetrics 1.0, "Label").
    ReservedLabel,
    /// `le` is the label of a histogram's buckets.
    BucketLabel,
    /// `up` and `scrape_*` are made by the scraper itself; another one would overwrite the health of the target.
    ReservedMetric,
    /// A counter's name ends in `_total` (OpenMetrics 1.0, "Counter").
    CounterWithoutTotal,
    /// Only samples of another kind end like this.
    Suffix(&'static str),
    /// The label stands twice in the same set.
    Duplicate,
    /// The label is a global label of the registry, which every series has already.
    GlobalLabel,
    /// The label is that of the registry's metrics about itself.
    SelfLabel,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "the name is empty"),
            NameError::Character { at } => write!(f, "the character at byte {at} is not allowed"),
            NameError::ReservedLabel => write!(f, "label names that start with `_` are reserved"),
            NameError::BucketLabel => write!(f, "`le` is the label of the histogram's own buckets"),
            NameError::ReservedMetric => write!(f, "`up` and `scrape_*` are made by the scraper for every target"),
            NameError::CounterWithoutTotal => write!(f, "a counter's name ends in `_total`"),
            NameError::Suffix("_total") => write!(f, "only a counter's name ends in `_total`"),
            NameError::Suffix("_bucket") => write!(f, "`_bucket` is how the samples of a histogram end"),
            NameError::Suffix(suffix) => write!(f, "`{suffix}` is how the time of creation of a metric ends"),
            NameError::Duplicate => write!(f, "the label stands twice"),
            NameError::GlobalLabel => write!(f, "it is already a global label of this registry"),
            NameError::SelfLabel => write!(f, "`{SELF_LABEL}` is the label of the registry's metrics about itself"),
        }
    }
}

debug_as_message!(NameError);

impl core::error::Error for NameError {}

/// Label of the registry's metrics about itself.
pub(crate) const SELF_LABEL: &str = "family";

/// What a name is for, which decides the rules it has to keep.
#[derive(Clone, Copy)]
pub(crate) enum Named<'a> {
    /// A metric, whose whole name begins with the namespace.
    Metric {
        kind: MetricType,
        namespace: &'a str,
    },
    /// A label of a metric of this kind.
    Label(MetricType),
    GlobalLabel,
    Namespace,
}

impl Named<'_> {
    /// Whether the name may be used for this; errors speak of the name as it was given, without the namespace.
    pub(crate) fn check(self, name: &str) -> Result<(), NameError> {
        match self {
            Named::Metric { .. } if name.is_empty() => Err(NameError::Empty),
            Named::Metric { kind, namespace } => {
                check_metric_name(&format!("{namespace}{name}"), kind).map_err(|problem| match problem {
                    NameError::Character { at } => NameError::Character { at: at - namespace.len() },
                    other => other,
                })
            }
            Named::Label(MetricType::Histogram) | Named::GlobalLabel if name == "le" => Err(NameError::BucketLabel),
            Named::GlobalLabel if name == SELF_LABEL => Err(NameError::SelfLabel),
            Named::Label(_) | Named::GlobalLabel => check_label_name(name),
            // Something always follows it, so no suffix is wrong.
            Named::Namespace => check_metric_name(&format!("{name}_"), MetricType::Gauge),
        }
    }

    /// A name that passes and is as near to `name` as can be, if there is one.
    fn suggest(self, name: &str) -> Option<String> {
        let namespace = if let Named::Metric { namespace, .. } = self { namespace } else { "" };
        let colon = matches!(self, Named::Metric { .. } | Named::Namespace);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == ':' && colon);
        let mut near = namespace.to_owned();
        near.extend(name.chars().map(|c| if fits(c) { c } else { '_' }));
        match self {
            Named::Label(_) | Named::GlobalLabel => near = near.trim_start_matches('_').to_owned(),
            Named::Metric { kind: MetricType::Counter, .. } if near.ends_with("_total") => {}
            Named::Metric { kind: MetricType::Counter, .. } => near.push_str("_total"),
            Named::Metric { .. } => {
                while let Some(suffix) = SUFFIXES.iter().find(|suffix| near.ends_with(**suffix)) {
                    near.truncate(near.len() - suffix.len());
                }
            }
            Named::Namespace => {}
        }
        if near.starts_with(|c: char| c.is_ascii_digit()) {
            near.insert(0, 'n');
        }
        let near = near.strip_prefix(namespace)?;
        self.check(near).is_ok().then(|| near.to_owned())
    }
}

/// What only samples of a counter or a histogram end in.
const SUFFIXES: [&str; 3] = ["_total", "_created", "_bucket"];

impl NameError {
    /// What is wrong with `name`, and what to write instead.
    pub(crate) fn advise(self, name: &str, named: Named<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Character { at } => {
                let character = name[at..].chars().next().unwrap_or_default();
                write!(f, "{character:?} is not allowed (byte {at})")?;
            }
            _ => write!(f, "{self}")?,
        }
        match self {
            NameError::Empty => write!(f, "; give one"),
            NameError::Duplicate => write!(f, "; remove one"),
            NameError::ReservedMetric if matches!(named, Named::Metric { .. }) => {
                write!(f, "; put a prefix before the name")
            }
            NameError::ReservedMetric | NameError::BucketLabel | NameError::GlobalLabel | NameError::SelfLabel => {
                write!(f, "; take another name")
            }
            NameError::Character { .. }
            | NameError::ReservedLabel
            | NameError::CounterWithoutTotal
            | NameError::Suffix(_) => match named.suggest(name) {
                Some(near) if self == NameError::Suffix("_total") => {
                    write!(f, "; write `{near}`, or register a counter")
                }
                Some(near) => write!(f, "; write `{near}`"),
                None => write!(f, "; take another name"),
            },
        }
    }
}

const fn check_characters(name: &[u8], colon: bool) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let mut at = 0;
    while at < name.len() {
        let fits = match name[at] {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b'0'..=b'9' => at > 0,
            b':' => colon,
            _ => false,
        };
        if !fits {
            return Err(NameError::Character { at });
        }
        at += 1;
    }
    Ok(())
}

const fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    matches!(name.split_at_checked(prefix.len()), Some((start, _)) if equal(start, prefix))
}

const fn ends_with(name: &[u8], suffix: &[u8]) -> bool {
    name.len() >= suffix.len() && equal(name.split_at(name.len() - suffix.len()).1, suffix)
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The one rule for names of metrics (Prometheus data model, "Metric names and labels").
///
/// Usable in constants, so that a bad literal does not compile:
///
/// ```
/// use quipu::model::{MetricType, check_metric_name};
/// const JOBS: &str = "jobs_total";
/// const _: () = assert!(check_metric_name(JOBS, MetricType::Counter).is_ok());
/// assert!(check_metric_name("jobs", MetricType::Counter).is_err());
/// ```
///
/// # Errors
/// The first rule that the name breaks.
pub const fn check_metric_name(name: &str, kind: MetricType) -> Result<(), NameError> {
    let bytes = name.as_bytes();
    if let Err(error) = check_characters(bytes, true) {
        return Err(error);
    }
    if equal(bytes, b"up") || starts_with(bytes, b"scrape_") {
        return Err(NameError::ReservedMetric);
    }
    let is_counter = matches!(kind, MetricType::Counter);
    if is_counter && !ends_with(bytes, b"_total") {
        return Err(NameError::CounterWithoutTotal);
    }
    if !is_counter && ends_with(bytes, b"_total") {
        return Err(NameError::Suffix("_total"));
    }
    if ends_with(bytes, b"_created") {
        return Err(NameError::Suffix("_created"));
    }
    if ends_with(bytes, b"_bucket") {
        return Err(NameError::Suffix("_bucket"));
    }
    Ok(())
}

/// The one rule for names of labels (Prometheus data model; OpenMetrics 1.0, "Label").
///
/// ```
/// use quipu::model::check_label_name;
/// assert!(check_label_name("http_method").is_ok());
/// assert!(check_label_name("http-method").is_err());
/// ```
///
/// # Errors
/// The first rule that the name breaks.
pub const fn check_label_name(name: &str) -> Result<(), NameError> {
    match check_characters(name.as_bytes(), false) {
        Err(error) => Err(error),
        Ok(()) if name.as_bytes()[0] == b'_' => Err(NameError::ReservedLabel),
        Ok(()) => Ok(()),
    }
}

/// Checks the names of one set: each by [`check_label_name`], none twice. For constants; derives call it.
///
/// # Panics
/// At compile time, when a name breaks a rule.
#[track_caller]
pub const fn assert_label_names(names: &[&str]) {
    let mut at = 0;
    while at < names.len() {
        match check_label_name(names[at]) {
            Ok(()) => {}
            Err(NameError::ReservedLabel) => panic!("label names that start with `_` are reserved"),
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

/// The names that samples of a family can have in any format. No two families of a registry may share one.
pub(crate) fn sample_names(name: &str, kind: MetricType) -> Vec<String> {
    let suffixed = |base: &str, suffixes: &[&str]| suffixes.iter().map(|suffix| format!("{base}{suffix}")).collect();
    match kind {
        MetricType::Counter => suffixed(name.strip_suffix("_total").unwrap_or(name), &["", "_total", "_created"]),
        MetricType::Gauge => vec![name.to_owned()],
        MetricType::Histogram => suffixed(name, &["", "_bucket", "_count", "_sum", "_created"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn metric_names() {
        let check = check_metric_name;
        for good in ["a", "_a", "a:b", "A9_z", "upper", "scrape"] {
            assert_eq!(check(good, MetricType::Gauge), Ok(()), "{good}");
        }
        assert_eq!(check("", MetricType::Gauge), Err(NameError::Empty));
        assert_eq!(check("9a", MetricType::Gauge), Err(NameError::Character { at: 0 }));
        assert_eq!(check("a-b", MetricType::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("a.b", MetricType::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("a\nb 1", MetricType::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("é", MetricType::Gauge), Err(NameError::Character { at: 0 }));
        assert_eq!(check("up", MetricType::Gauge), Err(NameError::ReservedMetric));
        assert_eq!(check("scrape_duration_seconds", MetricType::Gauge), Err(NameError::ReservedMetric));
        assert_eq!(check("jobs", MetricType::Counter), Err(NameError::CounterWithoutTotal));
        assert_eq!(check("jobs_total", MetricType::Counter), Ok(()));
        assert_eq!(check("jobs_total", MetricType::Gauge), Err(NameError::Suffix("_total")));
        assert_eq!(check("jobs_created", MetricType::Gauge), Err(NameError::Suffix("_created")));
        assert_eq!(check("jobs_bucket", MetricType::Histogram), Err(NameError::Suffix("_bucket")));
    }

    #[test]
    fn label_names() {
        for good in ["a", "a_", "A9", "le", "quantile"] {
            assert_eq!(check_label_name(good), Ok(()), "{good}");
        }
        assert_eq!(check_label_name("a:b"), Err(NameError::Character { at: 1 }));
        assert_eq!(check_label_name("__name__"), Err(NameError::ReservedLabel));
        assert_eq!(check_label_name("_a"), Err(NameError::ReservedLabel));
        assert_eq!(check_label_name(""), Err(NameError::Empty));
    }

    struct Advice(&'static str, Named<'static>, NameError);

    impl fmt::Display for Advice {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.2.advise(self.0, self.1, f)
        }
    }

    const COUNTER: Named<'_> = Named::Metric { kind: MetricType::Counter, namespace: "" };
    const GAUGE: Named<'_> = Named::Metric { kind: MetricType::Gauge, namespace: "" };
    const LABEL: Named<'_> = Named::Label(MetricType::Histogram);
    const SHOP_COUNTER: Named<'_> = Named::Metric { kind: MetricType::Counter, namespace: "shop_" };
    const SHOP_GAUGE: Named<'_> = Named::Metric { kind: MetricType::Gauge, namespace: "shop_" };

    #[test]
    fn advice() {
        for (name, named, expected) in [
            ("", GAUGE, "the name is empty; give one"),
            ("a-b", GAUGE, "'-' is not allowed (byte 1); write `a_b`"),
            ("9é", GAUGE, "'9' is not allowed (byte 0); write `n9_`"),
            ("http.requests", COUNTER, "'.' is not allowed (byte 4); write `http_requests_total`"),
            ("http-method", LABEL, "'-' is not allowed (byte 4); write `http_method`"),
            ("jobs", COUNTER, "a counter's name ends in `_total`; write `jobs_total`"),
            ("jobs_total", GAUGE, "only a counter's name ends in `_total`; write `jobs`, or register a counter"),
            ("g_bucket", GAUGE, "`_bucket` is how the samples of a histogram end; write `g`"),
            ("g_created", GAUGE, "`_created` is how the time of creation of a metric ends; write `g`"),
            ("", SHOP_GAUGE, "the name is empty; give one"),
            ("a-b", SHOP_GAUGE, "'-' is not allowed (byte 1); write `a_b`"),
            ("jobs", SHOP_COUNTER, "a counter's name ends in `_total`; write `jobs_total`"),
            ("g_bucket", SHOP_GAUGE, "`_bucket` is how the samples of a histogram end; write `g`"),
            ("total", SHOP_GAUGE, "only a counter's name ends in `_total`; take another name"),
            ("up", GAUGE, "`up` and `scrape_*` are made by the scraper for every target; put a prefix before the name"),
            (
                "scrape",
                Named::Namespace,
                "`up` and `scrape_*` are made by the scraper for every target; take another name",
            ),
            ("a-b", Named::Namespace, "'-' is not allowed (byte 1); write `a_b`"),
            ("_total", GAUGE, "only a counter's name ends in `_total`; take another name"),
            ("__name__", LABEL, "label names that start with `_` are reserved; write `name__`"),
            ("_9", LABEL, "label names that start with `_` are reserved; write `n9`"),
            ("_le", LABEL, "label names that start with `_` are reserved; take another name"),
            ("_le", Named::Label(MetricType::Gauge), "label names that start with `_` are reserved; write `le`"),
            ("_family", LABEL, "label names that start with `_` are reserved; write `family`"),
            ("_family", Named::GlobalLabel, "label names that start with `_` are reserved; take another name"),
        ] {
            assert_eq!(Advice(name, named, named.check(name).unwrap_err()).to_string(), expected);
        }
    }

    #[test]
    fn a_namespace_is_judged_as_the_beginning_of_a_name() {
        for good in ["shop", "up", "shop_total", "shop_", "scraper", "_"] {
            assert_eq!(Named::Namespace.check(good), Ok(()), "{good}");
        }
        for reserved in ["scrape", "scrape_", "scrape_pool"] {
            assert_eq!(Named::Namespace.check(reserved), Err(NameError::ReservedMetric), "{reserved}");
        }
    }

    proptest! {
        #[test]
        fn a_suggested_name_passes(name in "[a9:_.é]{0,4}(scrape)?[a9:_.é]{0,4}(_total|_created|_bucket|up){0,3}") {
            let label = Named::Label(MetricType::Gauge);
            for named in [COUNTER, GAUGE, SHOP_COUNTER, SHOP_GAUGE, label, LABEL, Named::GlobalLabel, Named::Namespace] {
                let near = named.suggest(&name);
                if let Some(near) = &near {
                    prop_assert_eq!(named.check(near), Ok(()));
                }
                // A name without anything that cannot be mended has one.
                if name.starts_with('a') {
                    prop_assert!(near.is_some(), "{}", name);
                }
                // What passes stays as it is.
                if named.check(&name).is_ok() {
                    prop_assert_eq!(near, Some(name.clone()));
                }
            }
        }
    }
}
