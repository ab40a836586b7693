//! The Prometheus text format, version 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use super::CHUNK;
use super::buffer::{Block, Buffer, Line, SHORT, SHORT_PART, Start};
use super::number::{FloatBuffer, FloatText, MAX_LEN, put_integer, put_value};
use crate::model::{FamilyView, HistogramView, MetricType, SeriesView, SummarySnapshot, Value, Visitor};

/// Writes a registry as text into a buffer, and is full when that holds a chunk.
///
/// What the lines of a family have in common is put together once, when the family begins. A line is then its head, its
/// labels, its tail and its number, one after another.
#[derive(Debug, Default)]
pub(crate) struct Text {
    parts: Parts,
    out: Buffer,
}

/// What outlives a chunk: the text that the lines of the current family share.
#[derive(Debug, Default)]
struct Parts {
    /// Starts of a counter's or a gauge's samples, of a histogram's buckets, or of a summary's quantiles.
    sample: Head,
    sum: Head,
    count: Head,
    /// From a histogram's last label value to the value of each bucket: `",le="0.5"} `; of a summary, to that of each quantile.
    tails: Vec<Tail>,
    /// A summary's.
    quantiles: Vec<f64>,
    /// What the lines of the current series' buckets begin with, if they are short.
    start: Start,
    /// Lines with labels shorter than this are written by the fast path.
    labels_limit: usize,
    /// At least as long as any line of the family, but for the labels of its series.
    line_len: usize,
}

/// The start of a line.
#[derive(Debug, Default)]
struct Head {
    /// To the first label value, `name{region="eu",method="`; without labels to the value, `name{region="eu"} `.
    text: Vec<u8>,
    /// The same, if it is short.
    short: Block<32, 4>,
    /// How much of [`END`] stands between the last label value and the value: nothing without labels.
    end_len: usize,
}

const END: &[u8; 4] = b"\"}  ";

/// `",le="` or `",quantile="`, a number, `"} `.
type Tail = Block<16, 3>;

/// The longest head and labels of a line of the fast path.
const SHORT_START: usize = 192;

const _: () = {
    const MAX_TAIL: usize = 6 + MAX_LEN + 3;
    const MAX_QUANTILE_TAIL: usize = 12 + MAX_LEN + 3;
    assert!(MAX_TAIL <= Tail::CAPACITY && MAX_QUANTILE_TAIL <= Tail::CAPACITY, "every tail is kept");
    assert!(SHORT_START + MAX_TAIL + MAX_LEN < SHORT, "a line is short whose start is");
};

impl Head {
    fn prepare(&mut self, name: &str, suffix: &str, global_labels: &str, first_label: Option<&str>) {
        let (open, comma) = match (global_labels, first_label) {
            ("", None) => ("", ""),
            (_, None) | ("", _) => ("{", ""),
            _ => ("{", ","),
        };
        let rest = match first_label {
            Some(label) => [label, "=\""],
            None if open.is_empty() => [" ", ""],
            None => ["} ", ""],
        };
        self.text.clear();
        for part in [name, suffix, open, global_labels, comma].iter().chain(&rest) {
            self.text.extend_from_slice(part.as_bytes());
        }
        self.short.set(&self.text);
        self.end_len = if first_label.is_some() { 3 } else { 0 };
    }
}

impl Line<'_> {
    /// Writes a line up to its value.
    #[inline(always)]
    fn put_start(&mut self, head: &Head, labels: &str) {
        self.put_block(&head.short);
        self.put(labels.as_bytes());
        self.put_part(END, head.end_len);
    }
}

impl Parts {
    fn prepare(&mut self, family: FamilyView<'_>) {
        let FamilyView { name, kind, global_labels, label_names, bounds, .. } = family;
        let (global_labels, first) = (global_labels.text(), label_names.first().map(|name| &**name));
        self.line_len = name.len() + global_labels.len() + first.map_or(0, str::len) + 64 + MAX_LEN;
        let mark = match kind {
            MetricType::Histogram => Some(("_bucket", "le")),
            MetricType::Summary => Some(("", "quantile")),
            _ => None,
        };
        if let Some((suffix, mark)) = mark {
            self.sample.prepare(name, suffix, global_labels, Some(first.unwrap_or(mark)));
            self.sum.prepare(name, "_sum", global_labels, first);
            self.count.prepare(name, "_count", global_labels, first);
            let start = if first.is_some() { format!("\",{mark}=\"") } else { String::new() };
            self.prepare_tails(start.as_bytes(), bounds, (kind == MetricType::Histogram).then_some(f64::INFINITY));
        } else {
            self.sample.prepare(name, "", global_labels, first);
            self.tails.clear();
        }
        self.quantiles.clear();
        self.quantiles.extend(bounds.iter().filter(|_| kind == MetricType::Summary));
        // A histogram's other heads are not longer.
        let head_len = self.sample.text.len();
        let rest = SHORT_START.saturating_sub(head_len);
        self.labels_limit = if head_len == self.sample.short.len() { rest.min(SHORT_PART) + 1 } else { 0 };
    }

