//! The distinct values that the series of a family have for one label.

use crate::store::cells::memory::{NoMemory, try_box};
use crate::store::lookup::index::{Fill, Index, OldTable};
use crate::store::lookup::key::Seeds;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};

/// A value, and how many series have it.
#[derive(Debug)]
struct Value {
    text: Box<str>,
    /// Used by the holder of the writer's lock alone.
    series: AtomicU64,
}

/// The values of one label, found without a lock.
#[derive(Debug)]
pub(in crate::store) struct KnownValues {
    /// The label's place among the label names, on which the hashes depend: a key has them ready.
    label: usize,
    /// Its entries are leaked boxes of [`Value`]s.
    index: Index,
    count: AtomicUsize,
}

/// What was unlinked here; to be dropped when the pins allow it.
#[derive(Debug)]
#[expect(dead_code, reason = "held for their drop")]
pub(in crate::store) enum Unlinked {
    Table(OldTable),
    Value(OldValue),
}

#[derive(Debug)]
pub(in crate::store) struct OldValue(*mut Value);

// SAFETY: a value is plain memory, freed by whoever drops it last.
unsafe impl Send for OldValue {}

impl Drop for OldValue {
    fn drop(&mut self) {
        // SAFETY: `add` leaked the box, and the only maker of this value unlinked it.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

impl KnownValues {
    pub(in crate::store) fn new(label: usize) -> KnownValues {
        KnownValues { label, index: Index::new(), count: AtomicUsize::new(0) }
    }

    fn hash(&self, value: &str) -> u64 {
        Seeds::of_process().hash_of(self.label, value)
    }

    /// The hash of an entry, for whoever is pinned or holds the writer's lock.
    fn rehash(&self) -> impl Fn(*mut ()) -> u64 {
        |entry| self.hash(text(entry))
    }

    /// Whether no series has the value with this [hash](Seeds::hash_of), where one look tells. `false` says nothing.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    #[inline(always)]
    pub(in crate::store) unsafe fn lacks(&self, hash: u64) -> bool {
        // SAFETY: passed on.
        unsafe { self.index.lacks(hash) }
    }

    /// The number of values.
    pub(in crate::store) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether a series has this value.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    pub(in crate::store) unsafe fn has(&self, value: &str) -> bool {
        // SAFETY: passed on.
        unsafe { self.find(value) }.is_some()
    }

    /// # Safety
    /// The caller is pinned, or holds the writer's lock, for the lifetime.
    unsafe fn find<'a>(&self, value: &str) -> Option<&'a Value> {
        // SAFETY: passed on.
        let entry = unsafe { self.index.find(self.hash(value), |entry| is(entry, value)) }?;
        // SAFETY: entries of the index are values; passed on.
        Some(unsafe { &*entry.cast::<Value>() })
    }

    /// Counts a series with this value, and returns whether it is the first. `unlinked` takes what that unlinks.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(in crate::store) unsafe fn add(
        &self,
        fill: &mut Fill,
        value: &str,
        mut unlinked: impl FnMut(Unlinked),
    ) -> Result<bool, NoMemory> {
        // SAFETY: the lock is held.
        if let Some(known) = unsafe { self.find(value) } {
            known.series.fetch_add(1, Ordering::Relaxed);
            return Ok(false);
        }
        let mut text = String::new();
        text.try_reserve_exact(value.len())?;
        text.push_str(value);
        let known = try_box(Value { text: text.into_boxed_str(), series: AtomicU64::new(1) })?;
        // SAFETY: the lock is held.
        let old_table = unsafe { self.index.reserve(fill, self.hash(value), self.rehash()) }?;
        old_table.into_iter().map(Unlinked::Table).for_each(&mut unlinked);
        // SAFETY: the lock is held, and there is room.
        unsafe { self.index.insert(fill, self.hash(value), Box::into_raw(known).cast()) };
        self.count.store(fill.live(), Ordering::Relaxed);
        Ok(true)
    }

    /// Counts a series less with this value, and returns whether it was the last. `unlinked` takes the value then.
    ///
    /// # Safety
    /// The caller holds the writer's lock, and the series was [added](Self::add).
    pub(in crate::store) unsafe fn remove(
        &self,
        fill: &mut Fill,
        value: &str,
        mut unlinked: impl FnMut(Unlinked),
    ) -> bool {
        // SAFETY: the lock is held.
        let known = unsafe { self.find(value) }.expect("the values of a series are known");
        let is_last = known.series.fetch_sub(1, Ordering::Relaxed) == 1;
        if is_last {
            // SAFETY: the lock is held.
            let entry = unsafe { self.index.remove(fill, self.hash(value), |entry| is(entry, value)) };
            entry.into_iter().for_each(|entry| unlinked(Unlinked::Value(OldValue(entry.cast()))));
            self.count.store(fill.live(), Ordering::Relaxed);
        }
        is_last
    }

    /// Gives back room that is not needed, as [`Index::tidy`]. Returns whether more is to be done.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(in crate::store) unsafe fn tidy(
        &self,
        fill: &mut Fill,
        most: usize,
        mut unlinked: impl FnMut(Unlinked),
    ) -> bool {
        // SAFETY: the lock is held.
        let (old_table, is_under_way) = unsafe { self.index.tidy(fill, most, self.rehash()) };
        old_table.into_iter().map(Unlinked::Table).for_each(&mut unlinked);
        is_under_way
    }
}

impl Drop for KnownValues {
    fn drop(&mut self) {
        // SAFETY: nobody else has the values any more.
        unsafe { self.index.for_each(|entry| drop(OldValue(entry.cast()))) };
    }
}

/// The text of an entry, for whoever is pinned or holds the writer's lock.
fn text<'a>(entry: *mut ()) -> &'a str {
    // SAFETY: entries are values, which the caller's pin or lock keeps.
    &unsafe { &*entry.cast::<Value>() }.text
}

fn is(entry: *mut (), value: &str) -> bool {
    text(entry) == value
}
