//! Idle series go in the child as they do in its parent, each in its own time.

use super::{ends_well, fork};
use crate::alone::alone;
use crate::read;
use quipu::clock::ManualClock;
use quipu::{Counter, Family, InFlightGauge, LabelNames, Registry};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

struct Metrics {
    registry: Registry,
    clock: ManualClock,
    jobs: Family<Counter, LabelNames<1>>,
    under_way: Family<InFlightGauge, LabelNames<1>>,
}

impl Metrics {
    fn new() -> Metrics {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let jobs = registry.counter("jobs_total", "J.").labels(["x"]).expire_after(HOUR).register().unwrap();
        let under_way =
            registry.in_flight_gauge("under_way", "U.").labels(["x"]).expire_after(HOUR).register().unwrap();
        Metrics { registry, clock, jobs, under_way }
    }

    /// What a scrape shows of the jobs with this label.
    fn shown(&self, label: &str) -> Option<f64> {
        read(&self.registry).value("jobs_total", &[("x", label)])
    }
}

#[test]
fn a_child_waits_for_no_lookup_of_its_parent() {
    alone("fork::expiry::a_child_waits_for_no_lookup_of_its_parent", || {
        let metrics = Metrics::new();
        // Busy ones have a slot in the lanes.
        (0..2_000).for_each(|_| metrics.jobs.with(["a"]).inc());
        metrics.jobs.with(["b"]).inc_by(7);
        metrics.under_way.with(["a"]).inc();
        read(&metrics.registry);
        metrics.clock.advance(HOUR);
        let (is_found, found) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        thread::scope(|scope| {
            // Dropped when a check fails, so that the thread ends.
            let end = end;
            let jobs = &metrics.jobs;
            scope.spawn(move || {
                let found = jobs.with(["b"]);
                is_found.send(()).unwrap();
                let _ = ends.recv();
                found.inc();
            });
            found.recv().unwrap();
            // Both are idle, and wait for the lookup.
            assert_eq!((metrics.shown("a"), metrics.jobs.len()), (Some(2_000.0), 2));
            let child = fork(|| {
                assert_eq!((metrics.shown("a"), metrics.shown("b")), (Some(2_000.0), None));
                assert_eq!((metrics.jobs.len(), metrics.under_way.len()), (0, 1));
                metrics.jobs.with(["a"]).inc();
                assert_eq!((metrics.shown("a"), metrics.jobs.len()), (Some(1.0), 1));
                metrics.under_way.with(["a"]).dec();
                (0..3).for_each(|_| {
                    read(&metrics.registry);
                    metrics.clock.advance(HOUR);
                });
                assert_eq!((metrics.jobs.len(), metrics.under_way.len()), (0, 0));
            });
            assert!(ends_well(child), "the child has failed");
            // Here, nothing of that has happened.
            assert_eq!((metrics.shown("a"), metrics.jobs.len()), (Some(2_000.0), 2));
            drop(end);
        });
        assert_eq!((metrics.shown("b"), metrics.shown("a")), (Some(8.0), None));
    });
}

/// Threads that look up, let go, scrape and hold handles, at whatever they are when the process forks.
#[test]
fn a_child_of_busy_threads_loses_nothing_and_waits_for_nobody() {
    alone("fork::expiry::a_child_of_busy_threads_loses_nothing_and_waits_for_nobody", || {
        let metrics = Metrics::new();
        let is_done = AtomicBool::new(false);
        let busy = |work: &dyn Fn(usize)| (0..).take_while(|_| !is_done.load(Ordering::Relaxed)).for_each(work);
        let own = metrics.jobs.handle(["own"]);
        thread::scope(|scope| {
            for thread in 0..2 {
                let (metrics, busy) = (&metrics, &busy);
                scope.spawn(move || {
                    busy(&|n| {
                        let label = format!("{thread}-{}", n % 300);
                        let found = metrics.jobs.with([&label]);
                        found.inc();
                        (n % 3 == 0).then(|| found.clone().inc());
                    });
                });
            }
            scope.spawn(|| {
                busy(&|_| {
                    metrics.registry.to_text();
                    metrics.clock.advance(HOUR);
                });
            });
            let child = || {
                own.inc();
                (0..200).for_each(|n| metrics.jobs.with([&format!("child-{n}")]).inc_by(n));
                let read = read(&metrics.registry);
                let of_child = |n: u64| read.value("jobs_total", &[("x", &format!("child-{n}"))]);
                (0..200).for_each(|n| assert_eq!(of_child(n), Some(n as f64)));
                for _ in 0..4 {
                    metrics.clock.advance(HOUR);
                    metrics.registry.to_text();
                }
                // What the threads of the parent had handles to stays, as they cannot let go any more.
                assert!((1..=3).contains(&metrics.jobs.len()), "{}", metrics.jobs.len());
                assert_eq!(own.value(), 1);
                assert_eq!(metrics.shown("own"), Some(1.0));
            };
            let failed = (0..40).find(|_| !ends_well(fork(child)));
            is_done.store(true, Ordering::Relaxed);
            assert_eq!(failed, None);
        });
    });
}
