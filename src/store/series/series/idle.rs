//! What tells whether a series is idle.

use super::Series;
use crate::store::cells::slots::SlotLayout;
use crate::store::series::fold::Histograms;
use crate::sync::Ordering;

impl Series {
    /// Marks a series without a slot in the lanes as used: it may hold the same as before.
    #[inline(always)]
    pub(in crate::store) fn mark_used(&self) {
        let mark = &self.header().recorded;
        // Mostly it is marked, and nothing need be written.
        if mark.load(Ordering::Relaxed) == 0 {
            mark.store(1, Ordering::Relaxed);
        }
    }

    fn is_marked(&self) -> bool {
        self.family().slots == SlotLayout::Shared && self.header().recorded.load(Ordering::Relaxed) != 0
    }

    /// Whether the series was [marked](Self::mark_used). It is not any more.
    pub(in crate::store) fn take_mark(&self) -> bool {
        let is_marked = self.is_marked();
        if is_marked {
            // A mark that comes between is of the same time.
            self.header().recorded.store(0, Ordering::Relaxed);
        }
        is_marked
    }

    /// The value as 64 bits; of a histogram or a summary, the number of its observations.
    fn content(&self) -> u64 {
        match self.family().slots {
            SlotLayout::Number => self.fold_integer(),
            SlotLayout::Shared => self.shared_cell().get(),
            SlotLayout::Stripes => self.fold_float().to_bits(),
            SlotLayout::Pairs(_) => match &self.family().summary {
                Some(summary) => self.fold_summary_count(summary),
                None => {
                    let mut histograms = Histograms::default();
                    histograms.fold(&[self.by_ref()]);
                    histograms.get(0).0.fold(0, u64::wrapping_add)
                }
            },
        }
    }

    /// Whether nobody but its map has a reference, and it has that content still, and is not marked.
    pub(in crate::store) fn is_idle(&self, content: u64) -> bool {
        // Acquire pairs with the Release in the drop of `Series`: what a handle did, it did before it was dropped.
        let is_held = self.header().references.load(Ordering::Acquire) > 1;
        !is_held && !self.is_marked() && self.content() == content
    }
}
