//! The exposition, byte by byte, against the reader and a naive encoder.

use crate::sides::Side;
use crate::{read, reader};
use proptest::collection::vec;
use proptest::prelude::*;
use quipu::{FlagSet, Gauge, Info, Registry, StateSet, Summary};

/// What a gauge's value becomes.
fn written(value: f64) -> String {
    let registry = Registry::new();
    registry.gauge("a", "A.").register().unwrap().set(value);
    let read = read(&registry);
    let sample = read.sample("a", &[]).unwrap();
    assert_eq!(sample.value.is_nan(), value.is_nan());
    if !value.is_nan() {
        assert_eq!(sample.value.to_bits(), value.to_bits(), "{value:e} as {}", sample.text);
    }
    sample.text.clone()
}

/// The digits that tell this value from its neighbours.
fn shortest_digits(value: f64) -> usize {
    let text = format!("{value:e}");
    let mantissa = text.split('e').next().unwrap_or_default();
    mantissa.bytes().filter(u8::is_ascii_digit).count()
}

/// Digits without the zeroes that only place the point.
fn significant_digits(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len().max(1)
}

#[test]
fn values_that_are_no_numbers_have_their_names() {
    assert_eq!(written(f64::NAN), "NaN");
    assert_eq!(written(-f64::NAN), "NaN");
    // Prometheus's mark for a stale series: written as a plain NaN too.
    assert_eq!(written(f64::from_bits(0x7ff0_0000_0000_0002)), "NaN");
    assert_eq!(written(f64::INFINITY), "+Inf");
    assert_eq!(written(f64::NEG_INFINITY), "-Inf");
}

#[test]
fn whole_numbers_have_no_point() {
    assert_eq!(written(0.0), "0");
    assert_eq!(written(1.0), "1");
    assert_eq!(written(-42.0), "-42");
    assert_eq!(written(9_007_199_254_740_991.0), "9007199254740991");
}

#[test]
fn floats_are_written_as_short_as_they_can_be_read() {
    let values = [
        -0.0,
        0.1,
        -0.3,
        1.0 / 3.0,
        5e-324,
        -5e-324,
        f64::MIN_POSITIVE,
        f64::MIN_POSITIVE.next_down(),
        f64::MAX,
        f64::MIN,
        f64::EPSILON,
        1e15,
        1e16,
        1e17,
        1e21,
        1e22,
        1e23,
        123_456_789.125,
        9_007_199_254_740_993.0,
        1.797_693_134_862_315_7e308,
        2f64.powi(63),
        -2f64.powi(63),
        2f64.powi(64),
    ];
    for value in values {
        let text = written(value);
        // Whole numbers may spell the zeroes of an exponent, or the exact digits.
        if value.fract() != 0.0 {
            assert_eq!(significant_digits(&text), shortest_digits(value), "{text}");
        }
        assert!(text.len() <= 25, "{text}");
    }
}

#[test]
fn counters_are_exact_to_the_last_digit() {
    let registry = Registry::new();
    let counter = registry.counter("a_total", "A.").register().unwrap();
    for n in [1, 9, 90, (1 << 53) + 1 - 100, u64::MAX - ((1 << 53) + 1)] {
        counter.inc_by(n);
        let text = counter.value().to_string();
        assert_eq!(read(&registry).sample("a_total", &[]).unwrap().text, text);
    }
    assert_eq!(counter.value(), u64::MAX);
}

#[test]
fn every_control_character_comes_back_from_a_label_value() {
    let registry = Registry::new();
    let family = registry.gauge("a", "A.").labels(["x"]).register().unwrap();
    let control = (0..=0x1f).chain(0x7f..=0xa0).chain([0x2028, 0x2029, 0xfeff, 0xfffd, 0x10_ffff]);
    let values: Vec<_> = control.map(|code| format!("a{}b", char::from_u32(code).unwrap())).collect();
    for (n, value) in (0..).zip(&values) {
        family.with([value]).set(f64::from(n));
    }
    let read = read(&registry);
    assert_eq!(read.family("a").unwrap().samples.len(), values.len());
    for (n, value) in (0..).zip(&values) {
        assert_eq!(read.value("a", &[("x", value)]), Some(f64::from(n)), "{value:?}");
    }
}

