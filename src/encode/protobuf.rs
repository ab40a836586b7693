//! Delimited protobuf: messages of the type `io.prometheus.client.MetricFamily`, each with its length in front
//! (<https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>).
//!
//! A family may be larger than a chunk, and the length of a message stands before it. So each chunk begins a new message, and
//! scrapers join those of one name. A length that is not known yet gets a fixed number of bytes, filled in later.

use super::{CHUNK, ScrapeError};
use crate::model::{Exemplar, FamilyView, HistogramView, MetricType, SeriesView, SummarySnapshot, Value, Visitor};
use core::time::Duration;

/// Writes a registry as protobuf into a buffer, and is full when that holds a chunk.
#[derive(Debug)]
pub(crate) struct Protobuf {
    out: Vec<u8>,
    /// Where the length of the message that is being written stands.
    open: Option<usize>,
    family: Family,
    error: Option<ScrapeError>,
    /// The longest message that decoders have to take.
    limit: usize,
}

/// What the messages of the current family have in common.
#[derive(Debug, Default)]
struct Family {
    name: String,
    is_counter: bool,
    /// All fields of the family but its series.
    head: Vec<u8>,
    /// The labels that each series begins with, as fields of a metric.
    global_labels: Vec<u8>,
    /// The name of each of the series' own labels, as a field of a label.
    label_names: Vec<Vec<u8>>,
    /// Of a summary, its quantiles.
    bounds: Vec<f64>,
}

/// The first byte of a field.
const fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

const VARINT: u8 = 0;
const DOUBLE: u8 = 1;
const BYTES: u8 = 2;

const FAMILY_NAME: u8 = tag(1, BYTES);
const FAMILY_HELP: u8 = tag(2, BYTES);
const FAMILY_TYPE: u8 = tag(3, VARINT);
const FAMILY_METRIC: u8 = tag(4, BYTES);
const FAMILY_UNIT: u8 = tag(5, BYTES);

const METRIC_LABEL: u8 = tag(1, BYTES);
const METRIC_GAUGE: u8 = tag(2, BYTES);
const METRIC_COUNTER: u8 = tag(3, BYTES);
const METRIC_SUMMARY: u8 = tag(4, BYTES);
const METRIC_HISTOGRAM: u8 = tag(7, BYTES);

const LABEL_NAME: u8 = tag(1, BYTES);
const LABEL_VALUE: u8 = tag(2, BYTES);

/// Of counters and gauges.
const NUMBER_VALUE: u8 = tag(1, DOUBLE);
const COUNTER_EXEMPLAR: u8 = tag(2, BYTES);
const COUNTER_START: u8 = tag(3, BYTES);

const SUMMARY_COUNT: u8 = tag(1, VARINT);
const SUMMARY_SUM: u8 = tag(2, DOUBLE);
const SUMMARY_QUANTILE: u8 = tag(3, BYTES);
const SUMMARY_START: u8 = tag(4, BYTES);

const QUANTILE: u8 = tag(1, DOUBLE);
const QUANTILE_VALUE: u8 = tag(2, DOUBLE);

const HISTOGRAM_COUNT: u8 = tag(1, VARINT);
const HISTOGRAM_SUM: u8 = tag(2, DOUBLE);
const HISTOGRAM_BUCKET: u8 = tag(3, BYTES);
const HISTOGRAM_START: u8 = tag(15, BYTES);

const BUCKET_COUNT: u8 = tag(1, VARINT);
const BUCKET_BOUND: u8 = tag(2, DOUBLE);
const BUCKET_EXEMPLAR: u8 = tag(3, BYTES);

const EXEMPLAR_LABEL: u8 = tag(1, BYTES);
const EXEMPLAR_VALUE: u8 = tag(2, DOUBLE);
const EXEMPLAR_TIME: u8 = tag(3, BYTES);

const TIMESTAMP_SECONDS: u8 = tag(1, VARINT);
const TIMESTAMP_NANOS: u8 = tag(2, VARINT);

/// Bytes for the length of a message that can have any.
const ANY: usize = 5;
/// Bytes for the length of a message of less than 128.
const SHORT: usize = 1;

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_number(out: &mut Vec<u8>, tag: u8, value: u64) {
    out.push(tag);
    put_varint(out, value);
}

