//! Pins: how a looked-up series stays in memory without a reference count.
//!
//! A thread raises the count of its own lane before it follows a pointer that it found in an index or a list, and lowers
//! it when it is done. What has been unlinked is freed once every count has been seen at zero after the unlinking. A pin
//! costs two plain stores; the price is paid by whoever frees (one `membarrier` for a batch, on Linux).

use super::lane::ROWS;
use crate::sync::{AtomicU64, Ordering, asymmetric};
use crossbeam_utils::CachePadded;

/// The pin counts of a process, one for each row; that of row 0 is shared by the threads without a lane.
#[derive(Debug)]
pub(crate) struct Pins([CachePadded<AtomicU64>; ROWS]);

impl Pins {
    #[cfg(not(quipu_loom))]
    const fn new() -> Pins {
        Pins([const { CachePadded::new(AtomicU64::new(0)) }; ROWS])
    }

    #[cfg(quipu_loom)]
    pub(crate) fn new() -> Pins {
        Pins(core::array::from_fn(|_| CachePadded::new(AtomicU64::new(0))))
    }

    /// Pins as the owner of `row`, or with row 0 as one of the threads without a lane.
    #[inline(always)]
    pub(crate) fn pin(&self, row: usize) -> Pin<'_> {
        let count = &*self.0[row];
        let shared = row == 0;
        if shared {
            count.fetch_add(1, Ordering::Relaxed);
        } else {
            count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
        // Pairs with `heavy` in `quiescent`: either that sees this pin, or what follows sees what was unlinked before it.
        asymmetric::light();
        Pin { count, shared, not_send: core::marker::PhantomData }
    }

    /// Whether every thread has been outside its pins at some time since the call began. `false` may also mean that the
    /// system cannot tell.
    pub(crate) fn quiescent(&self) -> bool {
        // Pairs with `light` in `pin`.
        asymmetric::heavy()
            // Acquire pairs with the Release in the drop of `Pin`: what the pin's owner read, it has read.
            && self.0.iter().all(|count| count.load(Ordering::Acquire) == 0)
    }
}

/// While it lives, nothing that its thread finds in an index or a list is freed.
#[derive(Debug)]
pub(crate) struct Pin<'a> {
    count: &'a AtomicU64,
    shared: bool,
    /// The count of a lane is written without read-modify-write, by its thread alone.
    not_send: core::marker::PhantomData<*const ()>,
}

impl Drop for Pin<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release pairs with the Acquire in `quiescent`.
        if self.shared {
            self.count.fetch_sub(1, Ordering::Release);
        } else {
            // The same pair.
            self.count.store(self.count.load(Ordering::Relaxed) - 1, Ordering::Release);
        }
    }
}

#[cfg(not(quipu_loom))]
pub(crate) use process::{PINS, is_held, pin};

#[cfg(not(quipu_loom))]
mod process {
    use super::{Pin, Pins};
    use crate::store::{block::CELLS_PER_ROW, lane};
    use crate::sync::Ordering;

    pub(crate) static PINS: Pins = Pins::new();

    /// Pins for the calling thread.
    #[inline(always)]
    pub(crate) fn pin() -> Pin<'static> {
        let lane = match lane::current() {
            0 => lane::claim(),
            lane => lane,
        };
        PINS.pin(lane / CELLS_PER_ROW)
    }

    /// Whether the owner of `row` holds a pin; for that owner to ask.
    pub(crate) fn is_held(row: usize) -> bool {
        PINS.0[row].load(Ordering::Relaxed) != 0
    }
}
