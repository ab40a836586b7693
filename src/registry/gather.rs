//! Gathering: walking a registry, a few series at a time.

use super::Registry;
use super::family::FamilyCore;
use crate::metric::Values;
use crate::model::{HistogramView, SeriesView, Value, Visitor};
use crate::store::{BATCH, Batch, Histograms, Series, SeriesRef, fold_floats, fold_integers, pin};
use core::time::Duration;
use std::sync::Arc;

/// A walk over all families of a registry, which can be interrupted between any two series.
///
/// It holds no lock, and between its steps nothing but the list of families that were registered when it began. Series that
/// are made meanwhile may or may not be visited; each is visited at most once.
#[derive(Debug)]
pub(crate) struct Gather {
    registry: Registry,
    /// Those not yet visited, the next one last.
    families: Vec<Arc<FamilyCore>>,
    walk: Option<Walk>,
    scratch: Box<Scratch>,
}

/// A walk over one family.
#[derive(Debug)]
struct Walk {
    core: Arc<FamilyCore>,
    /// Next place in the family's list.
    place: usize,
    end: usize,
    is_announced: bool,
}

#[derive(Debug)]
struct Scratch {
    integers: [u64; BATCH],
    floats: [f64; BATCH],
    histograms: Histograms,
}

impl Gather {
    pub(crate) fn new(registry: Registry) -> Gather {
        let mut families = registry.families();
        families.reverse();
        let scratch = Scratch { integers: [0; BATCH], floats: [0.0; BATCH], histograms: Histograms::default() };
        Gather { registry, families, walk: None, scratch: Box::new(scratch) }
    }

    /// Shows the visitor what comes next, until it is full or nothing is left. Returns whether anything is left; when nothing is,
    /// it is not to be called again.
    pub(crate) fn step(&mut self, visitor: &mut impl Visitor) -> bool {
        loop {
            let Some(mut walk) = self.walk.take().or_else(|| self.families.pop().map(Walk::new)) else {
                visitor.end();
                return false;
            };
            if !walk.step(&self.registry, visitor, &mut self.scratch) {
                self.walk = Some(walk);
                return true;
            }
        }
    }
}

impl SeriesView for Series {
    fn values(&self) -> impl Iterator<Item = &str> {
        Series::values(self)
    }

    #[inline(always)]
    fn text(&self) -> &str {
        self.labels()
    }

    fn created(&self) -> Option<Duration> {
        None
    }
}

impl Walk {
    fn new(core: Arc<FamilyCore>) -> Walk {
        Walk { end: core.set.begin_walk(), core, place: 0, is_announced: false }
    }

    /// Shows series until the visitor is full. Whether it came to the family's end.
    fn step(&mut self, registry: &Registry, visitor: &mut impl Visitor, scratch: &mut Scratch) -> bool {
        let pin = pin();
        let mut batch = Batch::new();
        while self.place < self.end {
            if visitor.is_full() {
                return false;
            }
            let next = self.core.set.batch(self.place, self.end, BATCH, &mut batch, &pin);
            if !batch.is_empty() && !self.is_announced {
                self.is_announced = true;
                visitor.family(self.core.view(registry.global_labels()));
            }
            let prefetch = self.core.set.prefetch(next, self.end);
            let later = self.core.set.run(self.end.min(self.place + BATCH / 2), self.end, &pin);
            let shown = scratch.show(self.core.description.metric.values, &batch, visitor, prefetch, later);
            self.place = batch.get(shown).map_or(next, |series| series.place());
        }
        true
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.core.set.end_walk(self.end);
        // A good moment to free what was removed, at most once for each family and scrape.
        self.core.set.collect();
    }
}

impl Scratch {
    /// Shows the series of a batch until the visitor is full, and at least one. How many it has shown.
    ///
    /// Before the `n`th it calls `prefetch(n)`, and asks for the cells of one of `later`, which are histograms half a batch on.
    fn show<'a, V: Visitor>(
        &mut self,
        values: Values,
        batch: &[SeriesRef<'_>],
        visitor: &mut V,
        prefetch: impl Fn(usize),
        mut later: impl Iterator<Item = SeriesRef<'a>>,
    ) -> usize {
        let Scratch { integers, floats, histograms } = self;
        match values {
            Values::Unsigned => {
                fold_integers(batch, integers);
                samples(batch, integers, Value::Unsigned, visitor, prefetch)
            }
            Values::Signed => {
                fold_integers(batch, integers);
                samples(batch, integers, |n| Value::Signed(n.cast_signed()), visitor, prefetch)
            }
            Values::Float => {
                fold_floats(batch, floats);
                samples(batch, floats, Value::Float, visitor, prefetch)
            }
            Values::SharedFloat => {
                for (float, series) in floats.iter_mut().zip(batch) {
                    *float = f64::from_bits(series.cell().get_shared());
                }
                samples(batch, floats, Value::Float, visitor, prefetch)
            }
            Values::Buckets => {
                let mut shown = 0;
                while shown < batch.len() && (shown == 0 || !visitor.is_full()) {
                    let folded = histograms.fold(&batch[shown..]);
                    for (series, n) in batch[shown..][..folded].iter().zip(0..) {
                        prefetch(shown);
                        if let Some(series) = later.next() {
                            histograms.prefetch(&series);
                        }
                        let (counts, sum) = histograms.get(n);
                        visitor.histogram(&**series, HistogramView { counts, sum });
                        shown += 1;
                        if visitor.is_full() {
                            break;
                        }
                    }
                }
                shown
            }
        }
    }
}

/// Shows series with a sample each until the visitor is full. How many it has shown.
#[inline(always)]
fn samples<V: Visitor, T: Copy>(
    batch: &[SeriesRef<'_>],
    values: &[T; BATCH],
    value: impl Fn(T) -> Value,
    visitor: &mut V,
    prefetch: impl Fn(usize),
) -> usize {
    let series = move |n| {
        batch.get(n).map(|series| {
            prefetch(n);
            &**series
        })
    };
    // A batch is not longer; without the remainder, that would be checked for each.
    visitor.samples(series, |n| value(values[n % BATCH]))
}