fn put_bytes(out: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    put_number(out, tag, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_double(out: &mut Vec<u8>, tag: u8, value: f64) {
    // One NaN for all: another one marks a series as stale.
    let bits = if value.is_nan() { 0x7ff8_0000_0000_0001 } else { value.to_bits() };
    out.push(tag);
    out.extend_from_slice(&bits.to_le_bytes());
}

/// Writes a message behind `N` bytes for its length. Returns the length.
fn put_message<const N: usize>(out: &mut Vec<u8>, tag: u8, write: impl FnOnce(&mut Vec<u8>)) -> usize {
    out.push(tag);
    let at = out.len();
    out.extend_from_slice(&[0; N]);
    write(out);
    set_length::<N>(out, at)
}

/// Fills in the length of the message that reaches from these `N` bytes to the end: a varint with as many bytes as there are.
fn set_length<const N: usize>(out: &mut [u8], at: usize) -> usize {
    let len = out.len() - at - N;
    debug_assert!(len < 1 << (7 * N));
    for n in 0..N {
        let more = if n + 1 < N { 0x80 } else { 0 };
        out[at + n] = (len >> (7 * n)) as u8 & 0x7f | more;
    }
    len
}

fn put_timestamp(out: &mut Vec<u8>, tag: u8, time: Duration) {
    put_message::<SHORT>(out, tag, |out| {
        put_number(out, TIMESTAMP_SECONDS, time.as_secs());
        put_number(out, TIMESTAMP_NANOS, time.subsec_nanos().into());
    });
}

fn put_exemplar(out: &mut Vec<u8>, tag: u8, exemplar: &Exemplar) {
    put_message::<ANY>(out, tag, |out| {
        for (name, value) in exemplar.labels() {
            const { assert!(EXEMPLAR_LABEL == METRIC_LABEL, "a label is the same in both") };
            put_label(out, &name_field(name), value);
        }
        put_double(out, EXEMPLAR_VALUE, exemplar.value());
        if let Some(time) = exemplar.time() {
            put_timestamp(out, EXEMPLAR_TIME, time);
        }
    });
}

/// Writes a label whose name is encoded as a field.
fn put_label(out: &mut Vec<u8>, name: &[u8], value: &str) {
    let len_of_len = (value.len() as u64 | 1).ilog2() as usize / 7 + 1;
    put_number(out, METRIC_LABEL, (name.len() + 1 + len_of_len + value.len()) as u64);
    out.extend_from_slice(name);
    put_bytes(out, LABEL_VALUE, value.as_bytes());
}

fn name_field(name: &str) -> Vec<u8> {
    let mut field = Vec::new();
    put_bytes(&mut field, LABEL_NAME, name.as_bytes());
    field
}

fn put_bucket(out: &mut Vec<u8>, count: u64, bound: f64, exemplar: Option<&Exemplar>) {
    let put = |out: &mut Vec<u8>| {
        put_number(out, BUCKET_COUNT, count);
        put_double(out, BUCKET_BOUND, bound);
    };
    match exemplar {
        None => put_message::<SHORT>(out, HISTOGRAM_BUCKET, put),
        Some(exemplar) => put_message::<ANY>(out, HISTOGRAM_BUCKET, |out| {
            put(out);
            put_exemplar(out, BUCKET_EXEMPLAR, exemplar);
        }),
    };
}

impl Family {
    fn new(view: FamilyView<'_>) -> Family {
        let FamilyView { name, help, unit, kind, global_labels, label_names, bounds, .. } = view;
        let mut head = Vec::new();
        put_bytes(&mut head, FAMILY_NAME, name.as_bytes());
        if !help.is_empty() {
            put_bytes(&mut head, FAMILY_HELP, help.as_bytes());
        }
        let kind_number = match kind {
            MetricType::Counter => 0,
            MetricType::Gauge | MetricType::Info | MetricType::StateSet => 1,
            MetricType::Summary => 2,
            MetricType::Histogram => 4,
        };
        put_number(&mut head, FAMILY_TYPE, kind_number);
        if let Some(unit) = unit {
            put_bytes(&mut head, FAMILY_UNIT, unit.as_bytes());
        }
        let mut globals = Vec::new();
        for (name, value) in global_labels.pairs() {
            put_label(&mut globals, &name_field(name), value);
        }
        Family {
            name: name.to_owned(),
            is_counter: kind == MetricType::Counter,
            head,
            global_labels: globals,
            label_names: label_names.iter().map(|name| name_field(name)).collect(),
            bounds: bounds.to_vec(),
        }
    }

    fn put_sample(&self, out: &mut Vec<u8>, value: Value, series: &impl SeriesView) {
        if !self.is_counter {
            put_message::<SHORT>(out, METRIC_GAUGE, |out| put_double(out, NUMBER_VALUE, value.as_f64()));
            return;
        }
        let put = |out: &mut Vec<u8>| {
            put_double(out, NUMBER_VALUE, value.as_f64());
            if let Some(created) = series.created() {
                put_timestamp(out, COUNTER_START, created);
            }
        };
        match series.exemplar(0) {
            None => put_message::<SHORT>(out, METRIC_COUNTER, put),
            Some(exemplar) => put_message::<ANY>(out, METRIC_COUNTER, |out| {
                put(out);
                put_exemplar(out, COUNTER_EXEMPLAR, exemplar);
            }),
        };
    }

    fn put_summary(&self, out: &mut Vec<u8>, summary: &SummarySnapshot, series: &impl SeriesView) {
        put_message::<ANY>(out, METRIC_SUMMARY, |out| {
            put_number(out, SUMMARY_COUNT, summary.count());
            put_double(out, SUMMARY_SUM, summary.sum());
            for quantile in &self.bounds {
                put_message::<SHORT>(out, SUMMARY_QUANTILE, |out| {
                    put_double(out, QUANTILE, *quantile);
                    put_double(out, QUANTILE_VALUE, summary.quantile(*quantile));
                });
            }
            if let Some(created) = series.created() {
                put_timestamp(out, SUMMARY_START, created);
            }
        });
    }

    fn put_histogram(
        &self,
        out: &mut Vec<u8>,
        histogram: HistogramView<impl Iterator<Item = u64>>,
        series: &impl SeriesView,
    ) {
        let HistogramView { mut counts, sum } = histogram;
        put_message::<ANY>(out, METRIC_HISTOGRAM, |out| {
            let mut count = 0u64;
            for (slot, (bound, in_bucket)) in self.bounds.iter().zip(&mut counts).enumerate() {
                count = count.wrapping_add(in_bucket);
                put_bucket(out, count, *bound, series.exemplar(slot));
            }
            count = count.wrapping_add(counts.next().unwrap_or(0));
            // The `+Inf` bucket is the count; it is needed only where it has something to show.
            if let Some(exemplar) = series.exemplar(self.bounds.len()) {
                put_bucket(out, count, f64::INFINITY, Some(exemplar));
            }
            put_number(out, HISTOGRAM_COUNT, count);
            put_double(out, HISTOGRAM_SUM, sum);
            if let Some(created) = series.created() {
                put_timestamp(out, HISTOGRAM_START, created);
            }
        });
    }
}

impl Default for Protobuf {
    fn default() -> Self {
        // Lengths are signed 32-bit numbers in many decoders, and the family around a series needs some bytes as well.
        let limit = i32::MAX as usize - CHUNK;
        Protobuf { out: Vec::new(), open: None, family: Family::default(), error: None, limit }
    }
}

impl Protobuf {
    /// Replaces what is in `buffer`.
    pub(super) fn begin(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        // The last series of a chunk goes beyond its end.
        buffer.reserve_exact(CHUNK + CHUNK / 16);
        self.out = buffer;
    }

    /// What was written since.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, ScrapeError> {
        self.close();
        match &self.error {
            Some(error) => Err(error.clone()),
            None => Ok(core::mem::take(&mut self.out)),
        }
    }

    /// Ends the message that is being written.
    fn close(&mut self) {
        if let Some(at) = self.open.take() {
            set_length::<ANY>(&mut self.out, at);
        }
    }

    fn put_metric(&mut self, series: &impl SeriesView, write: impl FnOnce(&Family, &mut Vec<u8>)) {
        let Protobuf { out, open, family, .. } = self;
        if open.is_none() {
            *open = Some(out.len());
            out.extend_from_slice(&[0; ANY]);
            out.extend_from_slice(&family.head);
        }
        let len = put_message::<ANY>(out, FAMILY_METRIC, |out| {
            out.extend_from_slice(&family.global_labels);
            for (name, value) in family.label_names.iter().zip(series.values()) {
                put_label(out, name, value);
            }
            write(family, out);
        });
        if len > self.limit {
            self.error = Some(ScrapeError::SeriesTooLong { family: family.name.clone() });
        }
    }
}

impl Visitor for Protobuf {
    fn family(&mut self, family: FamilyView<'_>) {
        self.close();
        self.family = Family::new(family);
    }

    fn samples<'s, S: SeriesView + 's>(
        &mut self,
        series: impl Fn(usize) -> Option<&'s S>,
        value: impl Fn(usize) -> Value,
    ) -> usize {
        let mut taken = 0;
        while taken == 0 || !self.is_full() {
            let Some(series) = series(taken) else { break };
            self.put_metric(series, |family, out| family.put_sample(out, value(taken), series));
            taken += 1;
        }
        taken
    }

    fn histogram(&mut self, series: &impl SeriesView, histogram: HistogramView<impl Iterator<Item = u64> + Clone>) {
        self.put_metric(series, |family, out| family.put_histogram(out, histogram, series));
    }

    fn summary(&mut self, series: &impl SeriesView, summary: &SummarySnapshot) {
        self.put_metric(series, |family, out| family.put_summary(out, summary, series));
    }

    fn is_full(&self) -> bool {
        self.out.len() >= CHUNK || self.error.is_some()
    }

    fn end(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GlobalLabels;
    use std::borrow::Cow;

    #[test]
    fn varints_and_lengths_are_those_of_the_specification() {
        for (value, expected) in [(0, &[0][..]), (127, &[127]), (128, &[0x80, 1]), (300, &[0xac, 2])] {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, expected);
        }
        // The same number, spelled with as many bytes as there are.
        let mut out = vec![7; 305];
        assert_eq!(set_length::<5>(&mut out, 0), 300);
        assert_eq!(out[..6], [0xac, 0x82, 0x80, 0x80, 0, 7]);
    }

    /// A series without labels, made 300.000000007 s after 1970 began.
    struct Dated;

    impl SeriesView for Dated {
        fn values(&self) -> impl Iterator<Item = &str> {
            core::iter::empty()
        }

        fn text(&self) -> &str {
            ""
        }

        fn created(&self) -> Option<Duration> {
            Some(Duration::new(300, 7))
        }
    }

    #[test]
    fn counters_and_histograms_say_when_they_were_made() {
        let start = [0x08, 0xac, 2, 0x10, 7];
        let double = |value: f64| value.to_le_bytes().to_vec();
        let counter = [&[0x1a, 16, 0x09][..], &double(1.0), &[0x1a, 5], &start].concat();
        let gauge = [&[0x12, 9, 0x09][..], &double(1.0)].concat();
        let histogram =
            [&[0x3a, 0x92, 0x80, 0x80, 0x80, 0, 0x08, 1, 0x11][..], &double(1.0), &[0x7a, 5], &start].concat();
        for (kind, expected) in
            [(MetricType::Counter, counter), (MetricType::Gauge, gauge), (MetricType::Histogram, histogram)]
        {
            let (name, help, unit, label_names, bounds, is_continued) = ("n", "", None, &[], &[], false);
            let global_labels = &GlobalLabels::default();
            let mut protobuf = Protobuf::default();
            protobuf.begin(Vec::new());
            protobuf.family(FamilyView { name, help, unit, kind, global_labels, label_names, bounds, is_continued });
            if kind == MetricType::Histogram {
                protobuf.histogram(&Dated, HistogramView { counts: [1].into_iter(), sum: 1.0 });
            } else {
                protobuf.samples(|n| (n == 0).then_some(&Dated), |_| Value::Float(1.0));
            }
            let message = protobuf.finish().unwrap();
            assert!(message.ends_with(&expected), "{message:x?}");
            assert_eq!(message.len(), 5 + 3 + 2 + 6 + expected.len());
        }
    }

    /// A series with an exemplar in slots 0 and 1.
    struct Exemplified(Exemplar);

    impl SeriesView for Exemplified {
        fn values(&self) -> impl Iterator<Item = &str> {
            core::iter::empty()
        }

        fn text(&self) -> &str {
            ""
        }

        fn created(&self) -> Option<Duration> {
            None
        }

        fn exemplar(&self, slot: usize) -> Option<&Exemplar> {
            (slot < 2).then_some(&self.0)
        }
    }

    #[test]
    fn exemplars_stand_in_counters_and_buckets() {
        let double = |value: f64| value.to_le_bytes().to_vec();
        let labels = vec![("t".to_owned(), "ab".to_owned())];
        let series = Exemplified(Exemplar { labels, value: 0.5, time: Some(Duration::new(300, 7)) });
        let length = |len: u8| [len | 0x80, 0x80, 0x80, 0x80, 0];
        let label = [&[0x0a, 7, 0x0a, 1][..], b"t", &[0x12, 2], b"ab"].concat();
        let exemplar = [&label[..], &[0x11], &double(0.5), &[0x1a, 5, 0x08, 0xac, 2, 0x10, 7]].concat();
        let exemplar = |tag: u8| [&[tag][..], &length(exemplar.len() as u8), &exemplar].concat();
        let message = |tag: u8, parts: &[&[u8]]| {
            let parts = parts.concat();
            [&[tag][..], &length(parts.len() as u8), &parts].concat()
        };
        let counter = message(0x1a, &[&[0x09], &double(1.0), &exemplar(0x12)]);
        let bucket = |count: u8, bound: f64| message(0x1a, &[&[0x08, count, 0x11], &double(bound), &exemplar(0x1a)]);
        let sum = [&[0x08, 3, 0x11][..], &double(4.0)].concat();
        let histogram = [bucket(1, 1.0), bucket(3, f64::INFINITY), sum].concat();
        for (kind, expected) in [(MetricType::Counter, counter), (MetricType::Histogram, histogram)] {
            let (name, help, unit, label_names, bounds, is_continued) = ("n", "", None, &[], &[1.0], false);
            let global_labels = &GlobalLabels::default();
            let mut protobuf = Protobuf::default();
            protobuf.begin(Vec::new());
            protobuf.family(FamilyView { name, help, unit, kind, global_labels, label_names, bounds, is_continued });
            if kind == MetricType::Histogram {
                protobuf.histogram(&series, HistogramView { counts: [1, 2].into_iter(), sum: 4.0 });
            } else {
                protobuf.samples(|n| (n == 0).then_some(&series), |_| Value::Float(1.0));
            }
            let message = protobuf.finish().unwrap();
            assert!(message.ends_with(&expected), "{message:x?}\n{expected:x?}");
        }
    }

    #[test]
    fn a_series_that_no_message_can_hold_breaks_the_scrape_off() {
        let (label_names, global_labels) = (&[Cow::Borrowed("a")], &GlobalLabels::default());
        let mut protobuf = Protobuf { limit: 1000, ..Protobuf::default() };
        protobuf.begin(Vec::new());
        let kind = MetricType::Gauge;
        let (name, help, unit, bounds, is_continued) = ("n", "", None, &[], false);
        protobuf.family(FamilyView { name, help, unit, kind, global_labels, label_names, bounds, is_continued });
        let series = ["b".repeat(900), "b".repeat(1000), "b".to_owned()];
        let show = |protobuf: &mut Protobuf| protobuf.samples(|n| series.get(n), |_| Value::Float(0.0));
        assert_eq!(show(&mut protobuf), 2);
        assert!(protobuf.is_full());
        let error = protobuf.finish().unwrap_err();
        assert_eq!(error, ScrapeError::SeriesTooLong { family: "n".to_owned() });
        assert!(error.to_string().contains("`n`"));
        protobuf.begin(Vec::new());
        assert_eq!(protobuf.finish(), Err(error), "it stays so");
    }
}
