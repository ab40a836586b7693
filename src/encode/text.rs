//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use super::CHUNK;
use super::number::{Buffer, FloatText, MAX_LEN, put_integer};
use super::out::{Block, Out, Put, SHORT, SHORT_PART, SHORT_START, Short, Start, Write};
use crate::model::{FamilyView, MetricType, Value, Visitor};

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
    tails: Vec<Block<16, 2>>,
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
    text: Block<32, 4>,
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
struct Sample<'a, V>(&'a Head, &'a str, V);

impl<V: Write> Write for Sample<'_, V> {
    #[inline(always)]
    fn write_to(self, out: &mut impl Put) {
        let Sample(head, labels, value) = self;
        out.put_block(&head.text);
        out.put(labels.as_bytes());
        out.put_part(END, head.end_len);
        value.write_to(out);
        out.put_array(b"\n");
    }
}

/// A line of a bucket: its start with its labels, its bound, its count.
struct Bucket<'a>(&'a Start, &'a Block<16, 2>, u64);

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
        if kind == MetricType::Histogram {
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

// The two functions below are not inlined: of arguments the compiler knows that they do not overlap, so what all lines need,
// and the place of the next one, stay in registers.

/// Writes samples from the `n`th on, as long as there is room and their labels are shorter than the limit. How many bytes it
/// wrote, and which sample is next.
#[inline(never)]
fn write_samples<'s>(
    room: &mut [u8],
    head: &Head,
    labels_limit: usize,
    mut n: usize,
    labels: &impl Fn(usize) -> Option<&'s str>,
    value: &impl Fn(usize) -> Value,
) -> (usize, usize) {
    let (len, mut rest) = (room.len(), room);
    while let Some(labels) = labels(n)
        && labels.len() < labels_limit
        && let Some(short) = Short::new(rest)
    {
        let written = short.write(Sample(head, labels, value(n)));
        rest = &mut rest[written..];
        n += 1;
    }
    (len - rest.len(), n)
}

/// Writes the lines of a histogram with short labels, whose buckets begin with `parts.start`, if there is room for all. How
/// many bytes it wrote.
#[inline(never)]
fn write_histogram(
    room: &mut [u8],
    parts: &Parts,
    labels: &str,
    buckets: impl Iterator<Item = u64>,
    sum: FloatText<'_>,
) -> Option<usize> {
    let Parts { start, tails, .. } = parts;
    let (len, mut rest, mut count) = (room.len(), room, 0u64);
    for (in_bucket, tail) in buckets.zip(tails) {
        count = count.wrapping_add(in_bucket);
        let written = Short::new(rest)?.write(Bucket(start, tail, count));
        rest = &mut rest[written..];
    }
    let written = Short::new(rest)?.write(Sample(&parts.sum, labels, sum));
    rest = &mut rest[written..];
    let written = Short::new(rest)?.write(Sample(&parts.count, labels, Value::Unsigned(count)));
    Some(len - rest.len() + written)
}

