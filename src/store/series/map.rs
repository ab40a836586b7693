//! The series of one family: found by key without a lock, walked in the order of their creation.

mod expiry;
mod overflow;
mod walk;

pub(crate) use walk::Batch;

use self::expiry::{Expiry, Watch};
use crate::guard::Offenders;
use crate::store::cells::memory::NoMemory;
use crate::store::cells::slots::SLOTS;
use crate::store::lookup::index::{Fill, Index, OldTable};
use crate::store::lookup::key::{Key, QUICK, Seeds, separators};
use crate::store::lookup::known::Unlinked;
use crate::store::reclaim::pin::{PINS, Pin};
use crate::store::reclaim::retained::Retained;
use crate::store::reclaim::retired::Retired;
use crate::store::series::admission::Admission;
use crate::store::series::limits::{Fills, Limits, Usage};
use crate::store::series::list::List;
use crate::store::series::series::{FamilyLayout, Series, SeriesRef};
use crate::store::series::vacant::Vacant;
use crate::sync::{AtomicU64, Locked, Mutex, Ordering, gate::forks, lock};
use core::ptr;
use std::sync::Arc;

/// Entries of the index and series of the list that are moved in one go, under the lock.
const PIECE: usize = 1 << 12;

/// The pieces of one call of [`SeriesMap::collect`]. (With fewer entries than a sixteenth of the places, each piece of the
/// index is sixteen times as long.)
const PIECES: usize = 16;

/// A list of so few places is not worth to be compacted.
const LIST_IS_SHORT: usize = 64;

/// The series of one family.
///
/// The map owns one reference to each series that is in it, which stands in the index and in the list as the same pointer.
#[derive(Debug)]
pub(crate) struct SeriesMap {
    pub(crate) family: Arc<FamilyLayout>,
    separators: [usize; QUICK],
    index: Index,
    list: List,
    writer: Mutex<Writer>,
    /// Takes what is recorded under keys that have no series. It is not in the map, so nobody reads it.
    unread: Series,
    /// Whether no key has a series.
    is_disabled: bool,
    /// `None` without limits.
    usage: Option<Box<Usage>>,
    /// Lookups of keys that were refused a series, and not yet [taken](Self::take_refused).
    refused: AtomicU64,
    /// `None` where series stay until they are removed.
    expiry: Option<Box<Expiry>>,
}

#[derive(Debug, Default)]
struct Writer {
    fill: Fill,
    /// Empty places of the list.
    vacant: Vacant,
    /// Where the compaction of the list that is under way goes on. What was emptied before that place waits for the next one:
    /// a compaction that began at the start each time would move the same series again after each removal there, and not end.
    compacted: usize,
    /// Where the walks under way end.
    walks: Vec<usize>,
    /// The forks before them: a child does not know which of its parent's walks go on in it, and forgets them all. One that
    /// does go on may meet a series twice that is removed and made again.
    walks_after_forks: u64,
    /// Whether any was forgotten. The list must not become shorter then.
    has_forgotten: bool,
    fills: Fills,
    watch: Option<Box<Watch>>,
    garbage: Retired<Garbage>,
}

impl Writer {
    /// The number of series.
    fn len(&self) -> usize {
        self.fill.live() + self.watch.as_ref().map_or(0, |watch| watch.dying())
    }

    /// Takes in a table that was unlinked. Returns whether it is time to free.
    fn retire(&mut self, table: OldTable) -> bool {
        let is_due = table.is_large() || self.garbage.is_due();
        self.garbage.push(Garbage::Table(table));
        is_due
    }
}

/// What was unlinked. Dropped when the pins allow it.
#[derive(Debug)]
#[expect(dead_code, reason = "held for their drop")]
enum Garbage {
    Series(Retained<Series>),
    Table(OldTable),
    Known(Unlinked),
}

impl SeriesMap {
    pub(crate) fn new(family: Arc<FamilyLayout>) -> SeriesMap {
        SeriesMap {
            separators: separators(&family.label_names),
            index: Index::new(),
            list: List::new(),
            writer: Mutex::default(),
            unread: Series::detached(family.clone()),
            family,
            is_disabled: false,
            usage: None,
            refused: AtomicU64::new(0),
            expiry: None,
        }
    }

    /// A map that stays empty: what is recorded goes into the unread series, and nothing is counted as refused.
    pub(crate) fn detached(family: Arc<FamilyLayout>) -> SeriesMap {
        let mut map = SeriesMap::new(family);
        map.is_disabled = true;
        map
    }

