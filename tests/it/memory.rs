//! Memory: what is removed is freed, and what cannot be is shown.

#![allow(unsafe_code, reason = "limits of a process have no safe names")]

use crate::alone::alone;
use quipu::{Counter, Family, LabelNames, Registry};
use std::thread;

fn value(registry: &Registry, name: &str) -> f64 {
    crate::read(registry).value(name, &[]).unwrap()
}

fn insert(family: &Family<Counter, LabelNames<1>>, count: usize) {
    (0..count).for_each(|n| family.with([&n.to_string()]).inc());
}

fn remove(family: &Family<Counter, LabelNames<1>>, count: usize) {
    (0..count).for_each(|n| assert!(family.remove([&n.to_string()])));
}

#[test]
fn what_a_kept_reference_retains_is_shown() {
    alone("memory::what_a_kept_reference_retains_is_shown", || {
        let registry = Registry::new();
        let family = registry.counter("family_total", "F.").labels(["n"]).register().unwrap();
        insert(&family, 1_000);
        let kept = family.with(["kept"]);
        remove(&family, 1_000);
        for _ in 0..3 {
            assert_eq!(value(&registry, "quipu_retained_series"), 1_000.0);
        }
        drop(kept);
        // One scrape frees those that wait for this reference, and the next those that came after them.
        (0..3).for_each(|_| drop(registry.to_text()));
        assert_eq!(value(&registry, "quipu_retained_series"), 0.0);
        assert_eq!(value(&registry, "quipu_lost_lanes"), 0.0);
        let forgotten = || {
            family.with(["kept"]).inc();
            core::mem::forget(family.with(["kept"]));
        };
        thread::scope(|scope| scope.spawn(forgotten).join().unwrap());
        assert_eq!(value(&registry, "quipu_lost_lanes"), 1.0);
    });
}

#[test]
#[cfg(all(target_os = "linux", target_endian = "little"))]
fn a_system_that_refuses_to_free_is_shown() {
    alone("memory::a_system_that_refuses_to_free_is_shown", || {
        let registry = Registry::new();
        let family = registry.counter("family_total", "F.").labels(["n"]).register().unwrap();
        insert(&family, 200);
        assert_eq!(value(&registry, "quipu_freeing_refused"), 0.0);
        refuse(libc::SYS_membarrier);
        remove(&family, 200);
        for _ in 0..3 {
            assert_eq!(value(&registry, "quipu_retained_series"), 200.0);
        }
        assert_eq!(value(&registry, "quipu_freeing_refused"), 1.0);
    });
}

/// Has the system refuse a call to this process, as a container may.
#[cfg(target_os = "linux")]
fn refuse(call: libc::c_long) {
    // Of the description of a call, the first word is its number.
    let mut filter = [
        instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 1),
        instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, 0),
        instruction(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: takes a number.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }, 0);
    // SAFETY: the program lives during the call.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) }, 0);
}

/// Goes on with the next one, or, when a comparison fails, skips as many as that.
#[cfg(target_os = "linux")]
fn instruction(code: u32, k: u32, skipped: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt: 0, jf: skipped, k }
}
