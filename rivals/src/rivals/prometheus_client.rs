//! `prometheus-client`: handles, and families keyed by a label set of the user's own type.
//!
//! Lookups use a label set of `&'static str`, which needs no allocation; registries full of series
//! use one of `String`s, which label values of requests need.

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use ::prometheus_client::encoding::text;
use ::prometheus_client::metrics::counter::Counter;
use ::prometheus_client::metrics::family::Family;
use ::prometheus_client::metrics::gauge::Gauge;
use ::prometheus_client::metrics::histogram::Histogram;
use ::prometheus_client::registry::{Metric, Registry};

use super::labels::{Borrowed, Owned};
use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, count_of, for_each_series, value_per_bucket};

pub(crate) struct PrometheusClient;

impl Rival for PrometheusClient {
    const NAME: &'static str = "prometheus-client";

    fn counter() -> Option<impl Operation> {
        let counter = Counter::<u64>::default();
        Some(move || {
            counter.inc();
        })
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        let counter = Counter::<f64, AtomicU64>::default();
        Some(move |amount| {
            counter.inc_by(amount);
        })
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = Gauge::<i64>::default();
        Some(move || {
            gauge.inc();
            gauge.dec();
        })
    }

    fn histogram() -> Option<impl Observe> {
        let histogram = new_histogram();
        Some(move |value| histogram.observe(value))
    }

    fn lookup(keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        let family = Family::<Borrowed, Counter>::default();
        for key in keys.series() {
            family.get_or_create(&key.into()).inc();
        }
        Some(move |key: Key| {
            family.get_or_create(&key.into()).inc();
        })
    }

    fn counters(series: usize) -> Option<Filled> {
        let family = Family::<Owned, Counter>::default();
        for_each_series(series, |series, key| {
            family.get_or_create(&key.into()).inc_by(count_of(series));
        });
        Some(encoding("http_requests", family))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let family = Family::<Owned, Histogram>::new_with_constructor(new_histogram);
        for_each_series(series, |_, key| {
            let histogram = family.get_or_create(&key.into());
            value_per_bucket().for_each(|value| histogram.observe(value));
        });
        Some(encoding("http_request_duration_seconds", family))
    }
}

fn new_histogram() -> Histogram {
    Histogram::new(BOUNDS)
}

fn encoding(name: &str, family: impl Metric) -> Filled {
    let mut registry = Registry::default();
    registry.register(name, "Requests", family);
    let buffer = Mutex::new(String::new());
    Filled::with_encoder(move |sink| {
        let mut output = buffer.lock().expect("one thread");
        output.clear();
        text::encode(&mut *output, &registry).expect("a String takes everything");
        sink(output.as_bytes());
    })
}
