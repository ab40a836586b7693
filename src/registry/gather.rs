//! Gathering: walking a registry, a few series at a time.

use super::Registry;
use super::family::Core;
use crate::metric::MetricType;
use crate::model::{HistogramSnapshot, Value, Visitor};
use crate::store::{BATCH, Found, fold_floats, fold_integers, pin};
use std::sync::Arc;

/// A walk over all families of a registry, which can be interrupted between any two series.
///
/// It holds no lock, and between its steps nothing but the list of families that were registered when it began. Series that
/// are made meanwhile may or may not be visited; each is visited at most once.
#[derive(Debug)]
pub(crate) struct Gather {
    registry: Registry,
    families: Vec<Arc<Core>>,
    family: usize,
    /// Next place in the family's list.
    place: usize,
    is_announced: bool,
    scratch: Box<Scratch>,
}

#[derive(Debug)]
struct Scratch {
    integers: [u64; BATCH],
    floats: [f64; BATCH],
    histogram: HistogramSnapshot,
}

impl Gather {
    pub(crate) fn new(registry: Registry) -> Gather {
        let families = registry.families();
        let scratch = Scratch { integers: [0; BATCH], floats: [0.0; BATCH], histogram: HistogramSnapshot::default() };
        Gather { registry, families, family: 0, place: 0, is_announced: false, scratch: Box::new(scratch) }
    }

    /// Shows the visitor what comes next, until it is full or nothing is left. Whether anything is left.
    pub(crate) fn step(&mut self, visitor: &mut impl Visitor) -> bool {
        while let Some(core) = self.families.get(self.family).cloned() {
            if !self.step_family(&core, visitor) {
                return true;
            }
            // A good moment to free what was removed, at most once for each family and scrape.
            core.set.collect();
            self.family += 1;
            self.place = 0;
            self.is_announced = false;
        }
        false
    }

    /// Shows series of one family. Whether it came to the family's end.
    fn step_family(&mut self, core: &Core, visitor: &mut impl Visitor) -> bool {
        let pin = pin();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            if self.place == core.set.places() {
                return true;
            }
            if visitor.is_full() {
                return false;
            }
            let end = core.set.batch(self.place, BATCH, &mut batch, &pin);
            if !batch.is_empty() && !self.is_announced {
                self.is_announced = true;
                visitor.family(core.view(self.registry.global_labels()));
            }
            let shown = self.show(core.description.metric, &batch, visitor);
            self.place = batch.get(shown).map_or(end, |next| next.place());
        }
    }

    /// Shows the series of a batch until the visitor is full, and at least one. How many it has shown.
    fn show(&mut self, metric: MetricType, batch: &[Found<'_>], visitor: &mut impl Visitor) -> usize {
        let Scratch { integers, floats, histogram } = &mut *self.scratch;
        match metric {
            MetricType::Counter => {
                fold_integers(batch, integers);
                each(batch, visitor, |visitor, n, labels| visitor.sample(labels, Value::Unsigned(integers[n])))
            }
            MetricType::InFlightGauge => {
                fold_integers(batch, integers);
                each(batch, visitor, |visitor, n, labels| {
                    visitor.sample(labels, Value::Signed(integers[n].cast_signed()))
                })
            }
            MetricType::FloatCounter => {
                fold_floats(batch, floats);
                each(batch, visitor, |visitor, n, labels| visitor.sample(labels, Value::Float(floats[n])))
            }
            MetricType::Gauge => each(batch, visitor, |visitor, n, labels| {
                visitor.sample(labels, Value::Float(f64::from_bits(batch[n].cell().get_shared())));
            }),
            MetricType::Histogram => each(batch, visitor, |visitor, n, labels| {
                batch[n].fold_histogram(histogram);
                visitor.histogram(labels, histogram);
            }),
        }
    }
}

/// Calls `show` for the series of a batch until the visitor is full; returns how many it has shown.
#[inline(always)]
fn each<V: Visitor>(batch: &[Found<'_>], visitor: &mut V, mut show: impl FnMut(&mut V, usize, &str)) -> usize {
    for (n, series) in batch.iter().enumerate() {
        show(visitor, n, series.labels());
        if visitor.is_full() {
            return n + 1;
        }
    }
    batch.len()
}
