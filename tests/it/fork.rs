//! A process that forks: the child counts on from its parent's totals in memory of its own.

#![allow(unsafe_code, reason = "fork has no safe name")]

mod expiry;

use crate::alone::alone;
use crate::reader;
use quipu::{Counter, Family, Histogram, LabelNames, Registry, StateSet, Summary};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn s3_a_forked_child_counts_on() {
    alone("fork::s3_a_forked_child_counts_on", fork_and_count);
}

#[test]
fn a_child_waits_for_no_thread_of_its_parent() {
    alone("fork::a_child_waits_for_no_thread_of_its_parent", fork_while_busy);
}

/// Forks; the child runs `run` and ends.
pub(crate) fn fork(run: impl FnOnce()) -> libc::pid_t {
    // SAFETY: the child uses nothing that another thread of its parent may hold, but for what is tested.
    match unsafe { libc::fork() } {
        0 => {
            let is_good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
            // SAFETY: ends the child without running what its parent has to run.
            unsafe { libc::_exit(if is_good.is_ok() { 0 } else { 1 }) }
        }
        child => child,
    }
}

/// Whether the child ends well, and in time.
pub(crate) fn ends_well(child: libc::pid_t) -> bool {
    let (start, mut status) = (Instant::now(), -1);
    // SAFETY: `status` is writable.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > Duration::from_secs(20) {
            // SAFETY: a child that was not waited for yet.
            unsafe { libc::kill(child, libc::SIGKILL) };
            // SAFETY: as above.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    status == 0
}

/// Recordings after which a series has a slot in the lanes.
const BUSY: usize = 2_000;

struct Metrics {
    registry: Registry,
    events: Counter,
    latency: Histogram,
    size: Summary,
    state: StateSet<bool>,
    family: Family<Counter, LabelNames<1>>,
}

impl Metrics {
    fn record(&self, threads: usize) {
        let record = || {
            self.events.inc();
            self.latency.observe(2.0);
            self.size.observe(2.0);
            self.state.set(true);
            self.family.with(["old"]).inc();
        };
        for _ in 0..threads {
            thread::scope(|scope| scope.spawn(record).join().unwrap());
        }
        record();
    }

    /// Everything was recorded so often since it was busy.
    fn check(&self, times: usize) {
        let times = (BUSY + times) as f64;
        let text = self.registry.to_text();
        let read = reader::read(&text).unwrap();
        assert_eq!(read.value("events_total", &[]), Some(times), "{text}");
        assert_eq!(read.value("family_total", &[("n", "old")]), Some(times), "{text}");
        assert_eq!(read.value("latency_count", &[]), Some(times), "{text}");
        assert_eq!(read.value("latency_sum", &[]), Some(2.0 * times), "{text}");
        assert_eq!(read.value("size_count", &[]), Some(times), "{text}");
        assert_eq!(read.value("size_sum", &[]), Some(2.0 * times), "{text}");
        // The window goes on as well.
        assert_eq!(self.size.snapshot().window_count() as f64, times);
        assert_eq!(read.value("state", &[("state", "true")]), Some(1.0), "{text}");
    }
}

fn fork_and_count() {
    let registry = Registry::new();
    let metrics = Metrics {
        events: registry.counter("events_total", "E.").register().unwrap(),
        latency: registry.histogram("latency", "L.").register().unwrap(),
        size: registry.summary("size", "S.").register().unwrap(),
        state: registry.state_set("state", "S.").register().unwrap(),
        family: registry.counter("family_total", "F.").labels(["n"]).register().unwrap(),
        registry,
    };
    (0..BUSY).for_each(|_| metrics.record(0));
    metrics.record(3);
    metrics.check(4);
    let child = fork(|| child(&metrics));
    metrics.record(1);
    assert!(ends_well(child), "the child has failed");
    metrics.check(6);
}

/// Threads that scrape, register and insert, and some that hold what the child must not wait for.
fn fork_while_busy() {
    let registry = Registry::new();
    let family = registry.counter("family_total", "F.").labels(["n"]).register().unwrap();
    (0..2_500).for_each(|n| family.with([&format!("kept {n}")]).inc());
    let summary = registry.summary("summary_seconds", "S.").window(Duration::from_millis(2), 2).register().unwrap();
    let is_done = AtomicBool::new(false);
    let busy = |work: &(dyn Fn(usize) + Sync)| (0..).take_while(|_| !is_done.load(Ordering::Relaxed)).for_each(work);
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        scope.spawn(|| busy(&|_| drop(registry.to_text())));
        scope.spawn(|| {
            busy(&|n| {
                let name = format!("other_{}_total", n % 20);
                registry.counter(name.clone(), "O.").register().unwrap().inc();
                registry.unregister(&name);
            });
        });
        scope.spawn(|| busy(&|n| family.with([&(n % 500).to_string()]).inc()));
        // Most of what it does is to copy, under a lock.
        scope.spawn(|| busy(&|_| summary.observe(0.1)));
        scope.spawn(|| {
            busy(&|n| {
                family.remove([&(n % 500).to_string()]);
            })
        });
        // Pins and walks in threads that have a lane, and have none.
        for has_lane in [true, false] {
            let (registry, family, is_done, barrier) = (&registry, &family, &is_done, &barrier);
            scope.spawn(move || {
                let mut walk = registry.scrape();
                assert!(walk.next_chunk(&mut Vec::new()).unwrap());
                if has_lane {
                    family.with(["kept 0"]).inc();
                }
                let _kept = family.with(["kept 0"]);
                barrier.wait();
                while !is_done.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(1));
                }
            });
        }
        barrier.wait();
        let ended_well =
            (0..40).filter(|n| ends_well(fork(|| child_of_busy(&registry, &family, &summary, *n == 39)))).count();
        is_done.store(true, Ordering::Relaxed);
        assert_eq!(ended_well, 40);
    });
}

fn child_of_busy(registry: &Registry, family: &Family<Counter, LabelNames<1>>, summary: &Summary, is_long: bool) {
    summary.observe(0.1);
    registry.counter("new_total", "N.").register().unwrap().inc();
    family.with(["new"]).inc_by(2);
    let read = reader::read(&registry.to_text()).unwrap();
    assert_eq!((read.value("new_total", &[]), read.value("family_total", &[("n", "new")])), (Some(1.0), Some(2.0)));
    assert!(family.remove(["new"]));
    if is_long && cfg!(target_os = "linux") {
        let before = resident();
        for n in 0..100_000 {
            let n = n.to_string();
            family.with([&n]).inc();
            assert!(family.remove([&n]));
        }
        // What is removed is freed, and places in the list are used again.
        assert!(resident() < before + 600_000, "{before} {}", resident());
    }
}

/// Bytes of memory.
fn resident() -> usize {
    let pages =
        std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse::<usize>().unwrap();
    pages * 4096
}

/// More threads than there are lanes, removal and growth: all of it works in the child.
fn child(metrics: &Metrics) {
    metrics.check(4);
    let barrier = Barrier::new(300);
    thread::scope(|scope| {
        for _ in 0..300 {
            scope.spawn(|| {
                metrics.record(0);
                barrier.wait();
                metrics.record(0);
            });
        }
    });
    metrics.check(604);
    for n in 0..1_000 {
        let name = n.to_string();
        metrics.family.with([&name]).inc();
        assert_eq!(metrics.family.with([&name]).value(), 1);
        assert!(metrics.family.remove([&name]));
    }
    metrics.check(604);
}
