//! What other metrics crates were seen to get wrong, each as a test of this one.

use crate::read;
use crate::reader::{self, MetricType};
use quipu::{Histogram, Registry};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[test]
fn keys_that_join_to_the_same_text_stay_apart() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").labels(["x", "y"]).register().unwrap();
    let pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc")];
    for (n, (x, y)) in (1..).zip(pairs) {
        family.with([x, y]).inc_by(n);
    }
    let read = read(&registry);
    assert_eq!(family.len(), pairs.len());
    for (n, (x, y)) in (1..).zip(pairs) {
        assert_eq!(read.value("a_total", &[("x", x), ("y", y)]), Some(f64::from(n)));
    }
}

#[test]
fn keys_that_join_to_the_same_text_stay_apart_at_run_time() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").dyn_labels(&["x", "y"]).register().unwrap();
    family.with(&["ab", "c"]).unwrap().inc();
    family.with(&["a", "bc"]).unwrap().inc_by(2);
    let read = read(&registry);
    assert_eq!(read.value("a_total", &[("x", "ab"), ("y", "c")]), Some(1.0));
    assert_eq!(read.value("a_total", &[("x", "a"), ("y", "bc")]), Some(2.0));
}

/// Enough series for any 32-bit hash to collide, and many tables to grow.
#[test]
fn no_two_of_many_keys_are_one() {
    const SERIES: u64 = 50_000;
    let registry = Registry::builder().unlimited().build().unwrap();
    let family = registry.counter("a_total", "A.").labels(["x"]).register().unwrap();
    for n in 0..SERIES {
        family.with([&n.to_string()]).inc_by(n);
    }
    let read = read(&registry);
    let samples = &read.family("a_total").unwrap().samples;
    assert_eq!(samples.len() as u64, SERIES);
    for sample in samples {
        assert_eq!(sample.label("x"), Some(sample.text.as_str()));
    }
}

#[test]
fn help_cannot_inject_a_sample() {
    let registry = Registry::new();
    let help = "Jobs.\njobs_total 1000\n# TYPE evil gauge\\nevil 1\r\n\"\\";
    registry.counter("jobs_total", help).register().unwrap();
    let read = read(&registry);
    assert_eq!(read.family("jobs_total").unwrap().help.as_deref(), Some(help));
    assert_eq!(read.value("jobs_total", &[]), Some(0.0));
    assert!(read.family("evil").is_none());
}

#[test]
fn label_values_cannot_inject_a_sample() {
    let values = ["\n", "\\", "\"", "\\n", "\"} 1\nevil 1\n#", "\\\"", "a\r\nevil 1"];
    let registry = Registry::builder().label("global", values[4]).build().unwrap();
    let family = registry.gauge("a", "A.").labels(["x"]).register().unwrap();
    for (n, value) in (0..).zip(values) {
        family.with([value]).set(f64::from(n));
    }
    let read = read(&registry);
    for (n, value) in (0..).zip(values) {
        let labels = [("x", value), ("global", values[4])];
        assert_eq!(read.value("a", &labels), Some(f64::from(n)), "{value:?}");
    }
    assert!(read.family("evil").is_none());
}

#[test]
fn the_same_description_gives_the_same_metric() {
    let registry = Registry::new();
    let counter = || registry.counter("jobs_total", "Jobs.").register().unwrap();
    let (first, second) = (counter(), counter());
    first.inc();
    second.inc();
    assert_eq!((first.value(), second.value()), (2, 2));
    assert_eq!(read(&registry).value("jobs_total", &[]), Some(2.0));
}

#[test]
fn one_name_is_one_family() {
    let registry = Registry::new();
    registry.gauge("a", "A.").register().unwrap();
    assert!(registry.histogram("a", "A.").register().is_err());
    assert!(registry.gauge("a", "A.").labels(["x"]).register().is_err());
    assert!(registry.gauge("a", "Another.").register().is_err());
    assert_eq!(read(&registry).family("a").unwrap().kind, MetricType::Gauge);
}

#[test]
fn a_name_is_not_counter_and_gauge() {
    let registry = Registry::new();
    registry.counter("jobs_total", "Jobs.").register().unwrap();
    assert!(registry.gauge("jobs_total", "Jobs.").register().is_err());
    // OpenMetrics calls the counter `jobs`, so these would be one there.
    assert!(registry.gauge("jobs", "Jobs.").register().is_err());
    registry.histogram("wait_seconds", "Waiting.").register().unwrap();
    for taken in ["wait_seconds_count", "wait_seconds_sum", "wait_seconds_bucket"] {
        assert!(registry.gauge(taken, "Taken.").register().is_err(), "{taken}");
    }
    read(&registry);
}

#[test]
fn names_are_refused_and_never_changed() {
    let registry = Registry::new();
    registry.gauge("a_b", "A.").register().unwrap();
    for name in ["a-b", "a.b", "a b", "a\nb", "", "1a", "ä", "a{b=\"c\"}"] {
        let refused = registry.gauge(name.to_owned(), "A.").register();
        assert!(refused.is_err(), "{name:?}");
    }
    let gauges = read(&registry);
    let gauges = gauges.families.iter().filter(|family| !family.name.starts_with("quipu_"));
    assert_eq!(gauges.map(|family| family.name.as_str()).collect::<Vec<_>>(), ["a_b"]);
}

