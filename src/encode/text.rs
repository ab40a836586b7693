//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use super::CHUNK;
use super::number::{MAX_LEN, put_integer, put_value};
use super::out::{Block, Out, Put, SHORT, SHORT_PART, SHORT_START, Start, Write};
use crate::model::{FamilyView, Kind, Value, Visitor};

/// Writes a registry as text into a buffer, and is full when that holds a chunk.
///
/// What the lines of a family have in common is put together once, when the family begins. A line is then its head, its
/// labels, its tail and its number, one after another.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    parts: &'a mut Parts,
    out: Out,
}

/// What outlives a chunk: the text that the lines of the current family share.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    /// Starts of a counter's or a gauge's samples, or of a histogram's buckets.
    sample: Head,
    sum: Head,
    count: Head,
    /// From a histogram's last label value to the value of each bucket: `",le="0.5"} `.
    tails: Vec<Block<16>>,
    /// What the lines of the current series' buckets begin with.
    start: Start,
    /// Lines with labels shorter than this are written the quick way.
    labels_limit: usize,
    /// At least as long as any line of the family, but for the labels of its series.
    line_len: usize,
}

/// The start of a line.
#[derive(Debug, Default)]
struct Head {
    /// To the first label value, `name{region="eu",method="`; without labels to the value, `name{region="eu"} `.
    text: Block<64>,
    /// How much of [`END`] stands between the last label value and the value: nothing without labels.
    end_len: usize,
}

const END: &[u8; 4] = b"\"}  ";

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
        self.end_len = if first_label.is_some() { 3 } else { 0 };
    }
}

const _: () = assert!(SHORT_START + 32 + MAX_LEN < SHORT, "a line is short whose start is");

/// A line.
struct Sample<'a>(&'a Head, &'a str, Value);

impl Write for Sample<'_> {
    #[inline(always)]
    fn write_to(self, out: &mut impl Put) {
        let Sample(head, labels, value) = self;
        out.put_block(&head.text);
        out.put(labels.as_bytes());
        out.put_part(END, head.end_len);
        put_value(out, value);
        out.put_array(b"\n");
    }
}

/// A line of a bucket: its start with its labels, its bound, its count.
struct Bucket<'a>(&'a Start, &'a Block<16>, u64);

impl Write for Bucket<'_> {
    #[inline(always)]
    fn write_to(self, out: &mut impl Put) {
        let Bucket(start, tail, count) = self;
        out.put_start(start);
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
        out.put(b"# HELP ");
        out.put(name.as_bytes());
        out.put_array(b" ");
        // Help text escapes `\` and line feed only ("Comments, help text, and type information").
        for byte in help.as_bytes() {
            match byte {
                b'\\' => out.put_array(br"\\"),
                b'\n' => out.put_array(br"\n"),
                _ => out.put_array(&[*byte]),
            }
        }
        out.put(b"\n# TYPE ");
        out.put(name.as_bytes());
        out.put_array(b" ");
        out.put(kind.as_str().as_bytes());
        out.put_array(b"\n");
    }
}

impl Parts {
    fn prepare(&mut self, family: FamilyView<'_>) {
        let FamilyView { name, kind, global_labels, first_label: first, bounds, .. } = family;
        self.line_len = name.len() + global_labels.len() + first.map_or(0, str::len) + 64 + MAX_LEN;
        if kind == Kind::Histogram {
            self.sample.prepare(name, "_bucket", global_labels, Some(first.unwrap_or("le")));
            self.sum.prepare(name, "_sum", global_labels, first);
            self.count.prepare(name, "_count", global_labels, first);
            self.prepare_tails(if first.is_some() { b"\",le=\"" } else { b"" }, bounds);
        } else {
            self.sample.prepare(name, "", global_labels, first);
            self.tails.clear();
        }
        // A histogram's other heads are not longer.
        let are_short = self.sample.text.fits() && self.tails.iter().all(Block::fits);
        let rest = SHORT_START.saturating_sub(self.sample.text.len());
        self.labels_limit = if are_short { rest.min(SHORT_PART) + 1 } else { 0 };
    }

    fn prepare_tails(&mut self, le: &[u8], bounds: &[f64]) {
        self.tails.resize_with(bounds.len() + 1, Block::default);
        for (tail, &bound) in self.tails.iter_mut().zip(bounds.iter().chain([&f64::INFINITY])) {
            let mut number = Out::new(Vec::new());
            number.write(MAX_LEN, Value::Float(bound));
            tail.set(&[le, &number.finish(), b"\"} "]);
        }
    }
}

