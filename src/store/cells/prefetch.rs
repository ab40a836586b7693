//! Asking for memory ahead of its use.

/// Asks the processor to bring the cache line of this address. Any address will do: nothing is read, and nothing faults.
///
/// Does nothing on processors on which nobody has measured that it helps.
#[inline(always)]
pub(in crate::store) fn prefetch<T>(address: *const T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a hint that touches no memory.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}
