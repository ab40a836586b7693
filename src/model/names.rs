//! What a family or a label may be called.

use core::fmt;

/// What a family measures.
///
/// ```
/// use quipu::model::MetricType;
/// assert_eq!(MetricType::Counter.as_str(), "counter");
/// assert_eq!(MetricType::Histogram.to_string(), "histogram");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricType {
    /// A number that only goes up.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Observations, counted by bucket.
    Histogram,
    /// What is so: always 1, and the labels say it. In text 0.0.4 and in protobuf, which do not know it, a gauge.
    Info,
    /// Observations, as quantiles of the last few minutes.
    Summary,
    /// States, each of which holds or does not. In text 0.0.4 and in protobuf, which do not know it, a gauge.
    StateSet,
}

impl MetricType {
    /// The word for it (OpenMetrics 1.0, "Metric Types").
    pub const fn as_str(self) -> &'static str {
        match self {
            MetricType::Counter => "counter",
            MetricType::Gauge => "gauge",
            MetricType::Histogram => "histogram",
            MetricType::Info => "info",
            MetricType::Summary => "summary",
            MetricType::StateSet => "stateset",
        }
    }

    /// Whether values have a unit (OpenMetrics 1.0, "Info" and "StateSet").
    pub(crate) const fn has_unit(self) -> bool {
        !matches!(self, MetricType::Info | MetricType::StateSet)
    }
}

impl fmt::Display for MetricType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a name was refused. Its message is the rule; the errors of a registry also say what to write instead.
///
/// Most rules come from the formats. Three are conventions ([`is_convention`](Self::is_convention)), which a registry built with
/// [`lenient_names`](crate::registry::RegistryBuilder::lenient_names) does not ask for.
///
/// ```
/// use quipu::model::{MetricType, check_metric_name};
/// let problem = check_metric_name("jobs", MetricType::Counter).unwrap_err();
/// assert_eq!(problem.to_string(), "a counter's name ends in `_total`");
/// assert!(problem.is_convention());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty.
    Empty,
    /// The character at this byte is not allowed: names are `[a-zA-Z][a-zA-Z0-9_]*`. In the names of metrics, `:` is reserved
    /// for recording rules (OpenMetrics 1.0, "Metric Name").
    #[non_exhaustive]
    Character {
        /// Byte offset of the character.
        at: usize,
    },
    /// Names that start with `_` are reserved (OpenMetrics 1.0, "Metric Name" and "Label").
    LeadingUnderscore,
    /// `le` is the label of a histogram's buckets.
    BucketLabel,
    /// `quantile` is the label of a summary's quantiles.
    QuantileLabel,
    /// The states of a state set are the values of a label that has the set's name (OpenMetrics 1.0, "StateSet").
    StateLabel,
    /// Prometheus writes a metric of this name for every target; another one would overwrite it.
    ScraperMetric,
    /// Names that start with `quipu_` are those of this library's metrics about itself.
    OwnMetric,
    /// A counter's name ends in `_total` (OpenMetrics 1.0, "Counter"). A convention.
    CounterWithoutTotal,
    /// The name of an info ends in `_info` (OpenMetrics 1.0, "Info"). A convention.
    InfoWithoutInfo,
    /// Only samples of another type end like this. A convention.
    #[non_exhaustive]
    Suffix {
        /// How the name ends.
        suffix: &'static str,
    },
    /// The label is listed twice.
    Duplicate,
    /// The label is a global label of the registry, which every series has already.
    GlobalLabel,
}

