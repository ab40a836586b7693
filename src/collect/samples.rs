//! What a collector yields.

use super::declaration::Declared;
use crate::model::{Exemplar, FamilySnapshot, MAX_EXEMPLAR_CHARS, MetricType, SeriesSnapshot, Value, check_label_name};
use core::fmt;
use core::mem;
use core::time::Duration;
use std::collections::HashSet;
use std::sync::Arc;

/// The longest value of a label, in bytes. Scrapers drop series, or whole targets, over longer ones.
const MAX_VALUE_BYTES: usize = 1_024;

/// What one call of a collector yields, sample by sample.
///
/// What makes no sense is refused and counted in `quipu_collector_errors_total`: a sample of a family that was not declared, with
/// another number of labels than it has, with a label of more than 1,024 bytes, that is there already, or that a counter or an info
/// cannot have.
/// The others stay. When there are more samples than [`Declaration::max_series`](super::Declaration::max_series), none does: a part
/// of them would have wrong sums.
///
/// ```
/// use quipu::collect::{CollectError, Collector, Declaration, Samples};
///
/// struct Pool;
///
/// impl Collector for Pool {
///     fn declare(&self, families: &mut Declaration) {
///         families.gauge("pool_connections", "Connections.").labels(["state"]);
///         families.counter("pool_timeouts_total", "Times that no connection was free.");
///     }
///
///     fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
///         samples.set("pool_connections", &["idle"], 3);
///         samples.set("pool_connections", &["busy"], 4);
///         samples.set("pool_timeouts_total", &[], 17);
///         Ok(())
///     }
/// }
///
/// let registry = quipu::Registry::new();
/// registry.collect(Pool)?;
/// assert!(registry.to_text().contains("pool_connections{state=\"idle\"} 3\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub struct Samples {
    declared: Arc<[Declared]>,
    /// Of each of the declared families.
    series: Vec<Vec<SeriesSnapshot>>,
    room: usize,
    /// The family of the sample that was set last, unless that was refused.
    last: Option<usize>,
    refused: Refused,
}

/// Samples that were refused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refused {
    /// They made no sense.
    pub(super) invalid: u64,
    /// They were there already.
    pub(super) duplicate: u64,
    /// There were too many.
    pub(super) is_over_limit: bool,
}

/// The value of a sample: made from integers, floats and, as seconds, durations.
///
/// ```
/// use quipu::collect::Number;
/// let [a, b]: [Number; 2] = [7_u64.into(), std::time::Duration::from_millis(250).into()];
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Number(Value);

macro_rules! from {
    ($variant:ident: $($type:ty),*) => {$(
        impl From<$type> for Number {
            fn from(value: $type) -> Number {
                Number(Value::$variant(value.into()))
            }
        }
    )*};
}

from!(Unsigned: u8, u16, u32, u64, bool);
from!(Signed: i8, i16, i32, i64);
from!(Float: f32, f64);

impl From<usize> for Number {
    fn from(value: usize) -> Number {
        (value as u64).into()
    }
}

impl From<Duration> for Number {
    fn from(value: Duration) -> Number {
        value.as_secs_f64().into()
    }
}

impl Number {
    /// As a sample of this type, if it can be one.
    fn of(self, kind: MetricType) -> Option<Value> {
        match (kind, self.0) {
            (MetricType::Gauge, value) | (MetricType::Counter, value @ Value::Unsigned(_)) => Some(value),
            (MetricType::Counter, Value::Signed(value)) => value.try_into().ok().map(Value::Unsigned),
            (MetricType::Counter, Value::Float(value)) => (value.is_finite() && value >= 0.0).then_some(self.0),
            (MetricType::Info, value) => (value.as_f64() == 1.0).then_some(Value::Unsigned(1)),
            (MetricType::Histogram | MetricType::Summary | MetricType::StateSet, _) => None,
        }
    }
}

impl Samples {
    pub(super) fn new(declared: Arc<[Declared]>, room: usize) -> Samples {
        let series = declared.iter().map(|_| Vec::new()).collect();
        Samples { declared, series, room, last: None, refused: Refused::default() }
    }

    /// The value of the series of this family with these label values: the family's name as it was declared, and a value for each of
    /// its labels, in their order.
    ///
    /// # Cost
    /// Compares the names of the families that were declared; some allocations.
    pub fn set(&mut self, family: &str, labels: &[&str], value: impl Into<Number>) {
        self.last = None;
        let Some(place) = self.declared.iter().position(|declared| declared.short_name == family) else {
            self.refused.invalid += 1;
            return;
        };
        let description = &self.declared[place].description;
        let is_short = |value: &&str| value.len() <= MAX_VALUE_BYTES;
        let value = value.into().of(description.metric.exposed_as);
        let value = value.filter(|_| labels.len() == description.labels.len() && labels.iter().all(is_short));
        let Some(value) = value else {
            self.refused.invalid += 1;
            return;
        };
        if self.room == 0 {
            // What is never shown needs no memory.
            self.series.iter_mut().for_each(|series| drop(mem::take(series)));
            self.refused.is_over_limit = true;
            return;
        }
        self.room -= 1;
        self.series[place].push(SeriesSnapshot::collected(&description.labels, labels, value));
        self.last = Some(place);
    }

    /// An example of what the sample of a counter that was set last has counted: labels that lead further, and the amount. Shown in
    /// protobuf, and left out of the text.
    ///
    /// Refused, and counted, if that sample is not of a counter or was itself refused, if a label's name is not one
    /// ([`check_label_name`]), or if names and values have more than 128 characters together.
    pub fn exemplar(&mut self, labels: &[(&str, &str)], value: f64) {
        let chars: usize = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        let are_names = labels.iter().all(|(name, _)| check_label_name(name).is_ok());
        let is_counter = |place: &usize| self.declared[*place].description.metric.exposed_as == MetricType::Counter;
        let place = self.last.filter(is_counter).filter(|_| are_names && chars <= MAX_EXEMPLAR_CHARS);
        let Some(series) = place.and_then(|place| self.series[place].last_mut()) else {
            self.refused.invalid += 1;
            return;
        };
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        series.exemplars = vec![(0, Exemplar { labels, value, time: None })];
    }

    /// The families that have samples, each sample once.
    pub(super) fn finish(self) -> (Vec<Arc<FamilySnapshot>>, Refused) {
        let mut refused = self.refused;
        let mut families = Vec::new();
        for (declared, mut series) in self.declared.iter().zip(self.series) {
            let yielded = series.len();
            let mut seen = HashSet::with_capacity(yielded);
            let is_new: Vec<bool> = series.iter().map(|series| seen.insert(series.exposed_labels())).collect();
            let mut is_new = is_new.into_iter();
            series.retain(|_| is_new.next() == Some(true));
            refused.duplicate += (yielded - series.len()) as u64;
            if !series.is_empty() {
                let mut family = declared.family();
                family.series = series;
                families.push(Arc::new(family));
            }
        }
        (families, refused)
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series: usize = self.series.iter().map(Vec::len).sum();
        f.debug_struct("Samples").field("series", &series).field("refused", &self.refused).finish()
    }
}
