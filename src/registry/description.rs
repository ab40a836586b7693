//! What a family is, as it was registered.

use super::error::{MAX_CLOSED_SERIES, RegisterError};
use crate::guard::{FamilyLimits, LabelLimit};
use crate::metric::{Config, Instrument};
use crate::model::{Buckets, GlobalLabels, NameError, Named, ends_in_unit};
use crate::store::Labels;
use core::fmt;
use core::time::Duration;
use std::borrow::Cow;

/// The values of each label, where they are known.
pub(crate) type Values = Vec<Option<Cow<'static, [&'static str]>>>;

/// What a registry lays down for its families.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// Names against convention are good.
    pub(super) lenient_names: bool,
    /// What every series has, and no family of its own.
    pub(super) global_labels: GlobalLabels,
}

/// What a family is. Two registrations of one name must agree in all of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    /// With the namespace and the prefix.
    pub(crate) name: String,
    pub(crate) help: Cow<'static, str>,
    pub(crate) metric: &'static Instrument,
    pub(crate) labels: Vec<Cow<'static, str>>,
    /// What the name ends in, before `_total`.
    pub(crate) unit: Option<Cow<'static, str>>,
    pub(crate) config: Config,
    /// The values of each label, if there are any that are known.
    pub(crate) values: Option<Values>,
    pub(crate) limits: FamilyLimits,
    /// When idle series expire; those of a closed set, and the one of a family without labels, do not.
    pub(crate) expire_after: Option<Duration>,
}

impl Description {
    /// Of a family without labels and a unit.
    pub(crate) fn new(name: String, help: Cow<'static, str>, metric: &'static Instrument) -> Description {
        let (config, labels) = (metric.config.clone(), Vec::new());
        let limits = FamilyLimits::default();
        Description { name, help, metric, config, labels, unit: None, values: None, limits, expire_after: None }
    }

    /// Checks all that can be checked without the other families, and prepares the buckets. The name begins with `namespace`.
    pub(super) fn check(&self, namespace: &str, rules: &Rules) -> Result<Option<Buckets>, RegisterError> {
        let kind = self.metric.exposed_as;
        let name = &self.name[namespace.len()..];
        match (Named::Metric { kind, namespace }).check(name) {
            Err(problem) if !(rules.lenient_names && problem.is_convention()) => {
                let (name, namespace) = (name.to_owned(), namespace.to_owned());
                return Err(RegisterError::MetricName { name, namespace, kind, problem });
            }
            _ => {}
        }
        if self.labels.len() > Labels::MOST {
            let (metric, labels) = (self.name.clone(), self.labels.len());
            return Err(RegisterError::TooManyLabels { metric, labels, most: Labels::MOST });
        }
        let refused = |label: &str, problem| RegisterError::LabelName {
            metric: self.name.clone(),
            kind,
            label: label.to_owned(),
            problem,
        };
        for (n, label) in self.labels.iter().enumerate() {
            self.check_label(n, &rules.global_labels).map_err(|problem| refused(label, problem))?;
        }
        match self.state_label() {
            Some(label) if rules.global_labels.has(label) => return Err(refused(label, NameError::GlobalLabel)),
            _ => {}
        }
        self.check_unit()?;
        self.check_size()?;
        self.check_values()?;
        let refused = |problem| RegisterError::Bounds { metric: self.name.clone(), problem };
        match &self.config {
            Config::Plain | Config::States(_) => Ok(None),
            Config::Summary(config) => {
                let refused = |problem| RegisterError::Summary { metric: self.name.clone(), problem };
                config.check().map(|()| None).map_err(refused)
            }
            Config::Classic { bounds } => Buckets::new(bounds).map(Some).map_err(refused),
        }
    }

    fn check_label(&self, n: usize, global_labels: &GlobalLabels) -> Result<(), NameError> {
        let label = &self.labels[n];
        Named::Label(self.metric.exposed_as).check(label)?;
        if self.state_label() == Some(label) {
            return Err(NameError::StateLabel);
        }
        if global_labels.has(label) {
            return Err(NameError::GlobalLabel);
        }
        if self.labels[..n].contains(label) { Err(NameError::Duplicate) } else { Ok(()) }
    }

    fn check_unit(&self) -> Result<(), RegisterError> {
        let (Some(unit), kind) = (&self.unit, self.metric.exposed_as) else { return Ok(()) };
        if kind.has_unit() && ends_in_unit(&self.name, unit) {
            return Ok(());
        }
        Err(RegisterError::Unit { metric: self.name.clone(), kind, unit: unit.clone().into_owned() })
    }

    fn check_size(&self) -> Result<(), RegisterError> {
        let most = self.limits.series().unwrap_or(MAX_CLOSED_SERIES).min(MAX_CLOSED_SERIES);
        match self.closed_series() {
            Some(series) if series > most => {
                Err(RegisterError::TooManySeries { metric: self.name.clone(), series, most })
            }
            _ => Ok(()),
        }
    }

    /// When idle series of this family expire, if any can.
    pub(super) fn expiry(&self) -> Option<Duration> {
        self.expire_after.filter(|_| !self.has_known_labels())
    }

