//! Folding: from the slots of a series to its value.
//!
//! The value of a series is what its shared slot holds and, if it has a slot in the lanes, the sum of that over the lanes.
//!
//! S5, S6: each cell is read whole and contributes once: either it was seen to be zero, or its value is added. A cell of a
//! counter never goes down, a slot in the lanes stays once it is there, and two reads of one cell that follow one another see
//! its values in their order; so of two folds, of which one follows the other, the later sum is not smaller. (Floats too: all
//! folds add in the same order, and rounding never turns a larger summand into a smaller sum.)
//!
//! Slots in the lanes that were taken one after another mostly lie side by side. Such a *run* is summed a cache line at a
//! time: to go from page to page for each cell, as a row is a page of its own, costs several times as much. Most rows of a
//! process with many threads are empty, which a look at the run tells for less than adding it.

use super::series::{Series, SeriesRef};
use crate::model::{HistogramSnapshot, MAX_BOUNDS};
use crate::store::cells::block::{Cell, STRIPES};
use crate::store::cells::lane::LANES;
use crate::sync::pair::Pair;

/// Series folded in one go.
pub(crate) const BATCH: usize = 64;

const _: () = assert!(BATCH <= 1 << 8, "the place of a series in a batch is a byte");

/// Shorter runs are not worth the effort to tell them.
const SHORTEST_RUN: usize = 8;

/// The slots that some series have in the lanes, each read once, so that a fold sees the same all the time.
struct Slots {
    cells: [Option<Cell>; BATCH],
    len: usize,
}

