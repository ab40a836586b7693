//! A table of the index: open addressing in groups of half a cache line.

use crate::store::cells::memory::{NoMemory, Slice, Zeroed, try_box, zeroed};
use crate::sync::{AtomicPtr, AtomicU64, Ordering};
use core::hint::select_unpredictable;
use core::ptr;

/// Entries of a group: with their tags, half a cache line.
pub(in crate::store) const GROUP: usize = 3;

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

// SAFETY: a number and pointers, all of which may be zero.
unsafe impl Zeroed for Group {
    #[cfg(quipu_loom)]
    fn new() -> Group {
        Group { tags: AtomicU64::new(0), entries: core::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())) }
    }
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

/// How many eighths of the places may be used in tables of up to so many groups.
///
/// The fewer are used, the fewer groups are full, and the more searches end at the first entry they try. Small tables can
/// afford that; large ones save memory.
const MAX_LOAD: [(usize, usize); 3] = [(1 << 10, 2), (1 << 14, 4), (usize::MAX, 7)];

/// A table of up to so many groups is made larger, up to four times, until each entry is in the first group where it is looked
/// for. (Of a hundred entries, one mostly is not.)
const SMALL: usize = 1 << 8;

/// How many places of a table may be used.
fn capacity(groups: usize) -> usize {
    let eighths = MAX_LOAD.iter().find(|(most, _)| groups <= *most).map_or(MAX_LOAD[2].1, |(_, eighths)| *eighths);
    // Not all of a single group: searches end where a place was never used.
    (groups * GROUP * eighths / 8).max(GROUP - 1)
}

/// How many groups have this capacity.
pub(in crate::store) fn groups_for(entries: usize) -> usize {
    let mut least = 1;
    for (most, eighths) in MAX_LOAD {
        let groups = (8 * entries).div_ceil(eighths * GROUP).max(least);
        if groups <= most {
            return groups;
        }
        least = most + 1;
    }
    least
}

/// The groups, and where else entries may be.
#[derive(Debug)]
pub(in crate::store) struct Table {
    groups: Slice<Group>,
    /// The table that this one replaces, as long as some of its entries are not here yet; else null.
    previous: AtomicPtr<Table>,
}

impl Table {
    /// An empty table, which takes over the entries of `previous` if that is not null.
    pub(in crate::store) fn new(groups: usize, previous: *mut Table) -> Result<Box<Table>, NoMemory> {
        try_box(Table { groups: zeroed(groups)?, previous: AtomicPtr::new(previous) })
    }

    /// The number of groups.
    pub(in crate::store) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// How many places may be used.
    pub(in crate::store) fn capacity(&self) -> usize {
        capacity(self.groups.len())
    }

    /// The table that this one replaces, as long as some of its entries may be there alone.
    ///
    /// For a search, to be called before the search of this table: when it is `None`, this table has all entries.
    #[inline]
    pub(in crate::store) fn previous(&self) -> Option<&Table> {
        // Acquire pairs with the Release in `forget_previous`: all entries are in this table.
        let previous = self.previous.load(Ordering::Acquire);
        // SAFETY: whoever has this table is pinned, or holds the writer's lock, and found the other one linked.
        unsafe { previous.as_ref() }
    }

    /// Unlinks the previous table, all of whose entries are here. For the holder of the writer's lock.
    pub(in crate::store) fn forget_previous(&self) -> *mut Table {
        // Release pairs with the Acquire in `previous`.
        self.previous.swap(ptr::null_mut(), Ordering::Release)
    }

    /// The group in which the search for a hash begins, and the hash's tag: the hash is taken for a fraction of the number of
    /// groups, of which the whole part is the group and what follows the point is the tag.
    #[inline(always)]
    fn start(&self, hash: u64) -> (usize, u16) {
        let product = u128::from(hash) * self.groups.len() as u128;
        let group = (product >> 64) as usize;
        // SAFETY: the hash is less than 2^64, and there is at least one group.
        unsafe { core::hint::assert_unchecked(group < self.groups.len()) };
        (group, (product as u64 >> (u64::BITS as usize - TAG_BITS)) as u16)
    }

    #[inline(always)]
    fn next(&self, group: usize) -> usize {
        if group + 1 == self.groups.len() { 0 } else { group + 1 }
    }

    /// The first entry of the first group that has the tag: mostly the one. Some other, or none, when no entry there has it.
    #[inline(always)]
    pub(in crate::store) fn first(&self, hash: u64) -> Option<*mut ()> {
        let (at, tag) = self.start(hash);
        let group = &self.groups[at];
        let tags = group.tags();
        // Acquire pairs with the Release in `put`, for an entry in the place of a removed one.
        let [a, b, c] = group.entries.each_ref().map(|entry| entry.load(Ordering::Acquire));
        // No branches: which place it is, nobody can guess. All three are in the cache line.
        let entry = select_unpredictable(tags.get(1) == tag, b, c);
        let entry = select_unpredictable(tags.get(0) == tag, a, entry);
        (!entry.is_null()).then_some(entry)
    }

    /// Whether the first group shows that no entry of this table has the hash: a search would end there.
    #[inline(always)]
    pub(in crate::store) fn lacks(&self, hash: u64) -> bool {
        let (at, tag) = self.start(hash);
        let tags = self.groups[at].tags();
        // The tag of a place that was never used is zero; taken for one, it only makes the answer less sure.
        tags.used() < GROUP && (0..GROUP).all(|n| tags.get(n) != tag)
    }

    /// The place and the entry that `is_it` recognises.
    pub(in crate::store) fn find(
        &self,
        hash: u64,
        is_it: impl Fn(*mut ()) -> bool,
    ) -> Option<(&AtomicPtr<()>, *mut ())> {
        let (mut at, tag) = self.start(hash);
        loop {
            let group = &self.groups[at];
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
    pub(in crate::store) fn is_crowded_at(&self, hash: u64) -> bool {
        self.groups[self.start(hash).0].tags().used() == GROUP
    }

    /// Whether the table is large enough with so many used places, whatever its groups look like.
    pub(in crate::store) fn is_sparse(&self, used: usize) -> bool {
        self.groups.len() > SMALL || 4 * used <= self.capacity()
    }

    /// The entries of one group. For the holder of the writer's lock.
    pub(in crate::store) fn entries_of(&self, group: usize) -> impl Iterator<Item = *mut ()> {
        let entries = self.groups[group].entries.iter().map(|entry| entry.load(Ordering::Relaxed));
        entries.filter(|entry| !entry.is_null())
    }

    /// Reuses a removed entry's place if the tag matches (usually the same key, which is then found as quickly as before);
    /// otherwise takes the first place that was never used, of which there is one, and returns `true`.
    pub(in crate::store) fn put(&self, hash: u64, entry: *mut ()) -> bool {
        let (mut at, tag) = self.start(hash);
        loop {
            let group = &self.groups[at];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_with_the_tag_of_an_unused_place_are_found() {
        let table = Table::new(1, ptr::null_mut()).unwrap();
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
    fn a_table_holds_what_it_was_made_for() {
        for entries in 1..100_000 {
            assert!(capacity(groups_for(entries)) >= entries, "{entries}");
        }
    }
}
