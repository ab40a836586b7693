//! A sum and a count that change together: 16 aligned bytes that are read and written as one.
//!
//! Three ways to do that, chosen in this order:
//!
//! - **x86-64 with AVX**: one aligned SSE load or store. Intel (SDM volume 3A, 9.1.1 "Guaranteed Atomic Operations") and AMD
//!   (APM volume 2, 7.3.2 "Access Atomicity") guarantee that they are atomic on every processor with AVX.
//! - **elsewhere**: `portable_atomic::AtomicU128`. On x86-64 that is `cmpxchg16b`, on AArch64 its pair instructions; on
//!   processors without either it takes a lock of its own. `--cfg quipu_portable` forces this way, so that it can be tested.
//! - **in models** (`--cfg quipu_loom`): 32 bits each in one 64-bit atomic.

#![allow(unsafe_code, reason = "16-byte atomics; each block names its invariant")]

use crate::sync::AtomicU64;

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
    #[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable), not(quipu_loom)))]
    return vector::is_atomic();
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(quipu_portable), not(quipu_loom))))]
    return true;
}

/// As [`observe_owned`], without asking what the processor can do.
///
/// # Safety
/// As [`observe_owned`]; and [`is_quick`] said so.
#[inline(always)]
pub(crate) unsafe fn observe_quick(cell: *const AtomicU64, value: f64) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable), not(quipu_loom)))]
    // SAFETY: passed on.
    unsafe {
        vector::observe(cell, value);
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri), not(quipu_portable), not(quipu_loom))))]
    // SAFETY: passed on.
    unsafe {
        portable::observe_owned(cell, value);
    }
}

/// Reads both halves at once.
///
/// # Safety
/// `cell` is 16-byte aligned and the first of two cells, which are only ever accessed through this module.
#[inline(always)]
pub(crate) unsafe fn load(cell: *const AtomicU64) -> Pair {
    #[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable), not(quipu_loom)))]
    if vector::is_atomic() {
        // SAFETY: passed on; the processor has AVX.
        return unsafe { vector::load(cell) };
    }
    // SAFETY: passed on.
    unsafe { portable::load(cell) }
}

/// Adds pairs that lie side by side to the sums. Whether there was anything to add, as far as it was looked for.
///
/// # Safety
/// As [`load`], for each of as many pairs as sums.
#[cfg(not(quipu_loom))]
pub(crate) unsafe fn add_run(first: *const AtomicU64, sums: &mut [Pair]) -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable)))]
    if vector::is_atomic() {
        // SAFETY: passed on; the processor has AVX.
        return unsafe { vector::add_run(first, sums) };
    }
    for (n, sum) in sums.iter_mut().enumerate() {
        // SAFETY: the caller passes as many pairs, each of two cells.
        let cell = unsafe { first.add(2 * n) };
        // SAFETY: passed on.
        *sum = sum.plus(unsafe { portable::load(cell) });
    }
    true
}

/// Replaces the sums by pairs that lie side by side. Whether any of them was written.
///
/// # Safety
/// As [`load`], for each of as many pairs as sums.
#[cfg(not(quipu_loom))]
pub(crate) unsafe fn copy_run(first: *const AtomicU64, sums: &mut [Pair]) -> bool {
    #[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable)))]
    if vector::is_atomic() {
        // SAFETY: passed on; the processor has AVX.
        return unsafe { vector::copy_run(first, sums) };
    }
    sums.fill(Pair::default());
    // SAFETY: passed on.
    unsafe { add_run(first, sums) }
}

/// Adds one observation, as the only thread that writes this pair.
///
/// # Safety
/// As [`load`]; and no other thread writes this pair.
pub(crate) unsafe fn observe_owned(cell: *const AtomicU64, value: f64) {
    #[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable), not(quipu_loom)))]
    if vector::is_atomic() {
        // SAFETY: passed on; the processor has AVX.
        return unsafe { vector::observe(cell, value) };
    }
    // SAFETY: passed on.
    unsafe { portable::observe_owned(cell, value) }
}

