//! How much a family may hold: plain numbers, and what is counted against them.
//!
//! Whoever sets the numbers decides; the store only counts, and says which limit is reached.

use crate::store::cells::memory::NoMemory;
use crate::store::lookup::index::Fill;
use crate::store::lookup::known::{KnownValues, Unlinked};
use crate::store::series::admission::Refusal;
use crate::store::series::series::Series;
use crate::sync::{AtomicUsize, Ordering};
use std::sync::Arc;

/// The most that a family may hold; `None` for no limit. A family that has come to a limit in bytes gets no further series:
/// the last one may go beyond it.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    pub(crate) series: Option<usize>,
    /// Memory of the series, without what they take in the lanes.
    pub(crate) bytes: Option<usize>,
    /// A limit for several families together.
    pub(crate) shared_bytes: Option<Arc<SharedBytes>>,
    /// Distinct values of each label, in the order of the label names. Further labels have no limit.
    pub(crate) values: Vec<Option<usize>>,
}

/// A number of bytes that several families share.
#[derive(Debug)]
pub(crate) struct SharedBytes {
    used: AtomicUsize,
    most: usize,
}

impl SharedBytes {
    #[cfg_attr(not(test), expect(dead_code, reason = "for a guard that sets limits"))]
    pub(crate) fn new(most: usize) -> SharedBytes {
        SharedBytes { used: AtomicUsize::new(0), most }
    }

    /// How many are used.
    pub(crate) fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }
}

/// The limits of a family, and what is used of them. Written under the lock of the family's map, read by anyone.
#[derive(Debug)]
pub(in crate::store) struct Usage {
    limits: Limits,
    series: AtomicUsize,
    bytes: AtomicUsize,
    /// Of each label that has a limit.
    known: Vec<Option<KnownValues>>,
}

/// What only the writer knows of the known values of each label.
pub(in crate::store) type Fills = Vec<Fill>;

impl Usage {
    pub(in crate::store) fn new(limits: Limits) -> (Usage, Fills) {
        let known: Vec<_> = limits.values.iter().map(|limit| limit.map(|_| KnownValues::new())).collect();
        let fills = known.iter().map(|_| Fill::default()).collect();
        (Usage { limits, series: AtomicUsize::new(0), bytes: AtomicUsize::new(0), known }, fills)
    }

    /// The known values of each label that has a limit, with the number of the label and the limit.
    fn known(&self) -> impl Iterator<Item = (usize, &KnownValues, usize)> {
        let labels = self.known.iter().zip(&self.limits.values).enumerate();
        labels.filter_map(|(label, (known, most))| Some((label, known.as_ref()?, (*most)?)))
    }

    /// The limit that keeps out a series with these label values, which is not there.
    ///
    /// # Safety
    /// The caller is pinned, or holds the writer's lock.
    pub(in crate::store) unsafe fn refusal(&self, values: &[&str]) -> Option<Refusal> {
        for (label, known, most) in self.known() {
            // SAFETY: passed on.
            if known.count() >= most && !unsafe { known.has(values[label]) } {
                return Some(Refusal::Values { label });
            }
        }
        let is_reached = |used: usize, most: Option<usize>| most.is_some_and(|most| used >= most);
        let shared = self.limits.shared_bytes.as_ref();
        match () {
            () if is_reached(self.series.load(Ordering::Relaxed), self.limits.series) => Some(Refusal::Series),
            () if is_reached(self.bytes.load(Ordering::Relaxed), self.limits.bytes) => Some(Refusal::Bytes),
            () if shared.is_some_and(|shared| shared.used() >= shared.most) => Some(Refusal::SharedBytes),
            () => None,
        }
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
        for (n, (label, known, _)) in self.known().enumerate() {
            // SAFETY: the lock is held.
            if let Err(error) = unsafe { known.add(&mut fills[label], values[label], &mut unlinked) } {
                for (label, known, _) in self.known().take(n) {
                    // SAFETY: the lock is held, and it was added just now.
                    unsafe { known.remove(&mut fills[label], values[label], &mut unlinked) };
                }
                return Err(error);
            }
        }
        self.series.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(series.size(), Ordering::Relaxed);
        if let Some(shared) = &self.limits.shared_bytes {
            shared.used.fetch_add(series.size(), Ordering::Relaxed);
        }
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
        for (label, value) in series.values().enumerate() {
            if let Some(known) = self.known.get(label).and_then(Option::as_ref) {
                // SAFETY: the lock is held; passed on.
                unsafe { known.remove(&mut fills[label], value, &mut unlinked) };
            }
        }
        self.series.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(series.size(), Ordering::Relaxed);
        if let Some(shared) = &self.limits.shared_bytes {
            shared.used.fetch_sub(series.size(), Ordering::Relaxed);
        }
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
        if let Some(shared) = &self.limits.shared_bytes {
            shared.used.fetch_sub(self.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
