//! What a collector yields.

use super::declaration::Declared;
use crate::metric::Values;
use crate::model::{
    Exemplar, FamilySnapshot, Held, HistogramSnapshot, LabelValue, MAX_EXEMPLAR_CHARS, MetricType, Quantiles,
    SummarySnapshot, Value, check_label_name,
};
use crate::registry::Description;
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
/// another number of labels than it has, with a label of more than 1,024 bytes, that is there already, or with a value that the family
/// cannot have: a counter that is negative, a state of another enum, a histogram with another number of buckets.
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
///         families.histogram("pool_wait_seconds", "Time until one was free.", [0.01, 0.1]).unit("seconds");
///     }
///
///     fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
///         samples.set("pool_connections", &["idle"], 3);
///         samples.set("pool_connections", &["busy"], 4);
///         samples.set("pool_timeouts_total", &[], 17);
///         samples.set_histogram("pool_wait_seconds", &[], &[50, 7, 0], 0.625);
///         Ok(())
///     }
/// }
///
/// let registry = quipu::Registry::new();
/// registry.collect(Pool)?;
/// let text = registry.to_text();
/// assert!(text.contains("pool_connections{state=\"idle\"} 3\n"));
/// assert!(text.contains("pool_wait_seconds_bucket{le=\"0.1\"} 57\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub struct Samples {
    declared: Arc<[Declared]>,
    /// Those that were declared, with what has been set.
    families: Vec<FamilySnapshot>,
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

