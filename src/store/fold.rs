//! Folding: from the lanes of a series to its value.
//!
//! S5, S6: a fold reads each cell once, whole. A cell of a counter never goes down, and two reads of one cell that follow one
//! another see its values in their order; so of two folds, of which one follows the other, the later sum is not smaller.
//! (Floats too: the rows are added in the same order, and rounding never turns a larger summand into a smaller sum.)

use super::lane::ROSTER;
use super::series::{Found, Series};
use crate::model::HistogramSnapshot;

/// Series folded in one go. Their cells mostly lie side by side, so that row after row is read instead of jumping between
/// rows, whose cells compete for the same sets of the processor's first cache.
pub(crate) const BATCH: usize = 64;

/// Sums of integer cells, modulo 2^64.
pub(crate) fn fold_integers(series: &[Found<'_>], sums: &mut [u64; BATCH]) {
    sums.fill(0);
    for row in ROSTER.rows() {
        for (sum, series) in sums.iter_mut().zip(series) {
            *sum = sum.wrapping_add(series.cell().get(row));
        }
    }
}

/// Sums of float counters.
pub(crate) fn fold_floats(series: &[Found<'_>], sums: &mut [f64; BATCH]) {
    sums.fill(0.0);
    for row in ROSTER.rows() {
        for (sum, series) in sums.iter_mut().zip(series) {
            *sum += series.float_in(row);
        }
    }
}

impl Series {
    /// The sum of all cells in one row, taken as floats.
    #[inline(always)]
    fn float_in(&self, row: usize) -> f64 {
        (0..self.shape().form.cells()).fold(0.0, |sum, n| {
            // SAFETY: the slot has this many cells in one row.
            sum + f64::from_bits(unsafe { self.cell().offset(n) }.get(row))
        })
    }

    /// Sum of a float counter.
    pub(super) fn fold_float(&self) -> f64 {
        ROSTER.rows().fold(0.0, |sum, row| sum + self.float_in(row))
    }

    /// Sums the pairs of a histogram. Each pair is read whole, so that the counts and the sum speak of the same
    /// observations (S8).
    pub(crate) fn fold_histogram(&self, snapshot: &mut HistogramSnapshot) {
        let buckets = self.shape().buckets.as_ref().map_or(0, |buckets| buckets.count());
        snapshot.buckets.clear();
        snapshot.buckets.resize(buckets, 0);
        // Two sums, because an addition must wait for the one before.
        let mut sums = [0.0; 2];
        for row in ROSTER.rows() {
            for (bucket, count) in snapshot.buckets.iter_mut().enumerate() {
                // SAFETY: the slot of a histogram has a pair for each bucket, in one row.
                let pair = unsafe { self.cell().offset(2 * bucket) };
                // SAFETY: as above.
                let pair = unsafe { pair.get_pair(row) };
                *count = count.wrapping_add(pair.count);
                sums[bucket % 2] += pair.sum;
            }
        }
        snapshot.sum = sums[0] + sums[1];
    }
}