#[test]
fn label_values_may_be_empty_or_huge() {
    let registry = Registry::builder().unlimited().build().unwrap();
    let huge = "\\\"\nä".repeat((1 << 20) / 5);
    let family = registry.gauge("a", "A.").labels(["x", "y"]).register().unwrap();
    family.with(["", ""]).set(1.0);
    family.with([&huge, ""]).set(2.0);
    family.with(["", &huge]).set(3.0);
    let read = read(&registry);
    assert_eq!(read.value("a", &[("x", ""), ("y", "")]), Some(1.0));
    assert_eq!(read.value("a", &[("x", &huge), ("y", "")]), Some(2.0));
    assert_eq!(read.value("a", &[("x", ""), ("y", &huge)]), Some(3.0));
}

#[test]
fn help_may_be_empty_or_huge() {
    let registry = Registry::new();
    let huge = "\\\n".repeat(100_000);
    registry.gauge("a", "").register().unwrap();
    registry.gauge("c", "\r\r").register().unwrap();
    registry.gauge("d", "a\rb\r\nc\r").register().unwrap();
    registry.gauge("b", huge.clone()).register().unwrap();
    let read = read(&registry);
    assert_eq!(read.family("a").unwrap().help, None);
    // A carriage return at the end of a line would be read as a part of the line's end.
    assert_eq!(read.family("c").unwrap().help, None);
    assert_eq!(read.family("d").unwrap().help.as_deref(), Some("a\rb\r\nc"));
    assert_eq!(read.family("b").unwrap().help.as_deref(), Some(huge.as_str()));
}

#[test]
fn scrapes_of_one_registry_are_in_one_order() {
    let registry = Registry::new();
    let family = registry.counter("a_total", "A.").labels(["x"]).register().unwrap();
    registry.histogram("h", "H.").register().unwrap();
    for n in 0..500 {
        family.with([&(n * 7919 % 500).to_string()]).inc();
    }
    let first = read(&registry);
    for n in (0..500).rev() {
        family.with([&n.to_string()]).inc();
    }
    let second = read(&registry);
    assert_eq!(first.order(), second.order());
    assert_ne!(first.value("a_total", &[("x", "3")]), second.value("a_total", &[("x", "3")]));
}

const BOUNDS: [f64; 3] = [-1.5, 0.0, 1000.0];

/// Of summaries, in percent. Between 1 and 2^31, they are exact but for the relative error.
const QUANTILES: [usize; 3] = [0, 75, 100];
const RELATIVE_ERROR: f64 = 0.01;

/// What plans are of: the kind, its type in the text, and what the name ends in.
const KINDS: [(&str, &str, &str); 7] = [
    ("counter", "counter", "_total"),
    ("gauge", "gauge", ""),
    ("histogram", "histogram", ""),
    ("summary", "summary", ""),
    ("state set", "gauge", ""),
    ("flag set", "gauge", ""),
    ("info", "gauge", "_info"),
];

/// A family and what is recorded into it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    kind: &'static str,
    exposed_as: &'static str,
    name: String,
    help: String,
    labels: Vec<String>,
    /// Label values, and the values that are recorded.
    series: Vec<(Vec<String>, Vec<f64>)>,
}

