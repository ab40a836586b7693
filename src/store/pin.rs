//! Pins: how a looked-up series stays in memory without a reference count.
//!
//! A thread raises the count of its own lane before it follows a pointer that it found in an index or a list, and lowers
//! it when it is done. A pin costs two plain stores; the price is paid by whoever frees (one `membarrier` for a batch, on
//! Linux).
//!
//! # Grace periods
//!
//! A grace period begins with a heavy fence, and ends when each count has been seen at zero since. What was unlinked before it
//! began can be freed when it has ended: pins from before the fence are counted until they are dropped, and pins from after it
//! find nothing that was unlinked before it. So each count need be zero only once, and not all of them at the same time,
//! which in a busy process they never are. What is unlinked after the fence waits for the next period
//! (see [`limbo`](super::limbo)).
//!
//! A thread that looks up without a pause is hardly ever seen outside its pins, and those of the threads without a lane overlap.
//! So each row has two counts, and its new pins go to the one or the other in turn: while they go to the one, the other comes to
//! zero as soon as the pins are dropped that were taken before the turn.
//!
//! There is one period at a time in a process. Nobody waits for its end: whoever has something to free looks at the counts,
//! and looks again at the next occasion.

use super::lane::ROWS;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering, asymmetric, lock};
use crossbeam_utils::CachePadded;

/// The pins of a process.
#[derive(Debug)]
pub(crate) struct Pins {
    rows: [CachePadded<Row>; ROWS],
    grace: Mutex<Grace>,
}

/// The pins of the owner of a row; row 0's, those of the threads without a lane.
#[derive(Debug)]
struct Row {
    counts: [AtomicU64; 2],
    /// Which of the two new pins raise; written by whoever frees.
    turn: AtomicUsize,
}

/// Set in the counts of row 0, which many threads write. Those of the other rows are written by one thread each.
const SHARED: u64 = 1 << 63;

/// The pins of a row, none.
macro_rules! no_pins {
    ($mark:expr) => {
        CachePadded::new(Row { counts: [AtomicU64::new($mark), AtomicU64::new($mark)], turn: AtomicUsize::new(0) })
    };
}

#[derive(Debug)]
struct Grace {
    /// Periods that ever began.
    begun: u64,
    /// The counts that were not seen at zero since the latest of them began: row, and which of the two. When there are none,
    /// the period has ended.
    unseen: Vec<(usize, usize)>,
}

impl Pins {
    #[cfg(not(quipu_loom))]
    const fn new() -> Pins {
        let mut rows = [const { no_pins!(0) }; ROWS];
        rows[0] = no_pins!(SHARED);
        Pins { rows, grace: Mutex::new(Grace { begun: 0, unseen: Vec::new() }) }
    }

    #[cfg(quipu_loom)]
    pub(crate) fn new() -> Pins {
        Pins {
            rows: core::array::from_fn(|row| no_pins!(if row == 0 { SHARED } else { 0 })),
            grace: Mutex::new(Grace { begun: 0, unseen: Vec::new() }),
        }
    }

    /// Pins as the owner of `row`, or with row 0 as one of the threads without a lane.
    #[cfg(any(test, quipu_loom))]
    pub(crate) fn pin(&self, row: usize) -> Pin<'_> {
        match row {
            0 => self.pin_shared(),
            row => self.rows[row].pin_owned(),
        }
    }

    fn pin_shared(&self) -> Pin<'_> {
        let count = self.rows[0].count();
        count.fetch_add(1, Ordering::Relaxed);
        Pin::new(count)
    }

    /// The number of the next grace period: when that has ended, what is unlinked now can be freed.
    pub(crate) fn next_period(&self) -> u64 {
        lock(&self.grace).begun + 1
    }

    /// Whether a grace period has ended, which [`next_period`](Self::next_period) told. Begins it when it can, and does not
    /// wait. `false` may also mean that the system cannot tell.
    pub(crate) fn has_ended(&self, period: u64) -> bool {
        let mut grace = lock(&self.grace);
        loop {
            self.look(&mut grace);
            if !grace.unseen.is_empty() {
                return grace.begun > period;
            }
            if grace.begun >= period {
                return true;
            }
            // Pairs with `light` in `pin`.
            if !asymmetric::heavy() {
                return false;
            }
            grace.begun += 1;
            grace.unseen.extend((0..ROWS).flat_map(|row| [(row, 0), (row, 1)]));
        }
    }

    /// Whether what is unlinked now could be freed at once.
    #[cfg(test)]
    pub(crate) fn is_quiet(&self) -> bool {
        self.has_ended(self.next_period())
    }

    /// Looks which counts are at zero.
    fn look(&self, grace: &mut Grace) {
        // Acquire pairs with the Release in the drop of `Pin`: what the pin's owner read, it has read.
        grace.unseen.retain(|&(row, which)| self.rows[row].counts[which].load(Ordering::Acquire) & !SHARED != 0);
        for of_row in grace.unseen.chunk_by(|a, b| a.0 == b.0) {
            if let [(row, which)] = *of_row {
                // It comes to zero when new pins go to the other. Relaxed: a late one may still go there, and is waited for.
                self.rows[row].turn.store(1 - which, Ordering::Relaxed);
            }
        }
    }
}

impl Row {
    /// The count that new pins raise.
    #[inline(always)]
    fn count(&self) -> &AtomicU64 {
        let turn = self.turn.load(Ordering::Relaxed);
        // SAFETY: only 0 and 1 are ever stored.
        unsafe { core::hint::assert_unchecked(turn < 2) };
        &self.counts[turn]
    }

