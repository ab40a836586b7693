//! The store's invariants as a user can see them, by number, and what must not disturb them. `store/mod.rs` states them.

use crate::read;
use crate::reader::{self, Exposition};
use quipu::model::VALUE_LIMIT;
use quipu::{Family, Gauge, LabelNames, Registry};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// Recordings after which a series has a slot in the lanes.
const BUSY: u64 = 1_200;

/// A scrape, chunk by chunk, with something done after each.
fn scrape_slowly(registry: &Registry, mut meanwhile: impl FnMut(usize)) -> (usize, Exposition) {
    let (mut scrape, mut chunk, mut text, mut chunks) = (registry.scrape(), Vec::new(), String::new(), 0);
    while scrape.next_chunk(&mut chunk).unwrap() {
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        meanwhile(chunks);
        chunks += 1;
    }
    let read = reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    (chunks, read)
}

/// A family of gauges `wide{n="0"}` and so on, large enough for several chunks.
fn wide(registry: &Registry) -> Family<Gauge, LabelNames<1>> {
    let family = registry.gauge("wide", "W.").labels(["n"]).register().unwrap();
    (0..10_000).for_each(|n| family.with([&n.to_string()]).set(f64::from(n)));
    family
}

#[test]
fn s2_handles_stay_good_while_families_grow() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
    let first = family.handle(["first"]);
    let other = registry.histogram("b", "B.").labels(["n"]).register().unwrap();
    for n in 0..2_000 {
        first.inc();
        family.with([&n.to_string()]).inc();
        other.with([&n.to_string()]).observe(1.0);
    }
    assert_eq!(first.value(), 2_000);
    assert_eq!(read(&registry).value("a_total", &[("n", "first")]), Some(2_000.0));
}

#[test]
fn s4_an_old_handle_does_not_write_into_a_new_series() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
    for round in 0..200 {
        let old = family.handle(["x"]);
        old.inc_by(round);
        assert!(family.remove(["x"]));
        // Frees what nobody has.
        read(&registry);
        let new = family.handle(["x"]);
        assert_eq!(new.value(), 0, "round {round}");
        old.inc();
        assert_eq!((old.value(), new.value()), (round + 1, 0));
        assert!(family.remove(["x"]));
    }
}

#[test]
fn s4_a_slot_that_is_reused_starts_at_zero() {
    let registry = Registry::new();
    let counts = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
    let amounts = registry.float_counter("b_total", "B.").labels(["n"]).register().unwrap();
    let sizes = registry.histogram("c", "C.").labels(["n"]).register().unwrap();
    let levels = registry.gauge("d", "D.").labels(["n"]).register().unwrap();
    for round in 0..1_000 {
        let n = &*round.to_string();
        assert_eq!(counts.with([n]).value(), 0);
        assert_eq!(amounts.with([n]).value(), 0.0);
        assert_eq!(sizes.with([n]).snapshot().count(), 0);
        assert_eq!(sizes.with([n]).snapshot().sum(), 0.0);
        assert_eq!(levels.with([n]).value(), 0.0);
        counts.with([n]).inc_by(7);
        (0..5).for_each(|_| amounts.with([n]).inc_by(0.1));
        [0.001, 1.0, 1e9].iter().for_each(|value| sizes.with([n]).observe(*value));
        if round % 10 == 0 {
            (0..BUSY).for_each(|_| counts.with([n]).inc());
            (0..BUSY).for_each(|_| amounts.with([n]).inc_by(0.1));
            (0..BUSY).for_each(|_| sizes.with([n]).observe(1.0));
        }
        levels.with([n]).set(f64::NAN);
        assert!(counts.remove([n]) && amounts.remove([n]) && sizes.remove([n]) && levels.remove([n]));
    }
}

#[test]
fn s4_a_bound_metric_outlives_its_removal() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
    let old = family.with(["x"]);
    assert!(family.remove(["x"]));
    for n in 0..300 {
        let other = n.to_string();
        family.with([&other]).inc();
        assert!(family.remove([&other]));
    }
    read(&registry);
    old.inc();
    let new = family.with(["x"]);
    assert_eq!((old.value(), new.value()), (1, 0));
    // Two pins of one thread, dropped in the order they were taken.
    drop(old);
    new.inc();
    assert_eq!(new.value(), 1);
}

