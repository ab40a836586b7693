//! Metrics that nobody reads, and the registry that makes only such.

use crate::sides::{Closed, Side};
use quipu::{Counter, FloatCounter, Gauge, Histogram, InFlightGauge, LabelSet, RegisterError, Registry};
use std::thread;

#[test]
fn detached_metrics_record_for_their_handles() {
    let counter = Counter::detached();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5_000).for_each(|_| counter.inc()));
        }
    });
    assert_eq!((counter.value(), counter.clone().value(), Counter::detached().value()), (20_000, 20_000, 0));

    let float = FloatCounter::detached();
    float.inc_by(0.5);
    float.inc_by(f64::NAN); // Refused, and counted nowhere.
    assert_eq!(float.value(), 0.5);

    let gauge = Gauge::detached();
    gauge.set(2.0);
    gauge.dec();
    assert_eq!(gauge.value(), 1.0);

    let in_flight = InFlightGauge::detached();
    let guard = in_flight.guard();
    assert_eq!(in_flight.value(), 1);
    drop(guard);
    assert_eq!(in_flight.value(), 0);

    let histogram = Histogram::detached();
    histogram.time(|| histogram.observe(100.0));
    histogram.observe(f64::INFINITY);
    assert_eq!((histogram.snapshot().count(), histogram.bounds()), (2, &quipu::model::DEFAULT_BOUNDS[..]));
    assert!(!format!("{counter:?} {histogram:?}").is_empty());
}

#[derive(LabelSet)]
struct Open<'a> {
    name: &'a str,
    side: Side,
}

#[test]
fn a_disabled_registry_hands_out_metrics_of_every_form() {
    let registry = Registry::disabled();
    let single = registry.gauge("a", "A.").register().unwrap();
    single.set(3.0);
    assert_eq!(single.value(), 3.0);

    let names = registry.counter("b_total", "B.").labels(["x", "y"]).register().unwrap();
    for n in 0..100_u32 {
        names.with(["1", &n.to_string()]).inc();
        names.handle([&n.to_string(), "\"\\\n"]).inc();
    }
    assert_eq!(names.with(["any", "other"]).value(), 200);
    assert_eq!((names.len(), names.iter().count(), names.remove(["1", "1"])), (0, 0, false));
    assert!(names.get(["1", "1"]).is_none());
    names.clear();

    let open = registry.histogram("c", "C.").bounds([1.0]).label_set::<Open>().register().unwrap();
    open.with(Open { name: "a", side: Side::Left }).observe(2.0);
    assert_eq!(open.with(Open { name: "b", side: Side::Right }).snapshot().bucket_counts(), [0, 1]);

    let closed = registry.float_counter("d_total", "D.").label_set::<Closed>().register().unwrap();
    closed.with(Closed { side: Side::Left }).inc();
    closed.with(Closed { side: Side::Right }).inc_by(-1.0);
    assert_eq!(closed.with(Closed { side: Side::Right }).value(), 1.0);

    let many: Vec<String> = (0..6).map(|n| format!("x{n}")).collect();
    let dynamic = registry.in_flight_gauge("e", "E.").dyn_labels(&many).register().unwrap();
    dynamic.with(&["1", "2", "3", "4", "5", "6"]).unwrap().inc();
    assert!(dynamic.with(&["1"]).is_err());

    assert_eq!(registry.to_text(), "");
    assert!(!registry.unregister("a"));
    let metrics = quipu::http::HttpMetrics::new(&registry).unwrap();
    drop(metrics.connection());
}

#[test]
fn a_disabled_registry_checks_names_and_nothing_else() {
    let registry = Registry::disabled();
    assert!(matches!(registry.counter("a", "A.").register(), Err(RegisterError::MetricName { .. })));
    assert!(matches!(registry.gauge("a", "A.").labels(["x-y"]).register(), Err(RegisterError::LabelName { .. })));
    assert!(matches!(registry.histogram("a", "A.").bounds([2.0, 1.0]).register(), Err(RegisterError::Bounds { .. })));
    let one = registry.counter("a_total", "A.").register().unwrap();
    let other = registry.counter("a_total", "Another.").register().unwrap();
    one.inc();
    assert_eq!((one.value(), other.value()), (1, 0));
}

#[test]
fn what_a_disabled_registry_handed_out_outlives_it() {
    let registry = Registry::disabled();
    let family = registry.counter("a_total", "A.").labels(["x"]).register().unwrap();
    drop(registry);
    let handle = family.handle(["1"]);
    drop(family);
    handle.inc();
    assert_eq!(handle.value(), 1);
}
