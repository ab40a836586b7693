//! `metrics-lib`: handles, and a registry looked up by name and label set.
//!
//! Label sets are built per lookup of `&'static str`, so that they allocate one vector only. For
//! two threads its sharded counter is taken; its histogram has no such variant.

use std::sync::Mutex;

use ::metrics_lib::exporters::prometheus;
use ::metrics_lib::{Counter, Gauge, Histogram, LabelSet, Registry, ShardedCounter, UpDownCounter};

use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, LABELS, count_of, for_each_series, value_per_bucket};

pub(crate) struct MetricsLib;

const COUNTERS: &str = "http_requests_total";
const HISTOGRAMS: &str = "http_request_duration_seconds";

impl Rival for MetricsLib {
    const NAME: &'static str = "metrics-lib";

    fn counter() -> Option<impl Operation> {
        let counter = Counter::new();
        Some(move || counter.inc())
    }

    fn contended_counter() -> Option<impl Operation> {
        let counter = ShardedCounter::new();
        Some(move || counter.inc())
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        let gauge = Gauge::new();
        Some(move |amount| gauge.add(amount))
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = UpDownCounter::default();
        Some(move || {
            gauge.inc();
            gauge.dec();
        })
    }

    fn histogram() -> Option<impl Observe> {
        let histogram = Histogram::with_buckets(BOUNDS);
        Some(move |value| histogram.observe(value))
    }

    fn lookup(keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        let registry = Registry::new();
        for key in keys.series() {
            registry.counter_with(COUNTERS, &borrowed(key)).inc();
        }
        Some(move |key: Key| registry.counter_with(COUNTERS, &borrowed(key)).inc())
    }

    fn counters(series: usize) -> Option<Filled> {
        let registry = Registry::with_cardinality_cap(series);
        for_each_series(series, |series, key| {
            let counter = registry.counter_with(COUNTERS, &owned(key));
            counter.add(count_of(series));
        });
        Some(encoding(registry))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let registry = Registry::with_cardinality_cap(series);
        registry.configure_histogram(HISTOGRAMS, BOUNDS).expect("valid bounds");
        for_each_series(series, |_, key| {
            let histogram = registry.histogram_with(HISTOGRAMS, &owned(key));
            value_per_bucket().for_each(|value| histogram.observe(value));
        });
        Some(encoding(registry))
    }
}

fn borrowed(key: Key) -> LabelSet {
    LabelSet::from([(LABELS[0], key[0]), (LABELS[1], key[1]), (LABELS[2], key[2])])
}

fn owned(key: [&str; 3]) -> LabelSet {
    let mut labels = LabelSet::new();
    for (name, value) in LABELS.into_iter().zip(key) {
        labels.add(name, value.to_owned());
    }
    labels
}

fn encoding(registry: Registry) -> Filled {
    let buffer = Mutex::new(String::new());
    Filled::with_encoder(move |sink| {
        let mut text = buffer.lock().expect("one thread");
        text.clear();
        prometheus::render_into(&mut text, &registry);
        sink(text.as_bytes());
    })
}