#[test]
fn s4_handles_outlive_their_registry() {
    let registry = Registry::new();
    let counter = registry.counter("a_total", "A.").register().unwrap();
    let amount = registry.float_counter("b_total", "B.").register().unwrap();
    let sizes = registry.histogram("c", "C.").bounds([1.0]).register().unwrap();
    let under_way = registry.in_flight_gauge("d", "D.").register().unwrap();
    let family = registry.counter("e_total", "E.").labels(["n"]).register().unwrap();
    let levels = registry.gauge("f", "F.").labels(["n"]).register().unwrap();
    let guard = under_way.guard();
    drop(registry);
    // Takes the slots, if they were given back.
    let other = Registry::new();
    let theirs: Vec<_> = (0..100).map(|n| other.counter(format!("a{n}_total"), "A.").register().unwrap()).collect();
    counter.inc();
    amount.inc_by(0.5);
    amount.inc_by(f64::NAN);
    sizes.observe(0.5);
    sizes.observe(f64::NAN);
    family.with(["x"]).inc();
    thread::scope(|scope| {
        scope.spawn(|| {
            counter.inc();
            levels.with(["x"]).set(3.0);
        });
    });
    assert!(theirs.iter().all(|counter| counter.value() == 0));
    assert_eq!((counter.value(), amount.value()), (2, 0.5));
    assert_eq!(sizes.snapshot().bucket_counts(), [1, 0]);
    assert_eq!((family.with(["x"]).value(), levels.with(["x"]).value()), (1, 3.0));
    drop(guard);
    assert_eq!(under_way.value(), 0);
}

#[test]
fn s6_a_scrape_is_not_below_the_one_before() {
    let registry = Registry::new();
    let counter = registry.counter("a_total", "A.").register().unwrap();
    for n in 1..100 {
        let mine = counter.clone();
        thread::spawn(move || mine.inc()).join().unwrap();
        assert_eq!(read(&registry).value("a_total", &[]), Some(f64::from(n)));
    }
}

#[test]
fn a_scrape_can_be_interrupted_by_anything() {
    let registry = Registry::new();
    let family = wide(&registry);
    let counter = registry.counter("zz_total", "Z.").labels(["n"]).register().unwrap();
    let (chunks, read) = scrape_slowly(&registry, |n| {
        let name = format!("made_{n}");
        registry.gauge(name.clone(), "M.").register().unwrap().set(1.0);
        counter.with([&name]).inc();
        family.with([&name]).set(-1.0);
        assert!(family.remove([&(9_999 - n).to_string()]));
        assert!(registry.to_text().contains(&name));
        assert!(registry.unregister(&name));
    });
    assert!(chunks > 3, "{chunks} chunks");
    let shown = &read.family("wide").unwrap().samples;
    assert!((10_000 - chunks..=10_000 + chunks).contains(&shown.len()), "{}", shown.len());
}

#[test]
fn a_family_that_is_removed_under_a_scrape_is_shown_whole_or_not() {
    let registry = Registry::new();
    let family = wide(&registry);
    let (_, read) = scrape_slowly(&registry, |_| {
        registry.unregister("wide");
    });
    assert_eq!(read.family("wide").unwrap().samples.len(), 10_000);
    assert!(!registry.to_text().contains("wide"));
    family.with(["0"]).inc();
    assert_eq!(family.with(["0"]).value(), 1.0);
}

/// A series that is removed and made again under a scrape has two places in the family's list, one after the other.
#[test]
fn a_scrape_shows_no_series_twice() {
    let registry = Registry::new();
    let family = wide(&registry);
    scrape_slowly(&registry, |chunk| {
        if chunk == 0 {
            // Its place is taken by the other, whose place it takes.
            family.remove(["0"]);
            family.remove(["9999"]);
            family.with(["0"]).set(0.0);
            family.with(["9999"]).set(9999.0);
        }
    });
}

#[test]
fn registries_are_isolated() {
    let [one, other] = [Registry::new(), Registry::new()];
    let mine = one.counter("a_total", "A.").labels(["x"]).register().unwrap();
    let theirs = other.counter("a_total", "Another.").labels(["y"]).register().unwrap();
    mine.with(["1"]).inc();
    theirs.with(["1"]).inc_by(5);
    assert_eq!(read(&one).value("a_total", &[("x", "1")]), Some(1.0));
    assert_eq!(read(&other).value("a_total", &[("y", "1")]), Some(5.0));
    assert!(one.unregister("a_total"));
    assert_eq!(read(&other).value("a_total", &[("y", "1")]), Some(5.0));
}

#[test]
fn ten_thousand_bounds_are_refused() {
    let registry = Registry::new();
    let bounds: Vec<f64> = (0..10_000).map(f64::from).collect();
    let error = registry.histogram("a", "A.").bounds(bounds).register().unwrap_err().to_string();
    assert!(error.contains("10000"), "{error}");
    assert!(!registry.to_text().contains("# TYPE a "));
    // The name is still free.
    registry.gauge("a", "A.").register().unwrap();
}

#[test]
fn values_without_a_place_are_refused_and_counted() {
    let registry = Registry::new();
    let amount = registry.float_counter("a_total", "A.").register().unwrap();
    let sizes = registry.histogram("b", "B.").bounds([1.0]).labels(["n"]).register().unwrap();
    let rejected = |family: &str| read(&registry).value("quipu_rejected_values_total", &[("family", family)]);
    assert_eq!((rejected("a_total"), rejected("b")), (Some(0.0), Some(0.0)));
    amount.inc_by(1.5);
    let odd = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, VALUE_LIMIT, -VALUE_LIMIT];
    for refused in odd.into_iter().chain([-1.0, -5e-324]) {
        amount.inc_by(refused);
    }
    for taken in [0.0, -0.0, 5e-324] {
        amount.inc_by(taken);
    }
    for refused in odd {
        sizes.with(["x"]).observe(refused);
        sizes.handle(["y"]).observe(refused);
    }
    for taken in [-1.0, 1e288, -1e288] {
        sizes.with(["x"]).observe(taken);
    }
    assert_eq!(amount.value(), 1.5);
    assert_eq!(sizes.with(["x"]).snapshot().bucket_counts(), [2, 1]);
    assert_eq!(sizes.with(["y"]).snapshot().count(), 0);
    assert_eq!((rejected("a_total"), rejected("b")), (Some(10.0), Some(16.0)));
}