impl NameError {
    /// Whether the name is legal in every format, and only against convention.
    pub const fn is_convention(self) -> bool {
        matches!(self, NameError::CounterWithoutTotal | NameError::InfoWithoutInfo | NameError::Suffix { .. })
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "the name is empty"),
            NameError::Character { at } => write!(f, "the character at byte {at} is not allowed"),
            NameError::LeadingUnderscore => write!(f, "names that start with `_` are reserved"),
            NameError::BucketLabel => write!(f, "`le` is the label of the histogram's own buckets"),
            NameError::QuantileLabel => write!(f, "`quantile` is the label of the summary's own quantiles"),
            NameError::StateLabel => write!(f, "it is the label of the state set's own states"),
            NameError::ScraperMetric => write!(f, "Prometheus writes a metric of this name for every target"),
            NameError::OwnMetric => {
                write!(f, "names that start with `{OWN_PREFIX}` are reserved for quipu's own metrics")
            }
            NameError::CounterWithoutTotal => write!(f, "a counter's name ends in `_total`"),
            NameError::InfoWithoutInfo => write!(f, "an info's name ends in `_info`"),
            NameError::Suffix { suffix: TOTAL } => write!(f, "only a counter's name ends in `_total`"),
            NameError::Suffix { suffix: BUCKET } => write!(f, "the suffix `_bucket` is reserved for histogram samples"),
            NameError::Suffix { suffix } => write!(f, "the suffix `{suffix}` is reserved for creation timestamps"),
            NameError::Duplicate => write!(f, "the label is listed twice"),
            NameError::GlobalLabel => write!(f, "it is already a global label of this registry"),
        }
    }
}

debug_as_message!(NameError);

impl core::error::Error for NameError {}

/// What the names of this library's metrics about itself begin with.
pub(crate) const OWN_PREFIX: &str = "quipu_";

/// What Prometheus writes for every target.
const WRITTEN_BY_SCRAPER: [&str; 8] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
    "scrape_timeout_seconds",
    "scrape_sample_limit",
    "scrape_body_size_bytes",
];

const TOTAL: &str = "_total";
const CREATED: &str = "_created";
const BUCKET: &str = "_bucket";
const INFO: &str = "_info";

/// What only samples of a counter or a histogram end in.
const SUFFIXES: [&str; 3] = [TOTAL, CREATED, BUCKET];

/// What a name is for, which decides the rules it has to keep.
#[derive(Clone, Copy)]
pub(crate) enum Named<'a> {
    /// A metric, whose whole name begins with the registry's namespace and prefix.
    Metric {
        kind: MetricType,
        namespace: &'a str,
    },
    /// A label of a metric of this kind.
    Label(MetricType),
    GlobalLabel,
    /// A namespace or a prefix, after which `_` and a name follow.
    Namespace,
}

impl Named<'_> {
    /// Whether the name may be used for this; errors speak of the name as it was given, without the namespace.
    pub(crate) fn check(self, name: &str) -> Result<(), NameError> {
        match self {
            Named::Metric { .. } if name.is_empty() => Err(NameError::Empty),
            Named::Metric { kind, namespace } => {
                check_metric_name(&format!("{namespace}{name}"), kind).or_else(|problem| match problem {
                    NameError::Character { at } => Err(NameError::Character { at: at - namespace.len() }),
                    NameError::OwnMetric if namespace == OWN_PREFIX => Ok(()),
                    other => Err(other),
                })
            }
            Named::Label(kind) => check_label_of(name, kind),
            Named::GlobalLabel => {
                check_label_of(name, MetricType::Histogram).and(check_label_of(name, MetricType::Summary))
            }
            Named::Namespace if name.is_empty() => Err(NameError::Empty),
            // Something always follows it, so no suffix is wrong.
            Named::Namespace => check_metric_name(&format!("{name}_"), MetricType::Gauge),
        }
    }

    /// A name that passes and is as near to `name` as can be, if there is one.
    fn suggest(self, name: &str) -> Option<String> {
        let namespace = if let Named::Metric { namespace, .. } = self { namespace } else { "" };
        let mut near = namespace.to_owned();
        near.extend(name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }));
        // What the name has to end in, and what it must not end in before that.
        let (end, wrong) = match self {
            Named::Metric { kind: MetricType::Counter, .. } => (TOTAL, &[][..]),
            Named::Metric { kind: MetricType::Info, .. } => (INFO, &SUFFIXES[..]),
            Named::Metric { .. } => ("", &SUFFIXES[..]),
            _ => ("", &[][..]),
        };
        near.truncate(near.strip_suffix(end).unwrap_or(&near).len());
        while let Some(base) = wrong.iter().find_map(|suffix| near.strip_suffix(suffix)) {
            near.truncate(base.len());
        }
        near = near.trim_start_matches('_').to_owned();
        if near.is_empty() {
            return None;
        }
        if near.starts_with(|c: char| c.is_ascii_digit()) {
            near.insert(0, 'n');
        }
        near.push_str(end);
        let near = near.strip_prefix(namespace)?;
        self.check(near).is_ok().then(|| near.to_owned())
    }
}

