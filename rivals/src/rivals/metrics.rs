//! `metrics` with `metrics-exporter-prometheus`: handles, and keys registered anew for each lookup,
//! as the macros do. The recorder is called directly, which saves the macros' search for it.
//!
//! Histograms queue raw samples, which the exporter sorts into buckets when it is scraped or told
//! to; it is told to between rounds, untimed, although that work is part of what others do.

use std::sync::Mutex;

use ::metrics::{Histogram, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, LABELS, count_of, for_each_series, value_per_bucket};

pub(crate) struct Metrics;

const COUNTERS: &str = "http_requests_total";
const HISTOGRAMS: &str = "http_request_duration_seconds";

static METADATA: Metadata<'static> = Metadata::new("bench", Level::INFO, None);

impl Rival for Metrics {
    const NAME: &'static str = "metrics + exporter-prometheus";

    fn counter() -> Option<impl Operation> {
        let key = ::metrics::Key::from_static_name(COUNTERS);
        let counter = recorder().register_counter(&key, &METADATA);
        Some(move || counter.increment(1))
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let key = ::metrics::Key::from_static_name("requests_in_flight");
        let gauge = recorder().register_gauge(&key, &METADATA);
        Some(move || {
            gauge.increment(1.0);
            gauge.decrement(1.0);
        })
    }

    fn histogram() -> Option<impl Observe> {
        let recorder = recorder();
        let key = ::metrics::Key::from_static_name(HISTOGRAMS);
        Some(Queue { histogram: recorder.register_histogram(&key, &METADATA), exporter: recorder.handle() })
    }

    fn lookup(keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        let recorder = recorder();
        for key in keys.series() {
            recorder.register_counter(&borrowed(key), &METADATA).increment(1);
        }
        Some(move |key: Key| {
            recorder.register_counter(&borrowed(key), &METADATA).increment(1);
        })
    }

    fn counters(series: usize) -> Option<Filled> {
        let recorder = recorder();
        for_each_series(series, |series, key| {
            let counter = recorder.register_counter(&owned(COUNTERS, key), &METADATA);
            counter.increment(count_of(series));
        });
        Some(encoding(recorder.handle()))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let recorder = recorder();
        for_each_series(series, |_, key| {
            let histogram = recorder.register_histogram(&owned(HISTOGRAMS, key), &METADATA);
            value_per_bucket().for_each(|value| histogram.record(value));
        });
        recorder.handle().run_upkeep();
        Some(encoding(recorder.handle()))
    }
}

struct Queue {
    histogram: Histogram,
    exporter: PrometheusHandle,
}

impl Observe for Queue {
    #[inline]
    fn observe(&self, value: f64) {
        self.histogram.record(value);
    }

    fn settle(&self) {
        self.exporter.run_upkeep();
    }
}

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new().set_buckets(&BOUNDS).expect("some buckets").build_recorder()
}

fn borrowed([method, path, status]: Key) -> ::metrics::Key {
    let labels = vec![Label::new(LABELS[0], method), Label::new(LABELS[1], path), Label::new(LABELS[2], status)];
    ::metrics::Key::from_parts(COUNTERS, labels)
}

fn owned(name: &'static str, key: [&str; 3]) -> ::metrics::Key {
    let labels: Vec<Label> =
        LABELS.into_iter().zip(key).map(|(name, value)| Label::new(name, value.to_owned())).collect();
    ::metrics::Key::from_parts(name, labels)
}

fn encoding(exporter: PrometheusHandle) -> Filled {
    let buffer = Mutex::new(Vec::new());
    Filled::with_encoder(move |sink| {
        let mut text = buffer.lock().expect("one thread");
        text.clear();
        exporter.render_to_write(&mut *text).expect("a Vec takes everything");
        sink(&text);
    })
}
