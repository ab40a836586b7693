//! What the calling thread owns: its lane, and through it its pins.

use super::cells::block::CELLS_PER_ROW;
use super::cells::lane::{LANES, ROWS};
use super::cells::slots::SLOTS;
use super::lookup::key::Seeds;
use super::reclaim::pin::{PINS, Pin, Row, shared_held};
use super::reclaim::retained::count_lost_lane;
use crate::sync::{AtomicUsize, Ordering, array_of, gate::in_child, shared_static, thread_static};
use core::cell::Cell;
use core::marker::PhantomData;
use crossbeam_utils::CachePadded;

thread_static! {
    /// Distance in cells from row 0 to the row that this thread owns; 0 when it owns none. Without a destructor, so that
    /// reading it is one instruction and works at any time of a thread's life.
    static LANE: Cell<usize> = const { Cell::new(0) };
    /// The pins of that row, once this thread has pinned as its owner.
    static OWN: Cell<Option<Own>> = const { Cell::new(None) };
    static LEASE: Lease = const { Lease { row: Cell::new(0), is_without: Cell::new(false) } };
}

/// Gives the thread's row back when the thread ends.
struct Lease {
    row: Cell<usize>,
    /// Whether the thread was counted as one that found no lane.
    is_without: Cell<bool>,
}

impl Lease {
    fn end(&self) {
        let row = self.row.take();
        if row == 0 {
            return;
        }
        LANE.with(Cell::take);
        OWN.with(Cell::take);
        // A thread that ends while it holds a pin (in another thread-local, say) keeps its row for good: the pin's owner
        // must stay the only writer of the pin count.
        if PINS.is_held(row) {
            count_lost_lane();
        } else {
            LANES.release(row);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the end of a thread does. For models: loom drops the locals of a thread only after others have seen its end, when the
/// statics of the run may be gone.
#[cfg(quipu_loom)]
pub(super) fn end() {
    LEASE.with(Lease::end);
}

/// What the child of a fork does first: nothing waits for the threads that do not exist there, and their rows are free again.
static AFTER_FORK: fn() = || {
    let row = lane() / CELLS_PER_ROW;
    PINS.keep_only(row, shared_held());
    LANES.keep_only(row);
};

/// The calling thread's lane, as the distance in cells from row 0; 0 when it has none (yet).
#[inline(always)]
pub(super) fn lane() -> usize {
    LANE.with(Cell::get)
}

/// Finds a lane for a thread that has none; 0 when there is none for it or the thread is ending: it then records in the slots
/// that all threads share.
#[cold]
#[inline(never)]
pub(super) fn claim_lane() -> usize {
    in_child(&AFTER_FORK);
    // The lease's destructor has run when `try_with` fails; a row claimed now would never be given back.
    let _ = LEASE.try_with(|lease| match LANES.claim(SLOTS.most_lanes()) {
        Some(row) => {
            lease.row.set(row);
            LANE.with(|lane| lane.set(row * CELLS_PER_ROW));
        }
        None if !lease.is_without.replace(true) => LANES.count_without(),
        None => {}
    });
    LANE.with(Cell::get)
}

shared_static! {
    /// Counts, for each lane, its additions to float counters. Not in a thread-local: the processor passes a value from a
    /// store to the next load of the same place at once, but not where the address goes by way of the thread's segment.
    static STRIPES_USED: [CachePadded<AtomicUsize>; ROWS] = array_of![CachePadded::new(AtomicUsize::new(0)); ROWS];
}

/// A number that is one higher at each call, for the owner of `lane`.
#[inline(always)]
pub(super) fn next_stripe(lane: usize) -> usize {
    let used = &STRIPES_USED[lane / CELLS_PER_ROW];
    let stripe = used.load(Ordering::Relaxed);
    used.store(stripe.wrapping_add(1), Ordering::Relaxed);
    stripe
}

/// The row that the calling thread owns, after the seeds of the process were chosen. Stays in the thread.
#[derive(Clone, Copy)]
pub(super) struct Own(&'static Row, PhantomData<*const ()>);

impl Own {
    /// The seeds of the process.
    #[inline(always)]
    pub(super) fn seeds(self) -> Seeds {
        Seeds::chosen()
    }

    #[inline(always)]
    pub(super) fn pin(self) -> Pin<'static> {
        self.0.pin_owned()
    }
}

/// The calling thread's row, if it has pinned as its owner.
#[inline(always)]
pub(super) fn own() -> Option<Own> {
    OWN.with(Cell::get)
}

/// Pins for the calling thread. One without a lane is not given one: lanes are for threads that record, and each
/// one that was ever taken is read by every scrape.
pub(crate) fn pin() -> Pin<'static> {
    own().map_or_else(pin_first, Own::pin)
}

#[cold]
#[inline(never)]
fn pin_first() -> Pin<'static> {
    in_child(&AFTER_FORK);
    match lane() {
        0 => PINS.pin_shared(),
        lane => {
            Seeds::of_process();
            let own = Own(PINS.row(lane / CELLS_PER_ROW), PhantomData);
            OWN.with(|place| place.set(Some(own)));
            own.pin()
        }
    }
}
