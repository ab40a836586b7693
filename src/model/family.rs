//! Owned families: what outlives the walk, or never stood in a registry.

use super::{
    Exemplar, FamilyView, GlobalLabels, HistogramSnapshot, HistogramView, MetricType, SeriesView, SummarySnapshot,
    Value, Visitor, push_escaped_label_value,
};
use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

/// What a registry held when it was read. Made by [`Registry::snapshot`](crate::Registry::snapshot), for tests.
///
/// Labels are those of the series themselves, without the global labels of the registry.
///
/// ```
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue", "status"]).register()?;
/// jobs.with(["mail", "ok"]).inc_by(3);
/// let snapshot = registry.snapshot();
/// assert_eq!(snapshot.value("jobs_total", &[("queue", "mail"), ("status", "ok")]), Some(3.0));
/// assert_eq!(snapshot.value("jobs_total", &[("queue", "mail"), ("status", "failed")]), None);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    families: Vec<FamilySnapshot>,
}

/// A family with its series and their values.
///
/// ```
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
/// jobs.with(["mail"]).inc();
/// let snapshot = registry.snapshot();
/// let family = snapshot.family("jobs_total").expect("it has a series");
/// assert_eq!((family.help(), family.label_names().collect::<Vec<_>>()), ("Jobs finished.", vec!["queue"]));
/// for series in family.series() {
///     assert_eq!((series.label_values().collect::<Vec<_>>(), series.value()), (vec!["mail"], Some(1.0)));
/// }
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FamilySnapshot {
    name: String,
    help: String,
    unit: Option<String>,
    kind: MetricType,
    label_names: Vec<Cow<'static, str>>,
    bounds: Arc<[f64]>,
    pub(crate) series: Vec<SeriesSnapshot>,
}

/// A series with its value. One of those of a [`FamilySnapshot`].
#[derive(Clone, Debug)]
pub struct SeriesSnapshot {
    values: Vec<String>,
    /// See [`SeriesView::text`].
    text: String,
    created: Option<Duration>,
    pub(crate) held: Held,
    /// With their slots; see [`SeriesView::exemplar`].
    pub(crate) exemplars: Vec<(usize, Exemplar)>,
}

/// What a series held.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Number(Value),
    Histogram(HistogramSnapshot),
    Summary(SummarySnapshot),
}

impl Snapshot {
    /// All families that have series, sorted by name; those of the registry about itself as well.
    pub fn families(&self) -> &[FamilySnapshot] {
        &self.families
    }

    /// The family of this name, if it has a series.
    pub fn family(&self, name: &str) -> Option<&FamilySnapshot> {
        self.families.iter().find(|family| family.name == name)
    }

    /// The value of a counter or a gauge: of the series of this family with exactly these labels, in any order.
    pub fn value(&self, family: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.family(family)?.with(labels)?.value()
    }

    /// What the histogram of this family with exactly these labels, in any order, held.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.histogram("size_bytes", "Sizes.").register()?.observe(7.0);
    /// assert_eq!(registry.snapshot().histogram("size_bytes", &[]).expect("it is there").sum(), 7.0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn histogram(&self, family: &str, labels: &[(&str, &str)]) -> Option<&HistogramSnapshot> {
        self.family(family)?.with(labels)?.histogram()
    }

    /// What the summary of this family with exactly these labels, in any order, held.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.summary("size_bytes", "Sizes.").register()?.observe(7.0);
    /// assert_eq!(registry.snapshot().summary("size_bytes", &[]).expect("it is there").sum(), 7.0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn summary(&self, family: &str, labels: &[(&str, &str)]) -> Option<&SummarySnapshot> {
        self.family(family)?.with(labels)?.summary()
    }
}

impl FamilySnapshot {
    /// The name, with the registry's namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The help text.
    pub fn help(&self) -> &str {
        &self.help
    }

    /// The unit, if one was given.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// What the family measures.
    pub fn metric_type(&self) -> MetricType {
        self.kind
    }

    /// Names of the series' labels.
    pub fn label_names(&self) -> impl Iterator<Item = &str> {
        self.label_names.iter().map(|name| &**name)
    }

    /// The series, in the order of their creation.
    pub fn series(&self) -> &[SeriesSnapshot] {
        &self.series
    }

    /// The series with exactly these labels, in any order.
    pub fn with(&self, labels: &[(&str, &str)]) -> Option<&SeriesSnapshot> {
        let value_of = |name: &str| labels.iter().find(|(label, _)| *label == name).map(|(_, value)| *value);
        let values: Option<Vec<&str>> = self.label_names().map(value_of).collect();
        let values = values.filter(|values| values.len() == labels.len())?;
        self.series.iter().find(|series| series.values == values)
    }

    /// A family of this description, without series.
    pub(crate) fn new(family: FamilyView<'_>) -> FamilySnapshot {
        let FamilyView { name, help, unit, kind, label_names, bounds, .. } = family;
        FamilySnapshot {
            name: name.to_owned(),
            help: help.to_owned(),
            unit: unit.map(str::to_owned),
            kind,
            label_names: label_names.to_vec(),
            bounds: bounds.into(),
            series: Vec::new(),
        }
    }

    /// Upper bounds of a histogram's buckets, without `+Inf`; of a summary, its quantiles.
    pub(crate) fn bounds(&self) -> &Arc<[f64]> {
        &self.bounds
    }

