//! From a key's hash to its entry: open addressing that readers never wait for.
//!
//! Readers are pinned (see [`pin`](super::pin)); writers are serialised by the lock of the [set](super::set). Entries are
//! pointers that the index neither owns nor follows.

use crate::sync::{AtomicPtr, AtomicU64, Ordering};
use core::ptr;

/// Entries of a group: as many as fill a cache line together with their tags.
const GROUP: usize = 7;

/// The most groups of a table that is kept half empty.
const SPARSE: usize = 4096;

/// The least tag. 0 says that nothing was put there yet, and 1 could be taken for that, above an equal tag.
const LEAST: u64 = 2;
/// The lowest bit of each tag.
const EACH: u64 = 0x01_0101_0101_0101;
/// The highest bit of each tag.
const HIGH: u64 = EACH << 7;

#[derive(Debug)]
#[repr(align(64))]
struct Group {
    /// The entries' tags, a byte each, filled from the lowest: 8 bits of the hash, or 0.
    tags: AtomicU64,
    /// Null where nothing was put yet, and where an entry was removed.
    entries: [AtomicPtr<()>; GROUP],
}

impl Group {
    /// The places that may have this tag, as the high bit of each one's byte; and whether all places were used.
    #[inline(always)]
    fn candidates(&self, tag: u64) -> (u64, bool) {
        // Acquire pairs with the Release in `fill`: the entries of these tags.
        let tags = self.tags.load(Ordering::Acquire);
        // Bytes that are equal become 0, and the lowest of those is found; a byte above it may be taken for equal when it
        // is not, which the caller then notices.
        let difference = tags ^ (tag * EACH);
        (difference.wrapping_sub(EACH) & !difference & HIGH, tags >> (8 * (GROUP - 1)) != 0)
    }

    /// Puts an entry at the first place that was never used; there is one.
    fn fill(&self, tag: u64, entry: *mut ()) {
        let tags = self.tags.load(Ordering::Relaxed);
        let used = (u64::BITS - tags.leading_zeros()).div_ceil(8) as usize;
        // Relaxed: the tags order it.
        self.entries[used].store(entry, Ordering::Relaxed);
        // Release pairs with the Acquire in `candidates`.
        self.tags.store(tags | tag << (8 * used), Ordering::Release);
    }

    /// The place of the lowest candidate.
    #[inline(always)]
    fn place(&self, candidates: u64) -> &AtomicPtr<()> {
        &self.entries[candidates.trailing_zeros() as usize / 8]
    }
}

/// Tells loom that nobody may use the group from now on.
#[cfg(quipu_loom)]
impl Drop for Group {
    fn drop(&mut self) {
        self.tags.with_mut(|_| ());
        self.entries.iter_mut().for_each(|entry| entry.with_mut(|_| ()));
    }
}

#[derive(Debug)]
struct Table(Box<[Group]>);

/// How many places of a table may be used.
///
/// The fewer are, the fewer groups are full, and the more searches end at the first entry they try. A half is used of small
/// tables, and of large ones, whose memory counts, three quarters.
fn capacity(groups: usize) -> usize {
    let places = GROUP * groups;
    if groups <= SPARSE { places / 2 } else { places * 3 / 4 }
}

/// How many groups have this capacity.
fn groups_for(entries: usize) -> usize {
    let sparse = (entries * 2).div_ceil(GROUP);
    if sparse <= SPARSE { sparse } else { (entries * 4).div_ceil(3 * GROUP).max(SPARSE + 1) }
}

impl Table {
    fn with_groups(groups: usize) -> Table {
        let entries = || core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Table((0..groups).map(|_| Group { tags: AtomicU64::new(0), entries: entries() }).collect())
    }

    /// The group in which the search for a hash begins, and the hash's tag: the hash is taken for a fraction of the number of
    /// groups, of which the whole part is the group and what follows the point is the tag.
    #[inline(always)]
    fn start(&self, hash: u64) -> (usize, u64) {
        let product = u128::from(hash) * self.0.len() as u128;
        let group = (product >> 64) as usize;
        // SAFETY: the hash is less than 2^64, and there is at least one group.
        unsafe { core::hint::assert_unchecked(group < self.0.len()) };
        (group, (product as u64 >> 56).max(LEAST))
    }

    #[inline(always)]
    fn next(&self, group: usize) -> usize {
        if group + 1 == self.0.len() { 0 } else { group + 1 }
    }

    /// The first entry of the first group that has the tag: mostly the one.
    #[inline(always)]
    fn first(&self, hash: u64) -> Option<*mut ()> {
        let (at, tag) = self.start(hash);
        let group = &self.0[at];
        let equal = group.candidates(tag).0;
        if equal == 0 {
            return None;
        }
        // Acquire pairs with the Release in `put`, for an entry in the place of a removed one.
        let entry = group.place(equal).load(Ordering::Acquire);
        (!entry.is_null()).then_some(entry)
    }

    /// The place and the entry that `is_it` recognises.
    fn find(&self, hash: u64, is_it: impl Fn(*mut ()) -> bool) -> Option<(&AtomicPtr<()>, *mut ())> {
        let (mut at, tag) = self.start(hash);
        loop {
            let group = &self.0[at];
            let (mut equal, is_full) = group.candidates(tag);
            while equal != 0 {
                let place = group.place(equal);
                // Acquire pairs with the Release in `put`, for an entry in the place of a removed one.
                let entry = place.load(Ordering::Acquire);
                if !entry.is_null() && is_it(entry) {
                    return Some((place, entry));
                }
                equal &= equal - 1;
            }
            if !is_full {
                return None;
            }
            at = self.next(at);
        }
    }