/// Another crate kept 0 of 12 increments made after its idle expiry.
#[test]
fn a_held_handle_loses_nothing_while_others_come_and_go() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").labels(["x"]).register().unwrap();
    let kept = family.handle(["kept"]);
    for round in 0..200 {
        let passing: Vec<_> = (0..8).map(|n| format!("{round}-{n}")).collect();
        passing.iter().for_each(|x| family.with([x]).inc_by(1_000_000));
        kept.inc();
        passing.iter().for_each(|x| assert!(family.remove([x])));
        kept.inc();
    }
    assert_eq!(family.len(), 1);
    assert_eq!(read(&registry).value("a_total", &[("x", "kept")]), Some(400.0));
}

#[test]
fn a_removed_series_starts_again_at_zero_and_alone() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").labels(["x"]).register().unwrap();
    let stale = family.handle(["x"]);
    stale.inc_by(7);
    assert!(family.remove(["x"]));
    assert!(!family.remove(["x"]));
    let fresh = family.handle(["x"]);
    let stranger = family.handle(["y"]);
    stale.inc_by(100);
    fresh.inc();
    assert_eq!((fresh.value(), stranger.value()), (1, 0));
    assert_eq!(read(&registry).value("a_total", &[("x", "x")]), Some(1.0));
}

/// A histogram with the bound 1, observed with 1 and 3 by turns on each thread.
fn observe_until(stop: &AtomicBool, histogram: &Histogram) {
    while !stop.load(Ordering::Relaxed) {
        histogram.observe(1.0);
        histogram.observe(3.0);
    }
}

/// Sum, count and buckets must speak of the same observations in every scrape.
#[test]
fn no_snapshot_of_a_histogram_is_torn() {
    const SCRAPES: usize = 3_000;
    let registry = Registry::new();
    let histogram = registry.histogram("h", "H.").bounds([1.0]).register().unwrap();
    let stop = AtomicBool::new(false);
    let mut last = 0.0;
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| observe_until(&stop, &histogram));
        }
        let scraping = scope.spawn(|| {
            for _ in 0..SCRAPES {
                // The reader checks that `+Inf` is `_count`.
                let read = read(&registry);
                let low = read.value("h_bucket", &[("le", "1")]).unwrap();
                let count = read.value("h_count", &[]).unwrap();
                let sum = read.value("h_sum", &[]).unwrap();
                assert_eq!(sum, low + 3.0 * (count - low));
                assert!(count >= last, "{count} after {last}");
                last = count;
                let snapshot = histogram.snapshot();
                let [low, high] = snapshot.bucket_counts() else { panic!("two buckets") };
                assert_eq!(snapshot.sum(), (low + 3 * high) as f64);
            }
        });
        let scraped = scraping.join();
        stop.store(true, Ordering::Relaxed);
        scraped.unwrap();
    });
    assert!(last > 0.0);
}

/// Resident memory of this process, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Runs alone in a process of its own, started by the test below.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "memory_does_not_grow_while_nobody_scrapes runs it"]
fn child_that_records_without_scrapes() {
    const RECORDS: usize = 1_000_000;
    let registry = Registry::new();
    let counter = registry.counter("a_total", "A.").register().unwrap();
    let histogram = registry.histogram("h", "H.").register().unwrap();
    let record = || {
        for n in 0..RECORDS {
            counter.inc();
            histogram.observe(n as f64 / 1000.0);
        }
    };
    record();
    let before = resident();
    record();
    let grown = resident().saturating_sub(before);
    // Raw samples would take 8 MB and more.
    assert!(grown < 1 << 20, "{grown} bytes for {RECORDS} observations");
    assert_eq!(histogram.snapshot().count(), 2 * RECORDS as u64);
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_while_nobody_scrapes() {
    let child = "child_that_records_without_scrapes";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([&format!("rivals_failings::{child}"), "--exact", "--ignored"])
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
    assert!(report.contains("1 passed"), "{report}");
}

/// Another crate held 2.2 GB while a hundred scrapes were under way.
#[test]
fn a_scrape_holds_one_chunk_however_many_series_there_are() {
    let registry = Registry::builder().unlimited().build().unwrap();
    let family = registry.counter("a_total", "A.").labels(["x"]).register().unwrap();
    for n in 0..20_000 {
        family.with([&n.to_string()]).inc();
    }
    let (mut scrape, mut chunk, mut text) = (registry.scrape(), Vec::new(), Vec::new());
    while scrape.next_chunk(&mut chunk).unwrap() {
        assert!(!chunk.is_empty());
        assert!(chunk.len() < 80 << 10, "{}", chunk.len());
        text.extend_from_slice(&chunk);
    }
    assert!(text.len() > 4 * (64 << 10));
    let read = reader::read(std::str::from_utf8(&text).unwrap()).unwrap();
    assert_eq!(read.family("a_total").unwrap().samples.len(), 20_000);
}
