//! What the system says about this process by calls.

#![allow(unsafe_code, reason = "system calls that fill in a structure")]

use core::mem::MaybeUninit;
use core::time::Duration;

/// CPU time of all threads, those that have ended included, in user and in system mode together.
pub(crate) fn cpu_time() -> Option<Duration> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: it writes a whole `rusage` there.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: it has succeeded.
    let usage = unsafe { usage.assume_init() };
    // Neither is negative; their types differ between systems.
    let duration = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
    Some(duration(usage.ru_utime) + duration(usage.ru_stime))
}

/// What is limited.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// File descriptors that may be open.
    Files,
    /// Bytes of the address space.
    AddressSpace,
}

/// The limit that holds now (the soft one); infinite if there is none.
pub(crate) fn limit(of: Limit) -> Option<f64> {
    let resource = match of {
        Limit::Files => libc::RLIMIT_NOFILE,
        Limit::AddressSpace => libc::RLIMIT_AS,
    };
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: it writes a whole `rlimit` there.
    if unsafe { libc::getrlimit(resource, limit.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: it has succeeded.
    let limit = unsafe { limit.assume_init() }.rlim_cur;
    Some(if limit == libc::RLIM_INFINITY { f64::INFINITY } else { limit as f64 })
}

/// A number that the system has for good, such as the size of a page.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Constant {
    PageBytes,
    /// Of the times in `/proc`.
    TicksPerSecond,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn constant(of: Constant) -> Option<u64> {
    let name = match of {
        Constant::PageBytes => libc::_SC_PAGESIZE,
        Constant::TicksPerSecond => libc::_SC_CLK_TCK,
    };
    // SAFETY: it reads no memory of ours.
    let value = unsafe { libc::sysconf(name) };
    u64::try_from(value).ok().filter(|value| *value > 0)
}
