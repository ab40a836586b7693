//! A process that forks: the child counts on from its parent's totals in memory of its own.

#![allow(unsafe_code, reason = "fork has no safe name")]

use crate::reader;
use quipu::{Counter, Family, Histogram, LabelNames, Registry};
use std::process::Command;
use std::sync::Barrier;
use std::thread;

/// In a process of its own, since a child of a process with threads may find any lock taken for good.
const ALONE: &str = "QUIPU_TEST_FORKS";

#[test]
fn s3_a_forked_child_counts_on() {
    if std::env::var_os(ALONE).is_some() {
        return fork_and_count();
    }
    let program = std::env::current_exe().unwrap();
    let me = ["fork::s3_a_forked_child_counts_on", "--exact", "--nocapture", "--test-threads=1"];
    let output = Command::new(program).args(me).env(ALONE, "1").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
}

struct Metrics {
    registry: Registry,
    events: Counter,
    latency: Histogram,
    family: Family<Counter, LabelNames<1>>,
}

impl Metrics {
    fn record(&self, threads: usize) {
        let record = || {
            self.events.inc();
            self.latency.observe(2.0);
            self.family.with(["old"]).inc();
        };
        for _ in 0..threads {
            thread::scope(|scope| scope.spawn(record).join().unwrap());
        }
        record();
    }

    fn check(&self, times: f64) {
        let text = self.registry.to_text();
        let read = reader::read(&text).unwrap();
        assert_eq!(read.value("events_total", &[]), Some(times), "{text}");
        assert_eq!(read.value("family_total", &[("n", "old")]), Some(times), "{text}");
        assert_eq!(read.value("latency_count", &[]), Some(times), "{text}");
        assert_eq!(read.value("latency_sum", &[]), Some(2.0 * times), "{text}");
    }
}

fn fork_and_count() {
    let registry = Registry::new();
    let metrics = Metrics {
        events: registry.counter("events_total", "E.").register().unwrap(),
        latency: registry.histogram("latency", "L.").register().unwrap(),
        family: registry.counter("family_total", "F.").labels(["n"]).register().unwrap(),
        registry,
    };
    metrics.record(3);
    metrics.check(4.0);
    // SAFETY: no other thread of this process holds a lock.
    match unsafe { libc::fork() } {
        0 => {
            let is_good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| child(&metrics)));
            // SAFETY: ends the child without running what its parent has to run.
            unsafe { libc::_exit(if is_good.is_ok() { 0 } else { 1 }) }
        }
        child => {
            metrics.record(1);
            let mut status = -1;
            // SAFETY: `status` is writable.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(status, 0, "the child has failed");
            metrics.check(6.0);
        }
    }
}

/// More threads than there are lanes, removal and growth: all of it works in the child.
fn child(metrics: &Metrics) {
    metrics.check(4.0);
    let barrier = Barrier::new(80);
    thread::scope(|scope| {
        for _ in 0..80 {
            scope.spawn(|| {
                metrics.record(0);
                barrier.wait();
                metrics.record(0);
            });
        }
    });
    metrics.check(164.0);
    for n in 0..1_000 {
        let name = n.to_string();
        metrics.family.with([&name]).inc();
        assert_eq!(metrics.family.with([&name]).value(), 1);
        assert!(metrics.family.remove([&name]));
    }
    metrics.check(164.0);
}
