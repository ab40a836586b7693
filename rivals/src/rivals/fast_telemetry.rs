//! `fast-telemetry`: sharded counters by handle, and its dynamic types where label values are known
//! at run time only.
//!
//! One shard per processor, as its documentation recommends: more take more memory and gain nothing
//! here. It has no float counter, and its histograms take integers: microseconds of the same values.

use std::sync::Mutex;

use ::fast_telemetry::{Counter, DynamicCounter, DynamicGaugeI64, DynamicHistogram, Histogram, PrometheusExport};

use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, LABELS, count_of, for_each_series, value_per_bucket};

pub(crate) struct FastTelemetry;

impl Rival for FastTelemetry {
    const NAME: &'static str = "fast-telemetry";

    fn counter() -> Option<impl Operation> {
        let counter = Counter::new(shards());
        Some(move || counter.inc())
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = DynamicGaugeI64::new(shards()).series(&[]);
        Some(move || {
            gauge.inc();
            gauge.dec();
        })
    }

    fn histogram() -> Option<impl Observe> {
        let histogram = Histogram::new(&bounds(), shards());
        Some(move |value| histogram.record(microseconds(value)))
    }

    fn lookup(keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        let family = DynamicCounter::with_max_series(shards(), usize::MAX);
        for key in keys.series() {
            family.inc(&labels(key));
        }
        Some(move |key: Key| family.inc(&labels(key)))
    }

    fn counters(series: usize) -> Option<Filled> {
        let family = DynamicCounter::with_max_series(shards(), usize::MAX);
        for_each_series(series, |series, key| {
            family.add(&labels(key), count_of(series) as isize);
        });
        Some(encoding("http_requests_total", family))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let family = DynamicHistogram::with_limits(&bounds(), shards(), usize::MAX);
        for_each_series(series, |_, key| {
            let histogram = family.series(&labels(key));
            value_per_bucket().for_each(|value| histogram.record(microseconds(value)));
        });
        Some(encoding("http_request_duration_microseconds", family))
    }
}

fn shards() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn bounds() -> [u64; BOUNDS.len()] {
    BOUNDS.map(microseconds)
}

fn microseconds(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

fn labels(key: [&str; 3]) -> [(&'static str, &str); 3] {
    [(LABELS[0], key[0]), (LABELS[1], key[1]), (LABELS[2], key[2])]
}

fn encoding(name: &'static str, family: impl PrometheusExport + Send + Sync + 'static) -> Filled {
    let buffer = Mutex::new(String::new());
    Filled::with_encoder(move |sink| {
        let mut text = buffer.lock().expect("one thread");
        text.clear();
        family.export_prometheus(&mut text, name, "Requests.");
        sink(text.as_bytes());
    })
}
