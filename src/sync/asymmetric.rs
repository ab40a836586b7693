//! A fence whose cost is paid by the rare side.
//!
//! [`light`] on one thread and [`heavy`] on another together order like two sequentially consistent fences. On Linux
//! `light` is free and `heavy` asks the kernel to interrupt the process's other threads (`membarrier(2)`,
//! `PRIVATE_EXPEDITED`, Linux 4.14); elsewhere both are ordinary fences.

#![allow(unsafe_code, reason = "one system call")]

#[cfg(all(target_os = "linux", not(miri), not(quipu_loom)))]
mod imp {
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: membarrier reads no memory of ours; unknown commands return an error.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    #[inline(always)]
    pub(crate) fn light() {
        // Pairs with the barrier that `heavy` has the kernel put into the other threads.
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
    }

    pub(crate) fn heavy() -> bool {
        // Refused until the process has registered, which costs more.
        membarrier(PRIVATE_EXPEDITED) || (membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED))
    }
}

#[cfg(not(all(target_os = "linux", not(miri), not(quipu_loom))))]
mod imp {
    use crate::sync::{Ordering, fence};

    #[inline(always)]
    pub(crate) fn light() {
        // Pairs with the fence in `heavy`.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() -> bool {
        // Pairs with the fence in `light`.
        fence(Ordering::SeqCst);
        true
    }
}

/// The frequent side. Free on Linux.
pub(crate) use imp::light;

/// The rare side; some microseconds on Linux. `false`: the kernel refused, and nothing was ordered.
pub(crate) use imp::heavy;
