//! A reader of delimited protobuf, `io.prometheus.client.MetricFamily`, that knows nothing of the writer under test: another
//! crate decodes the messages, and the fields are declared here by their numbers.

// Several test binaries and the fuzz targets include this module, and each uses its own part of it.
#![allow(dead_code)]

use crate::reader;
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) help: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(crate) kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) metric: Vec<Metric>,
    #[prost(string, optional, tag = "5")]
    pub(crate) unit: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<Label>,
    #[prost(message, optional, tag = "2")]
    pub(crate) gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    pub(crate) counter: Option<Number>,
    #[prost(message, optional, tag = "4")]
    pub(crate) summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    pub(crate) histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub(crate) value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Number {
    #[prost(double, optional, tag = "1")]
    pub(crate) value: Option<f64>,
    #[prost(message, optional, tag = "2")]
    pub(crate) exemplar: Option<Exemplar>,
    #[prost(message, optional, tag = "3")]
    pub(crate) start: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Exemplar {
    #[prost(message, repeated, tag = "1")]
    pub(crate) label: Vec<Label>,
    #[prost(double, optional, tag = "2")]
    pub(crate) value: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) time: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) bucket: Vec<Bucket>,
    #[prost(message, optional, tag = "15")]
    pub(crate) start: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) quantile: Vec<Quantile>,
    #[prost(message, optional, tag = "4")]
    pub(crate) start: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Quantile {
    #[prost(double, optional, tag = "1")]
    pub(crate) quantile: Option<f64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    pub(crate) count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    pub(crate) bound: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub(crate) exemplar: Option<Exemplar>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

/// A family as either format tells it: name, help, type and samples.
pub(crate) type Family = (String, String, reader::MetricType, Vec<Sample>);

/// Name, labels and the bits of the value. All NaNs are one.
pub(crate) type Sample = (String, Vec<(String, String)>, u64);

/// The messages, one after another.
pub(crate) fn messages(mut bytes: &[u8]) -> Vec<MetricFamily> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        messages.push(MetricFamily::decode_length_delimited(&mut bytes).expect("a whole message"));
    }
    messages
}

/// The families of an exposition, with the messages of one name joined.
pub(crate) fn families(bytes: &[u8]) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for message in messages(bytes) {
        let name = message.name.clone().expect("a name");
        let help = message.help.clone().unwrap_or_default();
        let kind = match message.kind {
            Some(0) => reader::MetricType::Counter,
            Some(1) => reader::MetricType::Gauge,
            Some(2) => reader::MetricType::Summary,
            Some(4) => reader::MetricType::Histogram,
            other => panic!("type {other:?}"),
        };
        assert!(!message.metric.is_empty(), "{name} has no series");
        let samples: Vec<Sample> = message.metric.iter().flat_map(|metric| samples(&name, kind, metric)).collect();
        match families.last_mut() {
            Some(last) if last.0 == name => {
                assert_eq!((&last.1, last.2), (&help, kind), "{name}");
                last.3.extend(samples);
            }
            _ => families.push((name, help, kind, samples)),
        }
    }
    families
}

fn samples(name: &str, kind: reader::MetricType, metric: &Metric) -> Vec<Sample> {
    let pair = |label: &Label| (label.name.clone().expect("a name"), label.value.clone().expect("a value"));
    let labels: Vec<_> = metric.label.iter().map(pair).collect();
    let sample = |suffix: &str, value: f64| (format!("{name}{suffix}"), labels.clone(), bits(value));
    let number = |number: &Option<Number>| vec![sample("", number.as_ref().and_then(|n| n.value).expect("a value"))];
    match (kind, &metric.histogram) {
        (reader::MetricType::Counter, None) => number(&metric.counter),
        (reader::MetricType::Gauge, None) => number(&metric.gauge),
        (reader::MetricType::Summary, None) => {
            let summary = metric.summary.as_ref().expect("a summary");
            let with_quantile = |quantile: &Quantile| {
                let mut sample = sample("", quantile.value.expect("a value"));
                sample.1.push(("quantile".to_owned(), format!("{:?}", quantile.quantile.expect("a quantile"))));
                sample
            };
            let mut samples: Vec<_> = summary.quantile.iter().map(with_quantile).collect();
            samples.push(sample("_sum", summary.sum.expect("a sum")));
            samples.push(sample("_count", summary.count.expect("a count") as f64));
            samples
        }
        (reader::MetricType::Histogram, Some(histogram)) => {
            let count = histogram.count.expect("a count");
            let buckets = histogram.bucket.iter().map(|bucket| (bucket.bound.expect("a bound"), bucket.count));
            let with_le = |(bound, count): (f64, Option<u64>)| {
                let mut sample = sample("_bucket", count.expect("a count") as f64);
                sample.1.push(("le".to_owned(), format!("{bound:?}")));
                sample
            };
            let mut samples: Vec<_> = buckets.chain([(f64::INFINITY, Some(count))]).map(with_le).collect();
            samples.push(sample("_sum", histogram.sum.expect("a sum")));
            samples.push(sample("_count", count as f64));
            samples
        }
        _ => panic!("{name} is a {kind:?}, and has {metric:?}"),
    }
}

fn bits(value: f64) -> u64 {
    if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() }
}

/// The families of a text.
pub(crate) fn families_of_text(text: &str) -> Vec<Family> {
    let read = reader::read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    // A bound may be spelled in several ways.
    let bound = |(name, value): (String, String)| match &*name {
        "le" | "quantile" => (name, format!("{:?}", value.parse::<f64>().expect("a bound"))),
        _ => (name, value),
    };
    let sample = |sample: reader::Sample, has_bounds: bool| {
        let labels = sample.labels.into_iter();
        let labels = if has_bounds { labels.map(bound).collect() } else { labels.collect() };
        (sample.name, labels, bits(sample.value))
    };
    let family = |family: reader::Family| {
        let has_bounds = matches!(family.kind, reader::MetricType::Histogram | reader::MetricType::Summary);
        let samples = family.samples.into_iter().map(|of_family| sample(of_family, has_bounds)).collect();
        (family.name, family.help.unwrap_or_default(), family.kind, samples)
    };
    read.families.into_iter().map(family).collect()
}
