//! Slots that all threads share: cells in the allocation of their series, written by read-modify-writes.

use super::prefetch::prefetch;
use crate::sync::{AtomicU64, Ordering::Relaxed, pair, pair::Pair};
use core::ptr::NonNull;

/// The shared slot of a series: one cell, or a pair of cells for each bucket.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct SharedSlot(NonNull<AtomicU64>);

impl SharedSlot {
    /// # Safety
    /// The slot's cells are there, and zeroed at first, for as long as the result is used. Those of pairs are aligned to 16
    /// bytes.
    #[inline(always)]
    pub(in crate::store) unsafe fn new(first: NonNull<AtomicU64>) -> SharedSlot {
        SharedSlot(first)
    }

    #[inline(always)]
    fn cell(&self) -> &AtomicU64 {
        // SAFETY: there, as `new` was promised.
        unsafe { self.0.as_ref() }
    }

    /// The cells of a pair.
    ///
    /// # Safety
    /// The slot has as many pairs.
    #[inline(always)]
    unsafe fn pair(self, n: usize) -> *const AtomicU64 {
        // SAFETY: passed on.
        unsafe { self.0.add(2 * n) }.as_ptr()
    }

    #[inline(always)]
    pub(in crate::store) fn get(self) -> u64 {
        self.cell().load(Relaxed)
    }

    #[inline(always)]
    pub(in crate::store) fn set(self, bits: u64) {
        self.cell().store(bits, Relaxed);
    }

    /// Adds modulo 2^64.
    #[inline(always)]
    pub(in crate::store) fn add(self, n: u64) {
        self.cell().fetch_add(n, Relaxed);
    }

    /// Sets or clears bits.
    #[inline]
    pub(in crate::store) fn set_bits(self, bits: u64, is_set: bool) {
        if is_set {
            self.cell().fetch_or(bits, Relaxed);
        } else {
            self.cell().fetch_and(!bits, Relaxed);
        }
    }

    /// Replaces a float by what `next` makes of it, as long as that is something. Lock-free: a thread retries only when another
    /// one has written.
    #[inline(always)]
    pub(in crate::store) fn update_float(self, next: impl Fn(f64) -> Option<f64>) {
        let mut old = self.get();
        while let Some(new) = next(f64::from_bits(old))
            && let Err(current) = self.cell().compare_exchange_weak(old, new.to_bits(), Relaxed, Relaxed)
        {
            old = current;
        }
    }

    /// Adds one observation to the `n`th pair.
    ///
    /// # Safety
    /// The slot has as many pairs.
    pub(in crate::store) unsafe fn observe(self, n: usize, value: f64) {
        // SAFETY: passed on.
        let pair = unsafe { self.pair(n) };
        // SAFETY: an aligned pair, which only this function writes.
        unsafe { pair::observe_shared(pair, value) }
    }

    /// Adds to the `n`th pair.
    ///
    /// # Safety
    /// The slot has as many pairs.
    pub(in crate::store) unsafe fn add_pair(self, n: usize, more: Pair) {
        // SAFETY: passed on.
        let pair = unsafe { self.pair(n) };
        // SAFETY: an aligned pair, which only this function and `observe` write.
        unsafe { pair::add_shared(pair, more) }
    }

    /// Reads a pair.
    ///
    /// # Safety
    /// The slot has as many pairs.
    #[cfg(quipu_loom)]
    pub(in crate::store) unsafe fn get_pair(self, n: usize) -> Pair {
        // SAFETY: passed on.
        let pair = unsafe { self.pair(n) };
        // SAFETY: an aligned pair.
        unsafe { pair::load(pair) }
    }

    /// Replaces `pairs` by the first of the slot's.
    ///
    /// # Safety
    /// The slot has as many pairs.
    pub(in crate::store) unsafe fn copy_pairs(self, pairs: &mut [Pair]) {
        // SAFETY: aligned pairs, as many as the caller says.
        unsafe { pair::copy_run(self.0.as_ptr(), pairs) };
    }

    /// As [`copy_pairs`](Self::copy_pairs), from the `first` one on.
    ///
    /// # Safety
    /// The slot has as many pairs after those.
    pub(in crate::store) unsafe fn copy_pairs_from(self, first: usize, pairs: &mut [Pair]) {
        // SAFETY: passed on.
        let first = unsafe { self.pair(first) };
        // SAFETY: aligned pairs, as many as the caller says.
        unsafe { pair::copy_run(first, pairs) };
    }

    /// Asks for the memory of `len` cells.
    pub(in crate::store) fn prefetch(self, len: usize) {
        (0..len).step_by(8).for_each(|n| prefetch(self.0.as_ptr().wrapping_add(n)));
    }
}
