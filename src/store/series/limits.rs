//! How much a family may hold: plain numbers, and what is counted against them.
//!
//! Whoever sets the numbers decides; the store only counts, and says which labels' values are too many.

use crate::guard::{LabelLimit, Offenders};
use crate::store::cells::lane::LANES;
use crate::store::cells::memory::NoMemory;
use crate::store::cells::slots::SLOTS;
use crate::store::lookup::index::Fill;
use crate::store::lookup::key::{Replacement, Seeds, for_each_label, hash_of_part};
use crate::store::lookup::known::{KnownValues, Unlinked};
use crate::store::series::handle::Handle;
use crate::store::series::labels::Labels;
use crate::store::series::series::Series;
use crate::sync::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;

/// The most that a family may hold.
#[derive(Debug)]
pub(crate) struct Limits {
    /// `None` for no limit.
    pub(crate) series: Option<usize>,
    /// A limit for several families together.
    pub(crate) shared: Option<Arc<SharedLimits>>,
    /// So many series the family may have whatever the others use, until that is [given back](Usage::give_back).
    pub(crate) reserved: usize,
    /// The longest value of a label, in bytes.
    pub(crate) value_bytes: usize,
    /// In the order of the label names. Further labels are closed.
    pub(crate) labels: Vec<LabelLimit>,
    /// `None` if nothing can stand in place of what is refused.
    pub(crate) overflow: Option<Overflow>,
}

/// None.
impl Default for Limits {
    fn default() -> Limits {
        let (labels, value_bytes) = (Vec::new(), usize::MAX);
        Limits { series: None, shared: None, reserved: 0, value_bytes, labels, overflow: None }
    }
}

/// Where what is refused goes.
#[derive(Debug)]
pub(crate) struct Overflow {
    value: Replacement,
    /// So many series with a replaced value are outside of all limits.
    spare: usize,
    /// Count the lookups of each label whose value was replaced; none if they are not counted.
    lookups: Vec<Handle>,
    offenders: Offenders,
}

impl Overflow {
    /// For a family of so many labels.
    pub(crate) fn new(text: Arc<str>, spare: usize, labels: usize, lookups: Vec<Handle>) -> Overflow {
        Overflow { value: Replacement::new(text), spare, lookups, offenders: Offenders::new(labels) }
    }

    /// What stands in place of values.
    pub(in crate::store) fn value(&self) -> &Replacement {
        &self.value
    }

    /// The values that were replaced.
    pub(in crate::store) fn offenders(&self) -> &Offenders {
        &self.offenders
    }

    /// Counts a lookup in which the value of this label, with this hash, is replaced.
    #[inline(always)]
    pub(in crate::store) fn count(&self, label: usize, hash: u64, value: &str) {
        if let Some(lookups) = self.lookups.get(label) {
            lookups.add(1);
        }
        self.offenders.note(label, hash, value);
    }
}

/// Limits for several families, and what they use of them.
#[derive(Debug, Default)]
pub(crate) struct SharedLimits {
    series: AtomicUsize,
    reserved: AtomicUsize,
    bytes: AtomicUsize,
    most_series: Option<usize>,
    most_bytes: Option<usize>,
}

impl SharedLimits {
    pub(crate) fn new(most_series: Option<usize>, most_bytes: Option<usize>) -> SharedLimits {
        SharedLimits { most_series, most_bytes, ..SharedLimits::default() }
    }

    pub(crate) fn most_series(&self) -> Option<usize> {
        self.most_series
    }

    pub(crate) fn most_bytes(&self) -> Option<usize> {
        self.most_bytes
    }

    /// How many series can still be reserved.
    pub(crate) fn unreserved(&self) -> usize {
        self.most_series.map_or(usize::MAX, |most| most.saturating_sub(self.reserved.load(Ordering::Relaxed)))
    }

    /// How many series are used: of each family, those that it has, or those that are reserved for it if they are more.
    pub(crate) fn series(&self) -> usize {
        self.series.load(Ordering::Relaxed)
    }

    /// How many bytes are used: those of the families' series, and those of the lanes of the process.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed) + SLOTS.bytes(&LANES)
    }

    /// Whether busy series may take lanes. Half of the bytes is left to new series.
    #[inline]
    pub(in crate::store) fn has_bytes_for_lanes(&self) -> bool {
        self.most_bytes.is_none_or(|most| self.bytes() < most / 2)
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.most_series.is_some_and(|most| self.series() >= most)
            || self.most_bytes.is_some_and(|most| self.bytes() >= most)
    }

    fn change(&self, series: [usize; 2], bytes: [usize; 2]) {
        for (used, [before, after]) in [(&self.series, series), (&self.bytes, bytes)] {
            if after >= before {
                used.fetch_add(after - before, Ordering::Relaxed);
            } else {
                used.fetch_sub(before - after, Ordering::Relaxed);
            }
        }
    }
}