impl Slots {
    /// `None` when no series has one.
    #[inline(always)]
    fn of(series: &[SeriesRef<'_>]) -> Option<Slots> {
        let mut cells = [None; BATCH];
        let mut any = false;
        for (cell, series) in cells.iter_mut().zip(series) {
            *cell = series.lanes();
            any |= cell.is_some();
        }
        any.then_some(Slots { cells, len: series.len().min(BATCH) })
    }

    /// The runs of slots of `width` cells: the number of the first series, the first cell, and the number of series.
    fn runs(&self, width: usize) -> impl Iterator<Item = (usize, Cell, usize)> {
        let cells = &self.cells[..self.len];
        let mut from = 0;
        core::iter::from_fn(move || {
            from += cells[from..].iter().take_while(|cell| cell.is_none()).count();
            let first = (*cells.get(from)?)?;
            let is_next = |(n, cell): &(usize, &Option<Cell>)| cell.is_some_and(|cell| cell.follows(first, width * n));
            let len = cells[from..].iter().enumerate().take_while(is_next).count();
            from += len;
            Some((from - len, first, len))
        })
    }
}

/// Values of series whose slot all threads share.
pub(crate) fn fold_shared(series: &[SeriesRef<'_>], values: &mut [u64; BATCH]) {
    values.iter_mut().zip(series).for_each(|(value, series)| *value = series.shared_cell().get());
}

/// Sums of integer cells, modulo 2^64.
pub(crate) fn fold_integers(series: &[SeriesRef<'_>], sums: &mut [u64; BATCH]) {
    fold_shared(series, sums);
    let Some(slots) = Slots::of(series) else { return };
    let (mut singles, mut count) = ([0u8; BATCH], 0);
    for (from, cell, len) in slots.runs(1) {
        if len < SHORTEST_RUN {
            for n in from..from + len {
                (singles[count], count) = (n as u8, count + 1);
            }
        } else {
            // SAFETY: these series own the cells of the run.
            unsafe { cell.sum_run(LANES.rows(), &mut sums[from..from + len], u64::wrapping_add) };
        }
    }
    for row in LANES.rows() {
        for n in singles[..count].iter().map(|n| usize::from(*n)) {
            sums[n] = sums[n].wrapping_add(slots.cells[n].map_or(0, |cell| cell.get(row)));
        }
    }
}

/// Sums of float counters.
pub(crate) fn fold_floats(series: &[SeriesRef<'_>], sums: &mut [f64; BATCH]) {
    for (sum, series) in sums.iter_mut().zip(series) {
        *sum = f64::from_bits(series.shared_cell().get());
    }
    let Some(slots) = Slots::of(series) else { return };
    let mut stripes = [[0.0; STRIPES]; BATCH];
    for (from, cell, len) in slots.runs(STRIPES) {
        // SAFETY: these series own the cells of the run.
        unsafe { sum_stripes(cell, &mut stripes[from..from + len]) };
    }
    sums.iter_mut().zip(&stripes).for_each(|(sum, stripes)| *sum += stripes.iter().sum::<f64>());
}

/// # Safety
/// There are as many slots of stripes side by side.
unsafe fn sum_stripes(first: Cell, stripes: &mut [[f64; STRIPES]]) {
    // SAFETY: passed on.
    unsafe { first.sum_run(LANES.rows(), stripes.as_flattened_mut(), |sum, cell| sum + f64::from_bits(cell)) };
}

/// The pairs of some histograms.
#[derive(Debug, Default)]
pub(crate) struct Histograms {
    pairs: Vec<Pair>,
    buckets: usize,
    /// Of each histogram, the sum of its pairs' sums.
    sums: Vec<f64>,
    /// The rows that were written, as far as the last run of slots in the lanes shows.
    rows: Vec<usize>,
}

impl Histograms {
    /// Sums the pairs of the first few of some histograms of one family, at least one, and returns their number. Each pair
    /// is read whole, so that the counts and the sum speak of the same observations (S8).
    pub(crate) fn fold(&mut self, series: &[SeriesRef<'_>]) -> usize {
        let Some(first) = series.first() else { return 0 };
        self.buckets = first.buckets();
        let series = &series[..series.len().min((PAIRS / self.buckets).clamp(1, BATCH))];
        self.pairs.resize(self.buckets * series.len(), Pair::default());
        for (pairs, series) in self.pairs.chunks_exact_mut(self.buckets).zip(series) {
            // SAFETY: the slot of a histogram has a pair for each bucket.
            unsafe { series.shared().copy_pairs(pairs) };
        }
        self.rows.clear();
        if let Some(slots) = Slots::of(series) {
            for (from, cell, len) in slots.runs(2 * self.buckets) {
                self.rows.clear();
                let pairs = &mut self.pairs[self.buckets * from..][..self.buckets * len];
                // SAFETY: these series own the pairs of the run.
                self.rows.extend(LANES.rows().filter(|row| unsafe { cell.add_run_of_pairs(*row, pairs) }));
            }
        }
        // Here, so that one series' additions, each of which waits for the one before, go on beside those of the next.
        self.sums.clear();
        self.sums.extend(self.pairs.chunks_exact(self.buckets).map(sum_of));
        series.len()
    }

    /// Asks for the memory of another one's pairs: the shared ones, and in the lanes those of the first few of the rows that were
    /// written in the last run. (Of many rows, the first cache would not keep it until it is used.)
    pub(crate) fn prefetch(&self, series: &SeriesRef<'_>) {
        let cells = 2 * self.buckets;
        if let Some(cell) = series.lanes() {
            self.rows.iter().take(4).for_each(|row| cell.prefetch(*row, cells));
        }
        series.shared().prefetch(cells);
    }

    /// What the `n`th of them held: how many observations in each bucket, and the sum of all.
    #[inline(always)]
    pub(crate) fn get(&self, n: usize) -> (impl Iterator<Item = u64> + Clone, f64) {
        let pairs = &self.pairs[self.buckets * n..][..self.buckets];
        (pairs.iter().map(|pair| pair.count), self.sums[n])
    }
}

/// Pairs of histograms that are folded in one go; the most that one can have.
const PAIRS: usize = MAX_BOUNDS + 1;

fn sum_of(pairs: &[Pair]) -> f64 {
    pairs.iter().map(|pair| pair.sum).sum()
}

impl Series {
    /// Sum of a counter of whole numbers, modulo 2^64.
    pub(in crate::store) fn fold_integer(&self) -> u64 {
        let in_lanes = self.lanes().map_or(0, |cell| cell.sum(&LANES));
        self.shared_cell().get().wrapping_add(in_lanes)
    }

    /// Sum of a float counter.
    pub(in crate::store) fn fold_float(&self) -> f64 {
        let mut stripes = [[0.0; STRIPES]];
        if let Some(cell) = self.lanes() {
            // SAFETY: the slot of a float counter has this many cells.
            unsafe { sum_stripes(cell, &mut stripes) };
        }
        f64::from_bits(self.shared_cell().get()) + stripes[0].iter().sum::<f64>()
    }

    /// What a histogram holds.
    pub(in crate::store) fn fold_histogram(&self, snapshot: &mut HistogramSnapshot) {
        let mut histograms = Histograms::default();
        histograms.fold(&[self.by_ref()]);
        let (buckets, sum) = histograms.get(0);
        (snapshot.buckets, snapshot.sum) = (buckets.collect(), sum);
        snapshot.bounds = self.family().buckets.as_ref().map(|buckets| buckets.bounds().clone()).unwrap_or_default();
    }

    fn buckets(&self) -> usize {
        self.family().buckets.as_ref().map_or(0, |buckets| buckets.count())
    }
}