impl<'a> Text<'a> {
    /// Replaces what is in `buffer`.
    pub(crate) fn new(parts: &'a mut Parts, buffer: Vec<u8>) -> Text<'a> {
        // The last lines of a chunk go beyond its end. They mostly find memory there, which is only filled as far as needed.
        Text { parts, out: Out::with_room(buffer, CHUNK, CHUNK + CHUNK / 16) }
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

    fn samples<'s>(&mut self, labels: impl Fn(usize) -> Option<&'s str>, value: impl Fn(usize) -> Value) -> usize {
        let (Parts { sample: head, labels_limit, line_len, .. }, out) = (&*self.parts, &mut self.out);
        let mut taken = 0;
        while taken == 0 || out.len() < CHUNK {
            let (written, next) = write_samples(out.room_to(CHUNK), head, *labels_limit, taken, &labels, &value);
            out.advance(written);
            if next > taken {
                taken = next;
                continue;
            }
            // Its labels are long, or there is none.
            let Some(labels) = labels(taken) else { break };
            out.write(line_len + labels.len(), Sample(head, labels, value(taken)));
            taken += 1;
        }
        taken
    }

    fn histogram(&mut self, labels: &str, buckets: impl Iterator<Item = u64> + Clone, sum: f64) {
        let (parts, out) = (&mut *self.parts, &mut self.out);
        let (is_short, max_len) = (labels.len() < parts.labels_limit, parts.line_len + labels.len());
        parts.start.set(is_short, &parts.sample.text, labels);
        // Before the lines of the buckets, as it takes long.
        let mut buffer = Buffer::new();
        let sum = FloatText::new(sum, &mut buffer);
        if is_short {
            let room = out.room_to(out.len() + (parts.tails.len() + 2) * max_len);
            // There is room, as no line is longer than `max_len`.
            if let Some(written) = write_histogram(room, parts, labels, buckets.clone(), sum) {
                return out.advance(written);
            }
        }
        let mut count = 0u64;
        for (in_bucket, tail) in buckets.zip(&parts.tails) {
            count = count.wrapping_add(in_bucket);
            out.write(max_len, Bucket(&parts.start, tail, count));
        }
        out.write(max_len, Sample(&parts.sum, labels, sum));
        out.write(max_len, Sample(&parts.count, labels, Value::Unsigned(count)));
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.out.len() >= CHUNK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MAX_BOUNDS;

    /// The text of a family, with series whose labels have these lengths, and what it should be.
    fn family(name_len: usize, labels: impl Iterator<Item = usize>, bounds: &[f64]) -> (String, String) {
        let name = "n".repeat(name_len);
        let (mut parts, mut found) = (Parts::default(), Vec::new());
        let mut text = Text::new(&mut parts, Vec::new());
        let kind = if bounds.is_empty() { MetricType::Counter } else { MetricType::Histogram };
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
                let values = [Value::Unsigned(big), Value::Float(sum)];
                let mut shown = 0;
                while shown < values.len() {
                    if text.is_full() {
                        found.extend(text.finish());
                        text = Text::new(&mut parts, Vec::new());
                    }
                    let rest = &values[shown..];
                    shown += text.samples(|n| (n < rest.len()).then_some(&labels), |n| rest[n]);
                }
                expected += &format!("{name}{{a=\"{labels}\"}} {big}\n{name}{{a=\"{labels}\"}} {sum:e}\n");
            }
        }
        found.extend(text.finish());
        (String::from_utf8(found).unwrap(), expected)
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

    /// A family of counters whose labels have these lengths, in chunks.
    fn chunks(help: &str, labels: &[usize]) -> Vec<String> {
        let (mut parts, mut chunks) = (Parts::default(), Vec::new());
        let mut text = Text::new(&mut parts, Vec::new());
        let kind = MetricType::Counter;
        text.family(FamilyView { name: "n", help, kind, global_labels: "", first_label: Some("a"), bounds: &[] });
        let series: Vec<_> = labels.iter().map(|len| "l".repeat(*len)).collect();
        let mut from = 0;
        while from < series.len() {
            let batch = &series[from..series.len().min(from + 64)];
            let value = |n| Value::Unsigned(labels[from + n] as u64);
            from += text.samples(|n| batch.get(n).map(String::as_str), value);
            if text.is_full() {
                // What is in the buffer does not matter.
                let buffer = core::mem::replace(&mut text.out, Out::new(Vec::new())).finish();
                chunks.push(String::from_utf8(buffer.clone()).unwrap());
                text = Text::new(&mut parts, buffer);
            }
        }
        chunks.push(String::from_utf8(text.finish()).unwrap());
        chunks
    }

    #[test]
    fn a_chunk_ends_with_the_line_that_fills_it() {
        for n in 0..60 {
            let labels: Vec<_> = (0..3000).map(|m| if (m + n) % 7 < n % 9 { 150 + n } else { m * n % 130 }).collect();
            // From a short one to one that fills a chunk by itself.
            let help = "h".repeat(n * CHUNK / 50 + n);
            let mut expected = vec![format!("# HELP n {help}\n# TYPE n counter\n")];
            for (n, len) in labels.iter().enumerate() {
                if n > 0 && expected.last().unwrap().len() >= CHUNK {
                    expected.push(String::new());
                }
                *expected.last_mut().unwrap() += &format!("n{{a=\"{}\"}} {len}\n", "l".repeat(*len));
            }
            assert!(chunks(&help, &labels) == expected, "{n}");
        }
    }

    #[test]
    fn histograms_with_all_buckets_are_whole() {
        let bounds: Vec<f64> = (0..MAX_BOUNDS).map(|n| n as f64 + 0.5).collect();
        for len in [1, 60, 127, 128, 129, 300] {
            let labels = "l".repeat(len);
            let mut parts = Parts::default();
            let mut text = Text::new(&mut parts, Vec::new());
            let kind = MetricType::Histogram;
            text.family(FamilyView {
                name: "n",
                help: "",
                kind,
                global_labels: "",
                first_label: Some("a"),
                bounds: &bounds,
            });
            let mut expected = "# HELP n \n# TYPE n histogram\n".to_owned();
            for round in 0..5 {
                let in_bucket = 7u64.pow(4 * round);
                text.histogram(&labels, bounds.iter().chain([&0.0]).map(|_| in_bucket), 1.0);
                let mut count = 0;
                for bound in bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]) {
                    count += in_bucket;
                    expected += &format!("n_bucket{{a=\"{labels}\",le=\"{bound}\"}} {count}\n");
                }
                expected += &format!("n_sum{{a=\"{labels}\"}} 1\nn_count{{a=\"{labels}\"}} {count}\n");
            }
            assert!(String::from_utf8(text.finish()).unwrap() == expected, "{len}");
        }
    }
}
