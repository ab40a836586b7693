//! Expiry: idle series go.
//!
//! A series may be found by a lookup at any time, until it is unlinked; and whoever has found it before may still record into it,
//! or take a handle. So a series goes in two steps, with a grace period between them.
//!
//! 1. An idle one is *condemned*: it goes from the index to the index of the dying. It stays in the list, so scrapes show it as
//!    before. Whoever looks its key up now does not find it, comes to the lock, and puts it back: a key never has two series.
//! 2. When the pins of all lookups have ended that may have found it before, it is *settled* under the lock. Nobody but those who take
//!    the lock can reach it now. If it is idle still, it is taken out of the list, and freed as a removed one is. If it has been used,
//!    or has a handle, it goes back to the index, as if nothing had been: with its value, its handles and its time of creation.
//!
//! What is idle, [`Sightings`] and [`Series::is_idle`] say.

use super::{Garbage, SeriesMap, Writer, is_series_of, rehash};
use crate::clock::Moment;
use crate::store::cells::memory::NoMemory;
use crate::store::lookup::index::{Fill, Index};
use crate::store::reclaim::pin::{PINS, Pin};
use crate::store::reclaim::retained::Retained;
use crate::store::series::idle::{Sightings, Stamp};
use crate::store::series::series::{Series, SeriesRef};
use crate::sync::{AtomicU64, AtomicUsize, Ordering, lock};
use core::ptr;
use core::time::Duration;

/// Series that are looked at under the lock in one go, which takes some hundred microseconds at most.
const PIECE: usize = 1 << 10;

/// What the map of a family has whose series expire.
#[derive(Debug)]
pub(super) struct Expiry {
    /// The series that are condemned and not settled.
    dying: Index,
    /// Their number, for a look without the lock.
    dying_len: AtomicUsize,
    /// When the family was made.
    start: Moment,
    /// Only series may expire whose value is zero.
    only_zero: bool,
    /// Series that have expired and were not [taken](SeriesMap::take_expired) yet.
    expired: AtomicU64,
}

/// What only the writer knows of it.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) sightings: Sightings,
    dying: Fill,
    /// The hashes of series that were condemned before `period` began, if that is known, and the hashes of others.
    condemned: Vec<u64>,
    period: Option<u64>,
}

impl Watch {
    /// The number of dying series.
    pub(super) fn dying(&self) -> usize {
        self.dying.live()
    }
}

impl SeriesMap {
    /// Lets series expire that were idle for so long; if `only_zero` says so, only those whose value is zero.
    pub(crate) fn expire_after(&mut self, after: Duration, only_zero: bool) {
        let start = self.family.clock.now();
        let (dying, dying_len, expired) = (Index::new(), AtomicUsize::new(0), AtomicU64::new(0));
        self.expiry = Some(Box::new(Expiry { dying, dying_len, start, only_zero, expired }));
        let watch =
            Watch { sightings: Sightings::new(after), dying: Fill::default(), condemned: Vec::new(), period: None };
        lock(&self.writer).watch = Some(Box::new(watch));
    }

    /// Whether series expire.
    pub(crate) fn expires(&self) -> bool {
        self.expiry.is_some()
    }

    /// Whether series have expired since they were last [taken](Self::take_expired).
    pub(crate) fn has_expired(&self) -> bool {
        self.expiry.as_ref().is_some_and(|expiry| expiry.expired.load(Ordering::Relaxed) > 0)
    }

    /// How many series have expired since the last call.
    pub(crate) fn take_expired(&self) -> u64 {
        self.expiry.as_ref().map_or(0, |expiry| expiry.expired.swap(0, Ordering::Relaxed))
    }

    /// Milliseconds since the family was made, if its series expire.
    pub(super) fn milliseconds(&self) -> u64 {
        let seconds = self.expiry.as_ref().map(|expiry| self.family.clock.seconds_since(expiry.start));
        seconds.map_or(0, |seconds| (seconds * 1e3).round() as u64)
    }

