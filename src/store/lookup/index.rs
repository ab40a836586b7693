//! From a key's hash to its entry. Readers never wait, and writers never for long.
//!
//! Readers are pinned (see [`pin`](crate::store::reclaim::pin)); writers are serialised by the lock of the
//! [map](crate::store::series::map). Entries are pointers that the index neither owns nor follows.
//!
//! # Growth
//! A small table is replaced at once by one that has all of its entries. A large one is replaced by an empty one that knows it
//! as its *previous* table; from then on, each insertion takes some of its entries over. They stay in the previous table as
//! well, until all of them are in the new one and the previous is unlinked. So a search that looks first whether there is a
//! previous table, then in the new one, then in the previous one, finds each entry that is there all the while. (It must look
//! in this order: if it searched the new table before it saw that there is no previous one any more, an entry could be taken
//! over between the two.) A new entry goes into the new table only; a removed one is taken out of both.

use crate::store::cells::memory::NoMemory;
use crate::store::lookup::table::{GROUP, Table, groups_for};
use crate::sync::{AtomicPtr, Ordering};
use core::ptr;

/// Tables of up to so many groups are replaced at once. (Some thousand entries: below a millisecond.)
const AT_ONCE: usize = if cfg!(quipu_loom) { 0 } else { 1 << 11 };

/// Entries that an insertion takes over from the previous table.
const STEP: usize = if cfg!(quipu_loom) { 1 } else { 64 };

/// A step ends after this many groups for each entry that it may take over, however few it has found.
const GROUPS_PER_ENTRY: usize = 16;

/// A table that is so many times as large as it need be is replaced by a smaller one.
const FAR_TOO_LARGE: usize = 8;

/// The index of one family.
#[derive(Debug)]
pub(crate) struct Index {
    table: AtomicPtr<Table>,
}

