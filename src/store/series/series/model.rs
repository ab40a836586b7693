//! What loom has to know of a series: to it, an atomic is more than its bytes.

use super::Series;
use crate::sync::AtomicU64;
use core::ptr::NonNull;

impl Series {
    fn cells(&self) -> impl Iterator<Item = NonNull<AtomicU64>> + use<> {
        let header = self.0.cast::<AtomicU64>();
        // SAFETY: the slot ends where the header begins.
        (1..=self.family().slots.shared_cells()).map(move |n| unsafe { header.sub(n) })
    }

    /// Makes the cells of the shared slot, of a series that nobody else has yet.
    pub(super) fn make_cells(&self) {
        // SAFETY: part of the allocation.
        self.cells().for_each(|cell| unsafe { cell.write(AtomicU64::new(0)) });
    }

    /// Drops the cells of the shared slot, as the last owner, and tells loom that nobody may use the series from now on.
    pub(super) fn forbid_use(&mut self) {
        for mut cell in self.cells() {
            // SAFETY: this was the last reference to the series.
            unsafe { cell.as_mut() }.with_mut(|_| ());
            // SAFETY: not used any more.
            unsafe { cell.drop_in_place() };
        }
        // SAFETY: as above.
        let header = unsafe { self.0.as_mut() };
        header.recorded.with_mut(|_| ());
        header.lanes.with_mut(|_| ());
    }
}
