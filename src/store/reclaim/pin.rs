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
//! (see [`retired`](super::retired)).
//!
//! A thread that looks up without a pause is hardly ever seen outside its pins, and those of the threads without a lane overlap.
//! So each row has two counts, and its new pins go to the one or the other in turn: while they go to the one, the other comes to
//! zero as soon as the pins are dropped that were taken before the turn.
//!
//! There is one period at a time in a process. Nobody waits for its end: whoever has something to free looks at the counts,
//! and looks again at the next occasion.

use crate::store::cells::lane::ROWS;
use crate::sync::{
    AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, asymmetric, lock, shared_static, thread_static,
};
use core::cell::Cell;
use crossbeam_utils::CachePadded;

/// The pins of a process.
#[derive(Debug)]
pub(crate) struct Pins {
    rows: [CachePadded<Row>; ROWS],
    grace: Mutex<Grace>,
    /// Whether the system has refused the last heavy fence.
    is_refused: AtomicBool,
}

/// The pins of the owner of a row; row 0's, those of the threads without a lane.
#[derive(Debug)]
pub(in crate::store) struct Row {
    counts: [AtomicU64; 2],
    /// Which of the two new pins raise; written by whoever frees.
    phase: AtomicUsize,
}

thread_static! {
    /// The pins that this thread holds in each count of row 0 of the process. Without a destructor, so that it works at any
    /// time of a thread's life.
    static SHARED_HELD: [Cell<u64>; 2] = const { [const { Cell::new(0) }; 2] };
}

/// Set in the counts of row 0, which many threads write. Those of the other rows are written by one thread each.
const SHARED: u64 = 1 << 63;

/// The pins of a row, none.
macro_rules! no_pins {
    () => {
        CachePadded::new(Row { counts: [AtomicU64::new(0), AtomicU64::new(0)], phase: AtomicUsize::new(0) })
    };
}

#[derive(Debug)]
struct Grace {
    /// Periods that ever began.
    begun: u64,
    /// The counts of each row that were not seen at zero since the latest of them began. When there are none, the period has
    /// ended.
    unseen: [[bool; 2]; ROWS],
}

impl Grace {
    const fn new() -> Grace {
        Grace { begun: 0, unseen: [[false; 2]; ROWS] }
    }

    fn is_over(&self) -> bool {
        !self.unseen.as_flattened().contains(&true)
    }
}

impl Pins {
    #[cfg(not(quipu_loom))]
    const fn new() -> Pins {
        Pins { rows: [const { no_pins!() }; ROWS], grace: Mutex::new(Grace::new()), is_refused: AtomicBool::new(false) }
    }

    #[cfg(quipu_loom)]
    pub(crate) fn new() -> Pins {
        Pins {
            rows: core::array::from_fn(|_| no_pins!()),
            grace: Mutex::new(Grace::new()),
            is_refused: AtomicBool::new(false),
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

    /// The pins of the owner of `row`.
    pub(in crate::store) fn row(&self, row: usize) -> &Row {
        &self.rows[row]
    }

    /// Whether the owner of `row` holds a pin; for that owner to ask.
    pub(in crate::store) fn is_held(&self, row: usize) -> bool {
        self.rows[row].counts.iter().any(|count| count.load(Ordering::Relaxed) != 0)
    }

    /// Pins as one of the threads without a lane.
    pub(in crate::store) fn pin_shared(&self) -> Pin<'_> {
        let count = self.rows[0].count();
        if count.load(Ordering::Relaxed) & SHARED == 0 {
            count.fetch_or(SHARED, Ordering::Relaxed);
        }
        count.fetch_add(1, Ordering::Relaxed);
        note_shared(count, 1);
        Pin::new(count)
    }

    /// Drops the pins of all threads but the calling one, which owns `row`, or none when that is 0. For the child of a fork,
    /// in which the other threads do not exist.
    pub(in crate::store) fn keep_only(&self, row: usize, shared: [u64; 2]) {
        for (n, pins) in self.rows.iter().enumerate().filter(|(n, _)| *n == 0 || *n != row) {
            for (count, shared) in pins.counts.iter().zip(shared) {
                let kept = if n == 0 && shared > 0 { SHARED | shared } else { 0 };
                // Most are zero, and their memory is then left to the parent.
                if count.load(Ordering::Relaxed) != kept {
                    count.store(kept, Ordering::Relaxed);
                }
            }
        }
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
            if !grace.is_over() {
                return grace.begun > period;
            }
            if grace.begun >= period {
                return true;
            }
            // Pairs with `light` in `pin`.
            let is_done = asymmetric::heavy();
            self.is_refused.store(!is_done, Ordering::Relaxed);
            if !is_done {
                return false;
            }
            grace.begun += 1;
            grace.unseen = [[true; 2]; ROWS];
        }
    }

