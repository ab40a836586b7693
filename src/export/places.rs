//! Places for scrapes under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A number of places, each of which one scrape has for its time.
#[derive(Clone, Debug)]
pub(super) struct Places {
    limit: usize,
    taken: Arc<Mutex<usize>>,
}

impl Places {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, taken: Arc::default() }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// A place, if more than `spare` are free.
    pub(super) fn take(&self, spare: usize) -> Option<Place> {
        let mut taken = locked(&self.taken);
        if *taken + spare >= self.limit {
            return None;
        }
        *taken += 1;
        Some(Place(Arc::clone(&self.taken)))
    }
}

/// A place that is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<Mutex<usize>>);

impl Drop for Place {
    fn drop(&mut self) {
        *locked(&self.0) -= 1;
    }
}

fn locked(taken: &Mutex<usize>) -> MutexGuard<'_, usize> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}