    /// Pins as the owner.
    #[inline(always)]
    fn pin_owned(&self) -> Pin<'_> {
        let count = self.count();
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Pin::new(count)
    }
}

/// While it lives, nothing that its thread finds in an index or a list is freed.
#[derive(Debug)]
pub(crate) struct Pin<'a> {
    count: &'a AtomicU64,
    /// The count of a lane is written without read-modify-write, by its thread alone.
    not_send: core::marker::PhantomData<*const ()>,
}

impl<'a> Pin<'a> {
    /// With the count that was raised.
    #[inline(always)]
    fn new(count: &'a AtomicU64) -> Self {
        // Pairs with `heavy` in `has_ended`: either that sees this pin, or what follows sees what was unlinked before it.
        asymmetric::light();
        Pin { count, not_send: core::marker::PhantomData }
    }
}

impl Drop for Pin<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        let count = self.count.load(Ordering::Relaxed);
        if count & SHARED != 0 {
            // Release pairs with the Acquire in `look`.
            self.count.fetch_sub(1, Ordering::Release);
        } else {
            // The same pair: Release with the Acquire in `look`.
            self.count.store(count - 1, Ordering::Release);
        }
    }
}

#[cfg(not(quipu_loom))]
pub(crate) use process::{PINS, is_held, leave, pin, quick_pin};

#[cfg(not(quipu_loom))]
mod process {
    use super::{Pin, Pins, Row};
    use crate::store::{block::CELLS_PER_ROW, lane};
    use crate::sync::Ordering;
    use core::cell::Cell;

    pub(crate) static PINS: Pins = Pins::new();

    thread_local! {
        /// The pins of the row that this thread owns, once it has pinned as its owner.
        static ROW: Cell<Option<&'static Row>> = const { Cell::new(None) };
    }

    /// Pins for the calling thread. One without a lane is not given one: lanes are for threads that record, and each
    /// one that was ever taken is read by every scrape.
    pub(crate) fn pin() -> Pin<'static> {
        quick_pin().unwrap_or_else(pin_first)
    }

    /// As [`pin`], without a call; `None` when it takes one.
    #[inline(always)]
    pub(crate) fn quick_pin() -> Option<Pin<'static>> {
        ROW.get().map(Row::pin_owned)
    }

    #[cold]
    #[inline(never)]
    fn pin_first() -> Pin<'static> {
        match lane::current() {
            0 => PINS.pin_shared(),
            lane => {
                let row = &PINS.rows[lane / CELLS_PER_ROW];
                ROW.set(Some(row));
                row.pin_owned()
            }
        }
    }

    /// Forgets the row that the thread owned.
    pub(crate) fn leave() {
        ROW.set(None);
    }

    /// Whether the owner of `row` holds a pin; for that owner to ask.
    pub(crate) fn is_held(row: usize) -> bool {
        PINS.rows[row].counts.iter().any(|count| count.load(Ordering::Relaxed) != 0)
    }
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;
    use crate::store::limbo::Limbo;

    #[test]
    fn s4_a_period_waits_for_each_pin_that_is_older() {
        let pins = Pins::new();
        for row in (0..ROWS).step_by(if cfg!(miri) { 16 } else { 1 }) {
            // Each look that finds a pin turns, so that the next pin is counted in the other count.
            for _ in 0..3 {
                let (pin, period) = (pins.pin(row), pins.next_period());
                assert!(!pins.has_ended(period) && !pins.has_ended(period), "row {row}");
                drop(pin);
                assert!(pins.has_ended(period) && pins.is_quiet(), "row {row}");
            }
        }
    }

    #[test]
    fn s4_a_period_does_not_wait_for_pins_that_are_younger() {
        let pins = Pins::new();
        for row in [0, 1] {
            let mut pin = pins.pin(row);
            for _ in 0..5 {
                let period = pins.next_period();
                assert!(!pins.has_ended(period));
                // The row is never without a pin.
                pin = pins.pin(row);
                assert!(pins.has_ended(period));
            }
            drop(pin);
        }
    }

    /// Takes out what no thread can hold any more.
    fn free<T>(limbo: &mut Limbo<T>, pins: &Pins) -> Vec<T> {
        let period = limbo.close(pins).filter(|period| pins.has_ended(*period));
        period.map_or_else(Vec::new, |period| limbo.take(period))
    }

    #[test]
    fn s4_a_period_frees_nothing_that_is_younger() {
        let (pins, mut limbo) = (Pins::new(), Limbo::default());
        let old_pin = pins.pin(1);
        limbo.push("old");
        assert!(free(&mut limbo, &pins).is_empty());
        let young_pin = pins.pin(2);
        limbo.push("young");
        assert!(free(&mut limbo, &pins).is_empty());
        drop(old_pin);
        assert_eq!(free(&mut limbo, &pins), ["old"]);
        assert!(free(&mut limbo, &pins).is_empty());
        drop(young_pin);
        assert_eq!(free(&mut limbo, &pins), ["young"]);
    }

    /// What two families have to free waits for periods of one process.
    #[test]
    fn s4_a_period_that_began_before_is_not_the_next_one() {
        let pins = Pins::new();
        let old_pin = pins.pin(1);
        let first = pins.next_period();
        assert!(!pins.has_ended(first));
        let young_pin = pins.pin(2);
        let second = pins.next_period();
        drop(old_pin);
        assert!(!pins.has_ended(second) && pins.has_ended(first));
        drop(young_pin);
        assert!(pins.has_ended(second));
    }
}
