//! Pairs as loom can model them.

use super::{AtomicU64, Pair};
use crate::sync::Ordering::Relaxed;

fn pack(pair: Pair) -> u64 {
    u64::from((pair.sum as f32).to_bits()) << 32 | pair.count
}

fn unpack(bits: u64) -> Pair {
    Pair { sum: f64::from(f32::from_bits((bits >> 32) as u32)), count: bits & 0xffff_ffff }
}

unsafe fn view<'a>(cell: *const AtomicU64) -> &'a AtomicU64 {
    // SAFETY: the caller passes a cell that stays for as long as it is used.
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

pub(super) unsafe fn observe(cell: *const AtomicU64, value: f64) {
    // SAFETY: passed on.
    let pair = unsafe { view(cell) };
    pair.store(pack(unpack(pair.load(Relaxed)).with(value)), Relaxed);
}

pub(super) unsafe fn add_shared(cell: *const AtomicU64, more: Pair) {
    // SAFETY: passed on.
    let pair = unsafe { view(cell) };
    let mut old = pair.load(Relaxed);
    while let Err(current) = pair.compare_exchange(old, pack(unpack(old).plus(more)), Relaxed, Relaxed) {
        old = current;
    }
}

/// # Safety
/// As [`load`], for each of as many pairs as sums.
unsafe fn all<'a>(first: *const AtomicU64, sums: &'a mut [Pair]) -> impl Iterator<Item = (&'a mut Pair, Pair)> {
    sums.iter_mut().enumerate().map(move |(n, sum)| {
        // SAFETY: passed on; a pair is two cells.
        (sum, unsafe { load(first.wrapping_add(2 * n)) })
    })
}

pub(super) unsafe fn add_run(first: *const AtomicU64, sums: &mut [Pair]) -> bool {
    // SAFETY: passed on.
    unsafe { all(first, sums) }.for_each(|(sum, pair)| *sum = sum.plus(pair));
    true
}

pub(super) unsafe fn copy_run(first: *const AtomicU64, sums: &mut [Pair]) {
    // SAFETY: passed on.
    unsafe { all(first, sums) }.for_each(|(sum, pair)| *sum = pair);
}
