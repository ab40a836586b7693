//! SSE2, on processors with AVX.

use super::{AtomicU64, Pair};
use core::arch::{asm, x86_64::__m128i};
use core::mem::transmute;

// SAFETY: both are 16 bytes of plain data.
const ONE_IN_HIGH_HALF: __m128i = unsafe { transmute::<[u64; 2], __m128i>([0, 1]) };

#[inline(always)]
pub(super) fn is_atomic() -> bool {
    std::arch::is_x86_feature_detected!("avx")
}

#[inline(always)]
pub(in super::super) unsafe fn load(cell: *const AtomicU64) -> Pair {
    let pair: __m128i;
    // SAFETY: the caller passes 16 aligned, readable bytes.
    unsafe { asm!("movapd {}, [{}]", out(xmm_reg) pair, in(reg) cell, options(nostack, readonly, preserves_flags)) };
    // SAFETY: both are 16 bytes of plain data.
    let [sum, count] = unsafe { transmute::<__m128i, [u64; 2]>(pair) };
    Pair { sum: f64::from_bits(sum), count }
}

/// `any | count`, bit by bit.
#[inline(always)]
pub(super) unsafe fn or_count(any: u64, cell: *const AtomicU64) -> u64 {
    let mut any = any;
    // SAFETY: the caller passes 16 aligned, readable bytes.
    unsafe { asm!("or {}, [{} + 8]", inout(reg) any, in(reg) cell, options(nostack, readonly)) };
    any
}

/// The sum is the low half, so that a scalar addition leaves the count beside it alone.
#[inline(always)]
pub(in super::super) unsafe fn observe(cell: *const AtomicU64, value: f64) {
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
