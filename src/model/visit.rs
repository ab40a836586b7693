//! The waist: what a registry shows to an encoder. Plain data, as raw values and, where that is quicker, as text too.

use super::{Exemplar, MetricType, SummarySnapshot, push_escaped_label_value};
use core::time::Duration;
use std::borrow::Cow;

/// A family, as an encoder sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FamilyView<'a> {
    pub(crate) name: &'a str,
    /// Empty when there is none.
    pub(crate) help: &'a str,
    /// What the name ends in, before `_total`.
    pub(crate) unit: Option<&'a str>,
    pub(crate) kind: MetricType,
    pub(crate) global_labels: &'a GlobalLabels,
    /// Names of the series' own labels.
    pub(crate) label_names: &'a [Cow<'static, str>],
    /// Upper bounds of a histogram's buckets, without `+Inf`; of a summary, its quantiles.
    pub(crate) bounds: &'a [f64],
    /// The family was shown before, perhaps with other global labels, and more of its series come.
    pub(crate) is_continued: bool,
}

impl FamilyView<'_> {
    /// Whether series of both can stand in one family.
    pub(crate) fn is_alike(&self, other: &FamilyView<'_>) -> bool {
        self.name == other.name
            && self.help == other.help
            && self.unit == other.unit
            && self.kind == other.kind
            && self.label_names == other.label_names
            && self.bounds == other.bounds
    }
}

/// Labels that every series of a registry has.
#[derive(Clone, Debug, Default)]
pub(crate) struct GlobalLabels {
    pairs: Vec<(String, String)>,
    text: String,
}

impl GlobalLabels {
    /// Adds a label whose name is not there yet.
    pub(crate) fn push(&mut self, name: String, value: String) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(&name);
        self.text.push_str("=\"");
        push_escaped_label_value(&mut self.text, &value);
        self.text.push('"');
        self.pairs.push((name, value));
    }

    /// Whether the labels are the same, in any order.
    pub(crate) fn is_alike(&self, other: &GlobalLabels) -> bool {
        self.pairs.len() == other.pairs.len() && self.pairs.iter().all(|pair| other.pairs.contains(pair))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(taken, _)| taken == name)
    }

    /// This name for a label of a metric that a registry makes itself; changed, if it is taken, as Prometheus changes labels that it
    /// sets itself.
    pub(crate) fn free_name(&self, name: &str) -> String {
        let mut name = name.to_owned();
        while self.has(&name) {
            name.insert_str(0, "exported_");
        }
        name
    }

    /// Names and values as they were given.
    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    /// The labels as text formats have them, escaped: `region="eu",zone="b"`, or empty.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// A series, as an encoder sees it.
pub(crate) trait SeriesView {
    /// The values of its own labels as they were given, in the order of the family's label names.
    fn values(&self) -> impl Iterator<Item = &str>;
    /// Its own labels as text formats have them, from the first value to the end of the last, escaped: `GET",status="200`.
    fn text(&self) -> &str;
    /// When it was made, as the time since 1970, if that is known.
    fn created(&self) -> Option<Duration>;
    /// The exemplar in a slot: a counter has slot 0, a histogram one for each bucket.
    fn exemplar(&self, slot: usize) -> Option<&Exemplar> {
        let _ = slot;
        None
    }
}

/// The value of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

impl Value {
    /// The nearest float.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Value::Unsigned(value) => value as f64,
            Value::Signed(value) => value as f64,
            Value::Float(value) => value,
        }
    }
}

/// What a histogram held at one moment, as an encoder sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HistogramView<C> {
    /// The observations in each bucket by itself, the `+Inf` bucket last.
    pub(crate) counts: C,
    pub(crate) sum: f64,
}

/// Walks a registry: each family, then its series in the order of their creation, then the end.
pub(crate) trait Visitor {
    fn family(&mut self, family: FamilyView<'_>);
    /// Takes samples 0, 1, 2, … until it is full or `series` returns `None`, and always the first. Returns how many. It may ask
    /// for a series more than once.
    fn samples<'s, S: SeriesView + 's>(
        &mut self,
        series: impl Fn(usize) -> Option<&'s S>,
        value: impl Fn(usize) -> Value,
    ) -> usize;
    fn histogram(&mut self, series: &impl SeriesView, histogram: HistogramView<impl Iterator<Item = u64> + Clone>);
    fn summary(&mut self, series: &impl SeriesView, summary: &SummarySnapshot);
    /// Whether the visitor wants to be left alone until it is called for again. Asked between series.
    fn is_full(&self) -> bool;
    /// Nothing comes any more.
    fn end(&mut self);
}
