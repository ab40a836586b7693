//! Series found by names that the program, or a request, gives.

use core::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, TryLockError};

/// Names of more bytes than this together are not kept: whoever sends them could fill the memory with them.
const MAX_KEPT_BYTES: usize = 256;

/// What belongs to names, kept so that it is found again without a lock and without an allocation.
///
/// It only grows, up to half of its slots. What finds no room is made anew each time; the limits of the families then decide which
/// series it is.
pub(crate) struct Names<S> {
    /// There from the first name on: an area that is not used takes no memory for it.
    slots: OnceLock<Box<[OnceLock<Entry<S>>]>>,
    len: usize,
    hasher: RandomState,
    /// How many slots are taken. Held by who takes one.
    taken: Mutex<usize>,
}

struct Entry<S> {
    names: Box<[Box<str>]>,
    found: Arc<S>,
}

impl<S> Names<S> {
    /// Room for half as many names as there are slots.
    pub(crate) fn new(slots: usize) -> Self {
        Names { slots: OnceLock::new(), len: slots, hasher: RandomState::new(), taken: Mutex::new(0) }
    }

    fn slots(&self) -> &[OnceLock<Entry<S>>] {
        self.slots.get_or_init(|| (0..self.len).map(|_| OnceLock::new()).collect())
    }

    /// What belongs to these names, which is made if it is not there.
    #[inline]
    pub(crate) fn get<const N: usize>(&self, names: [&str; N], make: impl FnOnce() -> S) -> Arc<S> {
        let bytes: usize = names.iter().map(|name| name.len()).sum();
        if bytes > MAX_KEPT_BYTES {
            return Arc::new(make());
        }
        let hash = self.hasher.hash_one(names) as usize;
        match self.find(hash, &names) {
            Ok(found) => found.clone(),
            Err(_) => self.insert(hash, &names, make),
        }
    }

    /// What is there; or else the slot in which it would be.
    fn find(&self, hash: usize, names: &[&str]) -> Result<&Arc<S>, usize> {
        let (slots, len) = (self.slots(), self.len);
        let mut at = hash % len;
        // Half of the slots stay empty, so this comes to one.
        while let Some(entry) = slots[at].get() {
            if entry.names.iter().map(|name| &**name).eq(names.iter().copied()) {
                return Ok(&entry.found);
            }
            at = (at + 1) % len;
        }
        Err(at)
    }

    #[cold]
    fn insert(&self, hash: usize, names: &[&str], make: impl FnOnce() -> S) -> Arc<S> {
        let found = Arc::new(make());
        let mut taken = match self.taken.try_lock() {
            Ok(taken) => taken,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Nobody waits: the next one keeps it.
            Err(TryLockError::WouldBlock) => return found,
        };
        match self.find(hash, names) {
            Ok(found) => found.clone(),
            Err(_) if *taken >= self.len / 2 => found,
            Err(at) => {
                let names = names.iter().map(|name| Box::from(*name)).collect();
                *taken += usize::from(self.slots()[at].set(Entry { names, found: found.clone() }).is_ok());
                found
            }
        }
    }
}

impl<S> fmt::Debug for Names<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.slots().iter().filter_map(|slot| slot.get()).map(|entry| &entry.names);
        f.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn what_was_made_is_found_again_and_names_are_not_run_together() {
        let table = Names::new(16);
        let made = Cell::new(0);
        let get = |names| {
            *table.get(names, || {
                made.set(made.get() + 1);
                made.get()
            })
        };
        assert_eq!([get(["ab", "c"]), get(["a", "bc"]), get(["ab", "c"]), get(["", "abc"])], [1, 2, 1, 3]);
    }

    #[test]
    fn names_without_room_are_made_anew_and_lose_nobody_their_place() {
        let table = Names::new(16);
        let get = |n: usize| table.get([&n.to_string()], || n);
        let first: Vec<_> = (0..8).map(get).collect();
        for n in 8..1_000 {
            assert_eq!(*get(n), n);
            assert!(!Arc::ptr_eq(&get(n), &get(n)));
        }
        for (n, found) in first.iter().enumerate() {
            assert!(Arc::ptr_eq(found, &get(n)));
        }
    }

    #[test]
    fn long_names_are_not_kept() {
        let table = Names::new(16);
        let long = "x".repeat(1 << 20);
        table.get([&long], || ());
        assert!(table.slots.get().is_none());
    }

    #[test]
    fn threads_that_make_the_same_come_to_share_it() {
        let table = Names::new(64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    (0..1_000).for_each(|n| assert_eq!(*table.get([&(n % 20).to_string()], || n % 20), n % 20))
                });
            }
        });
        assert!(*table.taken.lock().unwrap() <= 20);
        let get = || table.get(["7"], || 7);
        get();
        assert!(Arc::ptr_eq(&get(), &get()));
    }
}
