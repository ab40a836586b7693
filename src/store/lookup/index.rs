//! From a key's hash to its entry: open addressing that readers never wait for.
//!
//! Readers are pinned (see [`pin`](crate::store::reclaim::pin)); writers are serialised by the lock of the [set](crate::store::series::map). Entries are
//! pointers that the index neither owns nor follows.

use crate::sync::{AtomicPtr, AtomicU64, Ordering};
use core::hint::select_unpredictable;
use core::ptr;

/// Entries of a group: with their tags, half a cache line.
const GROUP: usize = 3;

/// Bits of a hash that stand for it in a group.
const TAG_BITS: usize = 16;

#[derive(Debug)]
#[repr(align(32))]
struct Group {
    /// The tags of the entries, 16 bits of the hash each, from the lowest bits on; above them, the number of places that were
    /// ever used.
    tags: AtomicU64,
    /// Null where nothing was put yet, and where an entry was removed.
    entries: [AtomicPtr<()>; GROUP],
}

/// The tags of a group, as they were at one time.
#[derive(Clone, Copy)]
struct Tags(u64);

impl Tags {
    #[inline(always)]
    fn get(self, n: usize) -> u16 {
        (self.0 >> (TAG_BITS * n)) as u16
    }

    /// The number of places that were ever used.
    fn used(self) -> usize {
        usize::from(self.get(GROUP))
    }

    /// The used places that have this tag.
    fn equal(self, tag: u16) -> impl Iterator<Item = usize> {
        (0..self.used()).filter(move |n| self.get(*n) == tag)
    }
}

impl Group {
    #[inline(always)]
    fn tags(&self) -> Tags {
        // Acquire pairs with the Release in `fill`: the entries of these tags.
        Tags(self.tags.load(Ordering::Acquire))
    }

    /// Puts an entry at the first place that was never used; there is one.
    fn fill(&self, tag: u16, entry: *mut ()) {
        let tags = Tags(self.tags.load(Ordering::Relaxed));
        // Relaxed: the tags order it.
        self.entries[tags.used()].store(entry, Ordering::Relaxed);
        let with_tag = tags.0 | u64::from(tag) << (TAG_BITS * tags.used());
        // Release pairs with the Acquire in `tags`.
        self.tags.store(with_tag + (1 << (TAG_BITS * GROUP)), Ordering::Release);
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

/// How many eighths of the places of tables of up to so many groups may be used.
///
/// The fewer are, the fewer groups are full, and the more searches end at the first entry they try. Small tables can afford
/// that; of large ones the memory counts.
const EIGHTHS: [(usize, usize); 3] = [(1 << 10, 2), (1 << 14, 4), (usize::MAX, 7)];

/// A table of up to so many groups is made larger, up to four times, until each entry is in the first group where it is looked
/// for. (Of a hundred entries, one mostly is not.)
const SMALL: usize = 1 << 8;

/// How many places of a table may be used.
fn capacity(groups: usize) -> usize {
    let eighths = EIGHTHS.iter().find(|(most, _)| groups <= *most).map_or(EIGHTHS[2].1, |(_, eighths)| *eighths);
    // Not all of a single group: searches end where a place was never used.
    (groups * GROUP * eighths / 8).max(GROUP - 1)
}

/// How many groups have this capacity.
fn groups_for(entries: usize) -> usize {
    let mut least = 1;
    for (most, eighths) in EIGHTHS {
        let groups = (8 * entries).div_ceil(eighths * GROUP).max(least);
        if groups <= most {
            return groups;
        }
        least = most + 1;
    }
    least
}

impl Table {
    fn with_groups(groups: usize) -> Table {
        let entries = || core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut()));
        Table((0..groups).map(|_| Group { tags: AtomicU64::new(0), entries: entries() }).collect())
    }

    /// The group in which the search for a hash begins, and the hash's tag: the hash is taken for a fraction of the number of
    /// groups, of which the whole part is the group and what follows the point is the tag.
    #[inline(always)]
    fn start(&self, hash: u64) -> (usize, u16) {
        let product = u128::from(hash) * self.0.len() as u128;
        let group = (product >> 64) as usize;
        // SAFETY: the hash is less than 2^64, and there is at least one group.
        unsafe { core::hint::assert_unchecked(group < self.0.len()) };
        (group, (product as u64 >> (u64::BITS as usize - TAG_BITS)) as u16)
    }

    #[inline(always)]
    fn next(&self, group: usize) -> usize {
        if group + 1 == self.0.len() { 0 } else { group + 1 }
    }

    /// The first entry of the first group that has the tag: mostly the one. Some other, or none, when no entry there has it.
    #[inline(always)]
    fn first(&self, hash: u64) -> Option<*mut ()> {
        let (at, tag) = self.start(hash);
        let group = &self.0[at];
        let tags = group.tags();
        // Acquire pairs with the Release in `put`, for an entry in the place of a removed one.
        let [a, b, c] = group.entries.each_ref().map(|entry| entry.load(Ordering::Acquire));
        // No branches: which place it is, nobody can guess. All three are in the cache line.
        let entry = select_unpredictable(tags.get(1) == tag, b, c);
        let entry = select_unpredictable(tags.get(0) == tag, a, entry);
        (!entry.is_null()).then_some(entry)
    }

