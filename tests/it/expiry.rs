//! Idle series go, as users meet it.
//!
//! Each test has a process of its own, in which nobody else looks anything up: then a series goes at once.

mod oracle;

use crate::alone::alone;
use crate::read;
use crate::sides::{Closed, Side};
use quipu::clock::ManualClock;
use quipu::export::{Format, Scrape};
use quipu::registry::MetricBuilder;
use quipu::{Counter, Family, LabelNames, Metric, Registry};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn registry() -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    (Registry::builder().clock(&clock).build().unwrap(), clock)
}

fn expiring<M: Metric>(builder: MetricBuilder<'_, M>) -> Family<M, LabelNames<1>> {
    builder.labels(["x"]).expire_after(HOUR).register().unwrap()
}

fn counters(registry: &Registry) -> Family<Counter, LabelNames<1>> {
    expiring(registry.counter("a_total", "A."))
}

/// Reads a scrape to its end, but for the call that says so.
fn show(scrape: &mut Scrape) -> String {
    let (mut chunk, mut text) = (Vec::new(), String::new());
    // Chunks that are not full come last.
    while chunk.is_empty() || chunk.len() >= 1 << 16 {
        assert!(scrape.next_chunk(&mut chunk).unwrap());
        text.push_str(core::str::from_utf8(&chunk).unwrap());
    }
    text
}

fn finish(mut scrape: Scrape) {
    assert!(!scrape.next_chunk(&mut Vec::new()).unwrap());
}

#[test]
fn each_type_is_idle_when_it_is_not_used() {
    alone("expiry::each_type_is_idle_when_it_is_not_used", || {
        let (registry, clock) = registry();
        let counter = counters(&registry);
        let float = expiring(registry.float_counter("b_total", "B."));
        let gauge = expiring(registry.gauge("c", "C."));
        let in_flight = expiring(registry.in_flight_gauge("d", "D."));
        let histogram = expiring(registry.histogram("e", "E."));
        let record = |label| {
            counter.with([label]).inc();
            float.with([label]).inc_by(0.5);
            gauge.with([label]).set(3.0);
            in_flight.with([label]).inc();
            in_flight.with([label]).dec();
            histogram.with([label]).observe(0.0);
        };
        let lens = || [counter.len(), float.len(), gauge.len(), in_flight.len(), histogram.len()];
        record("idle");
        for _ in 0..5 {
            record("used");
            clock.advance(HOUR / 2);
            read(&registry);
        }
        assert_eq!(lens(), [1; 5]);
        in_flight.with(["under way"]).inc();
        for _ in 0..2 {
            read(&registry);
            clock.advance(HOUR);
        }
        let last = read(&registry);
        assert_eq!(
            (last.value("d", &[("x", "under way")]), last.value("a_total", &[("x", "used")])),
            (Some(1.0), None)
        );
        assert_eq!(lens(), [0, 0, 0, 1, 0]);
        assert_eq!(last.value("quipu_expired_series_total", &[("family", "a_total")]), Some(2.0));
        assert_eq!(last.value("quipu_series", &[("family", "d")]), Some(1.0));
        assert!(registry.unregister("a_total"));
        assert_eq!(read(&registry).value("quipu_expired_series_total", &[("family", "a_total")]), None);
    });
}

#[test]
fn a_handle_keeps_its_series() {
    alone("expiry::a_handle_keeps_its_series", || {
        let (registry, clock) = registry();
        let counter = counters(&registry);
        let seconds = expiring(registry.histogram("b_seconds", "B."));
        let in_flight = expiring(registry.in_flight_gauge("c", "C."));
        let (handle, timer, guard) =
            (counter.handle(["a"]), seconds.with(["a"]).start_timer(), in_flight.with(["a"]).guard());
        let lens = || [counter.len(), seconds.len(), in_flight.len()];
        for _ in 0..3 {
            clock.advance(HOUR);
            read(&registry);
        }
        assert_eq!(lens(), [1, 1, 1]);
        handle.inc();
        drop((handle, timer, guard));
        assert_eq!(read(&registry).value("a_total", &[("x", "a")]), Some(1.0));
        clock.advance(HOUR - Duration::from_millis(1));
        read(&registry);
        assert_eq!(lens(), [1, 1, 1]);
        clock.advance(Duration::from_millis(1));
        read(&registry);
        assert_eq!(lens(), [0, 0, 0]);
    });
}