    /// A map that refuses series beyond these limits.
    pub(crate) fn with_limits(family: Arc<FamilyLayout>, limits: Limits) -> SeriesMap {
        let (usage, fills) = Usage::new(limits);
        let mut map = SeriesMap::new(family);
        map.usage = Some(Box::new(usage));
        lock(&map.writer).fills = fills;
        map
    }

    /// The series in place of all others, if the map stays empty.
    pub(in crate::store) fn of_all_keys(&self) -> Option<&Series> {
        self.is_disabled.then_some(&self.unread)
    }

    /// The series in place of one that was refused and has no other one in its place. Counts that.
    pub(crate) fn unread(&self) -> &Series {
        self.refused.fetch_add(1, Ordering::Relaxed);
        &self.unread
    }

    /// Whether lookups were refused since they were last [taken](Self::take_refused).
    pub(crate) fn has_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed) > 0
    }

    /// How many lookups found their keys refused since the last call.
    pub(crate) fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }

    /// The label values that come beyond a limit.
    pub(crate) fn offenders(&self) -> Option<&Offenders> {
        Some(self.usage.as_ref()?.overflow()?.offenders())
    }

    /// The memory of the series; `None` if it has no limits, and is not counted.
    #[cfg(feature = "page")]
    pub(crate) fn bytes(&self) -> Option<usize> {
        Some(self.usage.as_ref()?.bytes())
    }

    /// Leaves to others what is reserved for the family, though handles to it may live on.
    pub(crate) fn give_back_reserved(&self) {
        self.usage.iter().for_each(|usage| usage.give_back());
    }

    /// The labels with a limit of values: how many they have, and the limit.
    pub(crate) fn label_values(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.usage.iter().flat_map(|usage| usage.values())
    }

    fn lock(&self) -> Locked<'_, Writer> {
        let mut writer = lock(&self.writer);
        if writer.walks_after_forks != forks() {
            writer.walks_after_forks = forks();
            writer.has_forgotten |= !writer.walks.is_empty();
            writer.walks.clear();
        }
        writer
    }

    /// The series with this key, if it is where it mostly is. The key has as many values as the family has label names.
    ///
    /// Takes no lock and allocates nothing.
    #[inline(always)]
    pub(in crate::store) fn get_first<'p, const N: usize>(
        &'p self,
        key: &Key<'_, N>,
        _pin: &'p Pin<'_>,
    ) -> Option<SeriesRef<'p>> {
        debug_assert_eq!(N, self.family.label_names.len());
        // SAFETY: pinned for the lifetime.
        let entry = unsafe { self.index.first(key.hash) }?;
        // SAFETY: entries of the index are series of this map; pinned for the lifetime.
        let found = unsafe { SeriesRef::new(entry) };
        found.matches(key, &self.separators).then_some(found)
    }

    /// The series with these label values, if it is there.
    ///
    /// Takes no lock and allocates nothing.
    pub(crate) fn get<'p>(&'p self, values: &[&str], pin: &'p Pin<'_>) -> Option<SeriesRef<'p>> {
        if values.len() != self.family.label_names.len() {
            return None;
        }
        match *values {
            [a] => self.get_few([a], pin),
            [a, b] => self.get_few([a, b], pin),
            [a, b, c] => self.get_few([a, b, c], pin),
            [a, b, c, d] => self.get_few([a, b, c, d], pin),
            // SAFETY: pinned for the lifetime.
            _ => unsafe { self.find(values, hash(values)) },
        }
    }

    fn get_few<'p, const N: usize>(&'p self, values: [&str; N], _pin: &'p Pin<'_>) -> Option<SeriesRef<'p>> {
        let Some(key) = Seeds::of_process().key(values) else {
            // SAFETY: pinned for the lifetime.
            return unsafe { self.find(&values, hash(&values)) };
        };
        // SAFETY: entries of the index are series of this map; pinned for the lifetime.
        let found = |entry| unsafe { SeriesRef::new(entry) };
        // SAFETY: as above.
        let is_it = |entry| found(entry).matches(&key, &self.separators) || unsafe { is_series_of(entry, &values) };
        // SAFETY: pinned for the lifetime.
        unsafe { self.index.find(key.hash, is_it) }.map(found)
    }

    /// # Safety
    /// The caller is pinned, or holds the writer's lock, for the lifetime.
    unsafe fn find<'a>(&self, values: &[&str], hash: u64) -> Option<SeriesRef<'a>> {
        // SAFETY: passed on; the entries are of the index.
        let is_it = |entry| unsafe { is_series_of(entry, values) };
        // SAFETY: passed on.
        let entry = unsafe { self.index.find(hash, is_it) }?;
        // SAFETY: passed on.
        Some(unsafe { SeriesRef::new(entry) })
    }

    /// Adds the series with these label values, if it is not there. Not to be called under a pin, which would keep the
    /// memory that is replaced here.
    #[cold]
    #[inline(never)]
    pub(crate) fn admit(&self, values: &[&str]) -> Admission {
        assert_eq!(values.len(), self.family.label_names.len(), "a series has a value for each label name");
        let mut writer = self.lock();
        let admitted = self.admit_locked(&mut writer, values);
        drop(writer);
        let (admission, is_due) = admitted.unwrap_or((Admission::Refused, false));
        if is_due {
            self.collect();
        }
        admission
    }

    /// As [`admit`](Self::admit), under the lock. Returns also whether it is time to free.
    fn admit_locked(&self, writer: &mut Writer, values: &[&str]) -> Result<(Admission, bool), NoMemory> {
        if self.is_there(writer, values)? {
            return Ok((Admission::Known, false));
        }
        match &self.usage {
            Some(usage) => self.admit_within(usage, writer, values),
            None => Ok((Admission::Admitted, self.insert(writer, values)?)),
        }
    }

    /// Whether the series with these label values is there. It is in the index then, also if it was dying.
    fn is_there(&self, writer: &mut Writer, values: &[&str]) -> Result<bool, NoMemory> {
        let hash = hash(values);
        // SAFETY: the lock is held, as the writer is at hand.
        Ok(unsafe { self.find(values, hash) }.is_some() || self.put_back(writer, values, hash)?)
    }

    /// Adds the series with these label values, which is not there. Returns whether it is time to free.
    fn insert(&self, writer: &mut Writer, values: &[&str]) -> Result<bool, NoMemory> {
        let hash = hash(values);
        // SAFETY: the lock is held.
        let old_table = unsafe { self.index.reserve(&mut writer.fill, hash, rehash) }?;
        let is_due = old_table.is_some_and(|table| writer.retire(table));
        self.list.reserve()?;
        writer.vacant.reserve(self.list.len() + 1)?;
        let watch = writer.watch.as_mut();
        watch.map_or(Ok(()), |watch| watch.sightings.reserve(self.list.len() + 1))?;
        // Only places beyond every walk in progress: a walk may have passed the series' old place already, and would meet it
        // twice.
        let walks_end = writer.walks.iter().copied().max().unwrap_or(0);
        let place = writer.vacant.first_from(walks_end);
        let series = Series::new(self.family.clone(), values, place.unwrap_or_else(|| self.list.len()));
        let series = series.ok_or(NoMemory)?;
        if let Some(usage) = &self.usage {
            let unlinked = |unlinked| writer.garbage.push(Garbage::Known(unlinked));
            // SAFETY: the lock is held.
            unsafe { usage.add(&mut writer.fills, &series, values, unlinked) }?;
        }
        let entry = series.into_raw();
        // SAFETY: the lock is held, and there is room.
        unsafe { self.index.insert(&mut writer.fill, hash, entry) };
        match place {
            Some(place) => {
                writer.vacant.remove(place);
                self.list.set(place, entry);
            }
            None => self.list.push(entry),
        }
        if let Some(watch) = &mut writer.watch {
            let made = watch.sightings.draw(self.milliseconds());
            watch.sightings.made(place.unwrap_or(self.list.len() - 1), made);
        }
        Ok(is_due)
    }

    /// Removes a series, and returns whether it was there. Handles to it stay good, and record into what nobody reads.
    pub(crate) fn remove(&self, values: &[&str]) -> bool {
        let hash = hash(values);
        let mut guard = lock(&self.writer);
        let writer = &mut *guard;
        // SAFETY: the lock is held; the entries are of an index.
        let is_it = |entry| unsafe { is_series_of(entry, values) };
        // SAFETY: the lock is held.
        let entry = unsafe { self.index.remove(&mut writer.fill, hash, is_it) };
        let Some(entry) = entry.or_else(|| self.take_dying(writer, hash, is_it)) else { return false };
        // SAFETY: the lock is held, and it was in the list and is in no index now.
        unsafe { self.discard(writer, entry) };
        let is_due = writer.garbage.is_due();
        drop(guard);
        if is_due {
            self.collect();
        }
        true
    }

    /// Frees what was unlinked, as far as no thread can hold it any more, gives back room that is not needed, and prepares
    /// slots in the lanes. Scrapes do this.
    pub(crate) fn collect(&self) {
        self.settle();
        // Series may become busy when none is made any more.
        SLOTS.prepare();
        // In pieces, so that whoever wants to insert does not wait long.
        (0..PIECES).any(|_| !self.tidy());
        let Some(period) = lock(&self.writer).garbage.close(&PINS) else { return };
        // Not under the lock, as it may interrupt all processors; nor is what is freed dropped under it.
        if PINS.has_ended(period) {
            let garbage = lock(&self.writer).garbage.take(period);
            drop(garbage);
        }
    }

    /// Makes the index and the list shorter by a piece, if they are far too long. Returns whether more is to be done.
    fn tidy(&self) -> bool {
        let mut guard = self.lock();
        let writer = &mut *guard;
        // SAFETY: the lock is held.
        let (old_table, is_index_under_way) = unsafe { self.index.tidy(&mut writer.fill, PIECE, rehash) };
        old_table.map(|table| writer.retire(table));
        let Writer { fills, garbage, .. } = writer;
        let unlinked = |unlinked| garbage.push(Garbage::Known(unlinked));
        // SAFETY: the lock is held.
        let are_values_under_way =
            self.usage.as_ref().is_some_and(|usage| unsafe { usage.tidy(fills, PIECE, unlinked) });
        // SAFETY: the lock is held.
        let is_list_under_way = unsafe { self.compact(writer) };
        self.tidy_dying(writer) || is_index_under_way || are_values_under_way || is_list_under_way
    }

    /// Moves series to empty places before them, if far more places are empty than not and nobody walks; and makes the list
    /// shorter when no empty place is left before a series. The order stays. Returns whether more is to be done.
    ///
    /// # Safety
    /// The caller holds the lock.
    unsafe fn compact(&self, writer: &mut Writer) -> bool {
        let len = self.list.len();
        if !writer.walks.is_empty() || writer.has_forgotten {
            return false;
        }
        if len <= 2 * writer.len() + LIST_IS_SHORT {
            writer.compacted = 0;
            return false;
        }
        let (mut to, mut from) = (writer.compacted, 0);
        for _ in 0..PIECE {
            let moved = writer.vacant.first_from(to).and_then(|vacant| {
                to = vacant;
                writer.vacant.first_filled(from.max(to), len)
            });
            let Some(moved) = moved else {
                let end = writer.vacant.end_of_filled(len);
                // SAFETY: only walks read the list without the lock, which the caller holds, and there are none.
                unsafe { self.list.truncate(end) };
                writer.vacant.truncate(end);
                if let Some(watch) = &mut writer.watch {
                    watch.sightings.truncate(end);
                }
                writer.compacted = 0;
                return false;
            };
            from = moved;
            let entry = self.list.get(from);
            // SAFETY: entries of the list are series of this map, which the lock keeps there.
            unsafe { SeriesRef::new(entry) }.set_place(to);
            self.list.set(to, entry);
            self.list.set(from, ptr::null_mut());
            if let Some(watch) = &mut writer.watch {
                watch.sightings.moved(from, to);
            }
            writer.vacant.remove(to);
            writer.vacant.insert(from);
        }
        writer.compacted = to;
        true
    }

    /// How much is unlinked and not freed yet.
    #[cfg(test)]
    pub(crate) fn garbage(&self) -> usize {
        lock(&self.writer).garbage.len()
    }

    /// The number of series.
    pub(crate) fn len(&self) -> usize {
        lock(&self.writer).len()
    }

    /// Holds the family's lock, as a long insertion does, until what is returned is dropped.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> Locked<'_, impl Sized> {
        lock(&self.writer)
    }

    /// The number of places in the list.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.list.len()
    }

    /// The number of groups in the tables of the index.
    #[cfg(test)]
    pub(crate) fn groups(&self) -> usize {
        let _lock = lock(&self.writer);
        self.index.groups()
    }
}

fn hash(values: &[&str]) -> u64 {
    Seeds::of_process().hash(values.iter().copied())
}

/// The hash of an entry of an index, for the holder of the writer's lock.
fn rehash(entry: *mut ()) -> u64 {
    // SAFETY: entries of an index are series, which the lock keeps there.
    Seeds::of_process().hash(unsafe { SeriesRef::new(entry) }.values())
}

/// Whether a series has these label values.
///
/// # Safety
/// The entry is one of an index; the caller is pinned, or holds the writer's lock.
unsafe fn is_series_of(entry: *mut (), values: &[&str]) -> bool {
    // SAFETY: entries of an index are series; passed on.
    unsafe { SeriesRef::new(entry) }.values().eq(values.iter().copied())
}

impl Drop for SeriesMap {
    fn drop(&mut self) {
        for place in 0..self.list.len() {
            let entry = self.list.get(place);
            if !entry.is_null() {
                // SAFETY: the reference of the map. Whoever pins borrows the map, so nobody else looks at it now.
                drop(unsafe { Series::from_raw(entry) });
            }
        }
    }
}
