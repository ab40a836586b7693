//! Summaries: counts that only go up, and what they were when each step of the window began.
//!
//! A summary is recorded into as a histogram is: each bucket of its [sketch](Sketch) has a pair of a count and a sum, in the shared slot
//! and, of a busy series, in the lanes. Nothing is ever taken out of them, so counts and sum are exact. Whoever is first to come in a new
//! step of the window, be it to record or to read, copies the counts. What was observed since some step began is the difference.
//!
//! - Nobody waits for the copy but readers: whoever records takes the lock of the copies by `try_lock` (S7), and goes on without.
//! - What is recorded while the copy is made may be counted to the step before or to the one after it.
//! - A thread that records in its lane asks for the time at every 16th observation only, if these come in quick succession. So up to 15 of a
//!   thread may be counted to the step before, when others follow them only much later.
//!
//! In the lanes, pair 0 is not a bucket's: its second cell is what the thread knows of the time. In the shared slot it is zero.

use super::series::{FamilyLayout, Series};
use crate::clock::{Clock, Moment};
use crate::model::{Quantiles, Sketch, SummaryConfig, SummarySnapshot, VALUE_LIMIT};
use crate::store::cells::block::{CELLS_PER_ROW, Cell};
use crate::store::cells::lane::LANES;
use crate::store::thread;
use crate::sync::pair::{Pair, is_quick};
use crate::sync::{AtomicU64, Mutex, Ordering::Relaxed, lock, try_lock};
use core::ptr::NonNull;
use std::sync::Arc;

/// A thread asks for the time at one of so many observations, if they come in quick succession. A power of two.
const CREDIT: u64 = 16;

/// They do if each sixteenth comes within this part of a step.
const QUICK_PARTS: u64 = 1024;

/// Pairs that are folded in one go, which lie in one row. A power of two.
const CHUNK: usize = if CELLS_PER_ROW / 2 < 64 { CELLS_PER_ROW / 2 } else { 64 };

/// What all summaries of a family have in common.
#[derive(Debug)]
pub(crate) struct SummaryLayout {
    sketch: Arc<Sketch>,
    steps: usize,
    step_nanoseconds: u64,
    /// What is below is recorded the quick way: bits of floats that are not negative sort as the floats do.
    quick_limit: u64,
}

impl SummaryLayout {
    pub(crate) fn new(config: &SummaryConfig) -> SummaryLayout {
        SummaryLayout {
            sketch: Sketch::new(config).into(),
            steps: config.steps,
            step_nanoseconds: config.step_nanoseconds(),
            quick_limit: if is_quick() { VALUE_LIMIT.to_bits() } else { 0 },
        }
    }

    /// The pairs of a slot.
    pub(crate) fn pairs(&self) -> usize {
        1 + self.sketch.buckets()
    }

    /// The bytes of a series' copies.
    pub(in crate::store) fn window_bytes(&self) -> usize {
        self.steps * self.sketch.buckets() * size_of::<u64>()
    }
}

/// The steps of one series' window.
#[derive(Debug)]
pub(in crate::store) struct Window {
    /// When the step ends, as the [bits](Moment::bits) of a moment. Another thread may set it for a step that is over: then the next
    /// observation finds that out.
    end: AtomicU64,
    /// Sixteen observations in less time, in the same unit, come in quick succession.
    quick: AtomicU64,
    copies: Mutex<Copies>,
}

#[derive(Debug)]
struct Copies {
    /// The number of the step at whose beginning each was made; of the step 0, when the clock began, there need be none.
    steps: Vec<u64>,
    /// The counts of each, one after another.
    counts: Vec<u64>,
}

impl Window {
    /// `None` when there is no memory.
    pub(in crate::store) fn new(layout: &SummaryLayout) -> Option<Window> {
        let zeros = |len| {
            let mut zeros = Vec::new();
            zeros.try_reserve_exact(len).ok()?;
            zeros.resize(len, 0);
            Some(zeros)
        };
        let copies = Copies { steps: zeros(layout.steps)?, counts: zeros(layout.steps * layout.sketch.buckets())? };
        Some(Window { end: AtomicU64::new(0), quick: AtomicU64::new(0), copies: Mutex::new(copies) })
    }

