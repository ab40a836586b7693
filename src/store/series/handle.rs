//! Recording: what a handle does to its series.
//!
//! Each operation asks for the thread's lane, and writes there without a read-modify-write; a thread without a lane takes
//! the cold path: it finds one, or shares row 0.

use crate::clock::Clock;
use crate::model::{Buckets, HistogramSnapshot, is_summable};
use crate::store::cells::block::{Cell, STRIPES};
use crate::store::cells::lane::LANES;
use crate::store::series::series::Series;
use crate::store::thread;
use core::ptr::NonNull;

/// A share of a series, with its cell at hand.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    cell: Cell,
    series: Series,
}

impl Handle {
    #[inline(always)]
    pub(crate) fn new(series: Series) -> Handle {
        Handle { cell: series.cell(), series }
    }

    /// Adds to the thread's cell, modulo 2^64.
    #[inline(always)]
    pub(crate) fn add(&self, n: u64) {
        add(self.cell, n);
    }

    /// Adds a float to one of the thread's cells, as a float counter.
    #[inline(always)]
    pub(crate) fn add_float(&self, n: f64) {
        match thread::lane() {
            0 => add_float_cold(self.cell, n),
            // SAFETY: handles of float counters have a slot of this many cells in one row.
            lane => unsafe { self.cell.offset(thread::next_stripe(lane) % STRIPES) }.add_float_in(lane, n),
        }
    }

    /// Counts a value that was refused, in the family's self-metric.
    #[cold]
    #[inline(never)]
    pub(crate) fn reject(&self) {
        self.series.reject();
    }

    /// The value that all threads share (a gauge's).
    #[inline(always)]
    pub(crate) fn shared(&self) -> Cell {
        self.cell
    }

    /// What the family's timers read.
    pub(crate) fn clock(&self) -> &Clock {
        &self.series.family().clock
    }

    /// Sum over the lanes, modulo 2^64.
    pub(crate) fn sum(&self) -> u64 {
        self.cell.sum(&LANES)
    }

    /// Sum of a float counter over the lanes.
    pub(crate) fn sum_float(&self) -> f64 {
        self.series.fold_float()
    }
}

#[inline(always)]
fn add(cell: Cell, n: u64) {
    match thread::lane() {
        0 => add_cold(cell, n),
        lane => cell.add_in(lane, n),
    }
}

/// With the cell by value, so that a handle that is only looked up need not be in memory.
#[cold]
fn add_cold(cell: Cell, n: u64) {
    match thread::claim_lane() {
        0 => cell.add_shared(n),
        lane => cell.add_in(lane, n),
    }
}

/// As [`add_cold`].
#[cold]
fn add_float_cold(cell: Cell, n: f64) {
    match thread::claim_lane() {
        0 => cell.add_float_shared(n),
        lane => cell.add_float_in(lane, n),
    }
}

/// A share of a histogram's series, with its first pair and its bounds at hand.
#[derive(Clone)]
pub(crate) struct HistogramHandle {
    cell: Cell,
    /// Owned by the layout that the series owns.
    buckets: NonNull<Buckets>,
    series: Series,
}

// SAFETY: the bounds are immutable, and live as long as the series that the handle shares.
unsafe impl Send for HistogramHandle {}
// SAFETY: as above.
unsafe impl Sync for HistogramHandle {}

impl HistogramHandle {
    /// `series` is of a layout with buckets.
    #[inline(always)]
    pub(crate) fn new(series: Series) -> HistogramHandle {
        let buckets = series.family().buckets.as_deref().expect("a histogram's layout has buckets");
        HistogramHandle { cell: series.cell(), buckets: NonNull::from(buckets), series }
    }

    #[inline(always)]
    fn buckets(&self) -> &Buckets {
        // SAFETY: `series` keeps the layout alive, which does not move its buckets.
        unsafe { self.buckets.as_ref() }
    }

    /// Adds an observation to its bucket: count and sum at once (S8). A value that is not summable is refused.
    #[inline(always)]
    pub(crate) fn observe(&self, value: f64) {
        let lane = thread::lane();
        match self.buckets().find(value) {
            Some(bucket) if lane != 0 => {
                // SAFETY: the slot has a pair for each bucket, in one row: see `FamilyLayout::new`.
                let pair = unsafe { self.cell.offset(2 * bucket) };
                // SAFETY: as above; a bucket is found quickly only where pairs are written quickly.
                unsafe { pair.observe_quick_in(lane, value) };
            }
            _ => self.observe_cold(value),
        }
    }

    #[cold]
    #[inline(never)]
    fn observe_cold(&self, value: f64) {
        if !is_summable(value) {
            return self.series.reject();
        }
        // SAFETY: the slot has a pair for each bucket, in one row: see `FamilyLayout::new`.
        let pair = unsafe { self.cell.offset(2 * self.buckets().search(value)) };
        let lane = match thread::lane() {
            0 => thread::claim_lane(),
            lane => lane,
        };
        match lane {
            // SAFETY: as above, it is a pair of this slot.
            0 => unsafe { pair.observe_shared(value) },
            // SAFETY: as above.
            lane => unsafe { pair.observe_in(lane, value) },
        }
    }

    /// What all threads have observed.
    pub(crate) fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        self.series.fold_histogram(&mut snapshot);
        snapshot
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

impl Series {
    fn reject(&self) {
        if let Some(rejected) = &self.family().rejected {
            add(rejected.cell(), 1);
        }
    }
}