/// Adds one observation to a pair that other threads may add to.
///
/// # Safety
/// As [`load`]; and the other writers use this function too.
pub(crate) unsafe fn observe_shared(cell: *const AtomicU64, value: f64) {
    // SAFETY: passed on.
    unsafe { portable::observe_shared(cell, value) }
}

/// Sets both halves to zero.
///
/// # Safety
/// As [`load`]; and no other thread writes this pair.
pub(crate) unsafe fn clear(cell: *const AtomicU64) {
    // SAFETY: passed on.
    unsafe { portable::store(cell, Pair::default()) }
}

#[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable), not(quipu_loom)))]
mod vector {
    use super::{AtomicU64, Pair};
    use core::arch::{asm, x86_64::__m128i};
    use core::mem::transmute;

    // SAFETY: both are 16 bytes of plain data.
    const ONE_IN_HIGH_HALF: __m128i = unsafe { transmute::<[u64; 2], __m128i>([0, 1]) };

    #[inline(always)]
    pub(super) fn is_atomic() -> bool {
        std::arch::is_x86_feature_detected!("avx")
    }

    // Assembly, because the language has no atomic access of this width.

    #[inline(always)]
    pub(super) unsafe fn load(cell: *const AtomicU64) -> Pair {
        let pair: __m128i;
        // SAFETY: the caller passes 16 aligned, readable bytes.
        unsafe {
            asm!("movapd {}, [{}]", out(xmm_reg) pair, in(reg) cell, options(nostack, readonly, preserves_flags))
        };
        // SAFETY: both are 16 bytes of plain data.
        let [sum, count] = unsafe { transmute::<__m128i, [u64; 2]>(pair) };
        Pair { sum: f64::from_bits(sum), count }
    }

    pub(super) unsafe fn copy_run(first: *const AtomicU64, sums: &mut [Pair]) -> bool {
        let mut any = 0;
        for (n, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the caller passes as many pairs as sums, each of two cells.
            let cell = unsafe { first.add(2 * n) };
            // SAFETY: passed on.
            *sum = unsafe { load(cell) };
            any |= sum.count;
        }
        any != 0
    }

    /// `any | count`, bit by bit.
    #[inline(always)]
    unsafe fn or_count(any: u64, cell: *const AtomicU64) -> u64 {
        let mut any = any;
        // SAFETY: the caller passes 16 aligned, readable bytes.
        unsafe { asm!("or {}, [{} + 8]", inout(reg) any, in(reg) cell, options(nostack, readonly)) };
        any
    }

    /// Pairs that are looked at before they are added: four cache lines.
    const AT_A_LOOK: usize = 16;

    pub(super) unsafe fn add_run(first: *const AtomicU64, sums: &mut [Pair]) -> bool {
        let (chunks, rest) = sums.as_chunks_mut::<AT_A_LOOK>();
        // SAFETY: the caller passes as many pairs as sums, each of two cells.
        let cell = |n| unsafe { first.add(2 * n) };
        let mut any = false;
        for (n, sums) in chunks.iter_mut().enumerate() {
            // SAFETY: passed on.
            any |= unsafe { look_and_add(cell(AT_A_LOOK * n), sums) };
        }
        // SAFETY: passed on.
        any | unsafe { look_and_add(cell(AT_A_LOOK * chunks.len()), rest) }
    }

    #[inline(always)]
    unsafe fn look_and_add(first: *const AtomicU64, sums: &mut [Pair]) -> bool {
        // SAFETY: the caller passes as many pairs as sums, each of two cells.
        let cell = |n| unsafe { first.add(2 * n) };
        // Pairs of a thread that never wrote here are zero, and need not be added.
        // SAFETY: passed on.
        let any = (0..sums.len()).fold(0, |any, n| unsafe { or_count(any, cell(n)) });
        if any != 0 {
            for (n, sum) in sums.iter_mut().enumerate() {
                // SAFETY: passed on.
                *sum = sum.plus(unsafe { load(cell(n)) });
            }
        }
        any != 0
    }

