//! Pairs by the processor's plain loads and stores.
//!
//! The accesses are assembly, because the language has no atomic access of this width.

use super::{AtomicU64, Pair};

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod arch;

pub(super) use arch::{load, observe};

/// Whether these accesses are atomic here, and all others are as well.
#[inline(always)]
pub(super) fn is_available() -> bool {
    arch::is_atomic() && portable_atomic::AtomicU128::is_lock_free()
}

pub(super) unsafe fn copy_run(first: *const AtomicU64, sums: &mut [Pair]) {
    for (n, sum) in sums.iter_mut().enumerate() {
        // SAFETY: the caller passes as many pairs as sums, each of two cells.
        let cell = unsafe { first.add(2 * n) };
        // SAFETY: passed on.
        *sum = unsafe { load(cell) };
    }
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
    let any = (0..sums.len()).fold(0, |any, n| unsafe { arch::or_count(any, cell(n)) });
    if any != 0 {
        for (n, sum) in sums.iter_mut().enumerate() {
            // SAFETY: passed on.
            *sum = sum.plus(unsafe { load(cell(n)) });
        }
    }
    any != 0
}

#[cfg(test)]
mod tests {
    /// What `ci/aarch64` and `ci/portable` choose processors and flags for.
    #[test]
    fn the_fast_way_is_taken_where_it_is_expected() {
        if let Some(expected) = std::env::var_os("QUIPU_FAST_PAIRS") {
            assert_eq!(super::is_available(), expected == "yes");
        }
    }
}