    /// The place and the entry that `is_it` recognises.
    fn find(&self, hash: u64, is_it: impl Fn(*mut ()) -> bool) -> Option<(&AtomicPtr<()>, *mut ())> {
        let (mut at, tag) = self.start(hash);
        loop {
            let group = &self.0[at];
            let tags = group.tags();
            for place in tags.equal(tag).map(|n| &group.entries[n]) {
                // Acquire pairs with the Release in `put`, for an entry in the place of a removed one.
                let entry = place.load(Ordering::Acquire);
                if !entry.is_null() && is_it(entry) {
                    return Some((place, entry));
                }
            }
            if tags.used() < GROUP {
                return None;
            }
            at = self.next(at);
        }
    }

    /// Whether an entry with this hash may have to go to another group than its first.
    fn is_crowded_at(&self, hash: u64) -> bool {
        self.0[self.start(hash).0].tags().used() == GROUP
    }

    /// Whether the table is large enough with so many used places, whatever its groups look like.
    fn is_sparse(&self, used: usize) -> bool {
        self.0.len() > SMALL || 4 * used <= capacity(self.0.len())
    }

    /// Puts an entry at the place of a removed one with the same tag, mostly of the same key, which is then found as quickly as
    /// before; or else at the first place that was never used, and says so. There is one: see `Index::insert`.
    fn put(&self, hash: u64, entry: *mut ()) -> bool {
        let (mut at, tag) = self.start(hash);
        loop {
            let group = &self.0[at];
            let tags = group.tags();
            let mut places = tags.equal(tag).map(|n| &group.entries[n]);
            if let Some(vacant) = places.find(|place| place.load(Ordering::Relaxed).is_null()) {
                // Release pairs with the Acquire of the entry in `first` and `find`.
                vacant.store(entry, Ordering::Release);
                return false;
            }
            if tags.used() < GROUP {
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
        unsafe { &*self.0 }.0.len() > 128
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
        let table = self.table();
        let is_full = fill.used >= capacity(table.0.len());
        let is_due = is_full || (table.is_crowded_at(hash) && !table.is_sparse(fill.used));
        let old = is_due.then(|| self.rebuild(fill, (hash, entry), rehash));
        if old.is_none() {
            fill.used += usize::from(table.put(hash, entry));
        }
        fill.live += 1;
        old
    }

    /// Replaces the table by one with room, with a new entry, and without the removed ones.
    fn rebuild(&self, fill: &mut Fill, new: (u64, *mut ()), rehash: impl Fn(*mut ()) -> u64) -> OldTable {
        // Not the smallest, which a family that loses as many series as it gets would fill again and again.
        let mut groups = groups_for((fill.live + fill.live / 4).max(4 * GROUP));
        fill.used = fill.live + 1;
        let table = loop {
            let table = Table::with_groups(groups);
            let places = self.table().0.iter().flat_map(|group| &group.entries);
            let entries = places.map(|place| place.load(Ordering::Relaxed)).filter(|entry| !entry.is_null());
            let mut is_crowded = false;
            for (hash, entry) in entries.map(|entry| (rehash(entry), entry)).chain([new]) {
                is_crowded |= table.is_crowded_at(hash);
                table.put(hash, entry);
            }
            if !is_crowded || table.is_sparse(fill.used) {
                break table;
            }
            groups += groups.div_ceil(8);
        };
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

    #[test]
    fn entries_with_the_tag_of_an_unused_place_are_found() {
        let table = Table::with_groups(1);
        let entries = [8, 16].map(ptr::without_provenance_mut);
        assert_eq!(table.first(0), None);
        for entry in entries {
            let find = || table.find(0, |found| found == entry).map(|(_, entry)| entry);
            assert_eq!(find(), None);
            assert!(table.put(0, entry));
            assert_eq!(find(), Some(entry));
        }
        assert_eq!(table.first(0), Some(entries[0]));
    }

    #[test]
    fn entries_of_small_families_are_in_their_first_groups() {
        let (mut late, mut groups) = (0, 0);
        for family in 0..100 {
            let (index, mut fill) = (Index::new(), Fill::default());
            let hash = |entry: *mut ()| (entry.addr() as u64 ^ family << 32).wrapping_mul(0xd134_2543_de82_ef95);
            let hash = |entry| (hash(entry) ^ hash(entry) >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let entries = || (1..=96).map(|n| ptr::without_provenance_mut(8 * n));
            for entry in entries() {
                // SAFETY: nobody else has the index.
                drop(unsafe { index.insert(&mut fill, hash(entry), entry, hash) });
            }
            assert_eq!((fill.live, fill.used), (96, 96));
            // SAFETY: as above.
            late += entries().filter(|entry| unsafe { index.first(hash(*entry)) } != Some(*entry)).count();
            groups += index.table().0.len();
        }
        // About one of each family, if tables did not grow for it.
        assert!(late <= 10, "{late}");
        assert!(groups < 100 * 200, "{groups}");
    }

    #[test]
    fn a_table_holds_what_it_was_made_for() {
        for entries in 1..100_000 {
            assert!(capacity(groups_for(entries)) >= entries, "{entries}");
        }
    }
}