    /// The sum is the low half, so that a scalar addition leaves the count beside it alone.
    #[inline(always)]
    pub(super) unsafe fn observe(cell: *const AtomicU64, value: f64) {
        // SAFETY: the caller passes 16 aligned bytes that only this thread writes.
        unsafe {
            asm!(
                "movapd {pair}, [{cell}]",
                "addsd {pair}, {value}",
                "paddq {pair}, {one}",
                "movapd [{cell}], {pair}",
                pair = out(xmm_reg) _,
                cell = in(reg) cell,
                value = in(xmm_reg) value,
                one = in(xmm_reg) ONE_IN_HIGH_HALF,
                options(nostack)
            );
        }
    }
}

#[cfg(not(quipu_loom))]
mod portable {
    use super::{AtomicU64, Pair};
    use crate::sync::Ordering::Relaxed;
    use portable_atomic::AtomicU128;

    fn pack(pair: Pair) -> u128 {
        let (low, high) = (u128::from(pair.sum.to_bits()), u128::from(pair.count));
        if cfg!(target_endian = "little") { high << 64 | low } else { low << 64 | high }
    }

    fn unpack(bits: u128) -> Pair {
        let (low, high) = if cfg!(target_endian = "little") {
            (bits as u64, (bits >> 64) as u64)
        } else {
            ((bits >> 64) as u64, bits as u64)
        };
        Pair { sum: f64::from_bits(low), count: high }
    }

    unsafe fn view<'a>(cell: *const AtomicU64) -> &'a AtomicU128 {
        // SAFETY: the caller passes 16 aligned bytes that are only accessed as one; blocks are never freed.
        unsafe { &*cell.cast::<AtomicU128>() }
    }

    pub(super) unsafe fn load(cell: *const AtomicU64) -> Pair {
        // SAFETY: passed on.
        unpack(unsafe { view(cell) }.load(Relaxed))
    }

    pub(super) unsafe fn store(cell: *const AtomicU64, pair: Pair) {
        // SAFETY: passed on.
        unsafe { view(cell) }.store(pack(pair), Relaxed);
    }

    pub(super) unsafe fn observe_owned(cell: *const AtomicU64, value: f64) {
        // SAFETY: passed on.
        let pair = unsafe { view(cell) };
        pair.store(pack(unpack(pair.load(Relaxed)).with(value)), Relaxed);
    }

    pub(super) unsafe fn observe_shared(cell: *const AtomicU64, value: f64) {
        // SAFETY: passed on.
        let pair = unsafe { view(cell) };
        let mut old = pair.load(Relaxed);
        while let Err(current) = pair.compare_exchange_weak(old, pack(unpack(old).with(value)), Relaxed, Relaxed) {
            old = current;
        }
    }
}

#[cfg(quipu_loom)]
mod portable {
    use super::{AtomicU64, Pair};
    use crate::sync::Ordering::Relaxed;

    fn pack(pair: Pair) -> u64 {
        u64::from((pair.sum as f32).to_bits()) << 32 | pair.count
    }

    fn unpack(bits: u64) -> Pair {
        Pair { sum: f64::from(f32::from_bits((bits >> 32) as u32)), count: bits & 0xffff_ffff }
    }

    unsafe fn view<'a>(cell: *const AtomicU64) -> &'a AtomicU64 {
        // SAFETY: the caller passes a cell of a block, and blocks are never freed.
        unsafe { &*cell }
    }

    pub(super) unsafe fn load(cell: *const AtomicU64) -> Pair {
        // SAFETY: passed on.
        unpack(unsafe { view(cell) }.load(Relaxed))
    }

    pub(super) unsafe fn store(cell: *const AtomicU64, pair: Pair) {
        // SAFETY: passed on.
        unsafe { view(cell) }.store(pack(pair), Relaxed);
    }

    pub(super) unsafe fn observe_owned(cell: *const AtomicU64, value: f64) {
        // SAFETY: passed on.
        let pair = unsafe { view(cell) };
        pair.store(pack(unpack(pair.load(Relaxed)).with(value)), Relaxed);
    }

    pub(super) unsafe fn observe_shared(cell: *const AtomicU64, value: f64) {
        // SAFETY: passed on.
        let pair = unsafe { view(cell) };
        let mut old = pair.load(Relaxed);
        while let Err(current) = pair.compare_exchange(old, pack(unpack(old).with(value)), Relaxed, Relaxed) {
            old = current;
        }
    }
}
