//! Recording: what a handle does to its series.
//!
//! Each operation asks for the series' slot in the lanes and for the thread's lane, and writes there without a
//! read-modify-write. A series that is not busy has no such slot, and few threads have no lane: those take the cold path, and
//! write the slot that all threads share.

use super::series::{Series, SeriesRef};
use crate::clock::Clock;
use crate::model::{Buckets, HistogramSnapshot, is_summable};
use crate::store::cells::block::{Cell, STRIPES};
use crate::store::thread;
use crate::sync::pair::Pair;
use core::ptr::NonNull;
use std::sync::Arc;

/// A reference to a series of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Handle(Series);

impl Handle {
    #[inline(always)]
    pub(crate) fn new(series: Series) -> Handle {
        Handle(series)
    }

    /// Adds to the thread's cell, modulo 2^64.
    #[inline(always)]
    pub(crate) fn add(&self, n: u64) {
        self.0.add(n);
    }

    /// Adds a float to one of the thread's cells, as a float counter.
    #[inline(always)]
    pub(crate) fn add_float(&self, n: f64) {
        match (self.0.lanes(), thread::lane()) {
            (Some(cell), lane) if lane != 0 => add_float_in(cell, lane, n),
            _ => add_float_cold(self.0.by_ref(), n),
        }
    }

    /// Counts a value that was refused, in the family's self-metric.
    #[cold]
    #[inline(never)]
    pub(crate) fn reject(&self) {
        self.0.reject(1);
    }

    /// Adds to the value that all threads share, modulo 2^64.
    #[inline(always)]
    pub(crate) fn add_shared(&self, n: u64) {
        self.0.shared_cell().add(n);
        self.0.mark_used();
    }

    /// What the family's timers read.
    pub(crate) fn clock(&self) -> &Clock {
        &self.0.family().clock
    }

    pub(crate) fn is_of_family_of(&self, other: &Handle) -> bool {
        Arc::ptr_eq(self.0.family(), other.0.family())
    }

    /// Replaces the value that all threads share.
    #[inline(always)]
    pub(crate) fn set_shared(&self, bits: u64) {
        self.0.shared_cell().set(bits);
        self.0.mark_used();
    }

    /// Sets or clears bits of the value that all threads share.
    #[inline]
    pub(crate) fn set_shared_bits(&self, bits: u64, is_set: bool) {
        self.0.shared_cell().set_bits(bits, is_set);
        self.0.mark_used();
    }

    /// Notes that the series is in use, for families whose series expire.
    #[inline]
    pub(crate) fn mark_used(&self) {
        self.0.mark_used();
    }

    /// Replaces the float that all threads share by what `next` makes of it, as long as that is something.
    #[inline(always)]
    pub(crate) fn update_shared_float(&self, next: impl Fn(f64) -> Option<f64>) {
        self.0.shared_cell().update_float(next);
        self.0.mark_used();
    }

    /// The value that all threads share.
    #[inline(always)]
    pub(crate) fn get_shared(&self) -> u64 {
        self.0.shared_cell().get()
    }

    /// Sum of what all threads have added, modulo 2^64.
    pub(crate) fn sum(&self) -> u64 {
        self.0.fold_integer()
    }

    /// Sum of a float counter.
    pub(crate) fn sum_float(&self) -> f64 {
        self.0.fold_float()
    }
}

impl Series {
    #[inline(always)]
    fn add(&self, n: u64) {
        match (self.lanes(), thread::lane()) {
            (Some(cell), lane) if lane != 0 => cell.add_in(lane, n),
            _ => add_cold(self.by_ref(), n),
        }
    }

    pub(in crate::store) fn reject(&self, n: u64) {
        if let Some(rejected) = &self.family().rejected {
            rejected.add(n);
        }
    }

    /// Where the calling thread records without a read-modify-write, and its lane; `None` when it is to write the shared slot,
    /// and that is counted.
    pub(in crate::store) fn own_slot(&self) -> Option<(Cell, usize)> {
        let lane = match thread::lane() {
            0 => thread::claim_lane(),
            lane => lane,
        };
        let slot = self.lanes();
        if slot.is_none() {
            self.count_recording();
        }
        slot.filter(|_| lane != 0).map(|cell| (cell, lane))
    }
}