/// The family has as many series as it may have.
const FULL: u64 = 1 << 63;

/// The family has as many series as are reserved for it.
const SHARES: u64 = 1 << 62;

/// Memory that a series takes beside its own: a place in the index and one in the list.
const PLACES: usize = 40;

/// Memory that a known value takes beside its text: two allocations and a place in an index.
const KNOWN: usize = 80;

/// The limits of a family, and what is used of them. Written under the lock of the family's map, read by anyone.
#[derive(Debug)]
pub(in crate::store) struct Usage {
    limits: Limits,
    open: Labels,
    /// What is left of those that the limits reserve.
    reserved: AtomicUsize,
    /// So many series of the shared limits are this family's.
    charged: AtomicUsize,
    series: AtomicUsize,
    /// Those of them that have a replaced value.
    overflows: AtomicUsize,
    bytes: AtomicUsize,
    /// Of each label that has a limit.
    known: Vec<Option<KnownValues>>,
    /// The [labels](Labels) that have as many values as they may have, [`FULL`] and [`SHARES`].
    reached: AtomicU64,
    /// The label to be replaced when the family is full; none if that is not known.
    offender: AtomicU64,
    /// Series that came or went since the offender was found.
    changes: AtomicUsize,
}

/// What only the writer knows of the known values of each label.
pub(in crate::store) type Fills = Vec<Fill>;

/// What is to become of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Verdict {
    /// There is room for it.
    Room,
    /// The values of these labels are too many; of none, when it is to be found out of which.
    Replace(Labels),
}

impl Usage {
    pub(in crate::store) fn new(limits: Limits) -> (Usage, Fills) {
        let labels = || limits.labels.iter().enumerate().take(Labels::MOST);
        let open = labels().filter(|(_, limit)| matches!(limit, LabelLimit::Open(_))).map(|(label, _)| label).collect();
        let known = |(label, limit): (usize, &LabelLimit)| {
            matches!(limit, LabelLimit::Open(Some(_))).then(|| KnownValues::new(label))
        };
        let known: Vec<_> = labels().map(known).collect();
        let fills = known.iter().map(|_| Fill::default()).collect();
        if let Some(shared) = &limits.shared {
            shared.change([0, limits.reserved], [0, 0]);
            shared.reserved.fetch_add(limits.reserved, Ordering::Relaxed);
        }
        let usage = Usage {
            reserved: AtomicUsize::new(limits.reserved),
            charged: AtomicUsize::new(limits.reserved),
            limits,
            open,
            series: AtomicUsize::new(0),
            overflows: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            known,
            reached: AtomicU64::new(0),
            offender: AtomicU64::new(0),
            changes: AtomicUsize::new(0),
        };
        usage.see_what_is_reached();
        (usage, fills)
    }

    /// The memory of the series.
    #[cfg(feature = "page")]
    pub(in crate::store) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The labels whose values can be replaced.
    pub(in crate::store) fn open(&self) -> Labels {
        self.open
    }

    pub(in crate::store) fn overflow(&self) -> Option<&Overflow> {
        self.limits.overflow.as_ref()
    }

    /// The labels that have a limit, how many values they have, and the limit.
    pub(in crate::store) fn values(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.known().map(|(label, known, most)| (label, known.count(), most))
    }

    /// The known values of each label that has a limit, with the number of the label and the limit.
    fn known(&self) -> impl Iterator<Item = (usize, &KnownValues, usize)> {
        self.known.iter().zip(&self.limits.labels).enumerate().filter_map(|(label, (known, limit))| match limit {
            LabelLimit::Open(Some(most)) => Some((label, known.as_ref()?, *most)),
            _ => None,
        })
    }

    #[inline]
    fn is_full(&self, reached: u64) -> bool {
        let shared = || self.limits.shared.as_ref().is_some_and(|shared| shared.is_full());
        reached & FULL != 0 || (reached & SHARES != 0 && shared())
    }

    fn offender(&self) -> Labels {
        Labels::from_bits(self.offender.load(Ordering::Relaxed))
    }

