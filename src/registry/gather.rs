//! Gathering: walking a registry, a few series at a time.

use super::Registry;
use super::family::FamilyCore;
use super::merge::{self, Gathered, Part, Source};
use crate::metric::Values;
use crate::model::{Held, HistogramSnapshot, HistogramView, SeriesView, Snapshot, Value, Visitor};
use crate::store::{BATCH, Batch, Histograms, Series, SeriesRef, Stamp, fold_floats, fold_integers, fold_shared, pin};
use core::time::Duration;
use std::collections::HashSet;
use std::sync::Arc;

/// A walk over all families of some registries, which can be interrupted between any two series.
///
/// It holds no lock, and between its steps nothing but the list of families that were registered when it began. Series that
/// are made meanwhile may or may not be visited; each is visited at most once.
#[derive(Debug)]
pub(crate) struct Gather {
    /// Those not yet visited, the next one last.
    parts: Vec<Part>,
    walk: Option<Walk>,
    /// Families whose series expire and of which everything was shown, with the times when that began.
    watched: Vec<(Arc<FamilyCore>, Stamp)>,
    shown: Shown,
    scratch: Box<Scratch>,
}

/// What was shown already.
#[derive(Debug, Default)]
struct Shown {
    /// Whether the current family was.
    family: bool,
    /// The series that another part may repeat, by the text of their labels.
    series: HashSet<Box<str>>,
}

/// A walk over one part of a family.
#[derive(Debug)]
struct Walk {
    part: Part,
    /// Next place in the list of series.
    place: usize,
    end: usize,
    is_announced: bool,
    left_out: u64,
    /// When it began, if series expire.
    begun: Option<Stamp>,
}

#[derive(Debug)]
struct Scratch {
    integers: [u64; BATCH],
    floats: [f64; BATCH],
    histograms: Histograms,
    /// Whether what is shown is noted, as series of the family expire.
    is_watched: bool,
}

impl Gather {
    /// Where registries have the same family, its series come from one after another. What cannot stand beside what an earlier
    /// registry has is left out and counted.
    pub(crate) fn new(gathered: Vec<Gathered>) -> Gather {
        let mut parts = merge::parts(gathered);
        parts.reverse();
        let histograms = Histograms::default();
        let scratch = Scratch { integers: [0; BATCH], floats: [0.0; BATCH], histograms, is_watched: false };
        Gather { parts, walk: None, watched: Vec::new(), shown: Shown::default(), scratch: Box::new(scratch) }
    }

    /// Shows the visitor what comes next, until it is full or nothing is left. Returns whether anything is left; when nothing is,
    /// it is not to be called again.
    pub(crate) fn step(&mut self, visitor: &mut impl Visitor) -> bool {
        loop {
            let Some(mut walk) = self.walk.take().or_else(|| self.parts.pop().map(|part| self.shown.begin(part)))
            else {
                visitor.end();
                return false;
            };
            if !walk.step(visitor, &mut self.shown, &mut self.scratch) {
                self.walk = Some(walk);
                return true;
            }
            self.watched.extend(walk.watched());
        }
    }

    /// Tells the families that all that was shown has been handed over, after which idle series may expire. Only for what a
    /// scraper reads, and not under a pin.
    pub(crate) fn note_exported(&mut self) {
        self.watched.drain(..).for_each(|(core, begun)| core.set.note_exported(begun));
    }
}

impl Registry {
    /// What all series hold now, without a look at any text. For tests.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").register()?.inc();
    /// assert_eq!(registry.snapshot().value("jobs_total", &[]), Some(1.0));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    ///
    /// # Cost
    /// That of a scrape, and an allocation or two for each label. Waits for [collectors](crate::collect), for 5 s at most.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let is_more = Gather::new(merge::collect_now(vec![self.clone()])).step(&mut snapshot);
        debug_assert!(!is_more, "a snapshot is never full");
        snapshot
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
        Some(Duration::from_secs(Series::created(self).into()))
    }
}