impl NameError {
    /// What is wrong with `name`, and what to write instead.
    pub(crate) fn advise(self, name: &str, named: Named<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Character { at } => match name[at..].chars().next().unwrap_or_default() {
                ':' if matches!(named, Named::Metric { .. } | Named::Namespace) => {
                    write!(f, "':' is reserved for recording rules (byte {at})")?;
                }
                character => write!(f, "{character:?} is not allowed (byte {at})")?,
            },
            _ => write!(f, "{self}")?,
        }
        match self {
            NameError::Empty => write!(f, "; give one"),
            NameError::Duplicate => write!(f, "; remove one"),
            NameError::ScraperMetric => write!(f, "; put a prefix before the name"),
            NameError::OwnMetric
            | NameError::BucketLabel
            | NameError::QuantileLabel
            | NameError::StateLabel
            | NameError::GlobalLabel => {
                write!(f, "; use another name")
            }
            NameError::Character { .. }
            | NameError::LeadingUnderscore
            | NameError::CounterWithoutTotal
            | NameError::InfoWithoutInfo
            | NameError::Suffix { .. } => match named.suggest(name) {
                Some(near) if self == (NameError::Suffix { suffix: TOTAL }) => {
                    write!(f, "; write `{near}`, or register a counter")
                }
                Some(near) => write!(f, "; write `{near}`"),
                None => write!(f, "; use another name"),
            },
        }?;
        if self.is_convention() { write!(f, " (a registry built with `lenient_names` accepts it)") } else { Ok(()) }
    }
}

const fn check_characters(name: &[u8]) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let mut at = 0;
    while at < name.len() {
        let fits = match name[at] {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => true,
            b'0'..=b'9' => at > 0,
            _ => false,
        };
        if !fits {
            return Err(NameError::Character { at });
        }
        at += 1;
    }
    if name[0] == b'_' { Err(NameError::LeadingUnderscore) } else { Ok(()) }
}

const fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    matches!(name.split_at_checked(prefix.len()), Some((start, _)) if equal(start, prefix))
}

const fn ends_with(name: &[u8], suffix: &[u8]) -> bool {
    name.len() >= suffix.len() && equal(name.split_at(name.len() - suffix.len()).1, suffix)
}

pub(super) const fn equal(a: &[u8], b: &[u8]) -> bool {
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

/// The rules for names of metrics (Prometheus data model, "Metric names and labels"; OpenMetrics 1.0).
///
/// What a format requires comes first, and conventions last: a name that breaks a [convention](NameError::is_convention) is
/// legal. A registry also looks for clashes, such as a gauge `size_bucket` beside a histogram `size`.
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
    if let Err(error) = check_characters(bytes) {
        return Err(error);
    }
    let mut at = 0;
    while at < WRITTEN_BY_SCRAPER.len() {
        if equal(bytes, WRITTEN_BY_SCRAPER[at].as_bytes()) {
            return Err(NameError::ScraperMetric);
        }
        at += 1;
    }
    if starts_with(bytes, OWN_PREFIX.as_bytes()) {
        return Err(NameError::OwnMetric);
    }
    if matches!(kind, MetricType::Counter) {
        return if ends_with(bytes, TOTAL.as_bytes()) { Ok(()) } else { Err(NameError::CounterWithoutTotal) };
    }
    if matches!(kind, MetricType::Info) {
        return if ends_with(bytes, INFO.as_bytes()) { Ok(()) } else { Err(NameError::InfoWithoutInfo) };
    }
    let mut at = 0;
    while at < SUFFIXES.len() {
        let suffix = SUFFIXES[at];
        if ends_with(bytes, suffix.as_bytes()) {
            return Err(NameError::Suffix { suffix });
        }
        at += 1;
    }
    Ok(())
}

/// The rules for names of labels (Prometheus data model; OpenMetrics 1.0, "Label").
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
    check_characters(name.as_bytes())
}

