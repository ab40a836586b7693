//! What a family is, as it was registered.

use super::error::{MAX_CLOSED_SERIES, RegisterError};
use crate::metric::MetricType;
use crate::model::{Buckets, Kind, NameError, check_label_name, check_metric_name};
use core::fmt;
use std::borrow::Cow;

/// The values of each label of a closed set.
pub(crate) type Values = &'static [Option<&'static [&'static str]>];

/// What a family is. Two registrations of one name must agree in all of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) help: Cow<'static, str>,
    pub(crate) metric: MetricType,
    pub(crate) labels: Vec<Cow<'static, str>>,
    /// Of a histogram; else empty.
    pub(crate) bounds: Vec<f64>,
    /// Of a closed label set, whose series are all there from the start.
    pub(crate) closed: Option<Values>,
}

impl Description {
    /// Checks all that can be checked without the registry, and prepares the buckets.
    pub(crate) fn check(&self, global_labels: &[String]) -> Result<Option<Buckets>, RegisterError> {
        check_metric_name(&self.name, self.metric.kind())
            .map_err(|problem| RegisterError::MetricName { name: self.name.clone(), problem })?;
        for (n, label) in self.labels.iter().enumerate() {
            self.check_label(
                label,
                self.labels[..n].contains(label) || global_labels.iter().any(|global| global == label),
            )
            .map_err(|problem| RegisterError::LabelName {
                metric: self.name.clone(),
                label: label.clone().into_owned(),
                problem,
            })?;
        }
        self.check_size()?;
        if self.metric.kind() != Kind::Histogram {
            return Ok(None);
        }
        let refused = |problem| RegisterError::Bounds { metric: self.name.clone(), problem };
        Buckets::new(&self.bounds).map(Some).map_err(refused)
    }

    fn check_label(&self, label: &str, is_duplicate: bool) -> Result<(), NameError> {
        check_label_name(label)?;
        if label == "le" && self.metric.kind() == Kind::Histogram {
            return Err(NameError::BucketLabel);
        }
        if is_duplicate { Err(NameError::Duplicate) } else { Ok(()) }
    }

    fn check_size(&self) -> Result<(), RegisterError> {
        match self.closed_series() {
            Some(series) if series > MAX_CLOSED_SERIES => {
                Err(RegisterError::TooManySeries { metric: self.name.clone(), series })
            }
            _ => Ok(()),
        }
    }

    /// The number of series of a closed set.
    fn closed_series(&self) -> Option<usize> {
        let lengths = self.closed?.iter().flatten().map(|values| values.len());
        Some(lengths.fold(1, usize::saturating_mul))
    }

    /// The label values of every series of a closed set, in the order of their indexes.
    pub(crate) fn closed_sets(&self) -> impl Iterator<Item = Vec<&'static str>> {
        let values: Vec<&'static [&'static str]> = self.closed.unwrap_or_default().iter().flatten().copied().collect();
        (0..self.closed_series().unwrap_or(0)).map(move |index| {
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

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.metric)?;
        if self.closed.is_some() {
            write!(f, " with the closed labels {:?}", self.labels)?;
        } else if !self.labels.is_empty() {
            write!(f, " with the labels {:?}", self.labels)?;
        }
        if !self.bounds.is_empty() {
            write!(f, " with the bounds {:?}", self.bounds)?;
        }
        write!(f, " and the help {:?}", self.help)
    }
}
