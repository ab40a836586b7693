//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use super::CHUNK;
use super::number::{MAX_LEN, put_integer, put_value};
use super::out::{Block, Out, Put, Write};
use crate::model::{FamilyView, HistogramSnapshot, Kind, Value, Visitor};

/// Writes a registry as text into a buffer, and is full when that holds a chunk.
///
/// What the lines of a family have in common is put together once, when the family begins. A line is then its head, its
/// labels, its tail and its number, one after another.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    parts: &'a mut Parts,
    out: Out<'a>,
}

/// What outlives a chunk: the text that the lines of the current family share.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Starts of a counter's or a gauge's samples, or of a histogram's buckets.
    sample: Head,
    sum: Head,
    count: Head,
    /// From a histogram's last label value to the value of each bucket: `",le="0.5"} `.
    tails: Vec<Block<32>>,
    /// The start of the lines of the current series' buckets, with its labels.
    bucket: Block<128>,
    /// At least as long as any line of the family, but for the labels of its series.
    line_len: usize,
}

/// The start of a line.
#[derive(Debug, Default)]
struct Head {
    /// To the first label value, `name{region="eu",method="`; without labels to the value, `name{region="eu"} `.
    text: Block<64>,
    /// From the last label value to the value: `"} `, or nothing without labels.
    end: Block<16>,
}

impl Head {
    fn prepare(&mut self, name: &str, suffix: &str, global_labels: &str, first_label: Option<&str>) {
        let (open, comma) = match (global_labels, first_label) {
            ("", None) => ("", ""),
            (_, None) | ("", _) => ("{", ""),
            _ => ("{", ","),
        };
        let start = [name, suffix, open, global_labels, comma].map(str::as_bytes);
        let rest: [&[u8]; 2] = match first_label {
            Some(label) => [label.as_bytes(), b"=\""],
            None if open.is_empty() => [b" ", b""],
            None => [b"} ", b""],
        };
        self.text.set(&[&start[..], &rest].concat());
        self.end.set(if first_label.is_some() { &[b"\"} "] } else { &[] });
    }
}

/// A line.
struct Sample<'a>(&'a Head, &'a str, Value);

impl Write for Sample<'_> {
    #[inline(always)]
    fn write_to(self, out: &mut impl Put) {
        let Sample(head, labels, value) = self;
        out.put_block(&head.text);
        out.put(labels.as_bytes());
        out.put_block(&head.end);
        put_value(out, value);
        out.put_array(b"\n");
    }
}

/// A line of a bucket: its start and its labels, its bound, its count.
struct Bucket<'a>(&'a Block<128>, &'a Block<32>, u64);

impl Write for Bucket<'_> {
    #[inline(always)]
    fn write_to(self, out: &mut impl Put) {
        let Bucket(start, tail, count) = self;
        out.put_block(start);
        out.put_block(tail);
        put_integer(out, count);
        out.put_array(b"\n");
    }
}

/// Lines about a family.
struct About<'a>(FamilyView<'a>);

impl Write for About<'_> {
    fn write_to(self, out: &mut impl Put) {
        let FamilyView { name, help, kind, .. } = self.0;
        out.put_slice(b"# HELP ");
        out.put_slice(name.as_bytes());
        out.put_array(b" ");
        // Help text escapes `\` and line feed only ("Comments, help text, and type information").
        for byte in help.as_bytes() {
            match byte {
                b'\\' => out.put_array(br"\\"),
                b'\n' => out.put_array(br"\n"),
                _ => out.put_array(&[*byte]),
            }
        }
        out.put_slice(b"\n# TYPE ");
        out.put_slice(name.as_bytes());
        out.put_array(b" ");
        out.put_slice(kind.as_str().as_bytes());
        out.put_array(b"\n");
    }
}

impl Parts {
    fn prepare(&mut self, family: FamilyView<'_>) {
        let FamilyView { name, kind, global_labels, first_label: first, bounds, .. } = family;
        self.line_len = name.len() + global_labels.len() + first.map_or(0, str::len) + 64 + MAX_LEN;
        if kind != Kind::Histogram {
            return self.sample.prepare(name, "", global_labels, first);
        }
        self.sample.prepare(name, "_bucket", global_labels, Some(first.unwrap_or("le")));
        self.sum.prepare(name, "_sum", global_labels, first);
        self.count.prepare(name, "_count", global_labels, first);
        self.prepare_tails(if first.is_some() { b"\",le=\"" } else { b"" }, bounds);
    }

    fn prepare_tails(&mut self, le: &[u8], bounds: &[f64]) {
        self.tails.resize_with(bounds.len() + 1, Block::default);
        let mut number = Vec::new();
        for (tail, &bound) in self.tails.iter_mut().zip(bounds.iter().chain([&f64::INFINITY])) {
            let mut out = Out::new(&mut number);
            out.write(MAX_LEN, Value::Float(bound));
            out.finish();
            tail.set(&[le, &number, b"\"} "]);
        }
    }
}

impl<'a> Text<'a> {
    /// Replaces what is in `buffer`.
    pub(crate) fn new(parts: &'a mut Parts, buffer: &'a mut Vec<u8>) -> Text<'a> {
        // Room for a chunk and the last line of it, which then seldom grows.
        Text { parts, out: Out::with_room(buffer, CHUNK + CHUNK / 16) }
    }

    /// Cuts the buffer to what was written.
    pub(crate) fn finish(self) {
        self.out.finish();
    }
}

impl Visitor for Text<'_> {
    fn family(&mut self, family: FamilyView<'_>) {
        self.out.write(2 * family.name.len() + 2 * family.help.len() + 64, About(family));
        self.parts.prepare(family);
    }

    #[inline(always)]
    fn sample(&mut self, labels: &str, value: Value) {
        let Parts { sample, line_len, .. } = &*self.parts;
        self.out.write(*line_len + labels.len(), Sample(sample, labels, value));
    }

    fn histogram(&mut self, labels: &str, snapshot: &HistogramSnapshot) {
        let Parts { sample, sum, count, tails, bucket, line_len } = &mut *self.parts;
        let (line_len, out) = (*line_len + labels.len(), &mut self.out);
        bucket.set(&[sample.text.as_slice(), labels.as_bytes()]);
        let mut cumulative = 0u64;
        for (in_bucket, tail) in snapshot.buckets.iter().zip(tails) {
            cumulative = cumulative.wrapping_add(*in_bucket);
            out.write(line_len, Bucket(bucket, tail, cumulative));
        }
        out.write(line_len, Sample(sum, labels, Value::Float(snapshot.sum)));
        out.write(line_len, Sample(count, labels, Value::Unsigned(cumulative)));
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.out.len() >= CHUNK
    }
}
