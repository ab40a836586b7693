//! The only door to atomics.
//!
//! Everything in the crate that threads share is built from the types re-exported here, so that the models in
//! `store` run the same code on [loom](https://docs.rs/loom)'s atomics (`--cfg quipu_loom`).

#[cfg(not(quipu_loom))]
pub(crate) use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
#[cfg(quipu_loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};

#[cfg(quipu_loom)]
pub(crate) use loom::sync::Mutex;
#[cfg(quipu_loom)]
use loom::sync::MutexGuard;
#[cfg(not(quipu_loom))]
pub(crate) use std::sync::Mutex;
#[cfg(not(quipu_loom))]
use std::sync::MutexGuard;
pub(crate) use std::sync::OnceLock;

/// A static that threads share. In a model each run has a new one, as loom's atomics live for one run.
#[cfg(not(quipu_loom))]
macro_rules! shared_static {
    ($(#[$attr:meta])* $vis:vis static $NAME:ident: $Type:ty = $value:expr;) => {
        $(#[$attr])* $vis static $NAME: $Type = $value;
    };
}
#[cfg(quipu_loom)]
macro_rules! shared_static {
    ($(#[$attr:meta])* $(pub($($vis:tt)+))? static $NAME:ident: $Type:ty = $value:expr;) => {
        loom::lazy_static! { $(#[$attr])* $(pub($($vis)+))? static ref $NAME: $Type = $value; }
    };
}
pub(crate) use shared_static;

#[cfg(not(quipu_loom))]
pub(crate) use std::thread_local as thread_static;
/// A model's threads are not those of the process. Their locals are made by expressions, which loom does not know to be constant.
#[cfg(quipu_loom)]
macro_rules! thread_static {
    ($($(#[$attr:meta])* static $NAME:ident: $Type:ty = $value:expr;)+) => {
        loom::thread_local! { $($(#[$attr])* static $NAME: $Type = $value;)+ }
    };
}
#[cfg(quipu_loom)]
pub(crate) use thread_static;

/// An array of equal values, by a constant where atomics can be made by one.
#[cfg(not(quipu_loom))]
macro_rules! array_of {
    ($value:expr; $len:expr) => {
        [const { $value }; $len]
    };
}
#[cfg(quipu_loom)]
macro_rules! array_of {
    ($value:expr; $len:expr) => {
        core::array::from_fn::<_, { $len }, _>(|_| $value)
    };
}
pub(crate) use array_of;

#[cfg(all(any(feature = "grpc", feature = "http"), not(quipu_loom)))]
pub(crate) mod append_list;
pub(crate) mod asymmetric;
#[cfg(not(quipu_loom))]
pub(crate) mod block_on;
pub(crate) mod gate;
pub(crate) mod pair;
#[cfg(all(unix, feature = "process", not(quipu_loom)))]
pub(crate) mod process;
pub(crate) mod ticks;

use core::ops::{Deref, DerefMut};

/// Locks, and goes on with the data of a holder that panicked: every critical section of the crate leaves its data whole
/// at each step. No thread forks meanwhile, so that no child finds the mutex locked.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> Locked<'_, T> {
    let pass = gate::pass();
    let data = mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    Locked { data, _pass: pass }
}

/// The data of a locked mutex.
#[derive(Debug)]
pub(crate) struct Locked<'a, T> {
    // Unlocked before the gate is left: fields are dropped in this order.
    data: MutexGuard<'a, T>,
    _pass: gate::Pass,
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.data
    }
}

/// The value of a cell, made at the first call. No thread forks meanwhile, so that no child waits for it for ever.
#[inline]
pub(crate) fn get_or_init<T>(cell: &OnceLock<T>, init: impl FnOnce() -> T) -> &T {
    cell.get().unwrap_or_else(|| {
        let _pass = gate::pass();
        cell.get_or_init(init)
    })
}

/// As [`lock`], without waiting: `None` when another thread holds the lock, or forks.
pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<Locked<'_, T>> {
    let pass = gate::try_pass()?;
    let data = match mutex.try_lock() {
        Ok(data) => data,
        Err(std::sync::TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(std::sync::TryLockError::WouldBlock) => return None,
    };
    Some(Locked { data, _pass: pass })
}

#[cfg(all(test, not(miri), not(quipu_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    /// All locks pass one gate. An observation that misses the free lock of a summary's copies counts to the step before.
    #[test]
    fn a_lock_that_nobody_holds_is_had_at_once_whatever_other_locks_are_taken() {
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            let lock_another = || {
                let another = Mutex::new(());
                while !is_done.load(Ordering::Relaxed) {
                    drop(lock(&another));
                }
            };
            (0..3).for_each(|_| drop(scope.spawn(lock_another)));
            let mine = Mutex::new(());
            // Once, so that the gate knows of forks.
            drop(lock(&mine));
            let missed = (0..300_000).filter(|_| try_lock(&mine).is_none()).count();
            is_done.store(true, Ordering::Relaxed);
            assert_eq!(missed, 0);
        });
    }
}
