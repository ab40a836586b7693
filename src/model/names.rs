//! What a family or a label may be called.

use core::fmt;

/// What a family measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A number that only goes up.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// Observations, counted by bucket.
    Histogram,
}

impl Kind {
    /// The word for it in a `# TYPE` line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// What a name is for, which decides the rules it has to keep.
#[derive(Clone, Copy)]
pub(crate) enum Named {
    Metric(Kind),
    Label,
    Namespace,
}

impl Named {
    fn accepts(self, name: &str) -> bool {
        match self {
            Named::Metric(kind) => check_metric_name(name, kind).is_ok(),
            Named::Label => check_label_name(name).is_ok() && name != "le",
            Named::Namespace => check_metric_name(name, Kind::Gauge).is_ok(),
        }
    }

    /// A name that passes and is as near to `name` as can be, if there is one.
    fn suggest(self, name: &str) -> Option<String> {
        let colon = !matches!(self, Named::Label);
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == ':' && colon);
        let mut near: String = name.chars().map(|c| if fits(c) { c } else { '_' }).collect();
        match self {
            Named::Label => near = near.trim_start_matches('_').to_owned(),
            Named::Metric(Kind::Counter) if near.ends_with("_total") => {}
            Named::Metric(Kind::Counter) => near.push_str("_total"),
            Named::Metric(_) | Named::Namespace => {
                while let Some(suffix) = SUFFIXES.iter().find(|suffix| near.ends_with(**suffix)) {
                    near.truncate(near.len() - suffix.len());
                }
            }
        }
        if near.starts_with(|c: char| c.is_ascii_digit()) {
            near.insert(0, 'n');
        }
        self.accepts(&near).then_some(near)
    }
}

/// What only samples of a counter or a histogram end in.
const SUFFIXES: [&str; 3] = ["_total", "_created", "_bucket"];

impl NameError {
    /// What is wrong with `name`, and what to write instead.
    pub(crate) fn advise(self, name: &str, named: Named, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.explain(name, f)?;
        match self {
            NameError::Empty => write!(f, "; give one"),
            NameError::Duplicate => write!(f, "; remove one"),
            NameError::ReservedMetric => write!(f, "; put a prefix before the name"),
            NameError::BucketLabel | NameError::GlobalLabel | NameError::SelfLabel => write!(f, "; take another name"),
            NameError::Character { .. }
            | NameError::ReservedLabel
            | NameError::CounterWithoutTotal
            | NameError::Suffix(_) => match named.suggest(name) {
                Some(near) if self == NameError::Suffix("_total") && matches!(named, Named::Metric(_)) => {
                    write!(f, "; write `{near}`, or register a counter")
                }
                Some(near) => write!(f, "; write `{near}`"),
                None => write!(f, "; take another name"),
            },
        }
    }

