//! Pairs of 64-bit registers, on processors with LSE2.

use super::{AtomicU64, Pair};
use core::arch::asm;

#[inline(always)]
pub(super) fn is_atomic() -> bool {
    std::arch::is_aarch64_feature_detected!("lse2")
}

#[inline(always)]
pub(in super::super) unsafe fn load(cell: *const AtomicU64) -> Pair {
    let (sum, count);
    // SAFETY: the caller passes 16 aligned, readable bytes.
    unsafe {
        asm!(
            "ldp {}, {}, [{}]",
            out(reg) sum,
            out(reg) count,
            in(reg) cell,
            options(nostack, readonly, preserves_flags)
        );
    }
    Pair { sum: f64::from_bits(sum), count }
}

#[inline(always)]
unsafe fn store(cell: *const AtomicU64, pair: Pair) {
    // SAFETY: the caller passes 16 aligned bytes that only this thread writes.
    unsafe {
        asm!(
            "stp {}, {}, [{}]",
            in(reg) pair.sum.to_bits(),
            in(reg) pair.count,
            in(reg) cell,
            options(nostack, preserves_flags)
        );
    }
}

/// `any | count`, bit by bit.
#[inline(always)]
pub(super) unsafe fn or_count(any: u64, cell: *const AtomicU64) -> u64 {
    let count: u64;
    // SAFETY: the caller passes 16 aligned, readable bytes.
    unsafe { asm!("ldr {}, [{}, #8]", out(reg) count, in(reg) cell, options(nostack, readonly, preserves_flags)) };
    any | count
}

#[inline(always)]
pub(in super::super) unsafe fn observe(cell: *const AtomicU64, value: f64) {
    // SAFETY: passed on.
    let pair = unsafe { load(cell) };
    // SAFETY: passed on.
    unsafe { store(cell, pair.with(value)) };
}