    pub(in crate::store) fn set_offender(&self, label: Labels) {
        self.changes.store(0, Ordering::Relaxed);
        self.offender.store(label.bits(), Ordering::Relaxed);
    }

    /// The labels whose values a lookup is to replace, of a key that is not there, with their [parts](Seeds::part) of its hash;
    /// `None` when one look does not tell, or there may be room.
    ///
    /// # Safety
    /// The caller is pinned.
    #[inline(always)]
    pub(in crate::store) unsafe fn quick_verdict<const N: usize>(
        &self,
        values: &[&str; N],
    ) -> Option<[Option<u64>; N]> {
        let (reached, seeds) = (self.reached.load(Ordering::Relaxed), Seeds::chosen());
        let (mut parts, mut is_any) = ([None; N], false);
        if reached & !(FULL | SHARES) != 0 {
            for_each_label!(label < N {
                if reached >> label & 1 == 1 {
                    let part = seeds.part(label, values[label]);
                    // SAFETY: passed on.
                    if unsafe { self.known[label].as_ref()?.lacks(hash_of_part(part, values[label], label)) } {
                        (parts[label], is_any) = (Some(part), true);
                    }
                }
            });
        }
        if !is_any && self.is_full(reached) {
            let offender = self.offender();
            for_each_label!(label < N {
                if offender.has(label) {
                    (parts[label], is_any) = (Some(seeds.part(label, values[label])), true);
                }
            });
        }
        is_any.then_some(parts)
    }

