//! `opentelemetry_sdk`: instruments bound to their attributes where a handle is asked for, unbound
//! ones for lookups, and `opentelemetry-prometheus` to encode.
//!
//! The limit of series is raised to what the work needs; the map is allocated for as many.

use ::opentelemetry::KeyValue;
use ::opentelemetry::metrics::{Meter, MeterProvider};
use ::prometheus::Registry;
use opentelemetry_sdk::metrics::{Instrument, ManualReader, SdkMeterProvider, Stream};

use crate::rival::{Filled, Observe, Operation, Rival};
use crate::workload::{BOUNDS, Key, Keys, LABELS, count_of, for_each_series, value_per_bucket};

pub(crate) struct OpenTelemetry;

impl Rival for OpenTelemetry {
    const NAME: &'static str = "opentelemetry_sdk";

    fn counter() -> Option<impl Operation> {
        let (provider, meter) = provider(1);
        let counter = meter.u64_counter("jobs").build().bind(&[]);
        Some(move || {
            let _ = &provider;
            counter.add(1);
        })
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        let (provider, meter) = provider(1);
        let counter = meter.f64_counter("cost").build().bind(&[]);
        Some(move |amount| {
            let _ = &provider;
            counter.add(amount);
        })
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let (provider, meter) = provider(1);
        let gauge = meter.i64_up_down_counter("in_flight").build().bind(&[]);
        Some(move || {
            let _ = &provider;
            gauge.add(1);
            gauge.add(-1);
        })
    }

    fn histogram() -> Option<impl Observe> {
        let (provider, meter) = provider(1);
        let histogram = meter.f64_histogram("duration").with_boundaries(BOUNDS.to_vec()).build().bind(&[]);
        Some(move |value| {
            let _ = &provider;
            histogram.record(value);
        })
    }

    fn lookup(keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        let (provider, meter) = provider(keys.series().count());
        let counter = meter.u64_counter("http_requests").build();
        for key in keys.series() {
            counter.add(1, &borrowed(key));
        }
        Some(move |key: Key| {
            let _ = &provider;
            counter.add(1, &borrowed(key));
        })
    }

    fn counters(series: usize) -> Option<Filled> {
        let exported = Exported::new(series);
        let counter = exported.meter.u64_counter("http_requests").build();
        for_each_series(series, |series, key| {
            counter.add(count_of(series), &owned(key));
        });
        Some(exported.encoding())
    }

    fn histograms(series: usize) -> Option<Filled> {
        let exported = Exported::new(series);
        let histogram =
            exported.meter.f64_histogram("http_request_duration_seconds").with_boundaries(BOUNDS.to_vec()).build();
        for_each_series(series, |_, key| {
            let labels = owned(key);
            value_per_bucket().for_each(|value| histogram.record(value, &labels));
        });
        Some(exported.encoding())
    }
}

/// A view that allows `series` of each instrument.
fn limit(series: usize) -> impl Fn(&Instrument) -> Option<Stream> + Send + Sync + 'static {
    move |_| Stream::builder().with_cardinality_limit(series).build().ok()
}

fn provider(series: usize) -> (SdkMeterProvider, Meter) {
    let provider = SdkMeterProvider::builder().with_reader(ManualReader::default()).with_view(limit(series)).build();
    let meter = provider.meter("bench");
    (provider, meter)
}

/// A provider whose metrics appear in a registry of the `prometheus` crate.
struct Exported {
    registry: Registry,
    provider: SdkMeterProvider,
    meter: Meter,
}

impl Exported {
    fn new(series: usize) -> Self {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .without_target_info()
            .build()
            .expect("the registry is empty");
        let provider = SdkMeterProvider::builder().with_reader(exporter).with_view(limit(series)).build();
        let meter = provider.meter("bench");
        Self { registry, provider, meter }
    }

    fn encoding(self) -> Filled {
        let encoding = super::prometheus::encoding(self.registry);
        let provider = self.provider;
        Filled::with_encoder(move |sink| {
            let _ = &provider;
            (encoding.encode)(sink);
        })
    }
}

fn borrowed(key: Key) -> [KeyValue; 3] {
    [KeyValue::new(LABELS[0], key[0]), KeyValue::new(LABELS[1], key[1]), KeyValue::new(LABELS[2], key[2])]
}

fn owned(key: [&str; 3]) -> [KeyValue; 3] {
    let [method, path, status] = key.map(str::to_owned);
    [KeyValue::new(LABELS[0], method), KeyValue::new(LABELS[1], path), KeyValue::new(LABELS[2], status)]
}
