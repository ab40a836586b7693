//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use super::CHUNK;
use super::number::{MAX_LEN, put_float, put_integer, put_value};
use super::out::{Block, Out, Room};
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
    /// Of a counter's or a gauge's samples, or of a histogram's buckets.
    sample: Head,
    sum: Head,
    count: Head,
    /// Tail of each bucket's line after the labels of a series: `,le="0.5"} `; or without labels: `le="0.5"} `.
    tails: Vec<Block<32>>,
    bare_tails: Vec<Block<32>>,
    /// The start of the current series' buckets' lines.
    buckets: Block<128>,
    /// At least as long as any line of the family, but for the labels of its series.
    line_len: usize,
}

/// The start of a line.
#[derive(Debug, Default)]
struct Head {
    /// `name{` or `name{region="eu",`: the labels of the series follow.
    labelled: Block<64>,
    /// `name ` or `name{region="eu"} `: the value follows.
    bare: Block<64>,
}

impl Head {
    fn prepare(&mut self, name: &str, suffix: &str, global_labels: &str) {
        let (name, suffix, globals) = (name.as_bytes(), suffix.as_bytes(), global_labels.as_bytes());
        if globals.is_empty() {
            self.labelled.set(&[name, suffix, b"{"]);
            self.bare.set(&[name, suffix, b" "]);
        } else {
            self.labelled.set(&[name, suffix, b"{", globals, b","]);
            self.bare.set(&[name, suffix, b"{", globals, b"} "]);
        }
    }

    /// Writes all of a line that stands before its value.
    #[inline(always)]
    fn put(&self, room: &mut Room<'_>, labels: &str) {
        if labels.is_empty() {
            room.put_block(&self.bare);
        } else {
            room.put_block(&self.labelled);
            room.put(labels.as_bytes());
            room.put_array(b"} ");
        }
    }
}

impl Parts {
    fn prepare(&mut self, family: FamilyView<'_>) {
        let FamilyView { name, kind, global_labels, bounds, .. } = family;
        self.line_len = name.len() + global_labels.len() + 64 + MAX_LEN;
        if kind != Kind::Histogram {
            return self.sample.prepare(name, "", global_labels);
        }
        self.sample.prepare(name, "_bucket", global_labels);
        self.sum.prepare(name, "_sum", global_labels);
        self.count.prepare(name, "_count", global_labels);
        self.tails.resize_with(bounds.len() + 1, Block::default);
        self.bare_tails.resize_with(bounds.len() + 1, Block::default);
        let mut number = Vec::new();
        for (n, &bound) in bounds.iter().chain([&f64::INFINITY]).enumerate() {
            let mut out = Out::new(&mut number);
            out.write(MAX_LEN, |room| put_float(room, bound));
            out.finish();
            self.tails[n].set(&[b",le=\"", &number, b"\"} "]);
            self.bare_tails[n].set(&[b"le=\"", &number, b"\"} "]);
        }
    }
}

impl<'a> Text<'a> {
    /// Replaces what is in `buffer`.
    pub(crate) fn new(parts: &'a mut Parts, buffer: &'a mut Vec<u8>) -> Text<'a> {
        Text { parts, out: Out::new(buffer) }
    }

    /// Cuts the buffer to what was written.
    pub(crate) fn finish(self) {
        self.out.finish();
    }
}

impl Visitor for Text<'_> {
    fn family(&mut self, family: FamilyView<'_>) {
        let name = family.name.as_bytes();
        self.out.write(2 * name.len() + 2 * family.help.len() + 64, |room| {
            room.put(b"# HELP ");
            room.put(name);
            room.put_array(b" ");
            put_escaped_help(room, family.help);
            room.put(b"\n# TYPE ");
            room.put(name);
            room.put_array(b" ");
            room.put(family.kind.as_str().as_bytes());
            room.put_array(b"\n");
        });
        self.parts.prepare(family);
    }

    #[inline]
    fn sample(&mut self, labels: &str, value: Value) {
        self.out.write(self.parts.line_len + labels.len(), |room| {
            self.parts.sample.put(room, labels);
            put_value(room, value);
            room.put_array(b"\n");
        });
    }

    fn histogram(&mut self, labels: &str, snapshot: &HistogramSnapshot) {
        let Parts { sample, sum, count, tails, bare_tails, buckets, line_len } = &mut *self.parts;
        let tails = if labels.is_empty() { bare_tails } else { tails };
        buckets.set(&[sample.labelled.as_slice(), labels.as_bytes()]);
        self.out.write((snapshot.buckets.len() + 2) * (*line_len + labels.len()), |room| {
            let mut cumulative = 0u64;
            for (of_bucket, tail) in snapshot.buckets.iter().zip(tails) {
                cumulative = cumulative.wrapping_add(*of_bucket);
                room.put_block(buckets);
                room.put_block(tail);
                put_integer(room, cumulative);
                room.put_array(b"\n");
            }
            sum.put(room, labels);
            put_float(room, snapshot.sum);
            room.put_array(b"\n");
            count.put(room, labels);
            put_integer(room, cumulative);
            room.put_array(b"\n");
        });
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.out.len() >= CHUNK
    }
}

/// Help text escapes `\` and line feed only ("Comments, help text, and type information").
fn put_escaped_help(room: &mut Room<'_>, help: &str) {
    for byte in help.as_bytes() {
        match byte {
            b'\\' => room.put_array(br"\\"),
            b'\n' => room.put_array(br"\n"),
            _ => room.put_array(&[*byte]),
        }
    }
}