/// With the series by value, so that a handle that is only looked up need not be in memory.
#[cold]
#[inline(never)]
fn add_cold(series: SeriesRef<'_>, n: u64) {
    match series.own_slot() {
        Some((cell, lane)) => cell.add_in(lane, n),
        None => series.shared_cell().add(n),
    }
}

#[inline(always)]
fn add_float_in(cell: Cell, lane: usize, n: f64) {
    // SAFETY: float counters have a slot of this many cells in one row.
    unsafe { cell.offset(thread::next_stripe(lane) % STRIPES) }.add_float_in(lane, n);
}

/// As [`add_cold`].
#[cold]
#[inline(never)]
fn add_float_cold(series: SeriesRef<'_>, n: f64) {
    match series.own_slot() {
        Some((cell, lane)) => add_float_in(cell, lane, n),
        None => series.shared_cell().update_float(|sum| Some(sum + n)),
    }
}

/// A reference to a histogram's series, with its bounds at hand.
#[derive(Clone)]
pub(crate) struct HistogramHandle {
    /// Owned by the layout that the series owns.
    buckets: NonNull<Buckets>,
    series: Series,
}

// SAFETY: the bounds are immutable, and live as long as the series that the handle refers to.
unsafe impl Send for HistogramHandle {}
// SAFETY: as above.
unsafe impl Sync for HistogramHandle {}

impl HistogramHandle {
    /// `series` is of a family with buckets.
    #[inline(always)]
    pub(crate) fn new(series: Series) -> HistogramHandle {
        let buckets = series.family().buckets.as_deref().expect("a histogram's family has buckets");
        HistogramHandle { buckets: NonNull::from(buckets), series }
    }

    #[inline(always)]
    fn buckets(&self) -> &Buckets {
        // SAFETY: `series` keeps the layout alive, which does not move its buckets.
        unsafe { self.buckets.as_ref() }
    }

    /// Adds an observation to its bucket: count and sum at once (S8). A value that is not summable is refused.
    #[inline(always)]
    pub(crate) fn observe(&self, value: f64) {
        match (self.buckets().find(value), self.series.lanes(), thread::lane()) {
            (Some(bucket), Some(cell), lane) if lane != 0 => {
                // SAFETY: the slot has a pair for each bucket, in one row: see `FamilyLayout::new`.
                let pair = unsafe { cell.offset(2 * bucket) };
                // SAFETY: as above; a bucket is found by the table only where pairs are written on the fast path.
                unsafe { pair.observe_quick_in(lane, value) };
            }
            _ => self.observe_cold(value),
        }
    }

    #[cold]
    #[inline(never)]
    fn observe_cold(&self, value: f64) {
        if !is_summable(value) {
            return self.series.reject(1);
        }
        let bucket = self.buckets().search(value);
        match self.series.own_slot() {
            Some((cell, lane)) => {
                // SAFETY: the slot has a pair for each bucket, in one row: see `FamilyLayout::new`.
                let pair = unsafe { cell.offset(2 * bucket) };
                // SAFETY: as above, it is a pair of this slot.
                unsafe { pair.observe_in(lane, value) };
            }
            // SAFETY: the slot has a pair for each bucket.
            None => unsafe { self.series.shared().observe(bucket, value) },
        }
    }

    /// Adds a value `n` times, to the slot that all threads share.
    pub(crate) fn observe_n(&self, value: f64, n: u64) {
        let sum = value * n as f64;
        if !is_summable(value) || !is_summable(sum) {
            return self.series.reject(n);
        }
        let bucket = self.buckets().search(value);
        // SAFETY: the slot has a pair for each bucket.
        unsafe { self.series.shared().add_pair(bucket, Pair { sum, count: n }) };
    }

    /// What all threads have observed.
    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        self.series.fold_histogram(&mut snapshot);
        snapshot
    }

    pub(crate) fn label_values(&self) -> impl Iterator<Item = &str> {
        self.series.values()
    }

    /// What the family's timers read.
    #[inline(always)]
    pub(crate) fn clock(&self) -> &Clock {
        &self.series.family().clock
    }

    pub(crate) fn bounds(&self) -> &[f64] {
        self.buckets().bounds()
    }
}

impl core::fmt::Debug for HistogramHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.series.fmt(f)
    }
}
