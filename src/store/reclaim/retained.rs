//! What stays in memory although nobody can use it: so that it can be seen.

use crate::store::reclaim::pin::PINS;
use crate::sync::{AtomicU64, Ordering, shared_static};

shared_static! {
    static SERIES: AtomicU64 = AtomicU64::new(0);
}
shared_static! {
    static LANES: AtomicU64 = AtomicU64::new(0);
}

/// Something that was removed and is not freed yet. It counts as one series.
#[derive(Debug)]
pub(in crate::store) struct Retained<T> {
    #[expect(dead_code, reason = "held for its drop")]
    removed: T,
}

impl<T> Retained<T> {
    pub(in crate::store) fn new(removed: T) -> Self {
        SERIES.fetch_add(1, Ordering::Relaxed);
        Retained { removed }
    }
}

impl<T> Drop for Retained<T> {
    fn drop(&mut self) {
        SERIES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The series of the process that were removed and wait for pins to be dropped.
pub(crate) fn retained_series() -> u64 {
    SERIES.load(Ordering::Relaxed)
}

/// Whether nothing that is removed is freed, because the system refuses `membarrier`.
pub(crate) fn is_freeing_refused() -> bool {
    PINS.is_refused()
}

/// Counts a lane whose thread has ended without dropping its pins.
pub(in crate::store) fn count_lost_lane() {
    LANES.fetch_add(1, Ordering::Relaxed);
}

/// The lanes that ended so.
pub(crate) fn lost_lanes() -> u64 {
    LANES.load(Ordering::Relaxed)
}