#[test]
fn the_last_value_was_in_a_scrape_that_was_finished() {
    alone("expiry::the_last_value_was_in_a_scrape_that_was_finished", || {
        let (registry, clock) = registry();
        let counter = counters(&registry);
        counter.with(["a"]).inc();
        // Whoever does not come back has not read it.
        for _ in 0..5 {
            show(&mut registry.scrape());
            clock.advance(HOUR);
        }
        let mut first = registry.scrape_as(Format::Text);
        show(&mut first);
        counter.with(["a"]).inc();
        let mut second = registry.scrape();
        show(&mut second);
        // It had the value before.
        finish(first);
        assert_eq!(counter.len(), 1);
        clock.advance(HOUR);
        let mut third = registry.scrape();
        assert!(show(&mut third).contains("a_total{x=\"a\"} 2\n"));
        // The second one had the value, but an hour has not passed since it was seen to change.
        finish(second);
        assert_eq!(counter.len(), 1);
        finish(third);
        assert_eq!(counter.len(), 0);
        // A snapshot is not a scrape.
        counter.with(["a"]).inc();
        for _ in 0..3 {
            registry.snapshot();
            clock.advance(HOUR);
        }
        assert_eq!(counter.len(), 1);
    });
}

#[test]
fn a_gauge_that_is_set_to_the_same_value_is_used() {
    alone("expiry::a_gauge_that_is_set_to_the_same_value_is_used", || {
        let (registry, clock) = registry();
        let gauge = expiring(registry.gauge("a", "A."));
        let uses: [fn(&quipu::Gauge); 4] = [|g| g.set(0.0), |g| g.add(0.0), |g| g.set_max(-1.0), |g| g.set_min(1.0)];
        for use_it in uses {
            for _ in 0..3 {
                use_it(&gauge.with(["a"]));
                clock.advance(HOUR);
                read(&registry);
            }
            assert_eq!(gauge.len(), 1);
        }
        // To look it up is not to use it.
        assert_eq!(gauge.with(["a"]).value(), 0.0);
        clock.advance(HOUR);
        read(&registry);
        assert_eq!(gauge.len(), 0);
    });
}

#[test]
fn what_is_there_from_registration_on_stays() {
    alone("expiry::what_is_there_from_registration_on_stays", || {
        let (registry, clock) = registry();
        let closed = registry.counter("a_total", "A.").label_set::<Closed>().expire_after(HOUR).register().unwrap();
        drop(registry.counter("b_total", "B.").expire_after(HOUR).register().unwrap());
        let kept = counters(&Registry::disabled());
        kept.with(["a"]).inc();
        closed.with(Closed { side: Side::Right }).inc();
        drop(closed);
        for _ in 0..3 {
            read(&registry);
            clock.advance(HOUR);
        }
        let last = read(&registry);
        assert_eq!((last.value("a_total", &[("side", "left")]), last.value("b_total", &[])), (Some(0.0), Some(0.0)));
        assert_eq!(kept.with(["other"]).value(), 1);
        let _ = Side::Left;
    });
}