    /// Adds a series. There is a value for each label.
    pub(crate) fn push(&mut self, values: &[&str], held: Held) {
        self.series.push(SeriesSnapshot::collected(&self.label_names, values, held));
    }

    pub(crate) fn view<'a>(&'a self, global_labels: &'a GlobalLabels, is_continued: bool) -> FamilyView<'a> {
        FamilyView {
            name: &self.name,
            help: &self.help,
            unit: self.unit.as_deref(),
            kind: self.kind,
            global_labels,
            label_names: &self.label_names,
            bounds: &self.bounds,
            is_continued,
        }
    }
}

impl SeriesSnapshot {
    fn new(series: &impl SeriesView, held: Held) -> SeriesSnapshot {
        let slots = match &held {
            Held::Number(_) => 1,
            Held::Summary(_) => 0,
            Held::Histogram(histogram) => histogram.buckets.len(),
        };
        let exemplars = (0..slots).filter_map(|slot| Some((slot, series.exemplar(slot)?.clone())));
        SeriesSnapshot {
            exemplars: exemplars.collect(),
            values: series.values().map(str::to_owned).collect(),
            text: series.text().to_owned(),
            created: series.created(),
            held,
        }
    }

    /// A series that stands in no registry. There is a value for each name.
    fn collected(label_names: &[Cow<'static, str>], values: &[&str], held: Held) -> SeriesSnapshot {
        let mut text = String::new();
        for (n, (name, value)) in label_names.iter().zip(values).enumerate() {
            if n > 0 {
                text.push_str("\",");
                text.push_str(name);
                text.push_str("=\"");
            }
            push_escaped_label_value(&mut text, value);
        }
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        SeriesSnapshot { values, text, created: None, held, exemplars: Vec::new() }
    }

    /// The values of the labels, in the order of [`FamilySnapshot::label_names`].
    pub fn label_values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|value| &**value)
    }

    /// The value of a counter or a gauge. Above 2^53 it is rounded.
    pub fn value(&self) -> Option<f64> {
        match &self.held {
            Held::Number(value) => Some(value.as_f64()),
            Held::Histogram(_) | Held::Summary(_) => None,
        }
    }

    /// The exemplars: one at most of a counter, and of a histogram one for each bucket.
    pub fn exemplars(&self) -> impl Iterator<Item = &Exemplar> {
        self.exemplars.iter().map(|(_, exemplar)| exemplar)
    }

    /// The labels as they are exposed: no two series of a family have the same.
    pub(crate) fn exposed_labels(&self) -> &str {
        &self.text
    }

    /// The value as it is exposed.
    pub(crate) fn number(&self) -> Value {
        match self.held {
            Held::Number(value) => value,
            Held::Histogram(_) | Held::Summary(_) => Value::Float(f64::NAN),
        }
    }

    /// What a histogram held.
    pub fn histogram(&self) -> Option<&HistogramSnapshot> {
        match &self.held {
            Held::Histogram(histogram) => Some(histogram),
            _ => None,
        }
    }

    /// What a summary held.
    pub fn summary(&self) -> Option<&SummarySnapshot> {
        match &self.held {
            Held::Summary(summary) => Some(summary),
            _ => None,
        }
    }
}

impl SeriesView for SeriesSnapshot {
    fn values(&self) -> impl Iterator<Item = &str> {
        self.label_values()
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn created(&self) -> Option<Duration> {
        self.created
    }

    fn exemplar(&self, slot: usize) -> Option<&Exemplar> {
        self.exemplars.iter().find_map(|(at, exemplar)| (*at == slot).then_some(exemplar))
    }
}

/// Keeps all that it is shown. Of one registry, whose global labels it leaves out.
impl Visitor for Snapshot {
    fn family(&mut self, family: FamilyView<'_>) {
        if !family.is_continued {
            self.families.push(FamilySnapshot::new(family));
        }
    }

    fn samples<'s, S: SeriesView + 's>(
        &mut self,
        series: impl Fn(usize) -> Option<&'s S>,
        value: impl Fn(usize) -> Value,
    ) -> usize {
        let Some(family) = self.families.last_mut() else { return 0 };
        let before = family.series.len();
        let samples = (0..).map_while(|n| series(n).map(|series| (series, Held::Number(value(n)))));
        family.series.extend(samples.map(|(series, held)| SeriesSnapshot::new(series, held)));
        family.series.len() - before
    }

    fn histogram(&mut self, series: &impl SeriesView, histogram: HistogramView<impl Iterator<Item = u64> + Clone>) {
        if let Some(family) = self.families.last_mut() {
            let HistogramView { counts, sum } = histogram;
            let histogram = HistogramSnapshot { bounds: family.bounds.clone(), buckets: counts.collect(), sum };
            family.series.push(SeriesSnapshot::new(series, Held::Histogram(histogram)));
        }
    }

    fn summary(&mut self, series: &impl SeriesView, summary: &SummarySnapshot) {
        if let Some(family) = self.families.last_mut() {
            family.series.push(SeriesSnapshot::new(series, Held::Summary(summary.clone())));
        }
    }

    fn is_full(&self) -> bool {
        false
    }

    fn end(&mut self) {}
}