/// What is set, before it has its labels.
enum Sample {
    /// One series.
    Held(Held),
    /// A series for each state, with a bit that tells whether it holds.
    States(u64),
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
        let families = declared.iter().map(Declared::family).collect();
        Samples { declared, families, room, last: None, refused: Refused::default() }
    }

    /// The value of the series of this family with these label values: the family's name as it was declared, and a value for each of
    /// its labels, in their order. Of a counter, a gauge or an info.
    ///
    /// # Cost
    /// Compares the names of the families that were declared; some allocations. So do the other functions that set something.
    pub fn set(&mut self, family: &str, labels: &[&str], value: impl Into<Number>) {
        let value = value.into();
        self.put(family, labels, |description, _| {
            value.of(description.metric.exposed_as).map(Held::Number).map(Sample::Held)
        });
    }

    /// What the series of this histogram with these label values holds: the observations in each bucket by itself (not cumulative),
    /// that of `+Inf` last, and the sum of all observed values. Neither may go down from one call to the next.
    ///
    /// Refused, and counted, if there is not one count for each bucket, if the sum is not finite, or if all counts together are more
    /// than [`u64::MAX`].
    ///
    /// ```
    /// # use quipu::collect::Samples;
    /// fn collect(samples: &mut Samples) {
    ///     // Declared with the bounds 0.01 and 0.1: 50 of at most 0.01, 7 of at most 0.1, and none above.
    ///     samples.set_histogram("pool_wait_seconds", &[], &[50, 7, 0], 0.625);
    /// }
    /// ```
    pub fn set_histogram(&mut self, family: &str, labels: &[&str], counts: &[u64], sum: f64) {
        let count = counts.iter().try_fold(0, |all: u64, count| all.checked_add(*count));
        let is_good = count.is_some() && sum.is_finite();
        self.put(family, labels, |description, bounds| {
            let is_good = is_good && description.metric.values == Values::Buckets && counts.len() == bounds.len() + 1;
            let histogram = HistogramSnapshot { bounds: bounds.clone(), buckets: counts.to_vec(), sum };
            is_good.then_some(Sample::Held(Held::Histogram(histogram)))
        });
    }

    /// What the series of this summary with these label values tells: the value of each quantile that was declared, in their order, and
    /// the count and the sum of all observations. A quantile of no observations is NaN.
    ///
    /// Refused, and counted, if there is not one value for each quantile, or if the sum is not finite.
    ///
    /// ```
    /// # use quipu::collect::Samples;
    /// fn collect(samples: &mut Samples) {
    ///     // Declared with the quantiles 0.5 and 0.99.
    ///     samples.set_summary("call_duration_seconds", &["read"], &[0.02, 0.75], 1_000, 38.5);
    /// }
    /// ```
    pub fn set_summary(&mut self, family: &str, labels: &[&str], quantiles: &[f64], count: u64, sum: f64) {
        self.put(family, labels, |description, declared| {
            let is_summary = description.metric.values == Values::Sketch && quantiles.len() == declared.len();
            let quantiles = Quantiles::Said { quantiles: declared.clone(), values: quantiles.into() };
            let summary = SummarySnapshot { quantiles, count, sum };
            (is_summary && sum.is_finite()).then_some(Sample::Held(Held::Summary(summary)))
        });
    }

    /// The state that holds, of the state set with these label values. All states together count as one series.
    ///
    /// Refused, and counted, if the state set was declared with the states of another enum.
    ///
    /// ```
    /// # use quipu::collect::Samples;
    /// #[derive(quipu::LabelValue)]
    /// enum Link {
    ///     Up,
    ///     Down,
    /// }
    ///
    /// fn collect(samples: &mut Samples) {
    ///     samples.set_state("link_state", &["eth0"], Link::Up); // declared as `state_set::<Link>`
    /// }
    /// ```
    pub fn set_state<S: LabelValue>(&mut self, family: &str, labels: &[&str], state: S) {
        self.put_states::<S>(family, labels, Values::State, &[state]);
    }

    /// The flags that are up, of the flag set with these label values; the others are down. All flags together count as one series.
    ///
    /// Refused, and counted, if the flag set was declared with the flags of another enum.
    ///
    /// ```
    /// # use quipu::collect::Samples;
    /// #[derive(quipu::LabelValue)]
    /// enum Feature {
    ///     Search,
    ///     Export,
    /// }
    ///
    /// fn collect(samples: &mut Samples) {
    ///     samples.set_flags("feature_enabled", &[], &[Feature::Export]); // declared as `flag_set::<Feature>`
    /// }
    /// ```
    pub fn set_flags<F: LabelValue>(&mut self, family: &str, labels: &[&str], flags: &[F]) {
        self.put_states::<F>(family, labels, Values::Flags, flags);
    }

    fn put_states<S: LabelValue>(&mut self, family: &str, labels: &[&str], values: Values, holding: &[S]) {
        self.put(family, labels, |description, _| {
            let states = S::VALUES.filter(|states| *states == description.config.states())?;
            let bits = holding.iter().try_fold(0, |bits, state| {
                let index = state.index();
                (index < states.len()).then(|| bits | 1 << index)
            })?;
            (description.metric.values == values).then_some(Sample::States(bits))
        });
    }

    /// Sets what `sample` makes of the family's description and bounds, if that can be a sample of it.
    fn put(&mut self, family: &str, labels: &[&str], sample: impl FnOnce(&Description, &Arc<[f64]>) -> Option<Sample>) {
        self.last = None;
        let is_good = |description: &Description| {
            labels.len() == description.labels.len() && labels.iter().all(|value| value.len() <= MAX_VALUE_BYTES)
        };
        let declared = self.declared.iter().zip(&mut self.families);
        let found = declared.enumerate().find(|(_, (declared, _))| declared.short_name == family);
        let found = found.and_then(|(place, (Declared { description, .. }, family))| {
            let sample = is_good(description).then(|| sample(description, family.bounds()))??;
            Some((place, description, family, sample))
        });
        let Some((place, description, family, sample)) = found else {
            self.refused.invalid += 1;
            return;
        };
        if self.room == 0 {
            // What is never shown needs no memory.
            self.families.iter_mut().for_each(|family| drop(mem::take(&mut family.series)));
            self.refused.is_over_limit = true;
            return;
        }
        self.room -= 1;
        self.last = Some(place);
        match sample {
            Sample::Held(held) => family.push(labels, held),
            Sample::States(bits) => {
                for (n, state) in description.config.states().iter().enumerate() {
                    let labels = [labels, &[*state]].concat();
                    family.push(&labels, Held::Number(Value::Unsigned(bits >> n & 1)));
                }
            }
        }
    }

    /// An example of what the counter or the histogram that was set last has counted: labels that lead further, and the amount or the
    /// observed value. A histogram can have one for each bucket. Shown in protobuf, and left out of the text.
    ///
    /// Refused, and counted, if that sample is neither or was itself refused, if the histogram's bucket of the value is empty, if a
    /// label's name is not one ([`check_label_name`]), or if names and values have more than 128 characters together.
    pub fn exemplar(&mut self, labels: &[(&str, &str)], value: f64) {
        let chars: usize = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        let are_names = labels.iter().all(|(name, _)| check_label_name(name).is_ok());
        let family =
            self.last.filter(|_| are_names && chars <= MAX_EXEMPLAR_CHARS).map(|place| &mut self.families[place]);
        let found = family.and_then(|family| {
            let kind = family.metric_type();
            let series = family.series.last_mut()?;
            let slot = match &series.held {
                Held::Number(_) => (kind == MetricType::Counter).then_some(0),
                Held::Histogram(histogram) => histogram.bucket(value),
                Held::Summary(_) => None,
            };
            Some((slot?, series))
        });
        let Some((slot, series)) = found else {
            self.refused.invalid += 1;
            return;
        };
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        series.exemplars.retain(|(at, _)| *at != slot);
        series.exemplars.push((slot, Exemplar { labels, value, time: None }));
    }

    /// The families that have samples, each sample once.
    pub(super) fn finish(self) -> (Vec<Arc<FamilySnapshot>>, Refused) {
        let mut refused = self.refused;
        let mut families = Vec::new();
        for (declared, mut family) in self.declared.iter().zip(self.families) {
            let series = &mut family.series;
            let yielded = series.len();
            let mut seen = HashSet::with_capacity(yielded);
            let is_new: Vec<bool> = series.iter().map(|series| seen.insert(series.exposed_labels())).collect();
            let mut is_new = is_new.into_iter();
            series.retain(|_| is_new.next() == Some(true));
            let series_of_sample = declared.description.config.states().len().max(1);
            refused.duplicate += ((yielded - series.len()) / series_of_sample) as u64;
            if !series.is_empty() {
                families.push(Arc::new(family));
            }
        }
        (families, refused)
    }
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let series: usize = self.families.iter().map(|family| family.series.len()).sum();
        f.debug_struct("Samples").field("series", &series).field("refused", &self.refused).finish()
    }
}