impl Plan {
    pub(crate) fn record(&self, registry: &Registry) {
        let (name, help) = (self.name.clone(), self.help.clone());
        macro_rules! record {
            ($builder:expr, $record:expr) => {{
                let family = $builder.dyn_labels(&self.labels).register().unwrap();
                for (labels, values) in &self.series {
                    let labels: Vec<_> = labels.iter().map(String::as_str).collect();
                    let metric = family.handle(&labels).unwrap();
                    values.iter().for_each(|value| $record(&metric, *value));
                }
            }};
        }
        match self.kind {
            "counter" => record!(registry.counter(name, help), |counter: &quipu::Counter, value| {
                counter.inc_by(count_of(value));
            }),
            "gauge" => record!(registry.gauge(name, help), Gauge::set),
            "summary" => {
                let quantiles = QUANTILES.map(|percent| percent as f64 / 100.0);
                let builder = registry.summary(name, help).quantiles(quantiles).range(1.0, 2_f64.powi(31));
                record!(builder.relative_error(RELATIVE_ERROR), |summary: &Summary, value| summary.observe(size(value)))
            }
            "state set" => {
                record!(registry.state_set(name, help), |state: &StateSet<Side>, value| state.set(side(value)))
            }
            "flag set" => record!(registry.flag_set(name, help), |flags: &FlagSet<Side>, value| flags
                .set(side(value), is_up(value))),
            "info" => record!(registry.info(name, help), |info: &Info, _| info.set()),
            _ => {
                record!(registry.histogram(name, help).bounds(BOUNDS), |histogram: &quipu::Histogram, value| histogram
                    .observe(whole(value)))
            }
        }
    }

    /// The family's lines: `format!`, and nothing that is clever.
    fn lines(&self) -> Vec<String> {
        let help = self.help.trim_end_matches('\r').replace('\\', r"\\").replace('\n', r"\n");
        let help_line = if help.is_empty() { None } else { Some(format!("# HELP {} {help}", self.name)) };
        let mut lines: Vec<_> =
            help_line.into_iter().chain([format!("# TYPE {} {}", self.name, self.exposed_as)]).collect();
        for (labels, values) in &self.series {
            let pairs = self.labels.iter().zip(labels);
            let labels: Vec<_> = pairs.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
            lines.extend(self.series_lines(&labels, values));
        }
        lines
    }

    fn series_lines(&self, labels: &[String], values: &[f64]) -> Vec<String> {
        let line = |suffix: &str, more: Option<String>, value: String| {
            let labels: Vec<_> = labels.iter().cloned().chain(more).collect();
            let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            format!("{}{suffix}{braces} {value}", self.name)
        };
        match self.kind {
            "counter" => {
                let sum = values.iter().fold(0, |sum: u64, value| sum.wrapping_add(count_of(*value)));
                vec![line("", None, sum.to_string())]
            }
            "gauge" => vec![line("", None, format!("{}", values.last().unwrap_or(&0.0)))],
            "info" => vec![line("", None, "1".to_owned())],
            "state set" | "flag set" => {
                let state = values.last().map_or(SIDES[0].0, |value| side(*value));
                let is_up =
                    |flag| values.iter().rfind(|value| side(**value) == flag).is_some_and(|value| is_up(*value));
                let holds = |of| if self.kind == "flag set" { is_up(of) } else { of == state };
                let sample =
                    |(of, text)| line("", Some(format!("{}=\"{text}\"", self.name)), u8::from(holds(of)).to_string());
                SIDES.into_iter().map(sample).collect()
            }
            "summary" => {
                let mut sorted: Vec<f64> = values.iter().map(|value| size(*value)).collect();
                sorted.sort_by(f64::total_cmp);
                let quantile = |percent: usize| {
                    let rank = (sorted.len() * percent).div_ceil(100).max(1);
                    let exact = sorted.get(rank - 1).map_or("NaN".to_owned(), f64::to_string);
                    line("", Some(format!("quantile=\"{}\"", percent as f64 / 100.0)), exact)
                };
                let mut lines: Vec<_> = QUANTILES.into_iter().map(quantile).collect();
                lines.push(line("_sum", None, format!("{}", sorted.iter().sum::<f64>() + 0.0)));
                lines.push(line("_count", None, values.len().to_string()));
                lines
            }
            _ => {
                let up_to = |bound: f64| values.iter().filter(|value| whole(**value) <= bound).count();
                let bucket =
                    |bound: f64, le: String| line("_bucket", Some(format!("le=\"{le}\"")), up_to(bound).to_string());
                let mut lines: Vec<_> = BOUNDS.iter().map(|bound| bucket(*bound, bound.to_string())).collect();
                lines.push(bucket(f64::INFINITY, "+Inf".to_owned()));
                let sum: f64 = values.iter().map(|value| whole(*value)).sum();
                lines.push(line("_sum", None, format!("{}", sum + 0.0)));
                lines.push(line("_count", None, values.len().to_string()));
                lines
            }
        }
    }
}

