//! Pins: how a looked-up series stays in memory without a reference count.
//!
//! A thread raises the count of its own lane before it follows a pointer that it found in an index or a list, and lowers
//! it when it is done. What has been unlinked is freed once every count has been seen at zero after the unlinking. A pin
//! costs two plain stores; the price is paid by whoever frees (one `membarrier` for a batch, on Linux).

use super::lane::ROWS;
use crate::sync::{AtomicU64, Ordering, asymmetric};
use crossbeam_utils::CachePadded;

/// The pin counts of a process, one for each row.
#[derive(Debug)]
pub(crate) struct Pins([CachePadded<Count>; ROWS]);

#[derive(Debug)]
struct Count {
    pins: AtomicU64,
    /// The count of row 0 is shared by the threads without a lane; the others have one writer each.
    is_shared: bool,
}

impl Pins {
    #[cfg(not(quipu_loom))]
    const fn new() -> Pins {
        let mut counts = [const { CachePadded::new(Count { pins: AtomicU64::new(0), is_shared: false }) }; ROWS];
        counts[0] = CachePadded::new(Count { pins: AtomicU64::new(0), is_shared: true });
        Pins(counts)
    }

    #[cfg(quipu_loom)]
    pub(crate) fn new() -> Pins {
        let count = |row| CachePadded::new(Count { pins: AtomicU64::new(0), is_shared: row == 0 });
        Pins(core::array::from_fn(count))
    }

    /// Pins as the owner of `row`, or with row 0 as one of the threads without a lane.
    #[inline(always)]
    pub(crate) fn pin(&self, row: usize) -> Pin<'_> {
        let count = &*self.0[row];
        if row == 0 {
            count.pins.fetch_add(1, Ordering::Relaxed);
        } else {
            count.pins.store(count.pins.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        // Pairs with `heavy` in `quiescent`: either that sees this pin, or what follows sees what was unlinked before it.
        asymmetric::light();
        Pin { count, not_send: core::marker::PhantomData }
    }

    /// Whether every thread has been outside its pins at some time since the call began. `false` may also mean that the
    /// system cannot tell.
    pub(crate) fn quiescent(&self) -> bool {
        // Pairs with `light` in `pin`.
        asymmetric::heavy()
            // Acquire pairs with the Release in the drop of `Pin`: what the pin's owner read, it has read.
            && self.0.iter().all(|count| count.pins.load(Ordering::Acquire) == 0)
    }
}

/// While it lives, nothing that its thread finds in an index or a list is freed.
#[derive(Debug)]
pub(crate) struct Pin<'a> {
    count: &'a Count,
    /// The count of a lane is written without read-modify-write, by its thread alone.
    not_send: core::marker::PhantomData<*const ()>,
}

impl Drop for Pin<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release pairs with the Acquire in `quiescent`.
        let Count { pins, is_shared } = self.count;
        if *is_shared {
            pins.fetch_sub(1, Ordering::Release);
        } else {
            // The same pair.
            pins.store(pins.load(Ordering::Relaxed) - 1, Ordering::Release);
        }
    }
}

#[cfg(not(quipu_loom))]
pub(crate) use process::{PINS, is_held, pin};

#[cfg(not(quipu_loom))]
mod process {
    use super::{Pin, Pins, ROWS};
    use crate::store::{block::CELLS_PER_ROW, lane};
    use crate::sync::Ordering;

    pub(crate) static PINS: Pins = Pins::new();

    /// Pins for the calling thread.
    #[inline(always)]
    pub(crate) fn pin() -> Pin<'static> {
        match lane::current() {
            0 => first_pin(),
            lane => {
                let row = lane / CELLS_PER_ROW;
                // SAFETY: a thread's lane begins with a row that is not row 0.
                unsafe { core::hint::assert_unchecked(row != 0 && row < ROWS) };
                PINS.pin(row)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn first_pin() -> Pin<'static> {
        PINS.pin(lane::claim() / CELLS_PER_ROW)
    }

    /// Whether the owner of `row` holds a pin; for that owner to ask.
    pub(crate) fn is_held(row: usize) -> bool {
        PINS.0[row].pins.load(Ordering::Relaxed) != 0
    }
}
