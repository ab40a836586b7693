//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use super::CHUNK;
use super::number::{MAX_LEN, put_value};
use super::out::{Block, Out, Put, SHORT, SHORT_PART, Write};
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
    tails: Vec<Block<TAIL>>,
    /// Lines with labels shorter than this are written the quick way.
    labels_limit: usize,
    /// At least as long as any line of the family, but for the labels of its series.
    line_len: usize,
}

/// The longest tail of the quick way.
const TAIL: usize = 32;

/// The start of a line.
#[derive(Debug, Default)]
struct Head {
    /// To the first label value, `name{region="eu",method="`; without labels to the value, `name{region="eu"} `.
    text: Block<128>,
    /// From the last label value to the value: `"} `, or nothing without labels.
    end: Block<4>,
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

/// A line: its head, its labels, its tail and its number.
struct Line<'a, const N: usize>(&'a Block<128>, &'a str, &'a Block<N>, Value);

impl<const N: usize> Write for Line<'_, N> {
    #[inline(always)]
    fn write_to(self, out: &mut impl Put) {
        let Line(head, labels, tail, value) = self;
        out.put_block(head);
        out.put(labels.as_bytes());
        out.put_block(tail);
        put_value(out, value);
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
        let fits = self.sample.text.fits() && self.tails.iter().all(Block::fits);
        let rest = SHORT.saturating_sub(self.sample.text.len() + TAIL + MAX_LEN + 1);
        self.labels_limit = if fits { rest.min(SHORT_PART) + 1 } else { 0 };
    }

    fn prepare_tails(&mut self, le: &[u8], bounds: &[f64]) {
        self.tails.resize_with(bounds.len() + 1, Block::default);
        for (tail, &bound) in self.tails.iter_mut().zip(bounds.iter().chain([&f64::INFINITY])) {
            let mut number = Out::new(Vec::new());
            number.write(MAX_LEN, Value::Float(bound));
            tail.set(&[le, &number.finish(), b"\"} "]);
        }
    }

    #[inline(always)]
    fn write_line<const N: usize>(&self, out: &mut Out, head: &Head, labels: &str, tail: &Block<N>, value: Value) {
        // Made twice, so that the one for the quick way stays in registers.
        let line = || Line(&head.text, labels, tail, value);
        if !(labels.len() < self.labels_limit && out.write_short(line())) {
            out.write(self.line_len + labels.len(), line());
        }
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
        let parts = &*self.parts;
        parts.write_line(&mut self.out, &parts.sample, labels, &parts.sample.end, value);
    }

    fn histogram(&mut self, labels: &str, buckets: impl Iterator<Item = u64>, sum: f64) {
        let (parts, out) = (&*self.parts, &mut self.out);
        let mut cumulative = 0u64;
        for (in_bucket, tail) in buckets.zip(&parts.tails) {
            cumulative = cumulative.wrapping_add(in_bucket);
            parts.write_line(out, &parts.sample, labels, tail, Value::Unsigned(cumulative));
        }
        parts.write_line(out, &parts.sum, labels, &parts.sum.end, Value::Float(sum));
        parts.write_line(out, &parts.count, labels, &parts.count.end, Value::Unsigned(cumulative));
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
                let (found, expected) = family(name_len, (0..=140).chain([1000]), bounds);
                assert!(found == expected, "{name_len} {bounds:?}\n{found}");
            }
        }
    }
}