fn count_of(value: f64) -> u64 {
    value.to_bits() >> 4
}

/// Whole numbers, whose sums do not depend on the order of adding.
fn whole(value: f64) -> f64 {
    f64::from(value as i32)
}

/// What a summary can observe: whole, and not below zero.
fn size(value: f64) -> f64 {
    whole(value).abs()
}

const SIDES: [(Side, &str); 2] = [(Side::Left, "left"), (Side::Right, "right")];

fn side(value: f64) -> Side {
    SIDES[(value.to_bits() & 1) as usize].0
}

fn is_up(value: f64) -> bool {
    value.to_bits() & 2 == 0
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

pub(crate) fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let series = |labels: usize| vec((vec(any::<String>(), labels), vec(any::<f64>(), 0..6)), 1..8);
    let help = prop_oneof![any::<String>(), "[a\\\\\r\n]{0,3}"];
    let plan = ("[a-zA-Z][a-zA-Z_]{0,3}", 0..KINDS.len(), help, 0..4usize);
    let plan = plan.prop_flat_map(move |(name, kind, help, labels)| (Just((name, kind, help, labels)), series(labels)));
    vec(plan, 0..6).prop_map(|plans| {
        let numbered = plans.into_iter().enumerate();
        let plan = |(n, ((name, kind, help, labels), mut series)): (usize, (_, Vec<(Vec<String>, _)>))| {
            series.sort_by(|a, b| a.0.cmp(&b.0));
            series.dedup_by(|a, b| a.0 == b.0);
            let (kind, exposed_as, suffix) = KINDS[kind];
            let name: String = format!("{name}{n}{suffix}");
            // No name ends in a 9, and a state set has no label of its own name.
            let labels = ["first", "b", "C_9"][..labels].iter().map(|label| label.to_string());
            Plan { kind, exposed_as, name, help, labels: labels.collect(), series }
        };
        numbered.map(plan).collect()
    })
}

/// The lines of the registry's own metrics are left out.
fn own_lines(text: &str) -> Vec<&str> {
    let is_own = |line: &&str| !line.trim_start_matches("# HELP ").trim_start_matches("# TYPE ").starts_with("quipu_");
    text.split_terminator('\n').filter(is_own).collect()
}

proptest! {
    #[test]
    fn the_text_is_what_a_naive_encoder_writes(mut plans in plans()) {
        let registry = Registry::new();
        plans.iter().for_each(|plan| plan.record(&registry));
        plans.sort_by(|a, b| a.name.cmp(&b.name));
        let text = registry.to_text();
        reader::read(&text).unwrap();
        let expected: Vec<String> = plans.iter().flat_map(Plan::lines).collect();
        let found = own_lines(&text);
        for (found, expected) in found.iter().zip(&expected) {
            let (head, value) = found.rsplit_once(' ').unwrap();
            let (expected_head, expected_value) = expected.rsplit_once(' ').unwrap();
            if found.starts_with('#') {
                prop_assert_eq!(*found, expected);
                continue;
            }
            prop_assert_eq!(head, expected_head);
            let (value, expected_value): (f64, f64) = (value.parse().unwrap(), expected_value.parse().unwrap());
            // In a label's value, a backslash stands before the quotation mark.
            let is_quantile = head.contains("quantile=\"");
            let error = if is_quantile { RELATIVE_ERROR * (1.0 + 1e-9) } else { 0.0 };
            let is_same = value.to_bits() == expected_value.to_bits() || value.is_nan() && expected_value.is_nan();
            prop_assert!(is_same || (value - expected_value).abs() <= error * expected_value, "{found}, not {expected}");
        }
        prop_assert_eq!(found.len(), expected.len());
    }
}