/// Writes a line, which is made again for the slow way: so that of the quick way stays in registers.
#[inline(always)]
fn write_line<W: Write>(out: &mut Out, is_short: bool, max_len: usize, line: impl Fn() -> W) {
    if !(is_short && out.write_short(line())) {
        out.write(max_len, line());
    }
}

impl<'a> Text<'a> {
    /// Replaces what is in `buffer`.
    pub(crate) fn new(parts: &'a mut Parts, buffer: Vec<u8>) -> Text<'a> {
        // Room for a chunk and the last line of it, which then seldom grows.
        Text { parts, out: Out::with_room(buffer, CHUNK + CHUNK / 16) }
    }

    /// What was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.finish()
    }
}

impl Visitor for Text<'_> {
    fn family(&mut self, family: FamilyView<'_>) {
        self.out.write(2 * family.name.len() + 2 * family.help.len() + 64, About(family));
        self.parts.prepare(family);
    }

    #[inline(always)]
    fn sample(&mut self, labels: &str, value: Value) {
        let Parts { sample, labels_limit, line_len, .. } = &*self.parts;
        let (is_short, max_len) = (labels.len() < *labels_limit, line_len + labels.len());
        write_line(&mut self.out, is_short, max_len, || Sample(sample, labels, value));
    }

    fn histogram(&mut self, labels: &str, buckets: impl Iterator<Item = u64>, sum: f64) {
        let (parts, out) = (&mut *self.parts, &mut self.out);
        let (is_short, max_len) = (labels.len() < parts.labels_limit, parts.line_len + labels.len());
        parts.start.set(is_short, &parts.sample.text, labels);
        let mut count = 0u64;
        for (in_bucket, tail) in buckets.zip(&parts.tails) {
            count = count.wrapping_add(in_bucket);
            write_line(out, is_short, max_len, || Bucket(&parts.start, tail, count));
        }
        write_line(out, is_short, max_len, || Sample(&parts.sum, labels, Value::Float(sum)));
        write_line(out, is_short, max_len, || Sample(&parts.count, labels, Value::Unsigned(count)));
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.out.len() >= CHUNK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a family, with series whose labels have these lengths, and what it should be.
    fn family(name_len: usize, labels: impl Iterator<Item = usize>, bounds: &[f64]) -> (String, String) {
        let name = "n".repeat(name_len);
        let mut parts = Parts::default();
        let mut text = Text::new(&mut parts, Vec::new());
        let kind = if bounds.is_empty() { Kind::Counter } else { Kind::Histogram };
        text.family(FamilyView { name: &name, help: "", kind, global_labels: "", first_label: Some("a"), bounds });
        let mut expected = format!("# HELP {name} \n# TYPE {name} {}\n", kind.as_str());
        let (big, sum) = (u64::MAX, -f64::MIN_POSITIVE * 1.1);
        for labels in labels.map(|len| "l".repeat(len)) {
            if let [bound] = bounds {
                text.histogram(&labels, [big - 1, 1].into_iter(), sum);
                for (bound, count) in [(format!("{bound:e}"), big - 1), ("+Inf".to_owned(), big)] {
                    expected += &format!("{name}_bucket{{a=\"{labels}\",le=\"{bound}\"}} {count}\n");
                }
                expected += &format!("{name}_sum{{a=\"{labels}\"}} {sum:e}\n{name}_count{{a=\"{labels}\"}} {big}\n");
            } else {
                text.sample(&labels, Value::Unsigned(big));
                text.sample(&labels, Value::Float(sum));
                expected += &format!("{name}{{a=\"{labels}\"}} {big}\n{name}{{a=\"{labels}\"}} {sum:e}\n");
            }
        }
        (String::from_utf8(text.finish()).unwrap(), expected)
    }

    #[test]
    fn lines_of_every_length_are_whole() {
        for name_len in 1..=140 {
            for bounds in [&[][..], &[2.5e-7], &[f64::MIN_POSITIVE], &[-f64::MIN_POSITIVE]] {
                let (found, expected) = family(name_len, (0..=140).flat_map(|len| [len, 150]), bounds);
                assert!(found == expected, "{name_len} {bounds:?}\n{found}");
            }
        }
    }
}
