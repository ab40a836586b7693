//! quipu: handles, families looked up by label values, and the scrape drained into one buffer.

use std::sync::Mutex;

use ::quipu::Registry;

use crate::rival::{Filled, Observe, Operation, QUIPU, Rival};
use crate::workload::{BOUNDS, Key, Keys, LABELS, count_of, for_each_series, value_per_bucket};

pub(crate) struct Quipu;

impl Rival for Quipu {
    const NAME: &'static str = QUIPU;

    fn counter() -> Option<impl Operation> {
        let counter = Registry::new().counter("jobs_total", "Jobs.").register();
        let counter = counter.expect("the first");
        Some(move || counter.inc())
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        let counter = Registry::new().float_counter("cost_total", "Cost.").register();
        let counter = counter.expect("the first");
        Some(move |amount| counter.inc_by(amount))
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = Registry::new().in_flight_gauge("requests_in_flight", "Requests.").register();
        let gauge = gauge.expect("the first");
        Some(move || {
            gauge.inc();
            gauge.dec();
        })
    }

    fn histogram() -> Option<impl Observe> {
        let histogram = Registry::new()
            .histogram("http_request_duration_seconds", "Requests.")
            .bounds(BOUNDS)
            .register()
            .expect("the first");
        Some(move |value| histogram.observe(value))
    }

    fn lookup(keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        let family =
            Registry::new().counter("http_requests_total", "Requests.").labels(LABELS).register().expect("the first");
        for key in keys.series() {
            family.with(key).inc();
        }
        Some(move |key: Key| family.with(key).inc())
    }

    fn counters(series: usize) -> Option<Filled> {
        Some(encoding(registry_of_counters(series)))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let registry = Registry::builder().unlimited().build().expect("settings are good");
        let family = registry
            .histogram("http_request_duration_seconds", "Requests.")
            .labels(LABELS)
            .bounds(BOUNDS)
            .register()
            .expect("the first");
        for_each_series(series, |_, key| {
            let histogram = family.with(key);
            value_per_bucket().for_each(|value| histogram.observe(value));
        });
        Some(encoding(registry))
    }
}

/// A registry with one family of `series` counters.
pub(crate) fn registry_of_counters(series: usize) -> Registry {
    let registry = Registry::builder().unlimited().build().expect("settings are good");
    let family = registry.counter("http_requests_total", "Requests.").labels(LABELS).register().expect("the first");
    for_each_series(series, |series, key| family.with(key).inc_by(count_of(series)));
    registry
}

fn encoding(registry: Registry) -> Filled {
    let buffer = Mutex::new(Vec::new());
    Filled::with_encoder(move |sink| {
        let mut chunk = buffer.lock().expect("one thread");
        let mut scrape = registry.scrape();
        while scrape.next_chunk(&mut chunk).expect("text") {
            sink(&chunk);
        }
    })
}