    fn prepare_tails(&mut self, start: &[u8], marks: &[f64], last: Option<f64>) {
        self.tails.resize_with(marks.len() + usize::from(last.is_some()), Tail::default);
        for (tail, &mark) in self.tails.iter_mut().zip(marks.iter().chain(&last)) {
            let mut number = Buffer::default();
            number.put_line(&[], |line| put_value(line, Value::Float(mark)));
            tail.set(&[start, number.finish().trim_ascii_end(), b"\"} "].concat());
        }
    }
}

// The two functions below are not inlined: of arguments the compiler knows that they do not overlap, so what all lines need,
// and the place of the next one, stay in registers.

/// Writes samples from the `n`th on, as long as there is room and their labels are shorter than the limit. Returns how many bytes
/// it wrote, and which sample is next.
#[inline(never)]
fn write_samples<'s, S: SeriesView + 's>(
    room: &mut [u8],
    head: &Head,
    labels_limit: usize,
    mut n: usize,
    series: &impl Fn(usize) -> Option<&'s S>,
    value: &impl Fn(usize) -> Value,
) -> (usize, usize) {
    let (len, mut rest) = (room.len(), room);
    while let Some(labels) = series(n).map(S::text)
        && labels.len() < labels_limit
        && let Some(mut line) = Line::new(rest)
    {
        line.put_start(head, labels);
        put_value(&mut line, value(n));
        let written = line.end();
        rest = &mut rest[written..];
        n += 1;
    }
    (len - rest.len(), n)
}

/// Writes the lines of a histogram with short labels, whose buckets begin with `parts.start`, if there is room for all. Returns how
/// many bytes it wrote.
#[inline(never)]
fn write_histogram(
    room: &mut [u8],
    parts: &Parts,
    labels: &str,
    counts: impl Iterator<Item = u64>,
    sum: FloatText<'_>,
) -> Option<usize> {
    let Parts { start, tails, .. } = parts;
    let (len, mut rest, mut count) = (room.len(), room, 0u64);
    for (in_bucket, tail) in counts.zip(tails) {
        count = count.wrapping_add(in_bucket);
        let mut line = Line::new(rest)?;
        line.put_block(start);
        line.put_block(tail);
        put_integer(&mut line, count);
        let written = line.end();
        rest = &mut rest[written..];
    }
    let mut line = Line::new(rest)?;
    line.put_start(&parts.sum, labels);
    sum.put(&mut line);
    let written = line.end();
    rest = &mut rest[written..];
    let mut line = Line::new(rest)?;
    line.put_start(&parts.count, labels);
    put_integer(&mut line, count);
    let written = line.end();
    Some(len - rest.len() + written)
}

impl Text {
    /// Replaces what is in `buffer`.
    pub(super) fn begin(&mut self, buffer: Vec<u8>) {
        // The last lines of a chunk go beyond its end. They mostly find memory there, which is only filled as far as needed.
        self.out = Buffer::with_room(buffer, CHUNK, CHUNK + CHUNK / 16);
    }

    /// What was written since.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.out).finish()
    }

    fn put_about(&mut self, family: FamilyView<'_>) {
        let FamilyView { name, help, kind, .. } = family;
        // Many readers take a carriage return at the end of a line for a part of the line's end.
        let help = help.trim_end_matches('\r');
        if !help.is_empty() {
            // Help text escapes `\` and line feed only ("Comments, help text, and type information").
            let help = help.replace('\\', r"\\").replace('\n', r"\n");
            self.out.put_line(&[b"# HELP ", name.as_bytes(), b" ", help.as_bytes()], |_| {});
        }
        // Another word fails the scrape.
        let kind = match kind {
            MetricType::Info | MetricType::StateSet => MetricType::Gauge,
            kind => kind,
        };
        self.out.put_line(&[b"# TYPE ", name.as_bytes(), b" ", kind.as_str().as_bytes()], |_| {});
    }
}

impl Visitor for Text {
    fn family(&mut self, family: FamilyView<'_>) {
        if !family.is_continued {
            self.put_about(family);
        }
        self.parts.prepare(family);
    }

    fn samples<'s, S: SeriesView + 's>(
        &mut self,
        series: impl Fn(usize) -> Option<&'s S>,
        value: impl Fn(usize) -> Value,
    ) -> usize {
        let (Parts { sample: head, labels_limit, .. }, out) = (&self.parts, &mut self.out);
        let mut taken = 0;
        while taken == 0 || out.len() < CHUNK {
            let (written, next) = write_samples(out.room_to(CHUNK), head, *labels_limit, taken, &series, &value);
            out.advance(written);
            if next > taken {
                taken = next;
                continue;
            }
            // Its labels are long, or there is none.
            let Some(labels) = series(taken).map(S::text) else { break };
            out.put_line(&[&head.text, labels.as_bytes()], |line| {
                line.put_part(END, head.end_len);
                put_value(line, value(taken));
            });
            taken += 1;
        }
        taken
    }

