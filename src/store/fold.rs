//! Folding: from the lanes of a series to its value.
//!
//! S5, S6: what a fold takes of each cell was read once, whole: zero from a look at it, or else what it adds. A cell of a counter never goes down, and two reads of one cell
//! that follow one another see its values in their order; so of two folds, of which one follows the other, the later sum is
//! not smaller. (Floats too: all folds add in the same order, and rounding never turns a larger summand into a smaller sum.)
//!
//! The cells of series that were made one after another mostly lie side by side. Such a *run* is added row by row: a row is
//! a page of its own, and to go from page to page for each cell costs several times as much. Most rows of a process with
//! many threads are empty, which a look at the run tells for less than adding it.

use super::block::{Cell, STRANDS};
use super::lane::ROSTER;
use super::series::{Found, Series};
use crate::model::{HistogramSnapshot, MAX_BOUNDS};
use crate::sync::pair::Pair;
use core::mem;
use core::ops::Range;

/// Series folded in one go.
pub(crate) const BATCH: usize = 64;

/// The runs of a batch whose slots have `width` cells: the first cell of each, and which series it holds.
fn runs<'a>(series: &'a [Found<'_>], width: usize) -> impl Iterator<Item = (Cell, Range<usize>)> + 'a {
    let mut start = 0;
    core::iter::from_fn(move || {
        let first = series.get(start)?.cell();
        let len = (1..).zip(&series[start + 1..]).find(|(n, series)| !series.cell().follows(first, width * n));
        let end = len.map_or(series.len(), |(n, _)| start + n);
        Some((first, mem::replace(&mut start, end)..end))
    })
}

/// Sums of integer cells, modulo 2^64.
pub(crate) fn fold_integers(series: &[Found<'_>], sums: &mut [u64; BATCH]) {
    let rows = ROSTER.rows();
    sums.fill(0);
    for (first, run) in runs(series, 1) {
        // SAFETY: these series own the cells of the run.
        unsafe { first.add_run(rows.clone(), &mut sums[run], |sum, cell| *sum = sum.wrapping_add(cell)) };
    }
}

/// Sums of float counters.
pub(crate) fn fold_floats(series: &[Found<'_>], sums: &mut [f64; BATCH]) {
    let rows = ROSTER.rows();
    let mut strands = [[0.0; STRANDS]; BATCH];
    for (first, run) in runs(series, STRANDS) {
        // SAFETY: these series own the cells of the run.
        unsafe { add_strands(first, rows.clone(), &mut strands[run]) };
    }
    sums.iter_mut().zip(&strands).for_each(|(sum, strands)| *sum = strands.iter().sum());
}

/// # Safety
/// There are as many slots of strands side by side.
unsafe fn add_strands(first: Cell, rows: Range<usize>, strands: &mut [[f64; STRANDS]]) {
    // SAFETY: passed on.
    unsafe { first.add_run(rows, strands.as_flattened_mut(), |sum, cell| *sum += f64::from_bits(cell)) };
}

/// The pairs of some histograms.
#[derive(Debug, Default)]
pub(crate) struct Histograms {
    pairs: Vec<Pair>,
    buckets: usize,
}

impl Histograms {
    /// Sums the pairs of the first few of some histograms of one family, at least one, and returns their number. Each pair
    /// is read whole, so that the counts and the sum speak of the same observations (S8).
    pub(crate) fn fold(&mut self, series: &[Found<'_>]) -> usize {
        let Some(first) = series.first() else { return 0 };
        self.buckets = first.buckets();
        let folded = &series[..series.len().min(PAIRS / self.buckets)];
        self.pairs.clear();
        self.pairs.resize(self.buckets * folded.len(), Pair::default());
        for (first, run) in runs(folded, 2 * self.buckets) {
            let sums = &mut self.pairs[self.buckets * run.start..self.buckets * run.end];
            // SAFETY: these series own the pairs of the run.
            unsafe { first.add_run_of_pairs(ROSTER.rows(), sums) };
        }
        folded.len()
    }

    /// What the `n`th of them held.
    pub(crate) fn get(&self, n: usize, snapshot: &mut HistogramSnapshot) {
        put_together(&self.pairs[self.buckets * n..][..self.buckets], snapshot);
    }
}

/// Pairs of histograms that are folded in one go; the most that one can have.
const PAIRS: usize = MAX_BOUNDS + 1;

fn put_together(pairs: &[Pair], snapshot: &mut HistogramSnapshot) {
    snapshot.buckets.clear();
    snapshot.buckets.extend(pairs.iter().map(|pair| pair.count));
    snapshot.sum = pairs.iter().map(|pair| pair.sum).sum();
}

impl Series {
    /// Sum of a float counter.
    pub(super) fn fold_float(&self) -> f64 {
        let mut strands = [[0.0; STRANDS]];
        // SAFETY: the slot of a float counter has this many cells.
        unsafe { add_strands(self.cell(), ROSTER.rows(), &mut strands) };
        strands[0].iter().sum()
    }

    /// What a histogram holds.
    pub(super) fn fold_histogram(&self, snapshot: &mut HistogramSnapshot) {
        let mut pairs = [Pair::default(); PAIRS];
        let pairs = &mut pairs[..self.buckets()];
        // SAFETY: the slot of a histogram has a pair for each bucket.
        unsafe { self.cell().add_run_of_pairs(ROSTER.rows(), pairs) };
        put_together(pairs, snapshot);
    }

    fn buckets(&self) -> usize {
        self.shape().buckets.as_ref().map_or(0, |buckets| buckets.count())
    }
}
