//! The entries of a family in the order of their creation: a list that grows without moving.

use crate::store::cells::memory::{NoMemory, from_raw, into_raw, zeroed};
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};
use core::ptr;

/// Capacity of the first segment; each further one doubles what is there.
const FIRST: usize = if cfg!(quipu_loom) { 1 } else { 8 };
const SEGMENTS: usize = if cfg!(quipu_loom) { 3 } else { 32 };

/// A segmented list of pointers that it neither owns nor follows. Readers never wait.
#[derive(Debug)]
pub(crate) struct List {
    /// Each is null or the start of a slice of the length that [`Place`] computes, reclaimed on drop.
    segments: [AtomicPtr<AtomicPtr<()>>; SEGMENTS],
    len: AtomicUsize,
}

/// Where the `n`th entry is.
struct Place {
    segment: usize,
    offset: usize,
    /// Length of that segment.
    len: usize,
}

impl Place {
    #[inline(always)]
    fn of(n: usize) -> Place {
        let segment = (n / FIRST + 1).ilog2() as usize;
        let before = FIRST * ((1 << segment) - 1);
        Place { segment, offset: n - before, len: FIRST << segment }
    }
}

impl List {
    pub(crate) fn new() -> List {
        List { segments: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())), len: AtomicUsize::new(0) }
    }

    /// The number of places, empty ones included.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        // Acquire pairs with the Release in `push`: the segments of all these places are there.
        self.len.load(Ordering::Acquire)
    }

    /// The entry at a place below `len`, null when it is empty.
    pub(crate) fn get(&self, n: usize) -> *mut () {
        // Acquire pairs with the Release in `set`: the entry's contents.
        self.place(n).load(Ordering::Acquire)
    }

    /// The entries from place `from` on, as far as they lie together, up to `to`, which is at most `len`.
    #[inline]
    pub(crate) fn run(&self, from: usize, to: usize) -> impl ExactSizeIterator<Item = *mut ()> {
        // Acquire pairs with the Release in `set`: the entry's contents.
        self.places(from, to).iter().map(|place| place.load(Ordering::Acquire))
    }

    /// The places of [`run`](Self::run).
    #[inline]
    pub(crate) fn places(&self, from: usize, to: usize) -> &[AtomicPtr<()>] {
        if from >= to {
            return &[];
        }
        let Place { offset, len, .. } = Place::of(from);
        let places = ptr::slice_from_raw_parts(self.pointer(from), (len - offset).min(to - from));
        // SAFETY: these places are in one segment, which stays while they are below `len`.
        unsafe { &*places }
    }

    #[inline(always)]
    fn place(&self, n: usize) -> &AtomicPtr<()> {
        // SAFETY: the segment stays while the place is below `len`.
        unsafe { &*self.pointer(n) }
    }

    /// Where a place is, with leave to go on to the end of its segment.
    #[inline(always)]
    fn pointer(&self, n: usize) -> *const AtomicPtr<()> {
        let place = Place::of(n);
        // Relaxed: whoever knows that the list is longer than `n` read it from `len`, or holds the writer's lock.
        let segment = self.segments[place.segment].load(Ordering::Relaxed);
        assert!(!segment.is_null(), "there is a segment for each place below len");
        // SAFETY: the segment is `place.len` long, and the offset is below that.
        unsafe { segment.add(place.offset) }
    }

    /// Fills a place below `len`, or empties it with null. For the holder of the writer's lock.
    pub(crate) fn set(&self, n: usize, entry: *mut ()) {
        // Release pairs with the Acquire in `get`.
        self.place(n).store(entry, Ordering::Release);
    }

    /// Makes room for one more place. For the holder of the writer's lock.
    pub(crate) fn reserve(&self) -> Result<(), NoMemory> {
        let Place { segment, len, .. } = Place::of(self.len.load(Ordering::Relaxed));
        if self.segments[segment].load(Ordering::Relaxed).is_null() {
            // Published by the Release in `push`.
            self.segments[segment].store(into_raw(zeroed(len)?), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Appends an entry, for which there is [room](Self::reserve). For the holder of the writer's lock.
    pub(crate) fn push(&self, entry: *mut ()) {
        let n = self.len.load(Ordering::Relaxed);
        self.set(n, entry);
        // Release pairs with the Acquire in `len`.
        self.len.store(n + 1, Ordering::Release);
    }

    /// Forgets the places from `len` on, which are empty, and frees what they took, but for one segment more, so that a list
    /// whose length goes up and down there does not make a new one each time.
    ///
    /// # Safety
    /// The caller holds the writer's lock, and nobody else reads the list.
    pub(crate) unsafe fn truncate(&self, len: usize) {
        self.len.store(len, Ordering::Relaxed);
        self.free_from(Place::of(len.saturating_sub(1)).segment + 2);
    }

    /// Frees the segments from `first` on, which nobody reads.
    fn free_from(&self, first: usize) {
        for (number, segment) in self.segments.iter().enumerate().skip(first) {
            let start = segment.load(Ordering::Relaxed);
            if !start.is_null() {
                segment.store(ptr::null_mut(), Ordering::Relaxed);
                // SAFETY: `reserve` left a slice of this start and length.
                drop(unsafe { from_raw(start, FIRST << number) });
            }
        }
    }
}

impl Drop for List {
    fn drop(&mut self) {
        self.free_from(0);
    }
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_was_cut_grows_again() {
        let list = List::new();
        let entry = |n: usize| ptr::without_provenance_mut(8 * (n + 1));
        let segments = || list.segments.iter().filter(|segment| !segment.load(Ordering::Relaxed).is_null()).count();
        let grow_to = |len| {
            for n in list.len()..len {
                list.reserve().unwrap();
                list.push(entry(n));
            }
        };
        for (longest, shortest) in [(1000, 300), (900, 100), (100, 99), (101, 0), (500, 8), (9, 7)] {
            grow_to(longest);
            assert!((0..longest).all(|n| list.get(n) == entry(n)));
            let before = segments();
            (shortest..longest).for_each(|n| list.set(n, ptr::null_mut()));
            // SAFETY: nobody else has the list.
            unsafe { list.truncate(shortest) };
            assert_eq!(list.len(), shortest);
            assert!(segments() <= before.min(Place::of(shortest).segment + 2));
            assert!((0..shortest).all(|n| list.get(n) == entry(n)));
        }
    }
}
