//! The only door to atomics.
//!
//! Everything in the crate that threads share is built from the types re-exported here, so that the models in
//! `store` run the same code on [loom](https://docs.rs/loom)'s atomics (`--cfg quipu_loom`).

#[cfg(not(quipu_loom))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(quipu_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(quipu_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(quipu_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(all(feature = "http", not(quipu_loom)))]
pub(crate) mod append_list;
pub(crate) mod asymmetric;
pub(crate) mod pair;
pub(crate) mod ticks;

/// Locks, and goes on with the data of a holder that panicked: every critical section of the crate leaves its data whole
/// at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
