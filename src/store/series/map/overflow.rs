//! What stands in place of a key that a limit keeps out: the series of the same key with the values of some labels replaced.

use super::{SeriesMap, Writer};
use crate::store::cells::memory::NoMemory;
use crate::store::lookup::key::{Key, Seeds, for_each_label, hash_of_part};
use crate::store::reclaim::pin::Pin;
use crate::store::series::admission::Admission;
use crate::store::series::labels::Labels;
use crate::store::series::limits::{Usage, Verdict};
use crate::store::series::series::SeriesRef;

/// So many series, the last of the list, are looked at to find out which label has the most values.
const SAMPLE: usize = 1 << 12;

/// So many places of the list are looked at for them.
const PLACES: usize = 1 << 16;

impl SeriesMap {
    /// As [`find_overflow`](Self::find_overflow), without a call, and only where one look at each place tells; counts the lookup.
    #[inline(always)]
    pub(in crate::store) fn get_first_overflow<'p, const N: usize>(
        &'p self,
        key: &Key<'p, N>,
        pin: &'p Pin<'_>,
    ) -> Option<SeriesRef<'p>> {
        let usage = self.usage.as_deref()?;
        let overflow = usage.overflow()?;
        // SAFETY: pinned.
        let parts = unsafe { usage.quick_verdict(key.values()) }?;
        // Last, as there may be a series that is not the first tried.
        // SAFETY: pinned.
        if !unsafe { self.index.lacks(key.hash) } || !self.lacks_dying(key.hash, pin) {
            return None;
        }
        let found = self.get_first(&key.replaced(&parts, overflow.value())?, pin)?;
        for_each_label!(label < N {
            if let Some(part) = parts[label] {
                let value = key.values()[label];
                overflow.count(label, hash_of_part(part, value, label), value);
            }
        });
        Some(found)
    }

    /// The series in place of a key that is not there and would be refused one; `None` when it may get a series, or has to be
    /// admitted to tell. Takes no lock and allocates nothing.
    pub(in crate::store) fn find_overflow<'p>(&'p self, values: &[&str], pin: &'p Pin<'_>) -> Option<SeriesRef<'p>> {
        let usage = self.usage.as_deref()?;
        // SAFETY: pinned.
        match unsafe { usage.verdict(values) } {
            Verdict::Room => None,
            Verdict::Replace(labels) if labels.is_empty() || self.is_dying(values, pin) => None,
            Verdict::Replace(labels) => self.find_replaced(values, labels, pin).or_else(|| {
                let is_all = labels == usage.open() || usage.has_spare();
                (!is_all).then(|| self.find_replaced(values, usage.open(), pin))?
            }),
        }
    }

    /// The series with the values of these labels replaced, if it is there; counts the lookup then.
    pub(in crate::store) fn find_replaced<'p>(
        &'p self,
        values: &[&str],
        labels: Labels,
        _pin: &'p Pin<'_>,
    ) -> Option<SeriesRef<'p>> {
        let usage = self.usage.as_deref()?;
        let overflow = usage.overflow()?;
        let replaced = labels.replace(values, &overflow.value().text);
        // SAFETY: entries of the index are series of this map; pinned for the lifetime.
        let found = |entry| unsafe { SeriesRef::new(entry) };
        let is_it = |entry| found(entry).values().eq(replaced.clone());
        // SAFETY: pinned for the lifetime.
        let entry = unsafe { self.index.find(Seeds::of_process().hash(replaced.clone()), is_it) }?;
        labels.iter().for_each(|label| overflow.count(label, hash_of_start(label, values[label]), values[label]));
        Some(found(entry))
    }

    /// Whether these label values can have no series, being too long.
    pub(in crate::store) fn is_too_long(&self, values: &[&str]) -> bool {
        self.usage.as_ref().is_some_and(|usage| !usage.too_long(values).is_empty())
    }

    /// Whether what is refused has no other series, so that its key need not be admitted to tell. Without a lock.
    pub(in crate::store) fn is_refused(&self, values: &[&str], pin: &Pin<'_>) -> bool {
        let usage = self.usage.as_deref().filter(|usage| usage.overflow().is_none());
        // SAFETY: pinned.
        usage.is_some_and(|usage| unsafe { usage.verdict(values) } != Verdict::Room && !self.is_dying(values, pin))
    }

    /// As [`admit`](Self::admit), of a key that is not there, under the lock. Returns also whether it is time to free.
    pub(super) fn admit_within(
        &self,
        usage: &Usage,
        writer: &mut Writer,
        values: &[&str],
    ) -> Result<(Admission, bool), NoMemory> {
        // SAFETY: the lock is held.
        let labels = match unsafe { usage.verdict(values) } {
            Verdict::Room => return Ok((Admission::Admitted, self.insert(writer, values)?)),
            Verdict::Replace(labels) => labels,
        };
        let Some(overflow) = usage.overflow() else { return Ok((Admission::Refused, false)) };
        let labels = if labels.is_empty() { self.find_offender(usage, writer, values) } else { labels };
        for labels in [labels, usage.open()] {
            let mut replaced = Vec::new();
            replaced.try_reserve_exact(values.len())?;
            replaced.extend(labels.replace(values, &overflow.value().text));
            if self.is_there(writer, &replaced)? {
                return Ok((Admission::Overflowed(labels), false));
            }
            // With all of them replaced, there are no more series than combinations of closed labels.
            if labels == usage.open() || usage.has_spare() {
                return Ok((Admission::Overflowed(labels), self.insert(writer, &replaced)?));
            }
        }
        Ok((Admission::Refused, false))
    }

    #[cfg(test)]
    pub(in crate::store) fn offender_of(&self, values: &[&str]) -> Labels {
        self.find_offender(self.usage.as_deref().expect("it has limits"), &self.lock(), values)
    }

    /// Finds out which label to replace when there is no room for a series of these values: the one with the most values among
    /// it and the last series of the list. For the holder of the lock.
    fn find_offender(&self, usage: &Usage, writer: &Writer, values: &[&str]) -> Labels {
        let end = writer.vacant.end_of_filled(self.list.len());
        let sample = || {
            let places = (end.saturating_sub(PLACES)..end).rev().map(|place| self.list.get(place));
            places.filter(|entry| !entry.is_null()).take(SAMPLE)
        };
        let mut hashes = Vec::new();
        let most = usage.open().iter().max_by_key(|label| {
            // One label is quickly found, also without memory.
            hashes.clear();
            if Labels::only(*label) == usage.open() || hashes.try_reserve(SAMPLE + 1).is_err() {
                return (0, core::cmp::Reverse(*label));
            }
            hashes.push(Seeds::of_process().hash_of(*label, values[*label]));
            for entry in sample() {
                // SAFETY: entries of the list are series of this map, which the lock keeps there.
                let series = unsafe { SeriesRef::new(entry) };
                hashes.extend(series.values().nth(*label).map(|value| Seeds::of_process().hash_of(*label, value)));
            }
            hashes.sort_unstable();
            hashes.dedup();
            (hashes.len(), core::cmp::Reverse(*label))
        });
        let offender = most.map(Labels::only).unwrap_or_default();
        usage.set_offender(offender);
        offender
    }
}

/// The hash of a label value that may be very long, of which only the beginning is looked at.
fn hash_of_start(label: usize, value: &str) -> u64 {
    const MOST: usize = 256;
    let end = (0..=MOST.min(value.len())).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
    Seeds::of_process().hash_of(label, &value[..end])
}