/// What only the writer knows. Kept beside the lock that serialises writers.
#[derive(Debug, Default)]
pub(crate) struct Fill {
    /// Places of the table that were ever used, those of removed entries included.
    used: usize,
    live: usize,
    /// Groups of the previous table whose entries were taken over.
    taken_over: usize,
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
        unsafe { &*self.0 }.groups() > 128
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
        let table = Table::new(1, ptr::null_mut()).expect("there is memory for an empty index");
        Index { table: AtomicPtr::new(Box::into_raw(table)) }
    }

    #[inline(always)]
    fn table(&self) -> &Table {
        // Acquire pairs with the Release in `link`.
        let table = self.table.load(Ordering::Acquire);
        // SAFETY: callers are pinned or hold the writer's lock, so a table that was linked is not freed under them.
        unsafe { &*table }
    }

    /// An entry that may be the one with this hash, and mostly is. While a large index grows, one that was not taken over yet
    /// is not found.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    #[inline(always)]
    pub(crate) unsafe fn first(&self, hash: u64) -> Option<*mut ()> {
        self.table().first(hash)
    }

    /// Whether no entry has this hash, where one look tells. `false` says nothing.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    #[inline(always)]
    pub(crate) unsafe fn lacks(&self, hash: u64) -> bool {
        let table = self.table();
        // Before the look into the table: see the top of this file.
        table.previous().is_none() && table.lacks(hash)
    }

    /// Finds the entry with this hash that `is_it` recognises.
    ///
    /// Wait-free but for the length of the probe, which is the same for all threads.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    pub(crate) unsafe fn find(&self, hash: u64, is_it: impl Fn(*mut ()) -> bool) -> Option<*mut ()> {
        let table = self.table();
        // Before the search of the table: see the top of this file.
        let previous = table.previous();
        let found = table.find(hash, &is_it).or_else(|| previous?.find(hash, &is_it));
        found.map(|(_, entry)| entry)
    }

    /// Makes room for one more entry, with this hash. `rehash` tells the hash of an entry. Returns the table that was
    /// replaced by that, if one was.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(crate) unsafe fn reserve(
        &self,
        fill: &mut Fill,
        hash: u64,
        rehash: impl Fn(*mut ()) -> u64,
    ) -> Result<Option<OldTable>, NoMemory> {
        let table = self.table();
        if table.previous().is_some() {
            // There is room until the previous table is unlinked: see `wanted_groups`.
            return Ok(self.take_over(fill, STEP, &rehash));
        }
        let is_full = fill.used >= table.capacity();
        let is_due = is_full || (table.is_crowded_at(hash) && !table.is_sparse(fill.used));
        if is_due { self.replace(fill, Some(hash), rehash) } else { Ok(None) }
    }

    /// Adds an entry that is not there, with the hash that room was made for.
    ///
    /// # Safety
    /// The caller holds the writer's lock, and [`reserve`](Self::reserve) made room.
    pub(crate) unsafe fn insert(&self, fill: &mut Fill, hash: u64, entry: *mut ()) {
        fill.used += usize::from(self.table().put(hash, entry));
        fill.live += 1;
    }

    /// How many groups a table needs that replaces the one there is.
    ///
    /// It has room for the entries, and for those that come until the previous table is unlinked: each of them takes over
    /// `STEP` entries, or looks through `STEP * GROUPS_PER_ENTRY` groups. Not the smallest, which a family that loses as many
    /// series as it gets would fill again and again.
    fn wanted_groups(&self, fill: &Fill) -> usize {
        let until_unlinked = fill.live / STEP + self.table().groups() / (STEP * GROUPS_PER_ENTRY) + 2;
        groups_for((fill.live + (fill.live / 4).max(2 * until_unlinked)).max(4 * GROUP))
    }

    /// Begins to replace the table, or does it at once, for an entry with a new hash if there is one.
    fn replace(
        &self,
        fill: &mut Fill,
        hash: Option<u64>,
        rehash: impl Fn(*mut ()) -> u64,
    ) -> Result<Option<OldTable>, NoMemory> {
        let groups = self.wanted_groups(fill);
        if self.table().groups() <= AT_ONCE {
            return self.rebuild(fill, groups, hash, rehash).map(Some);
        }
        let next = Table::new(groups, self.table.load(Ordering::Relaxed))?;
        (fill.used, fill.taken_over) = (0, 0);
        self.link(next);
        Ok(None)
    }

    /// Replaces the table by one with room, with its entries, and without the places of the removed ones.
    fn rebuild(
        &self,
        fill: &mut Fill,
        mut groups: usize,
        new: Option<u64>,
        rehash: impl Fn(*mut ()) -> u64,
    ) -> Result<OldTable, NoMemory> {
        let old = self.table();
        let table = loop {
            let table = Table::new(groups, ptr::null_mut())?;
            let mut is_crowded = false;
            for entry in (0..old.groups()).flat_map(|group| old.entries_of(group)) {
                let hash = rehash(entry);
                is_crowded |= table.is_crowded_at(hash);
                table.put(hash, entry);
            }
            is_crowded |= new.is_some_and(|hash| table.is_crowded_at(hash));
            if !is_crowded || table.is_sparse(fill.live + 1) {
                break table;
            }
            groups += groups.div_ceil(8);
        };
        fill.used = fill.live;
        Ok(OldTable(self.link(table)))
    }

    fn link(&self, table: Box<Table>) -> *mut Table {
        // Release pairs with the Acquire in `table`.
        self.table.swap(Box::into_raw(table), Ordering::Release)
    }

    /// Takes over at most so many entries of the previous table, if there is one. Returns it when it has no other ones.
    fn take_over(&self, fill: &mut Fill, most: usize, rehash: impl Fn(*mut ()) -> u64) -> Option<OldTable> {
        let table = self.table();
        let previous = table.previous()?;
        let last = previous.groups().min(fill.taken_over + most * GROUPS_PER_ENTRY);
        let mut taken = 0;
        while fill.taken_over < last && taken < most {
            for entry in previous.entries_of(fill.taken_over) {
                fill.used += usize::from(table.put(rehash(entry), entry));
                taken += 1;
            }
            fill.taken_over += 1;
        }
        (fill.taken_over == previous.groups()).then(|| OldTable(table.forget_previous()))
    }

    /// Goes on with what is under way, by at most so many entries, or begins to replace a table that is far too large.
    /// Returns the table that was replaced by that, if one was, and whether more is to be done.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(crate) unsafe fn tidy(
        &self,
        fill: &mut Fill,
        most: usize,
        rehash: impl Fn(*mut ()) -> u64,
    ) -> (Option<OldTable>, bool) {
        let table = self.table();
        let old = if table.previous().is_some() {
            self.take_over(fill, most, rehash)
        } else if table.groups() >= FAR_TOO_LARGE * self.wanted_groups(fill) {
            // Without memory for a small table, the large one stays.
            self.replace(fill, None, rehash).unwrap_or(None)
        } else {
            None
        };
        (old, self.table().previous().is_some())
    }

    /// Unlinks the entry with this hash that `is_it` recognises: a search that starts later does not find it.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(crate) unsafe fn remove(&self, fill: &mut Fill, hash: u64, is_it: impl Fn(*mut ()) -> bool) -> Option<*mut ()> {
        let table = self.table();
        let mut removed = None;
        for table in [Some(table), table.previous()].into_iter().flatten() {
            // The same one in both, if it was taken over.
            if let Some((place, entry)) = table.find(hash, &is_it) {
                // Release pairs with the Acquire in `find`: whoever misses it finds where it has gone.
                place.store(ptr::null_mut(), Ordering::Release);
                removed = Some(entry);
            }
        }
        fill.live -= usize::from(removed.is_some());
        removed
    }

    /// Calls `f` with each entry.
    ///
    /// # Safety
    /// The caller holds the writer's lock, and the entries are not used after this if `f` frees them.
    pub(crate) unsafe fn for_each(&self, mut f: impl FnMut(*mut ())) {
        let table = self.table();
        let entries = |table: &Table| (0..table.groups()).flat_map(|n| table.entries_of(n)).collect::<Vec<_>>();
        let mut all = entries(table);
        // Some of the previous table's were taken over.
        all.extend(table.previous().map(entries).unwrap_or_default());
        all.sort_unstable();
        all.dedup();
        all.into_iter().for_each(&mut f);
    }

    /// The number of groups of the tables.
    #[cfg(test)]
    pub(crate) fn groups(&self) -> usize {
        self.table().groups() + self.table().previous().map_or(0, Table::groups)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let table = OldTable(self.table.load(Ordering::Relaxed));
        let previous = self.table().forget_previous();
        if !previous.is_null() {
            drop(OldTable(previous));
        }
        drop(table);
    }
}

