//! Collectors where a user meets them: good ones, and ones that hang, panic, fail and babble beside them.

mod exemplars;
mod kinds;
mod ready;

use crate::alone::alone;
#[cfg(unix)]
use crate::fork::{ends_well, fork};
use crate::{read, reader};
use quipu::clock::ManualClock;
use quipu::collect::{AsyncCollector, CollectError, Collector, Declaration, Samples};
use quipu::export::{Format, Scrape};
use quipu::registry::FamilySettings;
use quipu::{RegisterError, Registry};
use std::future::pending;
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A collector of the one gauge `name`, made of a function.
struct Ad<F>(&'static str, F);

impl<F: FnMut(&mut Samples) -> Result<(), CollectError> + Send + 'static> Collector for Ad<F> {
    fn declare(&self, families: &mut Declaration) {
        families.gauge(self.0, "A.").labels(["n"]);
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        (self.1)(samples)
    }
}

fn ad_hoc(
    registry: &Registry,
    name: &'static str,
    collect: impl FnMut(&mut Samples) -> Result<(), CollectError> + Send + 'static,
) {
    registry.collect(Ad(name, collect)).unwrap();
}

/// One that may take 2 s.
struct Hurried<F>(Ad<F>);

impl<F: FnMut(&mut Samples) -> Result<(), CollectError> + Send + 'static> Collector for Hurried<F> {
    fn declare(&self, families: &mut Declaration) {
        families.timeout(TIMEOUT);
        self.0.declare(families);
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        self.0.collect(samples)
    }
}

const TIMEOUT: Duration = Duration::from_secs(2);

/// Registers one that may take 2 s, and hangs until the gate opens.
fn hanging(registry: &Registry, name: &'static str, gate: &Gate) {
    let gate = gate.clone();
    let hang = move |_: &mut Samples| {
        gate.wait();
        Ok(())
    };
    registry.collect(Hurried(Ad(name, hang))).unwrap();
}

/// Holds up whoever comes, until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    fn wait(&self) {
        let (is_open, changed) = &*self.0;
        drop(changed.wait_while(is_open.lock().unwrap(), |is_open| !*is_open).unwrap());
    }

    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

/// A scrape with this deadline, and how long it took.
fn scrape(registries: Vec<Registry>, within: Duration) -> (reader::Exposition, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let start = Instant::now();
    let mut scrape = runtime.block_on(Scrape::collect(registries, Format::Text, within));
    let (mut chunk, mut text) = (Vec::new(), Vec::new());
    while scrape.next_chunk(&mut chunk).unwrap() {
        text.extend_from_slice(&chunk);
    }
    let took = start.elapsed();
    let text = String::from_utf8(text).unwrap();
    (reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}")), took)
}

fn errors(read: &reader::Exposition, collector: &str, reason: &str) -> f64 {
    let labels = [("collector", collector), ("reason", reason)];
    read.value("quipu_collector_errors_total", &labels).unwrap_or(0.0)
}

fn up(read: &reader::Exposition, collector: &str) -> Option<f64> {
    read.value("quipu_collector_up", &[("collector", collector)])
}

/// Panics in its drop.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

impl std::fmt::Debug for Bomb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bomb")
    }
}

impl std::fmt::Display for Bomb {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("in Display")
    }
}

impl std::error::Error for Bomb {}

/// Of a future.
struct Never;

impl AsyncCollector for Never {
    fn declare(&self, families: &mut Declaration) {
        families.timeout(TIMEOUT).gauge("bad_future", "B.");
    }

    async fn collect(&mut self, _: &mut Samples) -> Result<(), CollectError> {
        let _bomb = Bomb;
        pending().await
    }
}

/// Ten bad collectors, each in its own way; the first two hang until the gate opens.
fn bad(registry: &Registry, gate: &Gate) {
    hanging(registry, "bad_hangs", gate);
    hanging(registry, "bad_hangs_too", gate);
    ad_hoc(registry, "bad_panics", |_| panic!("on purpose"));
    ad_hoc(registry, "bad_payload", |_| panic::panic_any(Bomb));
    ad_hoc(registry, "bad_error", |samples| {
        samples.set("bad_error", &["1"], 1);
        Err(Box::new(Bomb))
    });
    ad_hoc(registry, "bad_million", |samples| {
        (0..1_000_000).for_each(|n| samples.set("bad_million", &[&n.to_string()], n));
        Ok(())
    });
    ad_hoc(registry, "bad_duplicate", |samples| {
        (0..3).for_each(|n| samples.set("bad_duplicate", &["same"], n));
        Ok(())
    });
    ad_hoc(registry, "bad_names", |samples| {
        samples.set("no such family", &["1"], 1);
        samples.set("bad_names", &[], 1);
        samples.set("bad_names", &["1", "2"], 1);
        samples.set("bad_names", &[&"long".repeat(300)], 1);
        Ok(())
    });
    let inner = registry.clone();
    ad_hoc(registry, "bad_registers", move |samples| {
        inner.counter("registered_inside_total", "R.").register()?.inc();
        assert!(
            inner.collect(Ad("collected_inside", |_: &mut Samples| Ok(()))).is_ok()
                || inner.unregister("collected_inside")
        );
        samples.set("bad_registers", &["1"], inner.to_text().len());
        Ok(())
    });
    registry.collect_async(Never).unwrap();
}

