//! `fastmetrics`: handles, and families keyed by a label set of the user's own type.
//!
//! Lookups use a label set of `&'static str`, which needs no allocation; registries full of series
//! use one of `String`s, which label values of requests need.

use std::sync::Mutex;

use ::fastmetrics::format::text::{self, TextProfile};
use ::fastmetrics::metrics::counter::Counter;
use ::fastmetrics::metrics::family::Family;
use ::fastmetrics::metrics::gauge::Gauge;
use ::fastmetrics::metrics::histogram::Histogram;
use ::fastmetrics::registry::{Metric, Registry};

use super::labels::{Borrowed, Owned};
use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, count_of, for_each_series, value_per_bucket};

pub(crate) struct Fastmetrics;

impl Rival for Fastmetrics {
    const NAME: &'static str = "fastmetrics";

    fn counter() -> Option<impl Operation> {
        let counter = Counter::<u64>::default();
        Some(move || counter.inc())
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        let counter = Counter::<f64>::default();
        Some(move |amount| counter.inc_by(amount))
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = Gauge::<i64>::default();
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
            family.with_or_new(&key.into(), |counter| counter.inc());
        }
        Some(move |key: Key| family.with_or_new(&key.into(), |counter| counter.inc()))
    }

    fn counters(series: usize) -> Option<Filled> {
        let family = Family::<Owned, Counter>::default();
        for_each_series(series, |series, key| {
            family.with_or_new(&key.into(), |counter| counter.inc_by(count_of(series)));
        });
        Some(encoding("http_requests", family))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let family = Family::<Owned, Histogram>::new(|| Histogram::new(BOUNDS));
        for_each_series(series, |_, key| {
            family.with_or_new(&key.into(), |histogram| {
                value_per_bucket().for_each(|value| histogram.observe(value));
            });
        });
        Some(encoding("http_request_duration_seconds", family))
    }
}

fn encoding(name: &'static str, family: impl Metric) -> Filled {
    let mut registry = Registry::default();
    registry.register(name, "Requests", family).expect("a valid name");
    let buffer = Mutex::new(String::new());
    Filled::with_encoder(move |sink| {
        let mut output = buffer.lock().expect("one thread");
        output.clear();
        text::encode(&mut *output, &registry, TextProfile::PrometheusV0_0_4).expect("a String takes everything");
        sink(output.as_bytes());
    })
}
