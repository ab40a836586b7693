//! A metric on loan: looked up, recorded into, and let go.

use super::pin::{Pin, pin};
use super::series::{Found, Series};
use super::set::Set;
use core::mem::ManuallyDrop;
use core::ops::Deref;

/// A metric that was looked up by its labels, to record into on the spot.
///
/// Made by [`Family::with`](crate::Family::with). It holds its thread's pin on the family, so that no reference count is
/// touched; it cannot leave its thread, and should not be kept: removed series are freed only once no thread has one. To keep
/// a metric, take a [handle](crate::Family::handle).
pub struct Bound<'a, M>(Loan<'a, M>);

enum Loan<'a, M> {
    /// Borrowed from a family that keeps a handle for each of its series.
    Kept(&'a M),
    /// A metric without a share of its series: never dropped, and good while the pin is held.
    Pinned(ManuallyDrop<M>, #[expect(dead_code, reason = "held for its drop")] Pin<'a>),
}

impl<'a, M> Bound<'a, M> {
    #[inline(always)]
    pub(crate) fn kept(metric: &'a M) -> Self {
        Bound(Loan::Kept(metric))
    }

    /// Finds or makes the series, and the metric from it. `make` only moves the series into the metric.
    #[inline(always)]
    pub(crate) fn look_up(set: &'a Set, values: &[&str], make: fn(Series) -> M) -> Self {
        Bound::find(set, values, make).unwrap_or_else(|| Bound::insert(set, values, make))
    }

    #[inline(always)]
    fn find(set: &'a Set, values: &[&str], make: fn(Series) -> M) -> Option<Self> {
        let pin = pin();
        let metric = make(share(&set.get(values, &pin)?));
        Some(Bound(Loan::Pinned(ManuallyDrop::new(metric), pin)))
    }

    #[cold]
    #[inline(never)]
    fn insert(set: &'a Set, values: &[&str], make: fn(Series) -> M) -> Self {
        loop {
            set.insert(values);
            // Another thread may have removed it again.
            if let Some(bound) = Bound::find(set, values, make) {
                return bound;
            }
        }
    }
}

/// A second `Series` for a share that is owned elsewhere; the caller must not drop it.
#[inline(always)]
fn share(found: &Found<'_>) -> Series {
    // SAFETY: the copy goes into a `ManuallyDrop`, so the share is still given up once, by its owner.
    unsafe { core::ptr::read(&raw const **found) }
}

impl<M> Deref for Bound<'_, M> {
    type Target = M;

    #[inline(always)]
    fn deref(&self) -> &M {
        match &self.0 {
            Loan::Kept(metric) => metric,
            Loan::Pinned(metric, _) => metric,
        }
    }
}

impl<M: core::fmt::Debug> core::fmt::Debug for Bound<'_, M> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (**self).fmt(f)
    }
}
