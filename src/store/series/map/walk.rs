//! Walks over the series of a family, a few at a time.

use super::SeriesMap;
use crate::store::cells::prefetch::prefetch;
use crate::store::reclaim::pin::Pin;
use crate::store::series::fold::BATCH;
use crate::store::series::series::{Series, SeriesRef};
use crate::sync::Ordering;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr;

impl SeriesMap {
    /// Begins a walk over the series that are there, and returns the place after the last one. Until [`end_walk`](Self::end_walk),
    /// new series go behind that place, so that none is met twice.
    pub(crate) fn begin_walk(&self) -> usize {
        let mut guard = self.lock();
        // Empty places at the end of the list stay free for new series.
        let end = guard.vacant.end_of_filled(self.list.len());
        guard.walks.push(end);
        end
    }

    /// Ends a walk to this place.
    pub(crate) fn end_walk(&self, end: usize) {
        let walks = &mut self.lock().walks;
        if let Some(walk) = walks.iter().position(|place| *place == end) {
            walks.swap_remove(walk);
        }
    }

    /// Replaces what is in `batch` by the series in at most `most` places from `from` on, up to `to`, as far as they stand
    /// together, and returns the place after them. The places are those of a walk, never more than [`BATCH`] of them.
    pub(crate) fn batch<'p>(
        &'p self,
        from: usize,
        to: usize,
        most: usize,
        batch: &mut Batch<'p>,
        _pin: &'p Pin<'_>,
    ) -> usize {
        let entries = self.list.run(from, to.min(from + most.min(BATCH)));
        let next = from + entries.len();
        batch.len = 0;
        for entry in entries {
            // No branch: a null one is overwritten by the next.
            batch.entries[batch.len % BATCH] = entry;
            batch.len += usize::from(!entry.is_null());
        }
        next
    }

    /// References to some series from place `from` on, up to `to`, and the place after them. The places are those of a walk.
    ///
    /// Under the lock: what [expires](super::expiry) may be unlinked already, and goes if nobody has a reference then.
    pub(crate) fn own_some(&self, from: usize, to: usize) -> (usize, Vec<Series>) {
        let _writer = self.lock();
        let entries = self.list.run(from, to.min(from + BATCH));
        let next = from + entries.len();
        // SAFETY: entries of the list are series of this map, which the lock keeps there.
        let own = |entry| unsafe { SeriesRef::new(entry) }.clone();
        (next, entries.filter(|entry| !entry.is_null()).map(own).collect())
    }

    /// The series from place `from` to place `to`, as far as they stand together. The places are those of a walk.
    pub(crate) fn run<'p>(&'p self, from: usize, to: usize, _pin: &'p Pin<'_>) -> impl Iterator<Item = SeriesRef<'p>> {
        let entries = self.list.run(from, to).filter(|entry| !entry.is_null());
        // SAFETY: entries of the list are series of this map; the caller is pinned for the lifetime.
        entries.map(|entry| unsafe { SeriesRef::new(entry) })
    }

    /// Asks for the memory of the `n`th series from place `from` on, at a call with `n`. The places are those of a walk.
    ///
    /// A scrape reads more memory than the caches hold, and most of its time would be waiting. One at a time, because the
    /// processor can wait for few lines at once.
    pub(crate) fn prefetch(&self, from: usize, to: usize) -> impl Fn(usize) {
        let places = self.list.places(from, to);
        move |n| {
            if let Some(place) = places.get(n) {
                // Relaxed: nothing is read there. Two cache lines, as a series of a few labels is long, from the shared slot of a
                // number on, which ends where the series begins. One that was freed meanwhile does no harm.
                let slot = place.load(Ordering::Relaxed).cast::<u8>().wrapping_sub(size_of::<u64>());
                prefetch(slot);
                prefetch(slot.wrapping_add(64));
            }
        }
    }
}

/// Some series that a walk has met.
#[derive(Debug)]
pub(crate) struct Batch<'p> {
    /// The first `len` are series of a map, which the walker's pin keeps alive.
    entries: [*mut (); BATCH],
    len: usize,
    pin: PhantomData<&'p SeriesMap>,
}

impl Batch<'_> {
    pub(crate) fn new() -> Self {
        Batch { entries: [ptr::null_mut(); BATCH], len: 0, pin: PhantomData }
    }
}

impl<'p> Batch<'p> {
    /// Takes out the series for which `keep` returns `false`.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&SeriesRef<'p>) -> bool) {
        let mut kept = 0;
        for n in 0..self.len {
            if keep(&self[n]) {
                self.entries[kept] = self.entries[n];
                kept += 1;
            }
        }
        self.len = kept;
    }
}

impl<'p> Deref for Batch<'p> {
    type Target = [SeriesRef<'p>];

    fn deref(&self) -> &[SeriesRef<'p>] {
        // SAFETY: a `SeriesRef` is the pointer to a series, and these are pinned for the lifetime.
        unsafe { core::slice::from_raw_parts(self.entries.as_ptr().cast(), self.len) }
    }
}
