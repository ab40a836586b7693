//! Threads that come and go, more of them than lanes, under a scraper that watches every total.

use crate::reader::{self, MetricType};
use quipu::{Counter, Family, FloatCounter, Histogram, InFlightGauge, LabelNames, Registry};
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What every thread of a test records into.
#[derive(Clone)]
struct Metrics {
    registry: Registry,
    events: Counter,
    amount: FloatCounter,
    latency: Histogram,
    under_way: InFlightGauge,
    by_kind: Family<Counter, LabelNames<1>>,
}

/// Recordings after which each of the four kinds is busy.
const BUSY: usize = 5_000;

/// One value for each bucket, so that the counts of the buckets tell the sum.
const VALUES: [f64; 3] = [1.0, 16.0, 256.0];

impl Metrics {
    fn new() -> Metrics {
        let registry = Registry::new();
        let latency = registry.histogram("latency", "L.").bounds([1.0, 16.0]);
        Metrics {
            events: registry.counter("events_total", "E.").register().unwrap(),
            amount: registry.float_counter("amount_total", "A.").register().unwrap(),
            latency: latency.register().unwrap(),
            under_way: registry.in_flight_gauge("under_way", "U.").register().unwrap(),
            by_kind: registry.counter("by_kind_total", "B.").labels(["kind"]).register().unwrap(),
            registry,
        }
    }

    /// Records so often that each series gets a slot in the lanes.
    fn keep_busy(&self) {
        (0..BUSY).for_each(|n| self.record(n));
    }

    fn record(&self, n: usize) {
        let _guard = self.under_way.guard();
        self.events.inc();
        self.amount.inc_by(0.25);
        self.latency.observe(VALUES[n % 3]);
        self.by_kind.with([["a", "b", "c", "d"][n % 4]]).inc();
    }

    /// Everything was recorded `times` times, and nothing else.
    fn check_totals(&self, times: usize) {
        let snapshot = self.latency.snapshot();
        let kinds = ["a", "b", "c", "d"].map(|kind| self.by_kind.with([kind]).value());
        assert_eq!(self.events.value(), times as u64);
        assert_eq!(self.amount.value(), times as f64 / 4.0);
        assert_eq!(snapshot.count(), times as u64);
        assert_eq!(snapshot.sum(), told_sum(snapshot.bucket_counts()));
        assert_eq!(self.under_way.value(), 0);
        assert_eq!(kinds.iter().sum::<u64>(), times as u64);
        Watch::default().scrape(&self.registry);
    }
}

fn told_sum(buckets: &[u64]) -> f64 {
    buckets.iter().zip(VALUES).map(|(count, value)| *count as f64 * value).sum()
}

/// What the last scrape said of every total.
#[derive(Default)]
struct Watch {
    totals: HashMap<String, f64>,
    scrapes: usize,
}

impl Watch {
    /// The reader checks each histogram by itself; this checks it against its sum, and all totals against the last scrape.
    fn scrape(&mut self, registry: &Registry) {
        let text = registry.to_text();
        let read = reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let totals = read.families.iter().filter(|family| family.kind != MetricType::Gauge);
        for sample in totals.flat_map(|family| &family.samples) {
            let id = format!("{}{:?}", sample.name, sample.labels);
            let before = self.totals.insert(id, sample.value).unwrap_or_default();
            assert!(before <= sample.value, "{before} before\n{text}");
        }
        let bucket = |le| read.value("latency_bucket", &[("le", le)]).unwrap() as u64;
        let (low, middle, all) = (bucket("1"), bucket("16"), bucket("+Inf"));
        let told = told_sum(&[low, middle - low, all - middle]);
        assert_eq!(read.value("latency_sum", &[]), Some(told), "{text}");
        self.scrapes += 1;
    }

    fn until(&mut self, is_done: &AtomicBool, registry: &Registry) {
        while !is_done.load(Ordering::Relaxed) {
            self.scrape(registry);
        }
    }
}

/// Scrapes on a thread of its own while `record` runs; returns the number of scrapes.
fn watched(metrics: &Metrics, record: impl FnOnce()) -> usize {
    /// Also when `record` panics.
    struct Done<'a>(&'a AtomicBool);

    impl Drop for Done<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    let (is_done, mut watch) = (AtomicBool::new(false), Watch::default());
    thread::scope(|scope| {
        scope.spawn(|| watch.until(&is_done, &metrics.registry));
        let _done = Done(&is_done);
        record();
    });
    watch.scrapes
}

#[test]
fn s3_more_threads_than_lanes_lose_nothing() {
    const THREADS: usize = 300;
    const TIMES: usize = 200;
    let metrics = Metrics::new();
    let barrier = Barrier::new(THREADS);
    let scrapes = watched(&metrics, || {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    metrics.record(0);
                    // Those that have found a lane keep it until they end.
                    barrier.wait();
                    (1..TIMES).for_each(|n| metrics.record(n));
                });
            }
        });
    });
    assert!(scrapes > 0 && quipu::lanes::threads_without() > 0);
    metrics.check_totals(THREADS * TIMES);
}

#[test]
fn s6_thousands_of_short_threads_under_a_scraper() {
    const WAVES: usize = 40;
    const THREADS: usize = 100;
    let metrics = Metrics::new();
    watched(&metrics, || {
        for _ in 0..WAVES {
            thread::scope(|scope| {
                for n in 0..THREADS {
                    let metrics = &metrics;
                    scope.spawn(move || (0..3).for_each(|time| metrics.record(n + time)));
                }
            });
        }
    });
    metrics.check_totals(WAVES * THREADS * 3);
}

/// Records in its destructor.
struct AtExit(Metrics);

impl Drop for AtExit {
    fn drop(&mut self) {
        self.0.record(0);
    }
}

thread_local!(static AT_EXIT: RefCell<Option<AtExit>> = const { RefCell::new(None) });

/// A thread-local of the user's may be dropped before the store's own, or after it.
#[test]
fn s3_destructors_of_thread_locals_are_counted() {
    const THREADS: usize = 60;
    let metrics = Metrics::new();
    metrics.keep_busy();
    for n in 0..THREADS {
        let metrics = metrics.clone();
        let keep = |metrics| AT_EXIT.with(|kept| *kept.borrow_mut() = Some(AtExit(metrics)));
        let thread = thread::spawn(move || match n % 3 {
            0 => {
                keep(metrics.clone());
                metrics.record(n);
            }
            1 => {
                metrics.record(n);
                keep(metrics);
            }
            // Records for the first time when the thread is ending.
            _ => keep(metrics),
        });
        thread.join().unwrap();
    }
    metrics.check_totals(BUSY + THREADS * 5 / 3);
}

/// One thread holds a metric on loan, while others come, go, and remove it.
#[test]
fn s4_a_loan_outlives_the_threads_around_it() {
    let metrics = Metrics::new();
    let loan = metrics.by_kind.with(["x"]);
    for n in 0..100 {
        let metrics = &metrics;
        thread::scope(|scope| {
            scope.spawn(move || {
                metrics.by_kind.with(["x"]).inc();
                metrics.by_kind.remove(["x"]);
                metrics.record(n);
            });
        });
        loan.inc();
    }
    // What the first thread recorded, before it was removed.
    assert_eq!(loan.value(), 101);
    drop(loan);
    assert_eq!(metrics.by_kind.with(["x"]).value(), 0);
    metrics.check_totals(100);
}