/// The same, for a label of a metric of this kind.
pub(super) const fn check_label_of(name: &str, kind: MetricType) -> Result<(), NameError> {
    if matches!(kind, MetricType::Histogram) && equal(name.as_bytes(), b"le") {
        return Err(NameError::BucketLabel);
    }
    if matches!(kind, MetricType::Summary) && equal(name.as_bytes(), b"quantile") {
        return Err(NameError::QuantileLabel);
    }
    check_label_name(name)
}

/// Whether a name ends in its unit, before `_total`.
pub(crate) const fn ends_in_unit(name: &str, unit: &str) -> bool {
    let (mut name, unit) = (name.as_bytes(), unit.as_bytes());
    if ends_with(name, TOTAL.as_bytes()) {
        name = name.split_at(name.len() - TOTAL.len()).0;
    }
    ends_with(name, unit) && !unit.is_empty() && ends_with(name.split_at(name.len() - unit.len()).0, b"_")
}

/// The names that samples of a family can have in any format. No two families of a registry may share one.
pub(crate) fn sample_names(name: &str, kind: MetricType) -> Vec<String> {
    let suffixed = |base: &str, suffixes: &[&str]| suffixes.iter().map(|suffix| format!("{base}{suffix}")).collect();
    match kind {
        MetricType::Counter => suffixed(name.strip_suffix("_total").unwrap_or(name), &["", "_total", "_created"]),
        MetricType::Gauge | MetricType::StateSet => vec![name.to_owned()],
        MetricType::Info => suffixed(name.strip_suffix(INFO).unwrap_or(name), &["", "_info"]),
        MetricType::Summary => suffixed(name, &["", "_count", "_sum", "_created"]),
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
        for good in ["a", "A9_z", "upper", "scrape", "scrape_requests_in_flight", "quipus", "total"] {
            assert_eq!(check(good, MetricType::Gauge), Ok(()), "{good}");
        }
        assert_eq!(check("", MetricType::Gauge), Err(NameError::Empty));
        assert_eq!(check("9a", MetricType::Gauge), Err(NameError::Character { at: 0 }));
        assert_eq!(check("a-b", MetricType::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("a.b", MetricType::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("a\nb 1", MetricType::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("é", MetricType::Gauge), Err(NameError::Character { at: 0 }));
        for reserved in ["_a", "_total", "_"] {
            assert_eq!(check(reserved, MetricType::Counter), Err(NameError::LeadingUnderscore), "{reserved}");
        }
        assert_eq!(check("a:b", MetricType::Gauge), Err(NameError::Character { at: 1 }));
        for taken in WRITTEN_BY_SCRAPER {
            assert_eq!(check(taken, MetricType::Gauge), Err(NameError::ScraperMetric), "{taken}");
            assert_eq!(check(taken, MetricType::Counter), Err(NameError::ScraperMetric), "{taken}");
        }
        assert_eq!(check("quipu_series", MetricType::Gauge), Err(NameError::OwnMetric));
        assert_eq!(check("jobs", MetricType::Counter), Err(NameError::CounterWithoutTotal));
        assert_eq!(check("jobs_total", MetricType::Counter), Ok(()));
        assert_eq!(check("jobs_total", MetricType::Gauge), Err(NameError::Suffix { suffix: "_total" }));
        assert_eq!(check("jobs_created", MetricType::Gauge), Err(NameError::Suffix { suffix: "_created" }));
        assert_eq!(check("jobs_bucket", MetricType::Histogram), Err(NameError::Suffix { suffix: "_bucket" }));
    }

    #[test]
    fn label_names() {
        for good in ["a", "a_", "A9", "le", "quantile"] {
            assert_eq!(check_label_name(good), Ok(()), "{good}");
        }
        assert_eq!(check_label_name("a:b"), Err(NameError::Character { at: 1 }));
        assert_eq!(check_label_name("__name__"), Err(NameError::LeadingUnderscore));
        assert_eq!(check_label_name("_a"), Err(NameError::LeadingUnderscore));
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
        let lenient = |advice: &str| format!("{advice} (a registry built with `lenient_names` accepts it)");
        for (name, named, expected) in [
            ("", GAUGE, "the name is empty; give one"),
            ("a-b", GAUGE, "'-' is not allowed (byte 1); write `a_b`"),
            ("9é", GAUGE, "'9' is not allowed (byte 0); write `n9_`"),
            ("http.requests", COUNTER, "'.' is not allowed (byte 4); write `http_requests_total`"),
            ("http-method", LABEL, "'-' is not allowed (byte 4); write `http_method`"),
            ("a:b", GAUGE, "':' is reserved for recording rules (byte 1); write `a_b`"),
            ("a:b", LABEL, "':' is not allowed (byte 1); write `a_b`"),
            ("a:b", Named::Namespace, "':' is reserved for recording rules (byte 1); write `a_b`"),
            ("jobs", COUNTER, &lenient("a counter's name ends in `_total`; write `jobs_total`")),
            (
                "jobs_total",
                GAUGE,
                &lenient("only a counter's name ends in `_total`; write `jobs`, or register a counter"),
            ),
            ("g_bucket", GAUGE, &lenient("the suffix `_bucket` is reserved for histogram samples; write `g`")),
            ("g_created", GAUGE, &lenient("the suffix `_created` is reserved for creation timestamps; write `g`")),
            ("", SHOP_GAUGE, "the name is empty; give one"),
            ("a-b", SHOP_GAUGE, "'-' is not allowed (byte 1); write `a_b`"),
            ("jobs", SHOP_COUNTER, &lenient("a counter's name ends in `_total`; write `jobs_total`")),
            ("g_bucket", SHOP_GAUGE, &lenient("the suffix `_bucket` is reserved for histogram samples; write `g`")),
            ("total", SHOP_GAUGE, &lenient("only a counter's name ends in `_total`; use another name")),
            ("up", GAUGE, "Prometheus writes a metric of this name for every target; put a prefix before the name"),
            ("quipu_a", GAUGE, "names that start with `quipu_` are reserved for quipu's own metrics; use another name"),
            (
                "quipu",
                Named::Namespace,
                "names that start with `quipu_` are reserved for quipu's own metrics; use another name",
            ),
            ("a-b", Named::Namespace, "'-' is not allowed (byte 1); write `a_b`"),
            ("", Named::Namespace, "the name is empty; give one"),
            ("_a", GAUGE, "names that start with `_` are reserved; write `a`"),
            ("_total", COUNTER, "names that start with `_` are reserved; use another name"),
            ("_total", GAUGE, "names that start with `_` are reserved; use another name"),
            ("__name__", LABEL, "names that start with `_` are reserved; write `name__`"),
            ("_9", LABEL, "names that start with `_` are reserved; write `n9`"),
            ("_le", LABEL, "names that start with `_` are reserved; use another name"),
            ("_le", Named::Label(MetricType::Gauge), "names that start with `_` are reserved; write `le`"),
            ("_family", Named::GlobalLabel, "names that start with `_` are reserved; write `family`"),
        ] {
            assert_eq!(Advice(name, named, named.check(name).unwrap_err()).to_string(), expected);
        }
    }

    #[test]
    fn a_namespace_is_judged_as_the_beginning_of_a_name() {
        for good in ["shop", "up", "shop_total", "shop_", "scrape", "scraper"] {
            assert_eq!(Named::Namespace.check(good), Ok(()), "{good}");
        }
        for (reserved, problem) in [("quipu", NameError::OwnMetric), ("_", NameError::LeadingUnderscore)] {
            assert_eq!(Named::Namespace.check(reserved), Err(problem), "{reserved}");
        }
    }

    #[test]
    fn only_the_library_names_metrics_like_its_own() {
        let own = Named::Metric { kind: MetricType::Counter, namespace: OWN_PREFIX };
        assert_eq!(own.check("scrapes_total"), Ok(()));
        assert_eq!(COUNTER.check("quipu_scrapes_total"), Err(NameError::OwnMetric));
    }

    proptest! {
        #[test]
        fn a_suggested_name_passes(name in "[a9:_.é]{0,4}(scrape|quipu)?[a9:_.é]{0,4}(_total|_created|_bucket|up){0,3}") {
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
