//! Lanes as users see them: what is busy gets them, within a limit, and readings are values that were there.

use crate::alone::alone;
use quipu::Registry;
use quipu::lanes;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// More than a series is recorded into before it gets a slot in the lanes.
const BUSY: u64 = 5_000;

fn value(registry: &Registry, name: &str) -> f64 {
    crate::read(registry).value(name, &[]).unwrap()
}

#[test]
fn a_busy_series_uses_lanes_and_a_quiet_one_does_not() {
    alone("lanes::a_busy_series_uses_lanes_and_a_quiet_one_does_not", || {
        let registry = Registry::new();
        let counters = registry.counter("n_total", "N.").labels(["n"]).register().unwrap();
        (0..1_000).for_each(|n| counters.with([&n.to_string()]).inc());
        assert_eq!((lanes::used_bytes(), value(&registry, "quipu_lane_bytes")), (0, 0.0));
        let busy = counters.handle(["7"]);
        (0..BUSY).for_each(|_| busy.inc());
        // A block of one row, for one thread.
        assert_eq!((lanes::used_bytes(), value(&registry, "quipu_lane_bytes")), (4096, 4096.0));
        assert_eq!(busy.value(), 1 + BUSY);
        // Its memory goes back with the last series that uses it.
        drop(busy);
        assert!(counters.remove(["7"]));
        (0..3).for_each(|_| drop(registry.to_text()));
        assert_eq!(lanes::used_bytes(), 0);
    });
}

/// Slots are prepared where memory may be asked for: when a series is made, and by scrapes, when none is made any more.
#[test]
fn series_that_are_all_made_at_the_start_all_get_lanes() {
    alone("lanes::series_that_are_all_made_at_the_start_all_get_lanes", || {
        let registry = Registry::new();
        // So many bounds that each series needs a block for itself.
        let bounds: Vec<f64> = (0..255).map(f64::from).collect();
        let family = registry.histogram("h", "H.").bounds(bounds).labels(["n"]).register().unwrap();
        let histograms: Vec<_> = (0..300).map(|n| family.handle([&n.to_string()])).collect();
        // Each scrape prepares as many as there are.
        for _ in 0..4 {
            histograms.iter().for_each(|histogram| (0..2_000).for_each(|_| histogram.observe(7.0)));
            registry.to_text();
        }
        assert_eq!(lanes::used_bytes(), 300 * 4096);
        assert!(histograms.iter().all(|histogram| histogram.snapshot().count() == 8_000));
    });
}

#[test]
fn above_the_limit_series_and_threads_share() {
    alone("lanes::above_the_limit_series_and_threads_share", || {
        lanes::set_limit_bytes(3 * 4096);
        let registry = Registry::new();
        assert_eq!(value(&registry, "quipu_lane_limit_bytes"), 3.0 * 4096.0);
        let counter = registry.counter("n_total", "N.").register().unwrap();
        let histogram = registry.histogram("h", "H.").bounds([0.5]).register().unwrap();
        let amount = registry.float_counter("a_total", "A.").register().unwrap();
        let record = || {
            for n in 0..BUSY {
                counter.inc();
                histogram.observe((n % 2) as f64);
                amount.inc_by(0.5);
            }
        };
        record();
        let used = lanes::used_bytes();
        assert_eq!(used, 3 * 4096, "three layouts, a block each, for one thread");
        // There is no room for rows of more threads.
        let barrier = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    record();
                    barrier.wait();
                });
            }
        });
        assert_eq!((lanes::used_bytes(), lanes::threads_without()), (used, 4));
        assert_eq!(value(&registry, "quipu_threads_without_lane"), 4.0);
        assert_eq!((counter.value(), amount.value()), (5 * BUSY, 2.5 * BUSY as f64));
        let snapshot = histogram.snapshot();
        let half = 5 * BUSY / 2;
        assert_eq!((snapshot.bucket_counts(), snapshot.sum()), (&[half, half][..], half as f64));
    });
}

#[test]
fn without_room_for_lanes_nothing_is_lost() {
    alone("lanes::without_room_for_lanes_nothing_is_lost", || {
        lanes::set_limit_bytes(0);
        let counter = Registry::new().counter("n_total", "N.").register().unwrap();
        (0..BUSY).for_each(|_| counter.inc());
        assert_eq!((counter.value(), lanes::used_bytes()), (BUSY, 0));
    });
}

#[test]
fn threads_beyond_those_with_lanes_are_counted_and_lose_nothing() {
    const THREADS: u64 = 256 + 9;
    alone("lanes::threads_beyond_those_with_lanes_are_counted_and_lose_nothing", || {
        let registry = Registry::new();
        let counter = registry.counter("n_total", "N.").register().unwrap();
        let barrier = Barrier::new(THREADS as usize);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    (0..100).for_each(|_| counter.inc());
                    barrier.wait();
                });
            }
        });
        assert_eq!((counter.value(), lanes::threads_without()), (100 * THREADS, 9));
    });
}

/// One thread counts up, another down, and neither gets further from the other than this: so must every reading be.
#[test]
fn an_in_flight_gauge_reads_only_what_was_there() {
    const MOST: i64 = 66;
    let registry = Registry::new();
    let gauge = registry.in_flight_gauge("in_flight", "I.").register().unwrap();
    let (begun, ended, is_done) = (AtomicI64::new(0), AtomicI64::new(0), AtomicBool::new(false));
    let under_way = || begun.load(Ordering::SeqCst) - ended.load(Ordering::SeqCst);
    let repeat = |may: &dyn Fn() -> bool, count: &dyn Fn()| {
        while !is_done.load(Ordering::Relaxed) {
            if may() { count() } else { thread::yield_now() }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            repeat(&|| under_way() < MOST, &|| {
                gauge.inc();
                begun.fetch_add(1, Ordering::SeqCst);
            });
        });
        scope.spawn(|| {
            repeat(&|| under_way() > 0, &|| {
                gauge.dec();
                ended.fetch_add(1, Ordering::SeqCst);
            });
        });
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut readings = (MOST, 0);
        while Instant::now() < deadline {
            for _ in 0..1_000 {
                let now = gauge.value();
                readings = (readings.0.min(now), readings.1.max(now));
            }
            if let Some(exposed) = registry.snapshot().value("in_flight", &[]) {
                readings = (readings.0.min(exposed as i64), readings.1.max(exposed as i64));
            }
        }
        is_done.store(true, Ordering::Relaxed);
        assert!((0..=MOST).contains(&readings.0) && (0..=MOST).contains(&readings.1), "{readings:?}");
    });
}