fn good(registry: &Registry) {
    for n in 0..10_usize {
        let name = format!("good_{n}").leak();
        ad_hoc(registry, name, |samples| {
            (0..100).for_each(|m| samples.set(name, &[&m.to_string()], m));
            Ok(())
        });
    }
}

#[track_caller]
fn until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(1));
    }
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

#[test]
fn ten_bad_collectors_cost_ten_good_ones_nothing() {
    alone("collectors::ten_bad_collectors_cost_ten_good_ones_nothing", || {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some("quipu-collect") {
                hook(info);
            }
        }));
        // No breaker tries again.
        let registry = Registry::builder().clock(&ManualClock::new()).build().unwrap();
        let gate = Gate::default();
        bad(&registry, &gate);
        good(&registry);
        let before = threads();
        for n in 0..1_000 {
            // The first scrape meets all that hang; the breaker lets some others meet the future that does.
            let (read, took) = scrape(vec![registry.clone()], Duration::from_secs(60));
            assert!(took < TIMEOUT + Duration::from_secs(10), "{n}: {took:?}");
            for good in 0..10 {
                let family = read.family(&format!("good_{good}")).unwrap_or_else(|| panic!("{n}: good_{good}"));
                assert_eq!(family.samples.len(), 100);
                assert_eq!(up(&read, &format!("good_{good}")), Some(1.0));
            }
            for bad in ["hangs", "hangs_too", "panics", "payload", "error", "million", "future"] {
                let name = format!("bad_{bad}");
                assert!(read.family(&name).is_none(), "{n}: {name}");
                assert_eq!(up(&read, &name), Some(0.0), "{n}: {name}");
            }
            assert_eq!(read.family("bad_duplicate").map(|family| family.samples.len()), Some(1));
            if n == 0 {
                assert!(took >= TIMEOUT, "{took:?}");
                for (bad, reason) in
                    [("hangs", "timeout"), ("panics", "panic"), ("payload", "panic"), ("error", "error")]
                {
                    assert_eq!(errors(&read, &format!("bad_{bad}"), reason), 1.0, "{bad}");
                }
                assert_eq!(errors(&read, "bad_duplicate", "duplicate"), 2.0);
                assert_eq!(errors(&read, "bad_names", "invalid"), 4.0);
            }
        }
        // Those that hang, a worker, the watch.
        until(|| threads() <= before + 4);
        gate.open();
    });
}

