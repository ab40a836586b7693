//! `prometheus`: handles, and vectors looked up by label values.
//!
//! Without its `protobuf` feature, which makes gathering slower. Its `local` types are left out:
//! what they count is not visible to a scrape until they are flushed by hand.

use std::sync::Mutex;

use ::prometheus::{
    Counter, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, LABELS, count_of, for_each_series, value_per_bucket};

pub(crate) struct Prometheus;

impl Rival for Prometheus {
    const NAME: &'static str = "prometheus";

    fn counter() -> Option<impl Operation> {
        let counter = IntCounter::new("jobs_total", "Jobs.").expect("valid");
        Some(move || counter.inc())
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        let counter = Counter::new("cost_total", "Cost.").expect("valid");
        Some(move |amount| counter.inc_by(amount))
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = IntGauge::new("requests_in_flight", "Requests.").expect("valid");
        Some(move || {
            gauge.inc();
            gauge.dec();
        })
    }

    fn histogram() -> Option<impl Observe> {
        let histogram = Histogram::with_opts(histogram_options()).expect("valid");
        Some(move |value| histogram.observe(value))
    }

    fn lookup(keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        let family = counter_family();
        for key in keys.series() {
            family.with_label_values(&key).inc();
        }
        Some(move |key: Key| family.with_label_values(&key).inc())
    }

    fn counters(series: usize) -> Option<Filled> {
        let family = counter_family();
        for_each_series(series, |series, key| {
            family.with_label_values(&key).inc_by(count_of(series));
        });
        let registry = Registry::new();
        registry.register(Box::new(family)).expect("the first");
        Some(encoding(registry))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let family = HistogramVec::new(histogram_options(), &LABELS).expect("valid");
        for_each_series(series, |_, key| {
            let histogram = family.with_label_values(&key);
            value_per_bucket().for_each(|value| histogram.observe(value));
        });
        let registry = Registry::new();
        registry.register(Box::new(family)).expect("the first");
        Some(encoding(registry))
    }
}

fn histogram_options() -> HistogramOpts {
    HistogramOpts::new("http_request_duration_seconds", "Requests.").buckets(BOUNDS.to_vec())
}

fn counter_family() -> IntCounterVec {
    IntCounterVec::new(Opts::new("http_requests_total", "Requests."), &LABELS).expect("valid")
}

/// Gathers and encodes into one reused buffer.
pub(super) fn encoding(registry: Registry) -> Filled {
    let buffer = Mutex::new(String::new());
    Filled::with_encoder(move |sink| {
        let mut text = buffer.lock().expect("one thread");
        text.clear();
        TextEncoder::new().encode_utf8(&registry.gather(), &mut text).expect("valid families");
        sink(text.as_bytes());
    })
}
