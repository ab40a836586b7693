//! The processor's own counter of time.
#![allow(unsafe_code, reason = "reading a register of the processor is an instruction that the language does not have")]

use crate::sync::{OnceLock, get_or_init};

/// Reads the counter. Of no meaning unless it [`is_steady`].
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: every processor of this architecture has the instruction.
    return unsafe { core::arch::x86_64::_rdtsc() };
    #[cfg(all(target_arch = "aarch64", not(miri)))]
    {
        let ticks: u64;
        // SAFETY: every processor of this architecture has the register; reading it changes nothing else.
        unsafe { core::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
        return ticks;
    }
    #[cfg(any(miri, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
    0
}

/// Whether there is a counter that ticks at one rate, whatever the processor does.
pub(crate) fn is_steady() -> bool {
    static IS_STEADY: OnceLock<bool> = OnceLock::new();
    *get_or_init(&IS_STEADY, says_steady)
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
fn says_steady() -> bool {
    const EXTENDED: u32 = 0x8000_0000;
    const POWER: u32 = EXTENDED + 7;
    const STEADY: u32 = 1 << 8;
    cpuid(EXTENDED).eax >= POWER && cpuid(POWER).edx & STEADY != 0
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[allow(unused_unsafe, reason = "safe in newer versions of the language")]
fn cpuid(leaf: u32) -> core::arch::x86_64::CpuidResult {
    // SAFETY: every processor of this architecture has the instruction.
    unsafe { core::arch::x86_64::__cpuid(leaf) }
}

/// That of aarch64 always is.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
fn says_steady() -> bool {
    cfg!(all(target_arch = "aarch64", not(miri)))
}