#[test]
fn threads_end_with_the_last_registry() {
    alone("collectors::threads_end_with_the_last_registry", || {
        let is_dropped = Arc::new(AtomicBool::new(false));
        struct Tell(Arc<AtomicBool>);
        impl Drop for Tell {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let before = threads();
        let registries = [Registry::new(), Registry::new()];
        let tell = Tell(is_dropped.clone());
        registries[0].gauge("a", "A.").collect(move || f64::from(u8::from(tell.0.load(Ordering::Relaxed)))).unwrap();
        registries[1].gauge("a", "A.").collect(|| 1.0).unwrap();
        assert_eq!(threads(), before);
        let [first, second] = registries;
        assert_eq!(read(&first).value("a", &[]), Some(0.0));
        assert_eq!(read(&second).value("a", &[]), Some(1.0));
        drop(first);
        until(|| is_dropped.load(Ordering::Relaxed));
        assert_eq!(read(&second).value("a", &[]), Some(1.0));
        drop(second);
        until(|| threads() <= before);
        // And begin again.
        let third = Registry::new();
        third.gauge("a", "A.").collect(|| 3.0).unwrap();
        assert_eq!(read(&third).value("a", &[]), Some(3.0));
    });
}

#[test]
fn a_name_is_taken_once() {
    let registry = Registry::builder().namespace("shop").build().unwrap();
    registry.gauge("stored", "S.").register().unwrap();
    registry.gauge("read", "R.").collect(|| 1.0).unwrap();
    let refused = |error: RegisterError| error.to_string();
    assert_eq!(
        refused(registry.gauge("read", "R.").register().unwrap_err()),
        "`shop_read` is a family of the collector `shop_read`; use another name"
    );
    assert_eq!(
        refused(registry.gauge("stored", "S.").collect(|| 1.0).unwrap_err()),
        "the collector `shop_stored` declares `shop_stored`, which is registered to be recorded into; use another name"
    );
    assert!(registry.gauge("read", "R.").collect(|| 1.0).is_err());
    assert!(registry.histogram("read", "R.").register().is_err());
    let clash = registry.histogram("h", "H.").register().and_then(|_| registry.gauge("h_count", "C.").collect(|| 1.0));
    assert!(matches!(clash, Err(RegisterError::SampleClash { .. })), "{clash:?}");
    for bad in ["a-b", "up_total", ""] {
        assert!(registry.gauge(bad, "B.").collect(|| 1.0).is_err(), "{bad}");
    }
    let labels = registry.collect(Ad("a", |_: &mut Samples| Ok(()))).and_then(|()| registry.collect(Twice));
    assert!(matches!(labels, Err(RegisterError::SampleClash { .. })), "{labels:?}");

    assert_eq!(read(&registry).value("shop_read", &[]), Some(1.0));
    assert!(registry.unregister("shop_read"));
    assert!(!registry.unregister("shop_read"));
    registry.gauge("read", "R.").register().unwrap().set(2.0);
    let read = read(&registry);
    assert_eq!((read.value("shop_read", &[]), up(&read, "shop_read")), (Some(2.0), None));
}

/// Declares one family twice.
struct Twice;

impl Collector for Twice {
    fn declare(&self, families: &mut Declaration) {
        families.gauge("twice", "T.");
        families.gauge("twice", "T.");
    }

    fn collect(&mut self, _: &mut Samples) -> Result<(), CollectError> {
        Ok(())
    }
}

#[test]
fn scrapes_at_a_time_share_one_call() {
    let (registry, gate, calls) = (Registry::new(), Gate::default(), Arc::new(AtomicU64::new(0)));
    let inner = (gate.clone(), calls.clone());
    ad_hoc(&registry, "shared", move |samples| {
        inner.0.wait();
        samples.set("shared", &["1"], inner.1.fetch_add(1, Ordering::Relaxed));
        Ok(())
    });
    thread::scope(|scope| {
        let scrapes: Vec<_> =
            (0..8).map(|_| scope.spawn(|| scrape(vec![registry.clone()], Duration::from_secs(60)))).collect();
        thread::sleep(Duration::from_millis(100));
        gate.open();
        for scrape in scrapes {
            let (read, _) = scrape.join().unwrap();
            // A scrape that came late began another call.
            assert!(read.value("shared", &[("n", "1")]).is_some());
        }
    });
    assert!(calls.load(Ordering::Relaxed) < 8, "{calls:?}");
}

#[test]
fn of_a_call_that_fails_the_last_values_are_shown_once_and_then_it_is_skipped() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let mut calls = 0;
    ad_hoc(&registry, "a", move |samples| {
        calls += 1;
        samples.set("a", &["1"], calls);
        if [1, 4].contains(&calls) { Ok(()) } else { Err("not now".into()) }
    });
    let scrape = || {
        let read = read(&registry);
        let skipped = errors(&read, "a", "skipped");
        (read.value("a", &[("n", "1")]), up(&read, "a"), errors(&read, "a", "error"), skipped)
    };
    assert_eq!(scrape(), (Some(1.0), Some(1.0), 0.0, 0.0));
    assert_eq!(scrape(), (Some(1.0), Some(0.0), 1.0, 0.0));
    assert_eq!(scrape(), (None, Some(0.0), 2.0, 0.0));
    // Two of three have failed: the breaker is open.
    assert_eq!(scrape(), (None, Some(0.0), 2.0, 1.0));
    assert_eq!(scrape(), (None, Some(0.0), 2.0, 2.0));
    clock.advance(Duration::from_secs(33));
    assert_eq!(scrape(), (Some(4.0), Some(1.0), 2.0, 2.0));
    assert_eq!(scrape(), (Some(4.0), Some(0.0), 3.0, 2.0));
}