    /// The time, if series expire: to be asked for before a walk [begins](Self::begin_walk).
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let now = self.expires().then(|| self.milliseconds())?;
        self.lock().watch.as_mut().map(|watch| watch.sightings.draw(now))
    }

    /// Notes what a walk has shown of some series: the value as 64 bits, or the number of observations.
    pub(crate) fn note_shown(&self, series: &[SeriesRef<'_>], contents: &[u64]) {
        let now = self.milliseconds();
        let mut writer = self.lock();
        let Some(watch) = &mut writer.watch else { return };
        // After the contents were read: whichever walk has begun since may have read others.
        let now = watch.sightings.draw(now);
        for (series, content) in series.iter().zip(contents) {
            let place = series.place();
            // Others may have removed it meanwhile.
            if self.list.get(place) == series.as_raw() {
                watch.sightings.shown(place, *content, series.take_mark(), now);
            }
        }
    }

    /// Notes that a walk has met the series at these places without showing them. They do not expire for now.
    pub(crate) fn note_passed_over(&self, places: &[usize]) {
        let now = self.milliseconds();
        let mut writer = self.lock();
        let Some(watch) = &mut writer.watch else { return };
        let now = watch.sightings.draw(now);
        places.iter().for_each(|place| watch.sightings.passed_over(*place, now));
    }

    /// Notes that everything was exported that a walk met which began at `begun`; and lets series expire.
    pub(crate) fn note_exported(&self, begun: Stamp) {
        if let Some(watch) = self.lock().watch.as_mut() {
            watch.sightings.note_exported(begun);
        }
        // In pieces, so that whoever wants to insert does not wait long.
        let mut place = 0;
        while let Some(next) = self.condemn(place) {
            place = next;
        }
        self.collect();
    }

    /// Condemns the idle series from a place on, and returns the place to go on at.
    fn condemn(&self, from: usize) -> Option<usize> {
        let expiry = self.expiry.as_ref()?;
        let mut guard = self.lock();
        let writer = &mut *guard;
        let end = self.list.len().min(from + PIECE);
        // Those that wait for a period come first.
        if from >= end || writer.watch.as_ref()?.period.is_some() {
            return None;
        }
        // Without memory, the rest stays as it is.
        (from..end).try_for_each(|place| self.condemn_at(writer, expiry, place)).ok().map(|()| end)
    }

    /// Condemns the series at this place, if there is one and it is idle.
    fn condemn_at(&self, writer: &mut Writer, expiry: &Expiry, place: usize) -> Result<(), NoMemory> {
        let (entry, Some(watch)) = (self.list.get(place), &mut writer.watch) else { return Ok(()) };
        let content = watch.sightings.idle_content(place).filter(|_| !entry.is_null());
        let Some(content) = content else { return Ok(()) };
        // SAFETY: entries of the list are series of this map, which the lock keeps there.
        let series = unsafe { SeriesRef::new(entry) };
        if !expiry.is_idle(&series, content) {
            return Ok(());
        }
        let (hash, is_it) = (rehash(entry), |other| other == entry);
        // SAFETY: the lock is held, as the writer is at hand.
        if unsafe { self.index.find(hash, is_it) }.is_none() {
            // It is dying.
            return Ok(());
        }
        watch.condemned.try_reserve(1)?;
        // SAFETY: as above.
        let old_table = unsafe { expiry.dying.reserve(&mut watch.dying, hash, rehash) }?;
        old_table.into_iter().for_each(|table| writer.garbage.push(Garbage::Table(table)));
        // First into the one index, then out of the other, so that it is always in one of them.
        // SAFETY: as above, and there is room.
        unsafe { expiry.dying.insert(&mut watch.dying, hash, entry) };
        expiry.note_dying(watch);
        // SAFETY: as above.
        unsafe { self.index.remove(&mut writer.fill, hash, is_it) };
        watch.condemned.push(hash);
        Ok(())
    }

    /// Settles what was condemned, if no lookup can hold it any more.
    pub(super) fn settle(&self) {
        let Some(period) = self.expiry.as_ref().and_then(|_| self.close_condemned()) else { return };
        // Not under the lock, as it may interrupt all processors.
        let is_over = PINS.has_ended(period);
        // Where that cannot be known, nothing expires.
        if is_over || PINS.is_refused() {
            while self.settle_some(period, is_over) {}
        }
    }

    /// The period whose end what was condemned waits for.
    fn close_condemned(&self) -> Option<u64> {
        let mut writer = self.lock();
        let watch = writer.watch.as_mut().filter(|watch| !watch.condemned.is_empty())?;
        Some(*watch.period.get_or_insert_with(|| PINS.next_period()))
    }

    /// Settles some series that waited for a period: lets those go that may, and puts back the others. Returns whether there
    /// are more.
    fn settle_some(&self, period: u64, may_go: bool) -> bool {
        let Some(expiry) = &self.expiry else { return false };
        let mut guard = self.lock();
        let writer = &mut *guard;
        for _ in 0..PIECE {
            let Some(watch) = writer.watch.as_mut().filter(|watch| watch.period == Some(period)) else { return false };
            let Some(hash) = watch.condemned.last().copied() else {
                watch.period = None;
                return false;
            };
            // One that is not there any more was put back, or removed.
            // SAFETY: the lock is held; entries are series, which it keeps there.
            if let Some(entry) = unsafe { expiry.dying.find(hash, |entry| rehash(entry) == hash) } {
                // SAFETY: as above.
                let series = unsafe { SeriesRef::new(entry) };
                let content = watch.sightings.idle_content(series.place()).filter(|_| may_go);
                if content.is_some_and(|content| expiry.is_idle(&series, content)) {
                    self.take_dying(writer, hash, |other| other == entry);
                    // SAFETY: it was in the list and is in no index, and the lock is held.
                    unsafe { self.discard(writer, entry) };
                    expiry.expired.fetch_add(1, Ordering::Relaxed);
                } else if self.relink(writer, hash, entry).is_err() {
                    // Later, when there is memory.
                    return false;
                }
            }
            writer.watch.as_mut().and_then(|watch| watch.condemned.pop());
        }
        true
    }

    /// Puts a dying series back into the index.
    fn relink(&self, writer: &mut Writer, hash: u64, entry: *mut ()) -> Result<(), NoMemory> {
        // SAFETY: the lock is held, as the writer is at hand.
        let old_table = unsafe { self.index.reserve(&mut writer.fill, hash, rehash) }?;
        old_table.into_iter().for_each(|table| writer.garbage.push(Garbage::Table(table)));
        // SAFETY: the lock is held, and there is room.
        unsafe { self.index.insert(&mut writer.fill, hash, entry) };
        self.take_dying(writer, hash, |other| other == entry);
        Ok(())
    }

    /// Takes the series that `is_it` recognises out of the index of the dying.
    pub(super) fn take_dying(
        &self,
        writer: &mut Writer,
        hash: u64,
        is_it: impl Fn(*mut ()) -> bool,
    ) -> Option<*mut ()> {
        let (expiry, watch) = (self.expiry.as_ref()?, writer.watch.as_mut()?);
        // SAFETY: the lock is held, as the writer is at hand.
        let taken = unsafe { expiry.dying.remove(&mut watch.dying, hash, is_it) };
        expiry.note_dying(watch);
        taken
    }

    /// Puts the series with these label values back, if it is dying. Returns whether it is in the index now.
    pub(super) fn put_back(&self, writer: &mut Writer, values: &[&str], hash: u64) -> Result<bool, NoMemory> {
        let Some(expiry) = self.expiry.as_ref().filter(|expiry| expiry.dying_len.load(Ordering::Relaxed) > 0) else {
            return Ok(false);
        };
        // SAFETY: the lock is held, as the writer is at hand; the entries are of an index.
        let is_it = |entry| unsafe { is_series_of(entry, values) };
        // SAFETY: as above.
        let dying = unsafe { expiry.dying.find(hash, is_it) };
        dying.map_or(Ok(false), |entry| self.relink(writer, hash, entry).map(|()| true))
    }

    /// Whether the series with these label values is dying, as far as that is known without the lock.
    pub(super) fn is_dying(&self, values: &[&str], _pin: &Pin<'_>) -> bool {
        // Relaxed: a lookup that comes just now may go either way.
        let expiry = self.expiry.as_ref().filter(|expiry| expiry.dying_len.load(Ordering::Relaxed) > 0);
        // SAFETY: pinned; the entries are of an index.
        let is_it = |entry| unsafe { is_series_of(entry, values) };
        // SAFETY: as above.
        expiry.is_some_and(|expiry| unsafe { expiry.dying.find(super::hash(values), is_it) }.is_some())
    }

    /// Whether no dying series has this hash, where one look tells. `false` says nothing.
    #[inline(always)]
    pub(super) fn lacks_dying(&self, hash: u64, _pin: &Pin<'_>) -> bool {
        // SAFETY: pinned.
        self.expiry.as_ref().is_none_or(|expiry| unsafe { expiry.dying.lacks(hash) })
    }

    /// Makes sure that the series with these label values is in the index if it is in the list. Returns whether it is.
    pub(in crate::store) fn revive(&self, values: &[&str]) -> bool {
        if !self.expires() {
            return false;
        }
        let hash = super::hash(values);
        let mut writer = self.lock();
        // SAFETY: the lock is held.
        unsafe { self.find(values, hash) }.is_some() || self.put_back(&mut writer, values, hash).unwrap_or(false)
    }

    /// Makes the table of the dying shorter by a piece, if it is far too long. Returns whether more is to be done.
    pub(super) fn tidy_dying(&self, writer: &mut Writer) -> bool {
        let (Some(expiry), Some(watch)) = (&self.expiry, &mut writer.watch) else { return false };
        // SAFETY: the lock is held, as the writer is at hand.
        let (old_table, is_under_way) = unsafe { expiry.dying.tidy(&mut watch.dying, PIECE, rehash) };
        old_table.into_iter().for_each(|table| writer.garbage.push(Garbage::Table(table)));
        is_under_way
    }

    /// How many series are condemned and not settled.
    #[cfg(test)]
    pub(crate) fn dying(&self) -> usize {
        lock(&self.writer).watch.as_ref().map_or(0, |watch| watch.dying())
    }

    /// Takes a series that is in no index out of the list, to be freed when the pins allow it.
    ///
    /// # Safety
    /// The caller holds the lock. The entry is in the list, and is not used after this.
    pub(super) unsafe fn discard(&self, writer: &mut Writer, entry: *mut ()) {
        // SAFETY: the reference of the map, which the entry stood for.
        let series = unsafe { Series::from_raw(entry) };
        self.list.set(series.place(), ptr::null_mut());
        let Writer { vacant, fills, garbage, .. } = writer;
        vacant.insert(series.place());
        if let Some(usage) = &self.usage {
            // SAFETY: the lock is held, and the series was added.
            unsafe { usage.remove(fills, &series, |unlinked| garbage.push(Garbage::Known(unlinked))) };
        }
        garbage.push(Garbage::Series(Retained::new(series)));
    }
}

impl Expiry {
    fn is_idle(&self, series: &Series, content: u64) -> bool {
        (content == 0 || !self.only_zero) && series.is_idle(content)
    }

    fn note_dying(&self, watch: &Watch) {
        self.dying_len.store(watch.dying.live(), Ordering::Relaxed);
    }
}