    fn histogram(&mut self, series: &impl SeriesView, histogram: HistogramView<impl Iterator<Item = u64> + Clone>) {
        let (labels, HistogramView { counts, sum }) = (series.text(), histogram);
        let (parts, out) = (&mut self.parts, &mut self.out);
        let is_short = labels.len() < parts.labels_limit;
        if is_short {
            parts.start.join(&parts.sample.short, labels.as_bytes());
        }
        // Before the lines of the buckets, as it takes long.
        let mut buffer = FloatBuffer::new();
        let sum = FloatText::new(sum, &mut buffer);
        if is_short {
            let room = out.room_to(out.len() + (parts.tails.len() + 2) * (parts.line_len + labels.len()));
            // There is room, as no line is longer than that.
            if let Some(written) = write_histogram(room, parts, labels, counts.clone(), sum) {
                return out.advance(written);
            }
        }
        let mut count = 0u64;
        for (in_bucket, tail) in counts.zip(&parts.tails) {
            count = count.wrapping_add(in_bucket);
            out.put_line(&[&parts.sample.text, labels.as_bytes()], |line| {
                line.put_block(tail);
                put_integer(line, count);
            });
        }
        out.put_line(&[&parts.sum.text, labels.as_bytes()], |line| {
            line.put_part(END, parts.sum.end_len);
            sum.put(line);
        });
        out.put_line(&[&parts.count.text, labels.as_bytes()], |line| {
            line.put_part(END, parts.count.end_len);
            put_integer(line, count);
        });
    }

    fn summary(&mut self, series: &impl SeriesView, summary: &SummarySnapshot) {
        let (Parts { sample, sum, count, tails, quantiles, .. }, out) = (&self.parts, &mut self.out);
        let labels = series.text().as_bytes();
        for (tail, quantile) in tails.iter().zip(quantiles) {
            out.put_line(&[&sample.text, labels], |line| {
                line.put_block(tail);
                put_value(line, Value::Float(summary.quantile(*quantile)));
            });
        }
        for (head, value) in [(sum, Value::Float(summary.sum())), (count, Value::Unsigned(summary.count()))] {
            out.put_line(&[&head.text, labels], |line| {
                line.put_part(END, head.end_len);
                put_value(line, value);
            });
        }
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.out.len() >= CHUNK
    }

    fn end(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GlobalLabels, MAX_BOUNDS};
    use core::time::Duration;
    use std::borrow::Cow;

    /// The text of a series' labels.
    impl SeriesView for String {
        fn values(&self) -> impl Iterator<Item = &str> {
            core::iter::once(&**self)
        }

        fn text(&self) -> &str {
            self
        }

        fn created(&self) -> Option<Duration> {
            None
        }
    }

    /// An encoder that has begun with a family of the label `a`.
    fn begun(name: &str, help: &str, kind: MetricType, bounds: &[f64]) -> Text {
        let (label_names, global_labels) = (&[Cow::Borrowed("a")], &GlobalLabels::default());
        let mut text = Text::default();
        text.begin(Vec::new());
        let (unit, is_continued) = (None, false);
        text.family(FamilyView { name, help, unit, kind, global_labels, label_names, bounds, is_continued });
        text
    }

    /// The text of a family, with series whose labels have these lengths, and what it should be.
    fn family(name_len: usize, labels: impl Iterator<Item = usize>, bounds: &[f64]) -> (String, String) {
        let name = "n".repeat(name_len);
        let kind = if bounds.is_empty() { MetricType::Counter } else { MetricType::Histogram };
        let (mut text, mut found) = (begun(&name, "", kind, bounds), Vec::new());
        let mut expected = format!("# TYPE {name} {}\n", kind.as_str());
        let (big, sum) = (u64::MAX, -f64::MIN_POSITIVE * 1.1);
        for labels in labels.map(|len| "l".repeat(len)) {
            if let [bound] = bounds {
                text.histogram(&labels, HistogramView { counts: [big - 1, 1].into_iter(), sum });
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
                        text.begin(Vec::new());
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
        let (mut text, mut chunks) = (begun("n", help, MetricType::Counter, &[]), Vec::new());
        let series: Vec<_> = labels.iter().map(|len| "l".repeat(*len)).collect();
        let mut from = 0;
        while from < series.len() {
            let batch = &series[from..series.len().min(from + 64)];
            let value = |n| Value::Unsigned(labels[from + n] as u64);
            from += text.samples(|n| batch.get(n), value);
            if text.is_full() {
                // What is in the buffer does not matter.
                let buffer = text.finish();
                chunks.push(String::from_utf8(buffer.clone()).unwrap());
                text.begin(buffer);
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
            let about = if help.is_empty() { String::new() } else { format!("# HELP n {help}\n") };
            let mut expected = vec![format!("{about}# TYPE n counter\n")];
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
            let mut text = begun("n", "", MetricType::Histogram, &bounds);
            let mut expected = "# TYPE n histogram\n".to_owned();
            for round in 0..5 {
                let in_bucket = 7u64.pow(4 * round);
                let counts = bounds.iter().chain([&0.0]).map(|_| in_bucket);
                text.histogram(&labels, HistogramView { counts, sum: 1.0 });
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