    fn explain(self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "the name is empty"),
            NameError::Character { at } => {
                let character = name[at..].chars().next().unwrap_or_default();
                write!(f, "{character:?} is not allowed (byte {at})")
            }
            NameError::ReservedLabel => write!(f, "label names that start with `_` are reserved"),
            NameError::BucketLabel => write!(f, "`le` is the label of the histogram's own buckets"),
            NameError::ReservedMetric => write!(f, "`up` and `scrape_*` are made by the scraper for every target"),
            NameError::CounterWithoutTotal => write!(f, "a counter's name ends in `_total`"),
            NameError::Suffix("_total") => write!(f, "only a counter's name ends in `_total`"),
            NameError::Suffix("_bucket") => write!(f, "`_bucket` is how the samples of a histogram end"),
            NameError::Suffix(suffix) => write!(f, "`{suffix}` is how the time of creation of a metric ends"),
            NameError::Duplicate => write!(f, "the label stands twice"),
            NameError::GlobalLabel => write!(f, "`{name}` is already a global label of this registry"),
            NameError::SelfLabel => write!(f, "`{name}` is the label of the registry's metrics about itself"),
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
/// use quipu::model::{Kind, check_metric_name};
/// const JOBS: &str = "jobs_total";
/// const _: () = assert!(check_metric_name(JOBS, Kind::Counter).is_ok());
/// assert!(check_metric_name("jobs", Kind::Counter).is_err());
/// ```
///
/// # Errors
/// The first rule that the name breaks.
pub const fn check_metric_name(name: &str, kind: Kind) -> Result<(), NameError> {
    let bytes = name.as_bytes();
    if let Err(error) = check_characters(bytes, true) {
        return Err(error);
    }
    if equal(bytes, b"up") || starts_with(bytes, b"scrape_") {
        return Err(NameError::ReservedMetric);
    }
    let is_counter = matches!(kind, Kind::Counter);
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
pub(crate) fn sample_names(name: &str, kind: Kind) -> Vec<String> {
    let suffixed = |base: &str, suffixes: &[&str]| suffixes.iter().map(|suffix| format!("{base}{suffix}")).collect();
    match kind {
        Kind::Counter => suffixed(name.strip_suffix("_total").unwrap_or(name), &["", "_total", "_created"]),
        Kind::Gauge => vec![name.to_owned()],
        Kind::Histogram => suffixed(name, &["", "_bucket", "_count", "_sum", "_created"]),
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
            assert_eq!(check(good, Kind::Gauge), Ok(()), "{good}");
        }
        assert_eq!(check("", Kind::Gauge), Err(NameError::Empty));
        assert_eq!(check("9a", Kind::Gauge), Err(NameError::Character { at: 0 }));
        assert_eq!(check("a-b", Kind::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("a.b", Kind::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("a\nb 1", Kind::Gauge), Err(NameError::Character { at: 1 }));
        assert_eq!(check("é", Kind::Gauge), Err(NameError::Character { at: 0 }));
        assert_eq!(check("up", Kind::Gauge), Err(NameError::ReservedMetric));
        assert_eq!(check("scrape_duration_seconds", Kind::Gauge), Err(NameError::ReservedMetric));
        assert_eq!(check("jobs", Kind::Counter), Err(NameError::CounterWithoutTotal));
        assert_eq!(check("jobs_total", Kind::Counter), Ok(()));
        assert_eq!(check("jobs_total", Kind::Gauge), Err(NameError::Suffix("_total")));
        assert_eq!(check("jobs_created", Kind::Gauge), Err(NameError::Suffix("_created")));
        assert_eq!(check("jobs_bucket", Kind::Histogram), Err(NameError::Suffix("_bucket")));
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

    struct Advice(&'static str, Named, NameError);

    impl fmt::Display for Advice {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.2.advise(self.0, self.1, f)
        }
    }

    fn check(name: &str, named: Named) -> Result<(), NameError> {
        match named {
            Named::Metric(kind) => check_metric_name(name, kind),
            Named::Label => check_label_name(name),
            Named::Namespace => check_metric_name(name, Kind::Gauge),
        }
    }

    const COUNTER: Named = Named::Metric(Kind::Counter);
    const GAUGE: Named = Named::Metric(Kind::Gauge);

    #[test]
    fn advice() {
        for (name, named, expected) in [
            ("", GAUGE, "the name is empty; give one"),
            ("a-b", GAUGE, "'-' is not allowed (byte 1); write `a_b`"),
            ("9é", GAUGE, "'9' is not allowed (byte 0); write `n9_`"),
            ("http.requests", COUNTER, "'.' is not allowed (byte 4); write `http_requests_total`"),
            ("http-method", Named::Label, "'-' is not allowed (byte 4); write `http_method`"),
            ("jobs", COUNTER, "a counter's name ends in `_total`; write `jobs_total`"),
            ("jobs_total", GAUGE, "only a counter's name ends in `_total`; write `jobs`, or register a counter"),
            ("g_bucket", GAUGE, "`_bucket` is how the samples of a histogram end; write `g`"),
            ("g_created", GAUGE, "`_created` is how the time of creation of a metric ends; write `g`"),
            ("shop_total", Named::Namespace, "only a counter's name ends in `_total`; write `shop`"),
            ("_total", GAUGE, "only a counter's name ends in `_total`; take another name"),
            ("__name__", Named::Label, "label names that start with `_` are reserved; write `name__`"),
            ("_9", Named::Label, "label names that start with `_` are reserved; write `n9`"),
            ("_le", Named::Label, "label names that start with `_` are reserved; take another name"),
        ] {
            assert_eq!(Advice(name, named, check(name, named).unwrap_err()).to_string(), expected);
        }
    }

    proptest! {
        #[test]
        fn a_suggested_name_passes(name in "[a9:_.é]{0,4}(scrape)?[a9:_.é]{0,4}(_total|_created|_bucket|up){0,3}") {
            for named in [COUNTER, GAUGE, Named::Metric(Kind::Histogram), Named::Label, Named::Namespace] {
                let near = named.suggest(&name);
                if let Some(near) = &near {
                    prop_assert_eq!(check(near, named), Ok(()));
                }
                // A name without anything that cannot be mended has one.
                if name.starts_with('a') {
                    prop_assert!(near.is_some(), "{}", name);
                }
                // What passes stays as it is.
                if check(&name, named).is_ok() {
                    prop_assert_eq!(near, Some(name.clone()));
                }
            }
        }
    }
}
