//! Lanes: which row of every block belongs to which thread.

use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Rows of a block: row 0, which threads without a lane share, and one for each lane.
///
/// An odd number: with 64, the pages of all blocks compete for the same sets of the processor's TLB.
pub(crate) const ROWS: usize = if cfg!(quipu_loom) { 3 } else { 65 };

/// The lanes of a process: who owns which, and how many were ever owned.
#[derive(Debug)]
pub(crate) struct Roster {
    /// Bit `row - 1` is set while a thread owns the row.
    taken: AtomicU64,
    /// The highest row that was ever owned.
    highest: AtomicUsize,
    /// Whether row 0 was ever written as an overflow lane.
    overflowed: AtomicBool,
}

impl Roster {
    #[cfg(not(quipu_loom))]
    const fn new() -> Roster {
        Roster { taken: AtomicU64::new(0), highest: AtomicUsize::new(0), overflowed: AtomicBool::new(false) }
    }

    #[cfg(quipu_loom)]
    pub(crate) fn new() -> Roster {
        Roster { taken: AtomicU64::new(0), highest: AtomicUsize::new(0), overflowed: AtomicBool::new(false) }
    }

    /// Takes a free row for the calling thread; `None` when there is none. Lock-free.
    pub(crate) fn claim(&self) -> Option<usize> {
        const ALL: u64 = u64::MAX >> (64 - (ROWS - 1));
        let mut taken = self.taken.load(Ordering::Relaxed);
        while taken != ALL {
            let bit = taken.trailing_ones();
            // Acquire pairs with the Release in `release`: what the last owner wrote is the new owner's to go on from.
            match self.taken.compare_exchange_weak(taken, taken | 1 << bit, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    let row = bit as usize + 1;
                    self.highest.fetch_max(row, Ordering::Relaxed);
                    return Some(row);
                }
                Err(current) => taken = current,
            }
        }
        None
    }

    /// Gives a row back, with the values in it.
    pub(crate) fn release(&self, row: usize) {
        // Release pairs with the Acquire in `claim`.
        self.taken.fetch_and(!(1 << (row - 1)), Ordering::Release);
    }

    /// Says, before a thread first writes row 0 as its overflow lane, that readers must look there.
    pub(crate) fn overflow(&self) {
        if !self.overflowed.load(Ordering::Relaxed) {
            self.overflowed.store(true, Ordering::Relaxed);
        }
    }

    /// The rows that any thread can have written.
    #[inline]
    pub(crate) fn rows(&self) -> core::ops::Range<usize> {
        usize::from(!self.overflowed.load(Ordering::Relaxed))..self.highest.load(Ordering::Relaxed) + 1
    }
}

#[cfg(not(quipu_loom))]
pub(crate) use thread::{ROSTER, claim, current, turn};

#[cfg(not(quipu_loom))]
mod thread {
    use super::{ROWS, Roster};
    use crate::store::{block::CELLS_PER_ROW, pin};
    use crate::sync::{AtomicUsize, Ordering};
    use core::cell::Cell;
    use crossbeam_utils::CachePadded;

    /// One roster serves every registry of the process.
    pub(crate) static ROSTER: Roster = Roster::new();

    thread_local! {
        /// Distance in cells from row 0 to the row that this thread owns; 0 when it owns none. Without a destructor, so that
        /// reading it is one instruction and works at any time of a thread's life.
        static LANE: Cell<usize> = const { Cell::new(0) };
        static LEASE: Lease = const { Lease { row: Cell::new(0) } };
    }

    /// Gives the thread's row back when the thread ends.
    struct Lease {
        row: Cell<usize>,
    }

    impl Drop for Lease {
        fn drop(&mut self) {
            let row = self.row.get();
            LANE.set(0);
            pin::leave();
            // A thread that ends while it holds a pin (in another thread-local, say) keeps its row for good: the pin's owner
            // must stay the only writer of the pin count.
            if row != 0 && !pin::is_held(row) {
                ROSTER.release(row);
            }
        }
    }

    /// The calling thread's lane, as the distance in cells from row 0; 0 when it has none (yet).
    #[inline(always)]
    pub(crate) fn current() -> usize {
        LANE.get()
    }

    /// Counts, for each lane, its additions to float counters. Not in a thread-local: the processor passes a value from a
    /// store to the next load of the same place at once, but not where the address goes by way of the thread's segment.
    static TURNS: [CachePadded<AtomicUsize>; ROWS] = [const { CachePadded::new(AtomicUsize::new(0)) }; ROWS];

    /// A number that is one higher at each call, for the owner of `lane`.
    #[inline(always)]
    pub(crate) fn turn(lane: usize) -> usize {
        let turns = &TURNS[lane / CELLS_PER_ROW];
        let turn = turns.load(Ordering::Relaxed);
        turns.store(turn.wrapping_add(1), Ordering::Relaxed);
        turn
    }

    /// Finds a lane for a thread that has none; 0 when all are taken or the thread is ending: it then shares row 0.
    #[cold]
    #[inline(never)]
    pub(crate) fn claim() -> usize {
        // The lease's destructor has run when `try_with` fails; a row claimed now would never be given back.
        let row = LEASE.try_with(|lease| {
            if let Some(row) = ROSTER.claim() {
                lease.row.set(row);
                LANE.set(row * CELLS_PER_ROW);
            }
        });
        if row.is_err() || LANE.get() == 0 {
            ROSTER.overflow();
        }
        LANE.get()
    }
}