#[cfg(test)]
#[cfg(not(quipu_loom))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn hash(entry: *mut ()) -> u64 {
        let hash = (entry.addr() as u64).wrapping_mul(0xd134_2543_de82_ef95);
        (hash ^ hash >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn insert(index: &Index, fill: &mut Fill, hash: impl Fn(*mut ()) -> u64, entry: *mut ()) {
        // SAFETY: nobody else has the index.
        drop(unsafe { index.reserve(fill, hash(entry), &hash) }.unwrap());
        // SAFETY: as above.
        unsafe { index.insert(fill, hash(entry), entry) };
    }

    fn entry(n: usize) -> *mut () {
        ptr::without_provenance_mut(8 * n)
    }

    #[test]
    fn entries_of_small_families_are_in_their_first_groups() {
        let (mut late, mut groups) = (0, 0);
        for family in 0..100 {
            let (index, mut fill) = (Index::new(), Fill::default());
            let hash = |entry: *mut ()| hash(entry.wrapping_byte_add(family << 20));
            (1..=96).for_each(|n| insert(&index, &mut fill, hash, entry(n)));
            assert_eq!((fill.live, fill.used), (96, 96));
            // SAFETY: as above.
            late += (1..=96).filter(|n| unsafe { index.first(hash(entry(*n))) } != Some(entry(*n))).count();
            groups += index.groups();
        }
        // About one of each family, if tables did not grow for it.
        assert!(late <= 10, "{late}");
        assert!(groups < 100 * 200, "{groups}");
    }

    /// Grows to many entries, loses most of them, and shrinks, some of it while the tables are being replaced.
    #[test]
    fn an_index_that_grows_and_shrinks_is_a_set() {
        let most = if cfg!(miri) { 300 } else { 60_000 };
        let (index, mut fill, mut set) = (Index::new(), Fill::default(), HashSet::new());
        let (mut was_replacing, mut random) = (0, 1u64);
        for round in 0..3 * most {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let entry = entry(1 + (random >> 33) as usize % most);
            let is_it = |found| found == entry;
            // SAFETY: nobody else has the index.
            let found = unsafe { index.find(hash(entry), is_it) }.is_some();
            assert_eq!(found, set.contains(&entry));
            if round < 2 * most && set.insert(entry) {
                insert(&index, &mut fill, hash, entry);
            } else if round >= 2 * most || random % 4 == 0 {
                // SAFETY: as above.
                let removed = unsafe { index.remove(&mut fill, hash(entry), is_it) };
                assert_eq!(removed.is_some(), set.remove(&entry));
            }
            assert_eq!(fill.live, set.len());
            was_replacing += usize::from(index.table().previous().is_some());
        }
        assert!(cfg!(miri) || was_replacing > 500, "{was_replacing}");
        let entries: Vec<_> = set.drain().collect();
        for entry in &entries[most / 100..] {
            // SAFETY: as above.
            assert!(unsafe { index.remove(&mut fill, hash(*entry), |found| found == *entry) }.is_some());
        }
        // SAFETY: as above.
        while unsafe { index.tidy(&mut fill, STEP, hash) }.1 {}
        assert!(index.groups() <= FAR_TOO_LARGE * groups_for(most / 40), "{}", index.groups());
        for entry in &entries[..most / 100] {
            // SAFETY: as above.
            assert_eq!(unsafe { index.find(hash(*entry), |found| found == *entry) }, Some(*entry));
        }
    }

    /// Removed entries keep their places, so a large table can be full with few that are there.
    #[test]
    #[cfg_attr(miri, ignore = "small tables are replaced at once")]
    fn there_is_room_until_the_previous_table_is_unlinked() {
        let (index, mut fill) = (Index::new(), Fill::default());
        let mut was_replaced = 0;
        for n in 1..=400_000 {
            insert(&index, &mut fill, hash, entry(n));
            assert!(fill.used <= index.table().capacity(), "{n}");
            // First up to as many, then few.
            let (before, kept) = (index.groups(), if n < 100_000 { 100_000 } else { 10 });
            while fill.live > kept {
                let oldest = entry(n + 1 - fill.live);
                // SAFETY: nobody else has the index.
                assert!(unsafe { index.remove(&mut fill, hash(oldest), |found| found == oldest) }.is_some());
            }
            was_replaced += usize::from(n > 100_000 && before > index.table().groups());
        }
        assert!(was_replaced > 0);
    }
}