impl Shown {
    /// Whether a series was shown, or one with a label that it would have.
    fn has(&self, core: &FamilyCore, series: &Series) -> bool {
        match core.states_of(series) {
            Some(states) => states.texts().any(|text| self.series.contains(&*text)),
            None => self.series.contains(series.labels()),
        }
    }

    fn note(&mut self, core: &FamilyCore, series: &Series) {
        match core.states_of(series) {
            Some(states) => self.series.extend(states.texts().map(String::into_boxed_str)),
            None => self.series.extend([series.labels().into()]),
        }
    }

    fn begin(&mut self, mut part: Part) -> Walk {
        self.family &= !part.begins_family;
        if part.begins_labels {
            self.series = HashSet::new();
        }
        let (mut left_out, mut begun) = (0, None);
        let end = match &mut part.source {
            Source::Stored(core) => {
                begun = core.set.stamp();
                core.set.begin_walk()
            }
            Source::Collected(family) if !part.may_repeat => family.series.len(),
            Source::Collected(family) => {
                let family = Arc::make_mut(family);
                let yielded = family.series.len();
                family.series.retain(|series| self.series.insert(series.text().into()));
                left_out = (yielded - family.series.len()) as u64;
                family.series.len()
            }
        };
        Walk { part, place: 0, end, is_announced: false, left_out, begun }
    }
}

impl Walk {
    /// Shows series until the visitor is full. Returns whether it came to the part's end.
    fn step(&mut self, visitor: &mut impl Visitor, shown: &mut Shown, scratch: &mut Scratch) -> bool {
        match &self.part.source {
            Source::Stored(core) => {
                let core = core.clone();
                self.step_stored(&core, visitor, shown, scratch)
            }
            Source::Collected(_) => self.step_collected(visitor, shown),
        }
    }

    /// The family, if its series expire.
    fn watched(&self) -> Option<(Arc<FamilyCore>, Stamp)> {
        match &self.part.source {
            Source::Stored(core) => self.begun.map(|begun| (core.clone(), begun)),
            Source::Collected(_) => None,
        }
    }

    fn announce(&mut self, visitor: &mut impl Visitor, shown: &mut Shown) {
        if !self.is_announced {
            self.is_announced = true;
            visitor.family(self.part.view(shown.family));
            shown.family = true;
        }
    }

    fn step_stored(
        &mut self,
        core: &FamilyCore,
        visitor: &mut impl Visitor,
        shown: &mut Shown,
        scratch: &mut Scratch,
    ) -> bool {
        let pin = pin();
        let mut batch = Batch::new();
        let mut repeated = Vec::new();
        scratch.is_watched = self.begun.is_some();
        while self.place < self.end {
            if visitor.is_full() {
                return false;
            }
            let next = core.set.batch(self.place, self.end, BATCH, &mut batch, &pin);
            if self.part.may_repeat {
                repeated.clear();
                batch.retain(|series| {
                    let is_new = !shown.has(core, series);
                    repeated.extend((!is_new).then_some(series.place()));
                    is_new
                });
                if self.begun.is_some() {
                    core.set.note_passed_over(&repeated);
                }
            }
            if !batch.is_empty() {
                self.announce(visitor, shown);
            }
            let prefetch = core.set.prefetch(next, self.end);
            let later = core.set.run(self.end.min(self.place + BATCH / 2), self.end, &pin);
            let taken = scratch.show(core, &batch, visitor, prefetch, later);
            scratch.note_shown(core, &batch[..taken]);
            self.place = batch.get(taken).map_or(next, |series| series.place());
            if self.part.may_repeat {
                batch[..taken].iter().for_each(|series| shown.note(core, series));
                self.left_out += repeated.iter().filter(|place| **place < self.place).count() as u64;
            }
        }
        true
    }