    /// Whether the step may be over.
    fn is_over(&self, now: Moment) -> bool {
        now.bits() >= self.end.load(Relaxed)
    }

    /// Copies the counts if a step has begun of which there is no copy. Returns the number of the step.
    fn turn(&self, copies: &mut Copies, series: &Series, summary: &SummaryLayout, clock: &Clock) -> u64 {
        let (now, nanoseconds) = (clock.now(), clock.nanoseconds());
        let step = nanoseconds / summary.step_nanoseconds;
        let place = (step % summary.steps as u64) as usize;
        if copies.steps[place] < step {
            copies.steps[place] = step;
            let counts = copies.of(place, summary);
            series.fold_sketch(summary, |first, pairs| {
                counts[first..].iter_mut().zip(pairs).for_each(|(count, pair)| *count = pair.count);
            });
        }
        let left = summary.step_nanoseconds - nanoseconds % summary.step_nanoseconds;
        self.end.store(now.after(left).bits(), Relaxed);
        self.quick.store(now.after(summary.step_nanoseconds / QUICK_PARTS).bits() - now.bits(), Relaxed);
        step
    }
}

impl Copies {
    fn of(&mut self, place: usize, summary: &SummaryLayout) -> &mut [u64] {
        let buckets = summary.sketch.buckets();
        &mut self.counts[buckets * place..][..buckets]
    }

    /// The oldest copy that belongs to the window of a step.
    fn oldest(&mut self, step: u64, summary: &SummaryLayout) -> &mut [u64] {
        let first = (step + 1).saturating_sub(summary.steps as u64);
        let places = self.steps.iter().enumerate().filter(|(_, number)| (first..=step).contains(*number));
        let oldest = places.min_by_key(|(_, number)| **number).map_or(0, |(place, _)| place);
        self.of(oldest, summary)
    }
}

/// A reference to the series of a summary, with its sketch at hand.
#[derive(Clone)]
pub(crate) struct SummaryHandle {
    /// Owned by the layout that the series owns.
    summary: NonNull<SummaryLayout>,
    series: Series,
}

// SAFETY: the layout is immutable, and lives as long as the series that the handle refers to.
unsafe impl Send for SummaryHandle {}
// SAFETY: as above.
unsafe impl Sync for SummaryHandle {}

impl SummaryHandle {
    /// `series` is of a family of summaries.
    #[inline(always)]
    pub(crate) fn new(series: Series) -> SummaryHandle {
        SummaryHandle { summary: NonNull::from(summary_of(series.family())), series }
    }

    #[inline(always)]
    fn summary(&self) -> &SummaryLayout {
        // SAFETY: `series` keeps the layout alive, which does not move its parts.
        unsafe { self.summary.as_ref() }
    }

    /// Adds an observation. One that is negative or not summable is refused.
    #[inline(always)]
    pub(crate) fn observe(&self, value: f64) {
        let summary = self.summary();
        match (self.series.lanes(), thread::lane()) {
            (Some(cell), lane) if lane != 0 && value.to_bits() < summary.quick_limit && spend(cell, lane) => {
                // SAFETY: the slot has a pair for each bucket, after the first.
                let pair = unsafe { cell.at_place(2 * (1 + summary.sketch.bucket(value))) };
                // SAFETY: as above; below the limit, pairs are written on the fast path.
                unsafe { pair.observe_quick_in(lane, value) };
            }
            _ => self.observe_cold(value),
        }
    }

    #[cold]
    #[inline(never)]
    fn observe_cold(&self, value: f64) {
        let (series, summary) = (&self.series, self.summary());
        if !(0.0..VALUE_LIMIT).contains(&value) {
            return series.reject(1);
        }
        let (pair, clock) = (1 + summary.sketch.bucket(value), &series.family().clock);
        let (window, now) = (series.window(), clock.now());
        if window.is_over(now)
            && let Some(mut copies) = try_lock(&window.copies)
        {
            window.turn(&mut copies, series, summary, clock);
        }
        match series.own_slot() {
            Some((cell, lane)) => {
                earn(cell, lane, now, window);
                // SAFETY: the slot has a pair for each bucket, after the first.
                let pair = unsafe { cell.at_place(2 * pair) };
                // SAFETY: as above, it is a pair of this slot.
                unsafe { pair.observe_in(lane, value) };
            }
            // SAFETY: as above.
            None => unsafe { series.shared().observe(pair, value) },
        }
    }