#[test]
fn several_registries_show_what_their_collectors_yield_as_one() {
    let registries = [Registry::new(), Registry::new(), Registry::builder().label("zone", "b").build().unwrap()];
    for (n, registry) in registries.iter().enumerate() {
        ad_hoc(registry, "a", move |samples| {
            samples.set("a", &["same"], n);
            samples.set("a", &[&n.to_string()], n);
            Ok(())
        });
        registry.gauge("b", "B.").register().unwrap();
    }
    let (read, _) = scrape(registries.to_vec(), Duration::from_secs(60));
    assert_eq!(read.family("a").unwrap().samples.len(), 5);
    assert_eq!(read.value("a", &[("n", "same")]), Some(0.0));
    assert_eq!(read.value("a", &[("n", "1")]), Some(1.0));
    assert_eq!(read.value("a", &[("zone", "b"), ("n", "same")]), Some(2.0));
    let left_out = registries[1].snapshot().value("quipu_left_out_total", &[("family", "a")]);
    assert_eq!(left_out, Some(1.0));
}

#[test]
fn what_is_set_for_a_family_of_a_collector_is_told_to_have_no_effect() {
    let settings = FamilySettings { max_series: Some(1), ..FamilySettings::default() };
    let registry = Registry::builder().namespace("shop").family("pool_size", settings).build().unwrap();
    ad_hoc(&registry, "pool_size", |samples| {
        ["a", "b"].iter().for_each(|n| samples.set("pool_size", &[n], 1.0));
        Ok(())
    });
    assert_eq!(registry.snapshot().family("shop_pool_size").unwrap().series().len(), 2);
    let told = "`shop_pool_size`: a collector yields it, so what is set for it has no effect";
    assert_eq!(registry.unused_settings(), [told]);
}

#[test]
fn a_disabled_registry_collects_nothing() {
    let registry = Registry::disabled();
    registry.gauge("a", "A.").collect(|| panic!("it is not to be called")).unwrap();
    assert!(registry.gauge("a-b", "A.").collect(|| 1.0).is_err());
    assert_eq!(registry.to_text(), "");
}

#[test]
fn a_collector_that_waits_finds_its_runtime() {
    struct Sleeps;
    impl AsyncCollector for Sleeps {
        fn declare(&self, families: &mut Declaration) {
            families.name("sleeps").gauge("slept_seconds", "S.").unit("seconds");
        }

        async fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
            let start = tokio::time::Instant::now();
            tokio::time::sleep(Duration::from_millis(20)).await;
            samples.set("slept_seconds", &[], start.elapsed());
            Ok(())
        }
    }
    let (inside, outside) = (Registry::new(), Registry::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    runtime.block_on(async { inside.collect_async(Sleeps).unwrap() });
    outside.collect_async(Sleeps).unwrap();
    assert!(read(&inside).value("slept_seconds", &[]).unwrap() >= 0.02);
    // It panics.
    let read = read(&outside);
    assert_eq!((up(&read, "sleeps"), errors(&read, "sleeps", "panic")), (Some(0.0), 1.0));
}

#[test]
#[cfg(unix)]
fn a_child_of_a_fork_collects() {
    alone("collectors::a_child_of_a_fork_collects", || {
        let (registry, gate) = (Registry::new(), Gate::default());
        registry.gauge("good", "G.").collect(|| f64::from(std::process::id())).unwrap();
        hanging(&registry, "hangs", &gate);
        let value = || {
            let (read, _) = scrape(vec![registry.clone()], Duration::from_secs(60));
            (read.value("good", &[]), up(&read, "hangs"))
        };
        let expected = || (Some(f64::from(std::process::id())), Some(0.0));
        assert_eq!(value(), expected());
        for _ in 0..20 {
            let child = fork(|| assert_eq!(value(), expected()));
            assert_eq!(value(), expected());
            assert!(ends_well(child), "the child has failed");
        }
        gate.open();
    });
}

/// A scraper over HTTP that waits no longer than it says.
#[test]
fn the_timeout_of_a_scraper_is_kept() {
    use std::io::{Read, Write};
    let (registry, gate) = (Registry::new(), Gate::default());
    let inner = gate.clone();
    ad_hoc(&registry, "hangs", move |_| {
        inner.wait();
        Ok(())
    });
    registry.gauge("good", "G.").collect(|| 7.0).unwrap();
    let server = quipu::export::serve("127.0.0.1:0", registry).unwrap();
    let start = Instant::now();
    let mut client = std::net::TcpStream::connect(server.local_addr()).unwrap();
    let head =
        "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Prometheus-Scrape-Timeout-Seconds: 4\r\n\r\n";
    client.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    assert!(text.contains("\ngood 7\n") && !text.contains("\nhangs{"), "{text}");
    // Without the header, it would be 5 s.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    gate.open();
    server.stop();
}
