//! What was unlinked, but may still be in a reader's hands.

use crate::store::reclaim::pin::Pins;

/// Things that wait for the end of a [grace period](crate::store::reclaim::pin), in two batches: a period frees only what was unlinked
/// before it began, so what comes later waits for another one.
#[derive(Debug)]
pub(crate) struct Retired<T> {
    /// Unlinked since `old` was closed.
    young: Vec<T>,
    /// Unlinked before `period` began.
    old: Vec<T>,
    period: u64,
}

impl<T> Default for Retired<T> {
    fn default() -> Self {
        Retired { young: Vec::new(), old: Vec::new(), period: 0 }
    }
}

impl<T> Retired<T> {
    /// To begin a period costs microseconds, so it is done for this many things at once.
    const BATCH: usize = 64;

    /// Adds what is already unlinked: searches that start later cannot find it. Without memory to remember it, it stays for good.
    pub(crate) fn push(&mut self, unlinked: T) {
        match self.young.try_reserve(1) {
            Ok(()) => self.young.push(unlinked),
            Err(_) => core::mem::forget(unlinked),
        }
    }

    /// Whether it is time to free: there is a batch to begin a period for, or one whose period may have ended meanwhile.
    pub(crate) fn is_due(&self) -> bool {
        self.young.len() >= Self::BATCH || !self.old.is_empty()
    }

    /// Closes a batch, if none is closed, and tells the period at whose end it can be [taken](Self::take).
    pub(crate) fn close(&mut self, pins: &Pins) -> Option<u64> {
        if self.old.is_empty() && !self.young.is_empty() {
            self.old = core::mem::take(&mut self.young);
            self.period = pins.next_period();
        }
        (!self.old.is_empty()).then_some(self.period)
    }

    /// Takes out what waited for a period that has ended; nothing, when somebody else has done so.
    pub(crate) fn take(&mut self, period: u64) -> Vec<T> {
        if self.period == period { core::mem::take(&mut self.old) } else { Vec::new() }
    }

    /// The number of things in it.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