    /// Puts an entry at the place of a removed one with the same tag, mostly of the same key, which is then found as quickly as
    /// before; or else at the first place that was never used, and says so. There is one: see `Index::insert`.
    fn put(&self, hash: u64, entry: *mut ()) -> bool {
        let (mut at, tag) = self.start(hash);
        loop {
            let group = &self.0[at];
            let (mut equal, is_full) = group.candidates(tag);
            while equal != 0 {
                let place = group.place(equal);
                if place.load(Ordering::Relaxed).is_null() {
                    // Also where the tag is another one that was taken for equal: tags stay, and so will every search.
                    // Release pairs with the Acquire of the entry in `first` and `find`.
                    place.store(entry, Ordering::Release);
                    return false;
                }
                equal &= equal - 1;
            }
            if !is_full {
                group.fill(tag, entry);
                return true;
            }
            at = self.next(at);
        }
    }
}

/// The index of one family.
#[derive(Debug)]
pub(crate) struct Index {
    table: AtomicPtr<Table>,
}

/// What only the writer knows. Kept beside the lock that serialises writers.
#[derive(Debug, Default)]
pub(crate) struct Fill {
    /// Places that were ever used, those of removed entries included.
    used: usize,
    live: usize,
}

impl Fill {
    /// The number of entries.
    pub(crate) fn live(&self) -> usize {
        self.live
    }
}

/// A table that no search can start in any more; to be dropped when the pins allow it.
#[derive(Debug)]
pub(crate) struct OldTable(*mut Table);

impl OldTable {
    /// Whether it takes so much memory that it should not wait to be freed with others.
    pub(crate) fn is_large(&self) -> bool {
        // SAFETY: only this value refers to the table as its owner, and readers do not change it.
        unsafe { &*self.0 }.0.len() > 64
    }
}

// SAFETY: the table is plain memory, freed by whoever drops it last.
unsafe impl Send for OldTable {}

impl Drop for OldTable {
    fn drop(&mut self) {
        // SAFETY: the table was made by `Box::into_raw` and was unlinked from the index by the only maker of this value.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

impl Index {
    pub(crate) fn new() -> Index {
        Index { table: AtomicPtr::new(Box::into_raw(Box::new(Table::with_groups(1)))) }
    }

    #[inline(always)]
    fn table(&self) -> &Table {
        // Acquire pairs with the Release in `rebuild`.
        let table = self.table.load(Ordering::Acquire);
        // SAFETY: callers are pinned or hold the writer's lock, so a table that was linked is not freed under them.
        unsafe { &*table }
    }

    /// An entry that may be the one with this hash, and mostly is.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    #[inline(always)]
    pub(crate) unsafe fn first(&self, hash: u64) -> Option<*mut ()> {
        self.table().first(hash)
    }

    /// Finds the entry with this hash that `is_it` recognises.
    ///
    /// Wait-free but for the length of the probe, which is the same for all threads.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    pub(crate) unsafe fn find(&self, hash: u64, is_it: impl Fn(*mut ()) -> bool) -> Option<*mut ()> {
        self.table().find(hash, is_it).map(|(_, entry)| entry)
    }

    /// Adds an entry that is not there. `rehash` tells the hash of an entry when the table has to grow.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(crate) unsafe fn insert(
        &self,
        fill: &mut Fill,
        hash: u64,
        entry: *mut (),
        rehash: impl Fn(*mut ()) -> u64,
    ) -> Option<OldTable> {
        let is_full = fill.used >= capacity(self.table().0.len());
        let old = is_full.then(|| self.rebuild(fill, rehash));
        fill.used += usize::from(self.table().put(hash, entry));
        fill.live += 1;
        old
    }

    /// Replaces the table by one with room, without the removed entries.
    fn rebuild(&self, fill: &mut Fill, rehash: impl Fn(*mut ()) -> u64) -> OldTable {
        // Not the smallest, which a family that loses as many series as it gets would fill again and again.
        let table = Table::with_groups(groups_for((fill.live + fill.live / 4).max(4 * GROUP)));
        for place in self.table().0.iter().flat_map(|group| &group.entries) {
            let entry = place.load(Ordering::Relaxed);
            if !entry.is_null() {
                table.put(rehash(entry), entry);
            }
        }
        fill.used = fill.live;
        // Release pairs with the Acquire in `table`.
        OldTable(self.table.swap(Box::into_raw(Box::new(table)), Ordering::Release))
    }

    /// Unlinks the entry with this hash that `is_it` recognises: a search that starts later does not find it.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(crate) unsafe fn remove(&self, fill: &mut Fill, hash: u64, is_it: impl Fn(*mut ()) -> bool) -> Option<*mut ()> {
        let (place, entry) = self.table().find(hash, is_it)?;
        place.store(ptr::null_mut(), Ordering::Relaxed);
        fill.live -= 1;
        Some(entry)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        drop(OldTable(self.table.load(Ordering::Relaxed)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry that was put there would be overwritten.
    #[test]
    fn no_candidate_is_a_place_that_was_never_used() {
        for tags in (LEAST..256).flat_map(|tag| [[tag, tag], [tag, tag ^ 1]]) {
            let group = Group { tags: AtomicU64::new(0), entries: Default::default() };
            for (used, tag) in (1..).zip(tags) {
                group.fill(tag, ptr::dangling_mut::<u8>().cast());
                assert_eq!(group.candidates(tags[0]).0 >> (8 * used), 0, "{tags:?}, of which {used} are there");
            }
        }
    }

    #[test]
    fn a_table_holds_what_it_was_made_for() {
        for entries in 1..100_000 {
            assert!(capacity(groups_for(entries)) >= entries, "{entries}");
        }
    }
}