    pub(crate) fn snapshot(&self) -> SummarySnapshot {
        self.series.fold_summary()
    }
}

/// What the thread knows of the time: when it last asked, and in the last bits how many observations it may make without asking.
fn known(first: Cell) -> Cell {
    // SAFETY: the second cell of the first pair.
    unsafe { first.offset(1) }
}

/// Takes one of the observations that the owner of the lane may make without asking for the time.
#[inline(always)]
fn spend(first: Cell, lane: usize) -> bool {
    let (cell, known) = (known(first), known(first).load_in(lane));
    let has_credit = known % CREDIT != 0;
    if has_credit {
        cell.store_in(lane, known - 1);
    }
    has_credit
}

/// Notes that the owner of the lane has asked for the time.
fn earn(first: Cell, lane: usize, now: Moment, window: &Window) {
    let cell = known(first);
    let [last, now] = [cell.load_in(lane), now.bits()].map(|bits| bits / CREDIT * CREDIT);
    let is_quick = now.wrapping_sub(last) < window.quick.load(Relaxed);
    cell.store_in(lane, now + if is_quick { CREDIT - 1 } else { 0 });
}

/// # Panics
/// When the family is not one of summaries.
#[inline(always)]
fn summary_of(family: &FamilyLayout) -> &SummaryLayout {
    family.summary.as_deref().expect("a family of summaries")
}

impl Series {
    /// The window of a summary's series.
    fn window(&self) -> &Window {
        self.extra().and_then(|extra| extra.downcast_ref()).expect("a summary has its window from the start")
    }

    /// What a summary holds.
    pub(crate) fn fold_summary(&self) -> SummarySnapshot {
        let (family, window) = (self.family(), self.window());
        let summary = summary_of(family);
        let mut copies = lock(&window.copies);
        let step = window.turn(&mut copies, self, summary, &family.clock);
        let mut counts = copies.oldest(step, summary).to_vec();
        let (mut all, mut sum) = (0u64, 0.0);
        // After the copy that is subtracted was made: no count of it is above what is read now (S6).
        self.fold_sketch(summary, |first, pairs| {
            for (count, pair) in counts[first..].iter_mut().zip(pairs) {
                *count = pair.count.wrapping_sub(*count);
                all = all.wrapping_add(pair.count);
                sum += pair.sum;
            }
        });
        let quantiles = Quantiles::Window { sketch: summary.sketch.clone(), counts };
        SummarySnapshot { quantiles, count: all, sum }
    }

    /// The number of a summary's observations.
    pub(in crate::store) fn fold_summary_count(&self, summary: &SummaryLayout) -> u64 {
        let mut count = 0u64;
        self.fold_sketch(summary, |_, pairs| pairs.iter().for_each(|pair| count = count.wrapping_add(pair.count)));
        count
    }

    /// Sums the pairs of a sketch, and hands over some at a time, with the number of the first one's bucket. Each is read whole (S8).
    /// Allocates nothing.
    fn fold_sketch(&self, summary: &SummaryLayout, mut take: impl FnMut(usize, &[Pair])) {
        let (lanes, pairs) = (self.lanes(), summary.pairs());
        let mut first = 1;
        while first < pairs {
            let end = (first / CHUNK * CHUNK + CHUNK).min(pairs);
            let mut sums = [Pair::default(); CHUNK];
            let sums = &mut sums[..end - first];
            // SAFETY: the slot has these pairs.
            unsafe { self.shared().copy_pairs_from(first, sums) };
            if let Some(cell) = lanes {
                // SAFETY: the slot has these pairs.
                let cell = unsafe { cell.at_place(2 * first) };
                for row in LANES.rows() {
                    // SAFETY: as above; they lie in one row, as a chunk does.
                    unsafe { cell.add_run_of_pairs(row, sums) };
                }
            }
            take(first - 1, sums);
            first = end;
        }
    }
}

impl core::fmt::Debug for SummaryHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.series.fmt(f)
    }
}
