//! One line of the format.

use super::number;
use super::{MetricType, Sample};

pub(super) enum Line<'a> {
    Help { name: &'a str, text: String },
    Type { name: &'a str, kind: MetricType },
    Sample(Sample),
}

impl Line<'_> {
    /// The family that a header names.
    pub(super) fn family(&self) -> Option<&str> {
        match self {
            Self::Help { name, .. } | Self::Type { name, .. } => Some(name),
            Self::Sample(_) => None,
        }
    }
}

pub(super) fn parse(line: &str) -> Result<Line<'_>, String> {
    if line.is_empty() {
        return Err("blank line".to_owned());
    }
    if let Some(rest) = line.strip_prefix("# HELP ") {
        let (name, text) = rest.split_once(' ').ok_or("HELP without a text")?;
        metric_name(name)?;
        let text = unescape(text, Escapes::Help)?;
        return Ok(Line::Help { name, text });
    }
    if let Some(rest) = line.strip_prefix("# TYPE ") {
        let (name, kind) = rest.split_once(' ').ok_or("TYPE without a type")?;
        metric_name(name)?;
        let kind = kind_of(kind)?;
        return Ok(Line::Type { name, kind });
    }
    if line.starts_with('#') {
        return Err("comment that is neither HELP nor TYPE".to_owned());
    }
    sample(line).map(Line::Sample)
}

fn kind_of(word: &str) -> Result<MetricType, String> {
    match word {
        "counter" => Ok(MetricType::Counter),
        "gauge" => Ok(MetricType::Gauge),
        "histogram" => Ok(MetricType::Histogram),
        "summary" => Ok(MetricType::Summary),
        "untyped" => Ok(MetricType::Untyped),
        _ => Err(format!("unknown type {word:?}")),
    }
}

fn sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("sample without a value")?;
    let (name, rest) = line.split_at(end);
    metric_name(name)?;
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let rest = rest.strip_prefix(' ').ok_or("no blank before the value")?;
    let (text, timestamp) = match rest.split_once(' ') {
        Some((text, stamp)) => (text, Some(number::timestamp(stamp)?)),
        None => (rest, None),
    };
    Ok(Sample { name: name.to_owned(), labels, value: number::float(text)?, text: text.to_owned(), timestamp, line: 0 })
}

type Labels = Vec<(String, String)>;

/// Reads `name="value",…}` and returns what follows the brace.
fn labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    loop {
        let (name, after) = rest.split_once('=').ok_or("label without a value")?;
        label_name(name)?;
        if labels.iter().any(|(other, _)| other == name) {
            return Err(format!("label {name} twice"));
        }
        let quoted = after.strip_prefix('"').ok_or("label value not quoted")?;
        let end = closing_quote(quoted)?;
        let value = unescape(&quoted[..end], Escapes::Label)?;
        labels.push((name.to_owned(), value));
        rest = &quoted[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        rest = rest.strip_prefix(',').ok_or("neither comma nor brace after a label")?;
    }
}

/// Position of the first quote that is not escaped.
fn closing_quote(text: &str) -> Result<usize, String> {
    let mut escaped = false;
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(position),
            _ => {}
        }
    }
    Err("label value without an end".to_owned())
}

#[derive(Clone, Copy, PartialEq)]
enum Escapes {
    Help,
    Label,
}

fn unescape(text: &str, escapes: Escapes) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            plain.push(char);
            continue;
        }
        plain.push(match chars.next() {
            Some('\\') => '\\',
            Some('n') => '\n',
            Some('"') if escapes == Escapes::Label => '"',
            Some(other) => return Err(format!("unknown escape \\{other}")),
            None => return Err("backslash at the end".to_owned()),
        });
    }
    Ok(plain)
}

fn metric_name(name: &str) -> Result<(), String> {
    let head = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || byte == b':';
    named(name, head).ok_or_else(|| format!("bad metric name {name:?}"))
}

fn label_name(name: &str) -> Result<(), String> {
    if name.starts_with("__") {
        return Err(format!("label name {name} is reserved"));
    }
    let head = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    named(name, head).ok_or_else(|| format!("bad label name {name:?}"))
}

fn named(name: &str, head: impl Fn(u8) -> bool) -> Option<()> {
    let (first, rest) = name.as_bytes().split_first()?;
    let good = head(*first) && rest.iter().all(|&byte| head(byte) || byte.is_ascii_digit());
    good.then_some(())
}