#[test]
fn no_values_make_a_sum_infinite_or_nan() {
    let registry = Registry::new();
    let amount = registry.float_counter("a_total", "A.").register().unwrap();
    let sizes = registry.histogram("b", "B.").bounds([1.0]).register().unwrap();
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MAX, f64::MIN, f64::MIN, 1.0] {
        amount.inc_by(value);
        sizes.observe(value);
    }
    assert_eq!((amount.value(), sizes.snapshot().sum()), (1.0, 1.0));
    let largest = VALUE_LIMIT.next_down();
    (0..1000).for_each(|_| sizes.observe(largest));
    (0..1000).for_each(|_| amount.inc_by(largest));
    assert!(amount.value().is_finite() && sizes.snapshot().sum().is_finite());
    assert_eq!(read(&registry).value("b_sum", &[]), Some(sizes.snapshot().sum()));
}

/// The registry's metrics about a family come and go with it, also when it is removed while it is registered or scraped.
#[test]
fn a_family_and_its_self_metrics_are_one() {
    let registry = Registry::new();
    // Visited before, so that a scrape has begun when it comes to the last.
    for n in 0..50 {
        registry.gauge(format!("a{n}"), "A.").register().unwrap();
    }
    let register = || registry.histogram("z", "Z.").register().unwrap();
    let round = || {
        register();
        let histogram = thread::scope(|scope| {
            scope.spawn(|| registry.unregister("z"));
            register()
        });
        histogram.observe(f64::NAN);
        let read = read(&registry);
        let rejected = read.value("quipu_rejected_values_total", &[("family", "z")]);
        let series = read.value("quipu_series", &[("family", "z")]);
        let is_there = read.family("z").is_some();
        let expected = if is_there { (Some(1.0), Some(1.0)) } else { (None, None) };
        assert_eq!((rejected, series), expected);
        assert_eq!(registry.unregister("z"), is_there);
    };
    thread::scope(|scope| {
        let rounds = scope.spawn(|| (0..500).for_each(|_| round()));
        while !rounds.is_finished() {
            registry.to_text();
        }
    });
}

/// Busy ones: slots in the lanes of float counters and of histograms with one bound are of one size, but only pairs need an even
/// place.
#[test]
fn s4_a_histogram_takes_over_from_float_counters() {
    let registry = Registry::new();
    let counts = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
    let floats = registry.float_counter("b_total", "B.").labels(["n"]).register().unwrap();
    let names: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    for name in &names {
        (0..BUSY).for_each(|_| floats.with([name]).inc_by(0.5));
        (0..BUSY).for_each(|_| counts.with([name]).inc());
    }
    names.iter().for_each(|name| assert!(floats.remove([name])));
    let sizes = registry.histogram("c", "C.").labels(["n"]).bounds([0.5]).register().unwrap();
    // Until a scrape has freed them all.
    for round in 1..=3 {
        registry.to_text();
        names.iter().for_each(|name| (0..BUSY).for_each(|_| sizes.with([name]).observe(0.25)));
        names.iter().for_each(|name| assert_eq!(sizes.with([name]).snapshot().bucket_counts(), [round * BUSY, 0]));
    }
}

struct Values(&'static [&'static str]);

impl quipu::LabelSet for Values {
    const NAMES: &'static [&'static str] = &["a", "b"];
    const VALUES: &'static [Option<&'static [&'static str]>] = &[None, None];

    fn index(&self) -> usize {
        0
    }

    fn with_values<R>(&self, use_values: impl FnOnce(&[&str]) -> R) -> R {
        use_values(self.0)
    }
}

#[test]
fn a_label_set_by_hand_gives_a_value_for_each_name() {
    let family = Registry::new().counter("a_total", "A.").label_set::<Values>().register().unwrap();
    family.with(Values(&["v", ""])).inc();
    for values in [&[][..], &["v"], &["v", "", ""], &["v", "w", "x"], &["v", "", "", "", ""]] {
        let lookups: [&dyn Fn(); 2] = [&|| family.with(Values(values)).inc(), &|| family.handle(Values(values)).inc()];
        for look_up in lookups {
            let panic = catch_unwind(AssertUnwindSafe(look_up)).unwrap_err();
            let message = panic.downcast_ref::<String>().unwrap();
            assert!(message.contains("a value for each of its names"), "{message}");
        }
        assert!(!family.remove(Values(values)));
    }
    assert_eq!(family.len(), 1);
}