#[test]
fn of_several_registries_each_lets_its_own_go() {
    alone("expiry::of_several_registries_each_lets_its_own_go", || {
        let clock = ManualClock::new();
        let registries = [(); 2].map(|()| Registry::builder().clock(&clock).build().unwrap());
        let [first, second] = registries.each_ref().map(counters);
        first.with(["both"]).inc();
        second.with(["both"]).inc_by(7);
        second.with(["second"]).inc();
        let scrape = |registries: &[Registry]| {
            let mut scrape = Scrape::of(registries.to_vec(), Format::Text);
            let text = show(&mut scrape);
            finish(scrape);
            clock.advance(HOUR);
            text
        };
        (0..2).for_each(|_| _ = scrape(&registries));
        // What the second one had to leave out has never been shown.
        assert_eq!((first.len(), second.len()), (0, 1));
        assert!(scrape(&registries).contains("a_total{x=\"both\"} 7\n"));
        assert_eq!(second.len(), 1);
        // Two scrapes at once, both finished.
        let mut scrapes = [(); 2].map(|()| registries[1].scrape());
        scrapes.iter_mut().for_each(|scrape| _ = show(scrape));
        scrapes.into_iter().for_each(finish);
        assert_eq!(second.len(), 0);
    });
}

#[test]
fn removal_and_expiry_do_not_meet() {
    alone("expiry::removal_and_expiry_do_not_meet", || {
        let (registry, clock) = registry();
        let counter = counters(&registry);
        let labels: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        for round in 0..10 {
            labels.iter().for_each(|label| counter.with([label]).inc_by(1 + round));
            read(&registry);
            clock.advance(HOUR);
            let kept = counter.with(["kept"]);
            // All are condemned, and wait for the lookup.
            read(&registry);
            assert_eq!((counter.len(), counter.iter().count()), (101, 101));
            match round % 3 {
                0 => counter.clear(),
                1 => counter.retain(|labels, _| labels[0].ends_with('7')),
                _ => labels.iter().for_each(|label| assert!(counter.get([label]).is_some() && counter.remove([label]))),
            }
            drop(kept);
            read(&registry);
            assert!(counter.len() <= 1);
            labels.iter().for_each(|label| assert!(counter.get([label]).is_none()));
        }
    });
}

/// Nobody knows then which lookups are under way: what one has found must stay where it is.
#[test]
#[cfg(all(target_os = "linux", target_endian = "little"))]
fn where_membarrier_is_refused_nothing_expires_and_nothing_is_freed() {
    alone("expiry::where_membarrier_is_refused_nothing_expires_and_nothing_is_freed", || {
        let (registry, clock) = registry();
        let counter = counters(&registry);
        counter.with(["before"]).inc();
        read(&registry);
        clock.advance(HOUR);
        read(&registry);
        assert_eq!(counter.len(), 0);
        crate::memory::refuse(libc::SYS_membarrier);
        (0..300).for_each(|n| counter.with([&n.to_string()]).inc_by(n));
        let value = |name, labels: &[(&str, &str)]| read(&registry).value(name, labels);
        let found = counter.with(["7"]);
        for round in 1..=3 {
            clock.advance(2 * HOUR);
            (0..300).for_each(|n| assert_eq!(counter.get([&n.to_string()]).unwrap().value(), n));
            // Those that were to go take part in everything still.
            assert_eq!((value("a_total", &[("x", "299")]), counter.len()), (Some(299.0), 300), "round {round}");
            assert_eq!(value("quipu_freeing_refused", &[]), Some(1.0));
            assert_eq!(value("quipu_expired_series_total", &[("family", "a_total")]), Some(1.0));
        }
        // Removed, it still is in memory, and nobody else's.
        assert!(counter.remove(["7"]));
        (0..3).for_each(|_| drop(registry.to_text()));
        (300..600).for_each(|n| counter.with([&n.to_string()]).inc());
        found.inc();
        assert_eq!((found.value(), value("quipu_retained_series", &[])), (8, Some(1.0)));
        (300..600).for_each(|n| assert_eq!(counter.with([&n.to_string()]).value(), 1));
    });
}

#[test]
fn the_same_time_is_part_of_a_registration() {
    let registry = Registry::new();
    let family = counters(&registry);
    family.with(["a"]).inc();
    assert_eq!(counters(&registry).len(), 1);
    let other = registry.counter("a_total", "A.").labels(["x"]).register().unwrap_err().to_string();
    assert!(other.contains("with series that expire after 3600s") && other.contains("do not expire"), "{other}");
}
