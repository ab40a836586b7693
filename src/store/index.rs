//! From a key's hash to its entry: open addressing that readers never wait for.
//!
//! Readers are pinned (see [`pin`](super::pin)); writers are serialised by the lock of the [set](super::set). Entries are
//! pointers that the index neither owns nor follows.

use crate::sync::{AtomicPtr, AtomicU8, Ordering};
use core::ptr;

/// A place in the table. The pointer is written after the tag, and decides whether the tag means anything.
#[derive(Debug)]
struct Table {
    /// Eight bits of each entry's hash, so that a probe seldom follows a pointer in vain.
    tags: Box<[AtomicU8]>,
    entries: Box<[AtomicPtr<()>]>,
}

/// Stands where an entry was removed: a search goes on past it.
static REMOVED: u8 = 0;

fn removed() -> *mut () {
    (&raw const REMOVED).cast_mut().cast()
}

impl Table {
    fn with_capacity(capacity: usize) -> Table {
        Table {
            tags: (0..capacity).map(|_| AtomicU8::new(0)).collect(),
            entries: (0..capacity).map(|_| AtomicPtr::new(ptr::null_mut())).collect(),
        }
    }

    /// Where the search for a hash begins: its high bits, scaled to the capacity. The low bits make the tag.
    #[inline(always)]
    fn start(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.entries.len() as u128) >> 64) as usize
    }

    #[inline(always)]
    fn find(&self, hash: u64, mut is_it: impl FnMut(*mut ()) -> bool) -> Option<(usize, *mut ())> {
        let mut at = self.start(hash);
        loop {
            // Acquire pairs with the Release in `put`: the entry's contents and its tag.
            let entry = self.entries[at].load(Ordering::Acquire);
            if entry.is_null() {
                return None;
            }
            if self.tags[at].load(Ordering::Relaxed) == hash as u8 && entry != removed() && is_it(entry) {
                return Some((at, entry));
            }
            at += 1;
            if at == self.entries.len() {
                at = 0;
            }
        }
    }

    /// Puts an entry at the first empty place. There is one: see `Index::MAX_LOAD`.
    fn put(&self, hash: u64, entry: *mut ()) {
        let mut at = self.start(hash);
        while !self.entries[at].load(Ordering::Relaxed).is_null() {
            at = (at + 1) % self.entries.len();
        }
        self.tags[at].store(hash as u8, Ordering::Relaxed);
        // Release pairs with the Acquire in `find`.
        self.entries[at].store(entry, Ordering::Release);
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
    /// Places that are not empty, removed ones included.
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

// SAFETY: the table is plain memory, freed by whoever drops it last.
unsafe impl Send for OldTable {}

impl Drop for OldTable {
    fn drop(&mut self) {
        // SAFETY: the table was made by `Box::into_raw` and was unlinked from the index by the only maker of this value.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

impl Index {
    const FIRST_CAPACITY: usize = if cfg!(quipu_loom) { 2 } else { 8 };

    pub(crate) fn new() -> Index {
        Index { table: AtomicPtr::new(Box::into_raw(Box::new(Table::with_capacity(Self::FIRST_CAPACITY)))) }
    }

    #[inline(always)]
    fn table(&self) -> &Table {
        // Acquire pairs with the Release in `grow`.
        let table = self.table.load(Ordering::Acquire);
        // SAFETY: callers are pinned or hold the writer's lock, so a table that was linked is not freed under them.
        unsafe { &*table }
    }

    /// Finds the entry with this hash that `is_it` recognises.
    ///
    /// Wait-free but for the length of the probe, which is the same for all threads.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    #[inline(always)]
    pub(crate) unsafe fn find(&self, hash: u64, is_it: impl FnMut(*mut ()) -> bool) -> Option<*mut ()> {
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
        let capacity = self.table().entries.len();
        // At most four of five places are used: a search always finds an empty one, and soon.
        let old = (5 * (fill.used + 1) > 4 * capacity).then(|| self.rebuild(fill, rehash));
        self.table().put(hash, entry);
        fill.used += 1;
        fill.live += 1;
        old
    }

    /// Replaces the table by one with room, without the removed entries.
    fn rebuild(&self, fill: &mut Fill, rehash: impl Fn(*mut ()) -> u64) -> OldTable {
        let capacity = Self::FIRST_CAPACITY.max(fill.live * 2);
        let table = Table::with_capacity(capacity);
        for entry in &self.table().entries {
            let entry = entry.load(Ordering::Relaxed);
            if !entry.is_null() && entry != removed() {
                table.put(rehash(entry), entry);
            }
        }
        fill.used = fill.live;
        // Release pairs with the Acquire in `table`. (`AcqRel`, because the old table is handed on to be freed.)
        OldTable(self.table.swap(Box::into_raw(Box::new(table)), Ordering::AcqRel))
    }

    /// Unlinks an entry: a search that starts later does not find it.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(crate) unsafe fn remove(&self, fill: &mut Fill, hash: u64, entry: *mut ()) -> bool {
        let table = self.table();
        let Some((at, _)) = table.find(hash, |found| found == entry) else { return false };
        // Release: as in `put`, for readers that take the mark for an entry.
        table.entries[at].store(removed(), Ordering::Release);
        fill.live -= 1;
        true
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        drop(OldTable(self.table.load(Ordering::Relaxed)));
    }
}
