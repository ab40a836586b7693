//! A sum and a count that change together: 16 aligned bytes that are read and written as one.
//!
//! - **x86-64 with AVX** ([`fast`]): one aligned SSE load or store. Intel (SDM volume 3A, 9.1.1 "Guaranteed Atomic
//!   Operations") and AMD (APM volume 2, 7.3.2 "Access Atomicity") guarantee that it is atomic on every processor with AVX.
//! - **AArch64 with LSE2** ([`fast`]): `ldp` and `stp` of two registers of 64 bits, which are atomic within 16 aligned bytes
//!   of ordinary memory (Arm ARM, DDI 0487, B2.2.1 "Requirements for single-copy atomicity", FEAT_LSE2). All processors since
//!   Armv8.4 have it.
//! - **elsewhere** ([`portable`]): `portable_atomic::AtomicU128`, which takes the processor's own instructions, or else a lock.
//!   `--cfg quipu_portable` forces this way, so that it can be tested.
//! - **in models** (`--cfg quipu_loom`): 32 bits each in one 64-bit atomic.
//!
//! Pairs that several threads write always go by `portable`, and the fast way is only taken where that has no lock: what a lock
//! protects must not be accessed past it.

#![allow(unsafe_code, reason = "16-byte atomics; each block names its invariant")]

use crate::sync::AtomicU64;

#[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(any(miri, quipu_portable, quipu_loom))))]
mod fast;
#[cfg(not(quipu_loom))]
mod portable;
#[cfg(quipu_loom)]
#[path = "model.rs"]
mod portable;

/// Where there is no faster way.
#[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(any(miri, quipu_portable, quipu_loom)))))]
mod fast {
    pub(super) use super::portable::*;

    pub(super) fn is_available() -> bool {
        true
    }
}

/// A sum and the number of observations in it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Pair {
    pub(crate) sum: f64,
    pub(crate) count: u64,
}

impl Pair {
    #[inline(always)]
    fn with(self, value: f64) -> Pair {
        self.plus(Pair { sum: value, count: 1 })
    }

    #[inline(always)]
    fn plus(self, other: Pair) -> Pair {
        Pair { sum: self.sum + other.sum, count: self.count.wrapping_add(other.count) }
    }
}

/// Whether [`observe_quick`] may be used.
pub(crate) fn is_quick() -> bool {
    fast::is_available()
}

/// As [`observe_owned`], without asking what the processor can do.
///
/// # Safety
/// As [`observe_owned`]; and [`is_quick`] said so.
#[inline(always)]
pub(crate) unsafe fn observe_quick(cell: *const AtomicU64, value: f64) {
    // SAFETY: passed on.
    unsafe { fast::observe(cell, value) }
}

/// Reads both halves at once.
///
/// # Safety
/// `cell` is 16-byte aligned and the first of two cells, which are only ever accessed through this module.
#[inline(always)]
pub(crate) unsafe fn load(cell: *const AtomicU64) -> Pair {
    if fast::is_available() {
        // SAFETY: passed on; the fast way is available.
        return unsafe { fast::load(cell) };
    }
    // SAFETY: passed on.
    unsafe { portable::load(cell) }
}

/// Adds pairs that lie side by side to the sums. Returns `false` if all of them are known to be zero.
///
/// # Safety
/// As [`load`], for each of as many pairs as sums.
pub(crate) unsafe fn add_run(first: *const AtomicU64, sums: &mut [Pair]) -> bool {
    if fast::is_available() {
        // SAFETY: passed on; the fast way is available.
        return unsafe { fast::add_run(first, sums) };
    }
    // SAFETY: passed on.
    unsafe { portable::add_run(first, sums) }
}

/// Replaces the sums by pairs that lie side by side.
///
/// # Safety
/// As [`load`], for each of as many pairs as sums.
pub(crate) unsafe fn copy_run(first: *const AtomicU64, sums: &mut [Pair]) {
    if fast::is_available() {
        // SAFETY: passed on; the fast way is available.
        return unsafe { fast::copy_run(first, sums) };
    }
    // SAFETY: passed on.
    unsafe { portable::copy_run(first, sums) }
}

/// Adds one observation, as the only thread that writes this pair.
///
/// # Safety
/// As [`load`]; and no other thread writes this pair.
pub(crate) unsafe fn observe_owned(cell: *const AtomicU64, value: f64) {
    if fast::is_available() {
        // SAFETY: passed on; the fast way is available.
        return unsafe { fast::observe(cell, value) };
    }
    // SAFETY: passed on.
    unsafe { portable::observe(cell, value) }
}

/// Adds one observation to a pair that other threads may add to.
///
/// # Safety
/// As [`add_shared`].
pub(crate) unsafe fn observe_shared(cell: *const AtomicU64, value: f64) {
    // SAFETY: passed on.
    unsafe { portable::add_shared(cell, Pair { sum: value, count: 1 }) }
}

/// Adds to a pair that other threads may add to; also for the only thread that writes it.
///
/// # Safety
/// As [`load`]; and the other writers use this function or [`observe_shared`].
pub(crate) unsafe fn add_shared(cell: *const AtomicU64, more: Pair) {
    // SAFETY: passed on.
    unsafe { portable::add_shared(cell, more) }
}

/// Sets both halves to zero.
///
/// # Safety
/// As [`load`]; and no other thread writes this pair.
pub(crate) unsafe fn clear(cell: *const AtomicU64) {
    // SAFETY: passed on.
    unsafe { portable::store(cell, Pair::default()) }
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;

    #[repr(align(16))]
    struct Cells([AtomicU64; 2 * 35]);

    /// Whichever way each function takes, the others see what it wrote.
    #[test]
    fn the_ways_agree_on_what_a_pair_is() {
        let cells = Cells([const { AtomicU64::new(0) }; 70]);
        let pair = |n: usize| -> *const AtomicU64 { &raw const cells.0[2 * n] };
        let mut sums = [Pair { sum: 1.0, count: 1 }; 35];
        // SAFETY: all cells are pairs, aligned, of this thread alone; so below.
        unsafe { copy_run(pair(0), &mut sums) };
        assert_eq!(sums, [Pair::default(); 35]);
        for n in [3, 17, 34] {
            // SAFETY: as above.
            unsafe { observe_owned(pair(n), 0.5) };
            // SAFETY: as above.
            unsafe { observe_shared(pair(n), n as f64) };
            let whole = Pair { sum: 0.5 + n as f64, count: 2 };
            // SAFETY: as above.
            assert_eq!(unsafe { load(pair(n)) }, whole);
            // SAFETY: as above.
            assert_eq!(unsafe { portable::load(pair(n)) }, whole);
        }
        // SAFETY: as above.
        assert!(unsafe { add_run(pair(0), &mut sums) });
        // SAFETY: as above.
        assert!(unsafe { add_run(pair(0), &mut sums) });
        for (n, sum) in sums.into_iter().enumerate() {
            let is_written = [3, 17, 34].contains(&n);
            assert_eq!(sum, if is_written { Pair { sum: 1.0 + 2.0 * n as f64, count: 4 } } else { Pair::default() });
        }
        // SAFETY: as above.
        unsafe { clear(pair(17)) };
        // SAFETY: as above.
        assert_eq!(unsafe { load(pair(17)) }, Pair::default());
    }
}
