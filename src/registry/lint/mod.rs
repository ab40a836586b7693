//! What a registry accepts although it is better avoided.

mod rules;
mod units;

use super::describe::FamilyDescription;
use super::registry::Registry;
use crate::model::{MetricType, debug_as_message};
use core::fmt;

/// A rule of good names, which a registry does not enforce. [`Registry::lint`] finds what breaks it.
///
/// The rules are those of Prometheus's linter (`promtool check metrics`, the package `promlint` of client_golang) and of the page
/// "Metric and label naming" of its documentation. Their other rules, such as that no name holds a `:`, are errors at registration.
///
/// ```
/// use quipu::registry::LintRule;
/// assert_eq!(LintRule::BaseUnit.id(), "base_unit");
/// for rule in LintRule::ALL {
///     println!("{}: {}", rule.id(), rule.reason());
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LintRule {
    /// Every family has a help text.
    Help,
    /// A counter's name ends in `_total`, and no other one does.
    Total,
    /// An info's name ends in `_info`.
    Info,
    /// Names end in `_bucket`, `_count`, `_sum` or `_created` only where a format adds it.
    ReservedSuffix,
    /// Labels `le` and `quantile` are those of histograms and summaries.
    ReservedLabel,
    /// Units are base units.
    BaseUnit,
    /// Units are in the plural.
    PluralUnit,
    /// Units are written out.
    UnitAbbreviation,
    /// Shares are ratios, not percents.
    Ratio,
    /// Moments are `_timestamp_seconds`.
    Timestamp,
    /// A name does not say the type.
    TypeInName,
    /// A name does not say a label.
    LabelInName,
    /// Names are in `snake_case`.
    SnakeCase,
    /// No label is `job` or `instance`.
    TargetLabel,
}

impl LintRule {
    /// All rules.
    pub const ALL: [LintRule; 14] = [
        LintRule::Help,
        LintRule::Total,
        LintRule::Info,
        LintRule::ReservedSuffix,
        LintRule::ReservedLabel,
        LintRule::BaseUnit,
        LintRule::PluralUnit,
        LintRule::UnitAbbreviation,
        LintRule::Ratio,
        LintRule::Timestamp,
        LintRule::TypeInName,
        LintRule::LabelInName,
        LintRule::SnakeCase,
        LintRule::TargetLabel,
    ];

    /// A word for it that does not change: to name exceptions by.
    pub const fn id(self) -> &'static str {
        match self {
            LintRule::Help => "help",
            LintRule::Total => "total",
            LintRule::Info => "info",
            LintRule::ReservedSuffix => "reserved_suffix",
            LintRule::ReservedLabel => "reserved_label",
            LintRule::BaseUnit => "base_unit",
            LintRule::PluralUnit => "plural_unit",
            LintRule::UnitAbbreviation => "unit_abbreviation",
            LintRule::Ratio => "ratio",
            LintRule::Timestamp => "timestamp",
            LintRule::TypeInName => "type_in_name",
            LintRule::LabelInName => "label_in_name",
            LintRule::SnakeCase => "snake_case",
            LintRule::TargetLabel => "target_label",
        }
    }

    /// Why it is a rule.
    pub const fn reason(self) -> &'static str {
        match self {
            LintRule::Help => "whoever is on call reads the help text to learn what a metric means",
            LintRule::Total => "`_total` tells that a rate has to be taken; only of counters that makes sense",
            LintRule::Info => {
                "OpenMetrics requires it: that format adds it where it is missing, and the name is then another one"
            }
            LintRule::ReservedSuffix => {
                "formats add it to the samples of a family, and a query would take one for the other"
            }
            LintRule::ReservedLabel => "the functions for histograms and summaries look for it",
            LintRule::BaseUnit => {
                "series in different units cannot be compared, and dashboards convert base units themselves"
            }
            LintRule::PluralUnit => "units are in the plural, such as `seconds`, in all names",
            LintRule::UnitAbbreviation => "an abbreviated unit can be read in several ways",
            LintRule::Ratio => "a share is a number from 0 to 1, which dashboards show as a percentage",
            LintRule::Timestamp => "a moment is in seconds since 1970, and its name ends in `_timestamp_seconds`",
            LintRule::TypeInName => "the type is exposed beside the name, and may change while the name stays",
            LintRule::LabelInName => "the name is wrong as soon as the label is aggregated away",
            LintRule::SnakeCase => "names that differ only in their case are mixed up",
            LintRule::TargetLabel => {
                "Prometheus sets it on every series of a target, and renames one that comes with it"
            }
        }
    }
}

/// What breaks a [rule](LintRule). Made by [`Registry::lint`]; its message says what to write instead.
///
/// ```
/// use quipu::registry::LintRule;
/// let registry = quipu::Registry::new();
/// registry.gauge("queue_age_minutes", "Age of the oldest job.").register()?;
/// let [lint] = &registry.lint()[..] else { panic!() };
/// assert_eq!((lint.rule(), lint.metric()), (LintRule::BaseUnit, Some("queue_age_minutes")));
/// assert_eq!(lint.to_string(), "metric `queue_age_minutes`: use the base unit `seconds` instead of `minutes`");
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Lint {
    rule: LintRule,
    metric: Option<String>,
    label: Option<String>,
    advice: String,
}

impl Lint {
    /// The rule that is broken.
    pub fn rule(&self) -> LintRule {
        self.rule
    }

    /// The family; `None` if it is about a global label.
    pub fn metric(&self) -> Option<&str> {
        self.metric.as_deref()
    }

    /// The label, if it is about one.
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.metric, &self.label) {
            (Some(metric), None) => write!(f, "metric `{metric}`")?,
            (Some(metric), Some(label)) => write!(f, "label `{label}` of `{metric}`")?,
            (None, label) => write!(f, "global label `{}`", label.as_deref().unwrap_or_default())?,
        }
        write!(f, ": {}", self.advice)
    }
}

debug_as_message!(Lint);

impl Registry {
    /// What is registered although it is better avoided, of what is recorded and what collectors yield. For a test of a program's metrics.
    ///
    /// # Cost
    /// That of [`describe`](Self::describe), and some microseconds for each family.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    /// assert_eq!(registry.lint(), []);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn lint(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        for (label, _) in self.global_labels().pairs() {
            // Every family has it.
            let reserved = rules::reserved_label(MetricType::Gauge, label);
            rules::label(label).chain(reserved).for_each(|(rule, advice)| {
                lints.push(Lint { rule, metric: None, label: Some((**label).into()), advice });
            });
        }
        self.describe().iter().for_each(|family| of_family(family, &mut lints));
        lints
    }
}

fn of_family(family: &FamilyDescription, lints: &mut Vec<Lint>) {
    let mut add = |label: Option<&str>, (rule, advice)| {
        let (metric, label) = (Some(family.name().to_owned()), label.map(str::to_owned));
        lints.push(Lint { rule, metric, label, advice });
    };
    rules::family(family).for_each(|broken| add(None, broken));
    for label in family.labels() {
        let reserved = rules::reserved_label(family.metric_type(), label.name());
        rules::label(label.name()).chain(reserved).for_each(|broken| add(Some(label.name()), broken));
    }
}
