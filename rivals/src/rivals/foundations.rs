//! `foundations-metrics`: handles, and families keyed by a label set of the user's own type.
//!
//! Counters kept by handle are its thread-local ones, the fastest there are in it; in families its
//! plain ones are, and take a fraction of the memory. Its histogram behind a mutex is faster than
//! the one of atomics, on one thread and on two. Lookups use a label set of `&'static str`, which
//! needs no allocation.
//!
//! Its registry is global to the process and has no removal, so families are encoded past it, which
//! saves it one pass over them.

use std::sync::atomic::AtomicI64;

use ::foundations_metrics::{
    Counter, EncodeMetric, EncodeMetricValue, Family, Gauge, Histogram, NamedMetric, ThreadLocalCounter, encode_to_text,
};

use super::labels::{Borrowed, Owned};
use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, count_of, for_each_series, value_per_bucket};

pub(crate) struct Foundations;

impl Rival for Foundations {
    const NAME: &'static str = "foundations-metrics";

    fn counter() -> Option<impl Operation> {
        let counter = ThreadLocalCounter::<u64>::default();
        Some(move || counter.inc())
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        let counter = ThreadLocalCounter::<f64>::default();
        Some(move |amount| counter.inc_by(amount))
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = Gauge::<i64, AtomicI64>::default();
        Some(move || {
            gauge.inc();
            gauge.dec();
        })
    }

    fn histogram() -> Option<impl Observe> {
        let histogram = Histogram::new(BOUNDS);
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
        Some(encoding("http_requests_total", family))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let family = Family::<Owned, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
        for_each_series(series, |_, key| {
            let histogram = family.get_or_create(&key.into());
            value_per_bucket().for_each(|value| histogram.observe(value));
        });
        Some(encoding("http_request_duration_seconds", family))
    }
}

fn encoding(name: &'static str, family: impl EncodeMetricValue) -> Filled {
    let metric = NamedMetric::new(name, "Requests.", family);
    Filled::with_encoder(move |sink| sink(encode_to_text(&metric.encode()).as_bytes()))
}