    /// Checks the limits of values.
    fn check_values(&self) -> Result<(), RegisterError> {
        for (label, most) in self.limits.values() {
            let metric = || self.name.clone();
            let Some(n) = self.labels.iter().position(|name| name == label) else {
                let labels = self.labels.iter().map(|label| label.clone().into_owned()).collect();
                return Err(RegisterError::UnknownLabel { metric: metric(), label: label.to_owned(), labels });
            };
            match self.known_values(n) {
                Some(values) if values.len() > most => {
                    let (label, values) = (label.to_owned(), values.len());
                    return Err(RegisterError::TooManyValues { metric: metric(), label, values, most });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The values of a label whose values are known.
    pub(super) fn known_values(&self, label: usize) -> Option<&[&'static str]> {
        self.values.as_ref()?[label].as_deref()
    }

    /// The label of a state set's states, which is none of [`labels`](Self::labels).
    pub(crate) fn state_label(&self) -> Option<&str> {
        matches!(self.config, Config::States(_)).then_some(&*self.name)
    }

    /// The values of each label, if all are known and there is a series for all; of a metric without labels, none.
    fn closed(&self) -> Option<Vec<&[&'static str]>> {
        if !self.metric.can_be_closed() && !self.labels.is_empty() {
            return None;
        }
        (0..self.labels.len()).map(|label| self.known_values(label)).collect()
    }

    /// Whether all labels are known, if there are any: then all series are there from the start.
    pub(super) fn has_known_labels(&self) -> bool {
        self.closed().is_some()
    }

    /// Whether it has a closed label set, whose series are all there from the start.
    pub(crate) fn is_closed(&self) -> bool {
        self.values.is_some() && self.closed().is_some()
    }

    /// The number of series, if all labels are known.
    fn closed_series(&self) -> Option<usize> {
        Some(self.closed()?.iter().map(|values| values.len()).fold(1, usize::saturating_mul))
    }

    /// So many series are the family's, whatever others use.
    pub(super) fn reserved(&self) -> usize {
        self.closed_series().unwrap_or(self.limits.reserved)
    }

    /// The limits of the labels, in their order.
    pub(super) fn label_limits(&self) -> impl Iterator<Item = LabelLimit> {
        let limit =
            |(n, label): (usize, &Cow<'static, str>)| self.limits.of_label(label, self.known_values(n).is_some());
        self.labels.iter().enumerate().map(limit)
    }

    /// The label values of every series of a closed set, in the order of their indexes.
    pub(crate) fn closed_sets(&self) -> impl Iterator<Item = Vec<&'static str>> {
        let values = self.closed().unwrap_or_default();
        let series = self.closed_series().filter(|_| self.is_closed()).unwrap_or(0);
        (0..series).map(move |index| {
            let mut rest = index;
            let mut set: Vec<&'static str> = values
                .iter()
                .rev()
                .map(|values| {
                    let value = values[rest % values.len()];
                    rest /= values.len();
                    value
                })
                .collect();
            set.reverse();
            set
        })
    }
}

/// How a description differs from another one, in words that follow "registered".
pub(crate) struct Difference<'a> {
    pub(crate) of: &'a Description,
    pub(crate) from: &'a Description,
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { of, from } = self;
        let mut parts = Vec::new();
        if of.labels != from.labels || of.values != from.values {
            parts.push(self.labels());
        }
        let is_of_type = of.metric.name == from.metric.name;
        // Another type says enough about bounds that one of them has not.
        if is_of_type && of.config != from.config {
            parts.push(of.config.to_string());
        }
        if of.unit != from.unit {
            parts.push(match &of.unit {
                Some(unit) => format!("with the unit {unit:?}"),
                None => "without a unit".to_owned(),
            });
        }
        if of.expire_after != from.expire_after {
            parts.push(match of.expire_after {
                Some(after) => format!("with series that expire after {after:?}"),
                None => "with series that do not expire".to_owned(),
            });
        }
        if of.limits != from.limits {
            parts.push(of.limits.to_string());
        }
        if of.help != from.help {
            parts.push(format!("with the help {:?}", of.help));
        }
        if !is_of_type {
            write!(f, "as {}", of.metric.name)?;
            f.write_str(if parts.is_empty() { "" } else { " " })?;
        }
        f.write_str(&parts.join(" and "))
    }
}

impl Difference<'_> {
    fn labels(&self) -> String {
        let Difference { of, from } = self;
        let labels = &of.labels;
        if *labels == from.labels {
            return match &of.values {
                Some(values) => {
                    let values: Vec<_> = values.iter().flatten().collect();
                    format!("with the labels {labels:?} of the values {values:?}")
                }
                None => format!("with the labels {labels:?} of any values"),
            };
        }
        if labels.is_empty() {
            return "without labels".to_owned();
        }
        let sorted = |description: &Description| {
            let mut labels = description.labels.clone();
            labels.sort();
            labels
        };
        let order = if sorted(of) == sorted(from) { " in this order" } else { "" };
        format!("with the labels {labels:?}{order}")
    }
}