    /// What is to become of a key with these label values, which is not there.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    pub(in crate::store) unsafe fn verdict(&self, values: &[&str]) -> Verdict {
        let reached = self.reached.load(Ordering::Relaxed);
        let is_too_many = |label: &usize| {
            let value = values[*label];
            let known = self.known[*label].as_ref().filter(|_| reached >> label & 1 == 1);
            // SAFETY: passed on.
            value.len() > self.limits.value_bytes || known.is_some_and(|known| !unsafe { known.has(value) })
        };
        let labels: Labels = self.open.iter().filter(is_too_many).collect();
        match () {
            () if !labels.is_empty() => Verdict::Replace(labels),
            () if self.is_full(reached) => Verdict::Replace(self.offender()),
            () => Verdict::Room,
        }
    }

    /// The labels whose values are too long for any series.
    pub(in crate::store) fn too_long(&self, values: &[&str]) -> Labels {
        self.open.iter().filter(|label| values[*label].len() > self.limits.value_bytes).collect()
    }

    /// Whether there is room for a series with a replaced value.
    pub(in crate::store) fn has_spare(&self) -> bool {
        let spare = self.limits.overflow.as_ref().map_or(0, |overflow| overflow.spare);
        self.overflows.load(Ordering::Relaxed) < spare || !self.is_full(self.reached.load(Ordering::Relaxed))
    }

    /// Series that count against the limits. Without the lock, the two numbers may be of different moments.
    fn charged(&self, series: usize, overflows: usize) -> usize {
        series.saturating_sub(overflows.min(self.limits.overflow.as_ref().map_or(0, |overflow| overflow.spare)))
    }

    fn is_overflow<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> bool {
        let Some(overflow) = &self.limits.overflow else { return false };
        values.into_iter().enumerate().any(|(label, value)| self.open.has(label) && *value == *overflow.value.text)
    }

    /// The known values of those labels whose values are counted, which a replaced one is not.
    fn counted<'a>(
        &self,
        values: impl Iterator<Item = &'a str>,
    ) -> impl Iterator<Item = (usize, &KnownValues, &'a str)> {
        let text = self.limits.overflow.as_ref().map(|overflow| &*overflow.value.text);
        values.zip(&self.known).enumerate().filter_map(move |(label, (value, known))| {
            Some((label, known.as_ref().filter(|_| text != Some(value))?, value))
        })
    }

    /// Counts a new series. `unlinked` takes what that unlinks.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(in crate::store) unsafe fn add(
        &self,
        fills: &mut Fills,
        series: &Series,
        values: &[&str],
        mut unlinked: impl FnMut(Unlinked),
    ) -> Result<(), NoMemory> {
        let mut bytes = self.bytes.load(Ordering::Relaxed) + series.size() + PLACES;
        for (n, (label, known, value)) in self.counted(values.iter().copied()).enumerate() {
            // SAFETY: the lock is held.
            match unsafe { known.add(&mut fills[label], value, &mut unlinked) } {
                Ok(is_new) => bytes += if is_new { KNOWN + value.len() } else { 0 },
                Err(error) => {
                    for (label, known, value) in self.counted(values.iter().copied()).take(n) {
                        // SAFETY: the lock is held, and it was added just now.
                        unsafe { known.remove(&mut fills[label], value, &mut unlinked) };
                    }
                    return Err(error);
                }
            }
        }
        let overflows = usize::from(self.is_overflow(values.iter().copied()));
        self.set(self.series.load(Ordering::Relaxed) + 1, self.overflows.load(Ordering::Relaxed) + overflows, bytes);
        Ok(())
    }

    /// Counts a series less.
    ///
    /// # Safety
    /// The caller holds the writer's lock, and the series was [added](Self::add).
    pub(in crate::store) unsafe fn remove(
        &self,
        fills: &mut Fills,
        series: &Series,
        mut unlinked: impl FnMut(Unlinked),
    ) {
        let mut bytes = self.bytes.load(Ordering::Relaxed) - series.size() - PLACES;
        for (label, known, value) in self.counted(series.values()) {
            // SAFETY: the lock is held; passed on.
            let was_last = unsafe { known.remove(&mut fills[label], value, &mut unlinked) };
            bytes -= if was_last { KNOWN + value.len() } else { 0 };
        }
        let overflows = usize::from(self.is_overflow(series.values()));
        self.set(self.series.load(Ordering::Relaxed) - 1, self.overflows.load(Ordering::Relaxed) - overflows, bytes);
    }

    /// Stores what is used now, by the holder of the writer's lock.
    fn set(&self, series: usize, overflows: usize, bytes: usize) {
        self.charge(self.charged(series, overflows), [self.bytes.load(Ordering::Relaxed), bytes]);
        self.series.store(series, Ordering::Relaxed);
        self.overflows.store(overflows, Ordering::Relaxed);
        self.bytes.store(bytes, Ordering::Relaxed);
        self.see_what_is_reached();
        let changes = self.changes.load(Ordering::Relaxed) + 1;
        self.changes.store(changes, Ordering::Relaxed);
        if changes > series / 2 {
            self.set_offender(Labels::default());
        }
    }

    /// Charges the family for so many series and bytes, and no longer for what it was charged for.
    fn charge(&self, series: usize, bytes: [usize; 2]) {
        if let Some(shared) = &self.limits.shared {
            let series = series.max(self.reserved.load(Ordering::Relaxed));
            shared.change([self.charged.swap(series, Ordering::Relaxed), series], bytes);
        }
    }

    /// Gives back what is reserved, once, though the family may live on. Takes no lock: beside a series that comes or goes, the family may
    /// stay charged for it until the next one does, or until it is dropped.
    pub(in crate::store) fn give_back(&self) {
        let reserved = self.reserved.swap(0, Ordering::Relaxed);
        if let Some(shared) = &self.limits.shared {
            shared.reserved.fetch_sub(reserved, Ordering::Relaxed);
        }
        let series = self.charged(self.series.load(Ordering::Relaxed), self.overflows.load(Ordering::Relaxed));
        self.charge(series, [0, 0]);
    }

    fn see_what_is_reached(&self) {
        let labels: Labels =
            self.known().filter(|(_, known, most)| known.count() >= *most).map(|(label, ..)| label).collect();
        let charged = self.charged(self.series.load(Ordering::Relaxed), self.overflows.load(Ordering::Relaxed));
        let is_full = self.limits.series.is_some_and(|most| charged >= most);
        let shares = charged >= self.reserved.load(Ordering::Relaxed);
        let bits = [(is_full, FULL), (shares, SHARES)].map(|(is_set, bit)| if is_set { bit } else { 0 });
        self.reached.store(labels.bits() | bits[0] | bits[1], Ordering::Relaxed);
    }

    /// Gives back room that is not needed. Returns whether more is to be done.
    ///
    /// # Safety
    /// The caller holds the writer's lock.
    pub(in crate::store) unsafe fn tidy(
        &self,
        fills: &mut Fills,
        most: usize,
        mut unlinked: impl FnMut(Unlinked),
    ) -> bool {
        let mut is_under_way = false;
        for (label, known, _) in self.known() {
            // SAFETY: the lock is held.
            is_under_way |= unsafe { known.tidy(&mut fills[label], most, &mut unlinked) };
        }
        is_under_way
    }
}

impl Drop for Usage {
    fn drop(&mut self) {
        self.give_back();
        self.charge(0, [self.bytes.load(Ordering::Relaxed), 0]);
    }
}
