//! Pairs by `portable_atomic`.

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
    // SAFETY: the caller passes 16 aligned bytes that are only accessed as one, and stay for as long as they are used.
    unsafe { &*cell.cast::<AtomicU128>() }
}

pub(super) unsafe fn load(cell: *const AtomicU64) -> Pair {
    // SAFETY: passed on.
    unpack(unsafe { view(cell) }.load(Relaxed))
}

pub(super) unsafe fn copy_run(first: *const AtomicU64, sums: &mut [Pair]) {
    sums.fill(Pair::default());
    // SAFETY: passed on.
    unsafe { add_run(first, sums) };
}

/// Without a look first, which costs as much as the sum.
pub(super) unsafe fn add_run(first: *const AtomicU64, sums: &mut [Pair]) -> bool {
    for (n, sum) in sums.iter_mut().enumerate() {
        // SAFETY: the caller passes as many pairs as sums, each of two cells.
        let cell = unsafe { first.add(2 * n) };
        // SAFETY: passed on.
        *sum = sum.plus(unsafe { load(cell) });
    }
    true
}

pub(super) unsafe fn store(cell: *const AtomicU64, pair: Pair) {
    // SAFETY: passed on.
    unsafe { view(cell) }.store(pack(pair), Relaxed);
}

pub(super) unsafe fn observe(cell: *const AtomicU64, value: f64) {
    // SAFETY: passed on.
    let pair = unsafe { view(cell) };
    pair.store(pack(unpack(pair.load(Relaxed)).with(value)), Relaxed);
}

pub(super) unsafe fn add_shared(cell: *const AtomicU64, more: Pair) {
    // SAFETY: passed on.
    let pair = unsafe { view(cell) };
    let mut old = pair.load(Relaxed);
    while let Err(current) = pair.compare_exchange_weak(old, pack(unpack(old).plus(more)), Relaxed, Relaxed) {
        old = current;
    }
}