    /// Whether the system refuses what a grace period needs: nothing is freed then.
    pub(in crate::store) fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    /// Whether what is unlinked now could be freed at once.
    #[cfg(test)]
    pub(crate) fn is_quiet(&self) -> bool {
        self.has_ended(self.next_period())
    }

    /// Looks which counts are at zero.
    fn look(&self, grace: &mut Grace) {
        for (row, unseen) in self.rows.iter().zip(&mut grace.unseen) {
            for (count, unseen) in row.counts.iter().zip(&mut *unseen) {
                // Acquire pairs with the Release in the drop of `Pin`: what the pin's owner read, it has read.
                *unseen = *unseen && count.load(Ordering::Acquire) & !SHARED != 0;
            }
            // A count comes to zero when new pins go to the other. Relaxed: a late one may still go there, and is waited for.
            match *unseen {
                [true, false] => row.phase.store(1, Ordering::Relaxed),
                [false, true] => row.phase.store(0, Ordering::Relaxed),
                [true, true] | [false, false] => {}
            }
        }
    }
}

impl Row {
    /// The count that new pins raise.
    #[inline(always)]
    fn count(&self) -> &AtomicU64 {
        let phase = self.phase.load(Ordering::Relaxed);
        // SAFETY: only 0 and 1 are ever stored.
        unsafe { core::hint::assert_unchecked(phase < 2) };
        &self.counts[phase]
    }

    /// Pins as the owner.
    #[inline(always)]
    pub(in crate::store) fn pin_owned(&self) -> Pin<'_> {
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
            note_shared(self.count, -1);
        } else {
            // The same pair: Release with the Acquire in `look`.
            self.count.store(count - 1, Ordering::Release);
        }
    }
}

/// Notes how many more pins the calling thread holds in a count of row 0.
fn note_shared(count: &AtomicU64, more: i64) {
    let which = PINS.rows[0].counts.iter().position(|shared| core::ptr::eq(shared, count));
    // The pins of tests are in no count of the process.
    if let Some(which) = which {
        SHARED_HELD.with(|held| held[which].set(held[which].get().wrapping_add_signed(more)));
    }
}

/// What the calling thread holds in the counts of row 0.
pub(in crate::store) fn shared_held() -> [u64; 2] {
    SHARED_HELD.with(|held| held.each_ref().map(Cell::get))
}

shared_static! {
    /// The pins of the process.
    pub(in crate::store) static PINS: Pins = Pins::new();
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;
    use crate::store::reclaim::retired::Retired;

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
    fn free<T>(retired: &mut Retired<T>, pins: &Pins) -> Vec<T> {
        let period = retired.close(pins).filter(|period| pins.has_ended(*period));
        period.map_or_else(Vec::new, |period| retired.take(period))
    }

    #[test]
    fn s4_a_period_frees_nothing_that_is_younger() {
        let (pins, mut retired) = (Pins::new(), Retired::default());
        let old_pin = pins.pin(1);
        retired.push("old");
        assert!(free(&mut retired, &pins).is_empty());
        let young_pin = pins.pin(2);
        retired.push("young");
        assert!(free(&mut retired, &pins).is_empty());
        drop(old_pin);
        assert_eq!(free(&mut retired, &pins), ["old"]);
        assert!(free(&mut retired, &pins).is_empty());
        drop(young_pin);
        assert_eq!(free(&mut retired, &pins), ["young"]);
    }

    #[test]
    fn s4_a_child_waits_for_no_pin_of_another_thread() {
        for row in [0, 1, ROWS - 1] {
            let pins = Pins::new();
            // In both counts of each row, by a turn between them; held by nobody who could drop them.
            for _ in 0..2 {
                (0..ROWS).for_each(|row| core::mem::forget(pins.pin(row)));
                assert!(!pins.is_quiet());
            }
            // The pins of the thread that forks, and of row 0 those that it has noted.
            let mine = pins.pin(row);
            let noted =
                pins.rows[0].counts.each_ref().map(|count| u64::from(row == 0 && core::ptr::eq(count, mine.count)));
            pins.keep_only(row, noted);
            let period = pins.next_period();
            if row == 0 {
                assert!(!pins.has_ended(period));
                drop(mine);
                assert!(pins.has_ended(period));
            } else {
                assert!(!pins.has_ended(period));
                pins.rows[row].counts.iter().for_each(|count| count.store(0, Ordering::Relaxed));
                core::mem::forget(mine);
                assert!(pins.has_ended(period), "row {row}");
            }
        }
    }

    #[test]
    fn a_thread_knows_its_pins_in_row_0() {
        let one = PINS.pin_shared();
        let held = |held: [u64; 2]| held.iter().sum::<u64>();
        assert_eq!(held(shared_held()), 1);
        let other = PINS.pin_shared();
        assert_eq!(held(shared_held()), 2);
        assert_eq!(std::thread::spawn(shared_held).join().unwrap(), [0, 0]);
        drop(one);
        drop(other);
        assert_eq!(shared_held(), [0, 0]);
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
