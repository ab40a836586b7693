//! `measured`: single metrics by handle, and vectors of them over a typed label set.
//!
//! Lookups use sets of values that are fixed at the start, its fastest form, with a fast hasher, and
//! leave it to the crate to take a dense vector or a map; each is the faster one where it takes it.
//! Registries full of series use sets that grow, with the interner that takes the least memory. It
//! has no float counter; its float gauge does the same work.

use std::sync::Mutex;

use ::measured::metric::histogram::Thresholds;
use ::measured::text::BufferedTextEncoder;
use ::measured::{Counter, CounterVec, FloatGauge, Gauge, Histogram, HistogramVec, LabelGroup, MetricGroup};
use lasso::{Rodeo, RodeoReader, Spur};
use paracord::ParaCord;

use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, count_of, for_each_series, value_per_bucket};

pub(crate) struct Measured;

type Fixed = RodeoReader<Spur, foldhash::fast::RandomState>;

#[derive(Clone, Copy, LabelGroup)]
#[label(set = FixedSet)]
struct FixedLabels<'a> {
    #[label(fixed_with = Fixed)]
    method: &'a str,
    #[label(fixed_with = Fixed)]
    path: &'a str,
    #[label(fixed_with = Fixed)]
    status: &'a str,
}

#[derive(Clone, Copy, LabelGroup)]
#[label(set = OpenSet)]
struct OpenLabels<'a> {
    #[label(dynamic_with = ParaCord)]
    method: &'a str,
    #[label(dynamic_with = ParaCord)]
    path: &'a str,
    #[label(dynamic_with = ParaCord)]
    status: &'a str,
}

#[derive(MetricGroup)]
struct Counters {
    /// Requests.
    http_requests_total: CounterVec<OpenSet>,
}

#[derive(MetricGroup)]
struct Histograms {
    /// Requests.
    http_request_duration_seconds: HistogramVec<OpenSet, { BOUNDS.len() }>,
}

impl Rival for Measured {
    const NAME: &'static str = "measured";

    fn counter() -> Option<impl Operation> {
        let counter = Counter::new();
        Some(move || counter.inc())
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        let gauge = FloatGauge::new();
        Some(move |amount| gauge.get_metric().inc_by(amount))
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = Gauge::new();
        Some(move || {
            gauge.get_metric().inc();
            gauge.get_metric().dec();
        })
    }

    fn histogram() -> Option<impl Observe> {
        let histogram = Histogram::with_metadata(Thresholds::with_buckets(BOUNDS));
        Some(move |value| histogram.observe(value))
    }

    fn lookup(keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        let [method, path, status] = keys.dimensions().each_ref().map(|values| {
            let mut rodeo: Rodeo<Spur, _> = Rodeo::with_hasher(Default::default());
            rodeo.extend(values.iter().copied());
            rodeo.into_reader()
        });
        let family = CounterVec::with_label_set(FixedSet { method, path, status });
        for [method, path, status] in keys.series() {
            family.inc(FixedLabels { method, path, status });
        }
        Some(move |[method, path, status]: Key| family.inc(FixedLabels { method, path, status }))
    }

    fn counters(series: usize) -> Option<Filled> {
        let counters = Counters { http_requests_total: CounterVec::with_label_set(open_set()) };
        for_each_series(series, |series, key| {
            counters.http_requests_total.inc_by(open(key), count_of(series));
        });
        Some(encoding(counters))
    }

    fn histograms(series: usize) -> Option<Filled> {
        let family = HistogramVec::with_label_set_and_metadata(open_set(), Thresholds::with_buckets(BOUNDS));
        for_each_series(series, |_, key| {
            let id = family.with_labels(open(key));
            value_per_bucket().for_each(|value| family.get_metric(id).observe(value));
        });
        Some(encoding(Histograms { http_request_duration_seconds: family }))
    }
}

fn open_set() -> OpenSet {
    OpenSet { method: ParaCord::default(), path: ParaCord::default(), status: ParaCord::default() }
}

fn open([method, path, status]: [&str; 3]) -> OpenLabels<'_> {
    OpenLabels { method, path, status }
}

fn encoding(metrics: impl MetricGroup<BufferedTextEncoder> + Send + Sync + 'static) -> Filled {
    let buffer = Mutex::new(BufferedTextEncoder::new());
    Filled::with_encoder(move |sink| {
        let mut encoder = buffer.lock().expect("one thread");
        let Ok(()) = metrics.collect_group_into(&mut encoder);
        sink(&encoder.finish());
    })
}
