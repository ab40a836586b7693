//! Folding: from the lanes of a series to its value.
//!
//! S5, S6: what a fold takes of each cell was read once, whole: zero from a look at it, or else what it adds. A cell of a
//! counter never goes down, and two reads of one cell that follow one another see its values in their order; so of two folds,
//! of which one follows the other, the later sum is not smaller. (Floats too: all folds add in the same order, and rounding
//! never turns a larger summand into a smaller sum.)
//!
//! The cells of series that were made one after another mostly lie side by side. Such a *run* is summed a cache line at a
//! time: to go from page to page for each cell, as a row is a page of its own, costs several times as much. Most rows of a
//! process with many threads are empty, which a look at the run tells for less than adding it.

use crate::model::{HistogramSnapshot, MAX_BOUNDS};
use crate::store::cells::block::{Cell, STRIPES};
use crate::store::cells::lane::LANES;
use crate::store::series::series::{Series, SeriesRef};
use crate::sync::pair::Pair;

/// Series folded in one go.
pub(crate) const BATCH: usize = 64;

const _: () = assert!(BATCH <= 1 << 8, "the place of a series in a batch is a byte");

/// Shorter runs are not worth the effort to tell them.
const SHORTEST_RUN: usize = 8;

/// How many of these series, from the first on, have their slots, of `width` cells, in one run.
fn run_len(series: &[SeriesRef<'_>], width: usize) -> usize {
    let Some(first) = series.first() else { return 0 };
    series.iter().zip(0..).take_while(|(series, n)| series.cell().follows(first.cell(), width * n)).count()
}

/// Sums of integer cells, modulo 2^64.
pub(crate) fn fold_integers(series: &[SeriesRef<'_>], sums: &mut [u64; BATCH]) {
    let (mut singles, mut count, mut from) = ([0u8; BATCH], 0, 0);
    while from < series.len() {
        let len = run_len(&series[from..], 1);
        if len < SHORTEST_RUN {
            (singles[count], sums[from]) = (from as u8, 0);
            (count, from) = (count + 1, from + 1);
        } else {
            // SAFETY: these series own the cells of the run.
            unsafe { series[from].cell().sum_run(LANES.rows(), &mut sums[from..from + len], u64::wrapping_add) };
            from += len;
        }
    }
    for row in LANES.rows() {
        for n in singles[..count].iter().map(|n| usize::from(*n)) {
            sums[n] = sums[n].wrapping_add(series[n].cell().get(row));
        }
    }
}

/// Sums of float counters.
pub(crate) fn fold_floats(series: &[SeriesRef<'_>], sums: &mut [f64; BATCH]) {
    let mut stripes = [[0.0; STRIPES]; BATCH];
    let mut from = 0;
    while from < series.len() {
        let len = run_len(&series[from..], STRIPES);
        // SAFETY: these series own the cells of the run.
        unsafe { sum_strands(series[from].cell(), &mut stripes[from..from + len]) };
        from += len;
    }
    sums.iter_mut().zip(&stripes).for_each(|(sum, stripes)| *sum = stripes.iter().sum());
}

/// # Safety
/// There are as many slots of stripes side by side.
unsafe fn sum_strands(first: Cell, stripes: &mut [[f64; STRIPES]]) {
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
    /// The rows that were written, as far as the last group shows.
    rows: Vec<usize>,
}

impl Histograms {
    /// Sums the pairs of the first few of some histograms of one family, at least one, and returns their number. Each pair
    /// is read whole, so that the counts and the sum speak of the same observations (S8).
    pub(crate) fn fold(&mut self, series: &[SeriesRef<'_>]) -> usize {
        let Some(first) = series.first() else { return 0 };
        self.buckets = first.buckets();
        let len = run_len(&series[..series.len().min(PAIRS / self.buckets)], 2 * self.buckets);
        self.pairs.resize(self.buckets * len, Pair::default());
        self.rows.clear();
        let (cell, mut rows) = (first.cell(), LANES.rows());
        // In place of what was there before. If no thread ever owned a row, any will do.
        let row = rows.next().unwrap_or(0);
        // SAFETY: these series own the pairs of the run.
        if unsafe { cell.copy_run_of_pairs(row, &mut self.pairs) } {
            self.rows.push(row);
        }
        for row in rows {
            // SAFETY: as above.
            if unsafe { cell.add_run_of_pairs(row, &mut self.pairs) } {
                self.rows.push(row);
            }
        }
        // Here, so that one series' additions, each of which waits for the one before, go on beside those of the next.
        self.sums.clear();
        self.sums.extend(self.pairs.chunks_exact(self.buckets).map(sum_of));
        len
    }

    /// Asks for the memory of another one's pairs, in the first few of the rows that were written in the last group. (Of
    /// many rows, the first cache would not keep it until it is used.)
    pub(crate) fn prefetch(&self, series: &SeriesRef<'_>) {
        self.rows.iter().take(4).for_each(|row| series.cell().prefetch(*row, 2 * self.buckets));
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
    /// Sum of a float counter.
    pub(in crate::store) fn fold_float(&self) -> f64 {
        let mut stripes = [[0.0; STRIPES]];
        // SAFETY: the slot of a float counter has this many cells.
        unsafe { sum_strands(self.cell(), &mut stripes) };
        stripes[0].iter().sum()
    }

    /// What a histogram holds.
    pub(in crate::store) fn fold_histogram(&self, snapshot: &mut HistogramSnapshot) {
        let mut pairs = [Pair::default(); PAIRS];
        let pairs = &mut pairs[..self.buckets()];
        for row in LANES.rows() {
            // SAFETY: the slot of a histogram has a pair for each bucket.
            unsafe { self.cell().add_run_of_pairs(row, pairs) };
        }
        snapshot.bounds = self.family().buckets.as_ref().map(|buckets| buckets.bounds().clone()).unwrap_or_default();
        snapshot.buckets = pairs.iter().map(|pair| pair.count).collect();
        snapshot.sum = sum_of(pairs);
    }

    fn buckets(&self) -> usize {
        self.family().buckets.as_ref().map_or(0, |buckets| buckets.count())
    }
}
