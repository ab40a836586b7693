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
pub(crate) fn refuse(call: libc::c_long) {
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

/// Within two scrapes, whatever a few series that stay keep of it.
#[test]
#[cfg(target_os = "linux")]
fn after_a_storm_the_memory_comes_back() {
    alone("memory::after_a_storm_the_memory_comes_back", || {
        let registry = Registry::builder().unlimited().build().unwrap();
        let storm = |name: &'static str, count: usize, pad: usize, stays: &dyn Fn(usize) -> bool| {
            let family = registry.counter(name, "F.").labels(["n"]).register().unwrap();
            let label = |n: usize| format!("{n:0>pad$}");
            (0..count).for_each(|n| family.with([&label(n)]).inc());
            (0..count).filter(|n| !stays(*n)).for_each(|n| assert!(family.remove([&label(n)])));
        };
        let check = |before: u64| {
            (0..2).for_each(|_| drop(registry.to_text()));
            let after = bytes_of("RssAnon");
            assert!(after * 10 < before * 12 + 10 * (4 << 20), "{before} bytes before, {after} after");
        };
        storm("first_total", 1_000, 0, &|_| false);
        let before = bytes_of("RssAnon");
        storm("few_stay_total", 600_000, 0, &|n| n % 6_000 == 0);
        check(before);
        let before = bytes_of("RssAnon");
        (1..=12).for_each(|length| storm("lengths_total", 10_000, 20 * length, &|_| false));
        check(before);
    });
}

/// A new label is refused when there is no memory for it, and the process goes on.
#[test]
#[cfg(target_os = "linux")]
fn a_process_without_memory_goes_on() {
    alone("memory::a_process_without_memory_goes_on", || {
        let registry = Registry::builder().unlimited().build().unwrap();
        let family = registry.counter("family_total", "F.").labels(["n"]).register().unwrap();
        let handle = family.handle(["kept"]);
        // What the test needs itself is there before.
        let (mut label, mut chunk) = ([b'x'; 200], Vec::with_capacity(1 << 20));
        let mut with = |n: usize| {
            (0..8).for_each(|digit| label[digit] = b'0' + (n / 10usize.pow(digit as u32) % 10) as u8);
            family.with([core::str::from_utf8(&label).unwrap()]).inc();
        };
        let before = address_space_limit();
        limit_address_space(bytes_of("VmSize") + (48 << 20));
        let refused = (0..).find(|n| {
            with(*n);
            n % 1_000 == 0 && family.len() < *n
        });
        let tried = refused.unwrap() + 10_000;
        (refused.unwrap() + 1..tried).for_each(&mut with);
        (0..1_000).for_each(|_| handle.inc());
        let mut scrape = registry.scrape();
        while scrape.next_chunk(&mut chunk).unwrap() {
            chunk.clear();
        }
        drop(scrape);
        limit_address_space(before);

        let read = crate::read(&registry);
        let lookups = read.value("quipu_refused_lookups_total", &[("family", "family_total")]).unwrap();
        assert_eq!(family.len() + lookups as usize, tried + 1, "each label has a series, or was refused");
        assert!(lookups >= 1_000.0 && family.len() > 10_000, "{lookups} {}", family.len());
        assert_eq!(read.value("family_total", &[("n", "kept")]), Some(1_000.0));
        // With memory again, new labels are made again.
        let len = family.len();
        with(tried);
        assert_eq!(family.len(), len + 1);
    });
}

/// A line of the process's status, in bytes.
#[cfg(target_os = "linux")]
fn bytes_of(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
fn address_space_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
    limit.rlim_cur
}

#[cfg(target_os = "linux")]
fn limit_address_space(bytes: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is writable.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) }, 0);
    limit.rlim_cur = bytes;
    // SAFETY: `limit` lives during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) }, 0);
}