    fn step_collected(&mut self, visitor: &mut impl Visitor, shown: &mut Shown) -> bool {
        while self.place < self.end {
            if visitor.is_full() {
                return false;
            }
            self.announce(visitor, shown);
            let Source::Collected(family) = &self.part.source else { return true };
            let rest = &family.series[self.place..];
            self.place += match &rest[0].held {
                Held::Histogram(HistogramSnapshot { buckets, sum, .. }) => {
                    visitor.histogram(&rest[0], HistogramView { counts: buckets.iter().copied(), sum: *sum });
                    1
                }
                Held::Summary(summary) => {
                    visitor.summary(&rest[0], summary);
                    1
                }
                Held::Number(_) => visitor.samples(|n| rest.get(n), |n| rest[n].number()),
            };
        }
        true
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        if let Source::Stored(core) = &self.part.source {
            core.set.end_walk(self.end);
            // A good moment to free what was removed, at most once for each family and scrape.
            core.set.collect();
        }
        if self.left_out > 0 {
            self.part.registry.count_left_out(self.part.view(false).name, self.left_out);
        }
    }
}

impl Scratch {
    /// Shows the series of a batch until the visitor is full, and at least one. Returns how many.
    ///
    /// Before the `n`th it calls `prefetch(n)`, and asks for the cells of one of `later`, which are histograms half a batch on.
    fn show<'a, V: Visitor>(
        &mut self,
        core: &FamilyCore,
        batch: &[SeriesRef<'_>],
        visitor: &mut V,
        prefetch: impl Fn(usize),
        mut later: impl Iterator<Item = SeriesRef<'a>>,
    ) -> usize {
        let Scratch { integers, floats, histograms, is_watched } = self;
        match core.description.metric.values {
            Values::Unsigned => {
                fold_integers(batch, integers);
                samples(batch, integers, Value::Unsigned, visitor, prefetch)
            }
            Values::Signed => {
                fold_shared(batch, integers);
                samples(batch, integers, |n| Value::Signed(n.cast_signed()), visitor, prefetch)
            }
            Values::Float => {
                fold_floats(batch, floats);
                samples(batch, floats, Value::Float, visitor, prefetch)
            }
            Values::SharedFloat => {
                fold_shared(batch, integers);
                samples(batch, integers, |bits| Value::Float(f64::from_bits(bits)), visitor, prefetch)
            }
            Values::One => {
                fold_shared(batch, integers);
                samples(batch, integers, |_| Value::Unsigned(1), visitor, prefetch)
            }
            values @ (Values::State | Values::Flags) => {
                fold_shared(batch, integers);
                each(batch, visitor, |series, n, visitor| {
                    prefetch(n);
                    core.states_of(series).inspect(|states| states.show(values, integers[n], visitor));
                })
            }
            Values::Sketch => each(batch, visitor, |series, n, visitor| {
                let summary = series.fold_summary();
                integers[n] = summary.count();
                visitor.summary(series, &summary);
            }),
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
                        if *is_watched {
                            integers[shown] = counts.clone().fold(0, u64::wrapping_add);
                        }
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

impl Scratch {
    /// Notes what was shown last, if the family has to know.
    fn note_shown(&mut self, core: &FamilyCore, shown: &[SeriesRef<'_>]) {
        if !self.is_watched {
            return;
        }
        if core.description.metric.values == Values::Float {
            self.integers.iter_mut().zip(&self.floats).for_each(|(integer, float)| *integer = float.to_bits());
        }
        core.set.note_shown(shown, &self.integers);
    }
}

/// Shows one series after another until the visitor is full, and at least one. Returns how many.
fn each<V: Visitor>(batch: &[SeriesRef<'_>], visitor: &mut V, mut show: impl FnMut(&Series, usize, &mut V)) -> usize {
    let mut shown = 0;
    while let Some(series) = batch.get(shown)
        && (shown == 0 || !visitor.is_full())
    {
        show(series, shown, visitor);
        shown += 1;
    }
    shown
}

/// Shows series with a sample each until the visitor is full. Returns how many.
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
