//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use super::number::{push_float, push_integer, push_value};
use crate::model::{FamilyView, HistogramSnapshot, Kind, Value, Visitor};

/// Writes a registry as text into a buffer, and is full when that holds a chunk.
///
/// What the lines of a family have in common is put together once, when the family begins. A line is then its head, its
/// labels, its tail and its number, one after another.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    parts: &'a mut Parts,
    out: &'a mut Vec<u8>,
}

/// What outlives a chunk: the text that the lines of the current family share.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Of a counter's or a gauge's samples, or of a histogram's buckets.
    sample: Head,
    sum: Head,
    count: Head,
    /// Tails of the buckets' lines one after another: `,le="0.5"} `, and where each ends.
    tails: Vec<u8>,
    tail_ends: Vec<usize>,
}

/// The start of a line.
#[derive(Debug, Default)]
struct Head {
    /// `name{` or `name{region="eu",`: the labels of the series follow.
    labelled: Vec<u8>,
    /// `name ` or `name{region="eu"} `: the value follows.
    bare: Vec<u8>,
}

const LABELS_END: &[u8] = b"} ";

impl Head {
    fn prepare(&mut self, name: &str, suffix: &str, global_labels: &str) {
        self.labelled.clear();
        self.labelled.extend_from_slice(name.as_bytes());
        self.labelled.extend_from_slice(suffix.as_bytes());
        self.bare.clone_from(&self.labelled);
        self.labelled.push(b'{');
        if global_labels.is_empty() {
            self.bare.push(b' ');
            return;
        }
        self.labelled.extend_from_slice(global_labels.as_bytes());
        self.bare.clone_from(&self.labelled);
        self.bare.extend_from_slice(LABELS_END);
        self.labelled.push(b',');
    }

    /// Appends all of a line that stands before its value.
    #[inline(always)]
    fn push(&self, out: &mut Vec<u8>, labels: &str) {
        if labels.is_empty() {
            out.extend_from_slice(&self.bare);
        } else {
            out.extend_from_slice(&self.labelled);
            out.extend_from_slice(labels.as_bytes());
            out.extend_from_slice(LABELS_END);
        }
    }
}

impl Parts {
    fn prepare(&mut self, family: FamilyView<'_>) {
        let FamilyView { name, kind, global_labels, bounds, .. } = family;
        if kind != Kind::Histogram {
            return self.sample.prepare(name, "", global_labels);
        }
        self.sample.prepare(name, "_bucket", global_labels);
        self.sum.prepare(name, "_sum", global_labels);
        self.count.prepare(name, "_count", global_labels);
        self.tails.clear();
        self.tail_ends.clear();
        for &bound in bounds.iter().chain([&f64::INFINITY]) {
            self.tails.extend_from_slice(b",le=\"");
            push_float(&mut self.tails, bound);
            self.tails.push(b'"');
            self.tails.extend_from_slice(LABELS_END);
            self.tail_ends.push(self.tails.len());
        }
    }
}

impl<'a> Text<'a> {
    /// How much a buffer holds before it is handed on.
    pub(crate) const CHUNK: usize = 64 * 1024;

    pub(crate) fn new(parts: &'a mut Parts, out: &'a mut Vec<u8>) -> Text<'a> {
        Text { parts, out }
    }
}

impl Visitor for Text<'_> {
    fn family(&mut self, family: FamilyView<'_>) {
        self.out.extend_from_slice(b"# HELP ");
        self.out.extend_from_slice(family.name.as_bytes());
        self.out.push(b' ');
        push_escaped_help(self.out, family.help);
        self.out.extend_from_slice(b"\n# TYPE ");
        self.out.extend_from_slice(family.name.as_bytes());
        self.out.push(b' ');
        self.out.extend_from_slice(family.kind.as_str().as_bytes());
        self.out.push(b'\n');
        self.parts.prepare(family);
    }

    #[inline]
    fn sample(&mut self, labels: &str, value: Value) {
        self.parts.sample.push(self.out, labels);
        push_value(self.out, value);
        self.out.push(b'\n');
    }

    fn histogram(&mut self, labels: &str, snapshot: &HistogramSnapshot) {
        let Text { parts, out } = self;
        // The bound's label follows those of the series after a comma, or stands alone.
        let without_comma = usize::from(labels.is_empty());
        let (mut start, mut cumulative) = (0, 0u64);
        for (count, &end) in snapshot.buckets.iter().zip(&parts.tail_ends) {
            cumulative = cumulative.wrapping_add(*count);
            out.extend_from_slice(&parts.sample.labelled);
            out.extend_from_slice(labels.as_bytes());
            out.extend_from_slice(&parts.tails[start + without_comma..end]);
            push_integer(out, cumulative);
            out.push(b'\n');
            start = end;
        }
        parts.sum.push(out, labels);
        push_float(out, snapshot.sum);
        out.push(b'\n');
        parts.count.push(out, labels);
        push_integer(out, cumulative);
        out.push(b'\n');
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.out.len() >= Self::CHUNK
    }
}

/// Help text escapes `\` and line feed only ("Comments, help text, and type information").
fn push_escaped_help(out: &mut Vec<u8>, help: &str) {
    for &byte in help.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(br"\\"),
            b'\n' => out.extend_from_slice(br"\n"),
            _ => out.push(byte),
        }
    }
}
