//! A strict reader of the Prometheus text format 0.0.4, written from its
//! specification and knowing nothing of the writer under test.
//!
//! Where the specification leaves room (blank lines, free comments, samples
//! without a `TYPE`, blanks beside tokens), this reader refuses: a real server
//! stores such input in silence or loses the scrape, so neither may be written.

// Several test binaries and the fuzz targets include this module, and each
// uses its own part of it.
#![allow(dead_code)]

mod check;
mod line;
mod number;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;

use line::Line;

/// What a `TYPE` line may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetricType {
    Counter,
    Gauge,
    Histogram,
    Summary,
    Untyped,
}

impl MetricType {
    /// The endings that sample names of this kind add to the family's name.
    fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Counter | Self::Gauge | Self::Untyped => &[""],
            Self::Histogram => &["_bucket", "_sum", "_count"],
            Self::Summary => &["", "_sum", "_count"],
        }
    }
}

/// One line that carries a value.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
    /// The value as it was written: integers above 2^53 survive here only.
    pub(crate) text: String,
    pub(crate) timestamp: Option<i64>,
    pub(crate) line: usize,
}

impl Sample {
    /// The value of one label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(label, _)| label == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether the labels are these, in any order.
    pub(crate) fn has_labels(&self, labels: &[(&str, &str)]) -> bool {
        self.labels.len() == labels.len() && labels.iter().all(|(name, value)| self.label(name) == Some(value))
    }

    /// Name and sorted labels: what makes a series unique.
    fn identity(&self) -> (String, Vec<(String, String)>) {
        let mut labels = self.labels.clone();
        labels.sort();
        (self.name.clone(), labels)
    }
}

/// All lines of one metric name.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: Option<String>,
    pub(crate) kind: MetricType,
    pub(crate) samples: Vec<Sample>,
}

/// A whole exposition.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) families: Vec<Family>,
}

impl Exposition {
    /// The family of this name.
    pub(crate) fn family(&self, name: &str) -> Option<&Family> {
        self.families.iter().find(|family| family.name == name)
    }

    /// All samples, in the order of their lines.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.families.iter().flat_map(|family| &family.samples)
    }

    /// The sample of this name with exactly these labels.
    pub(crate) fn sample(&self, name: &str, labels: &[(&str, &str)]) -> Option<&Sample> {
        self.samples().find(|sample| sample.name == name && sample.has_labels(labels))
    }

    /// The value of the sample of this name with exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.sample(name, labels).map(|sample| sample.value)
    }

    /// Everything but the values, line by line: two expositions of the same
    /// series are in the same order exactly if these are equal.
    pub(crate) fn order(&self) -> Vec<(&str, &[(String, String)])> {
        self.samples().map(|sample| (sample.name.as_str(), sample.labels.as_slice())).collect()
    }
}

/// The first rule that was broken, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadError {
    pub(crate) line: usize,
    pub(crate) reason: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for ReadError {}

/// Reads a whole exposition, or says which line breaks which rule.
pub(crate) fn read(text: &str) -> Result<Exposition, ReadError> {
    let mut reader = Reader::default();
    let Some(lines) = text.strip_suffix('\n') else {
        if text.is_empty() {
            return Ok(Exposition::default());
        }
        let line = text.split('\n').count();
        let reason = "the last line does not end in a line feed".to_owned();
        return Err(ReadError { line, reason });
    };
    for (index, content) in lines.split('\n').enumerate() {
        let line = index + 1;
        let here = |reason| ReadError { line, reason };
        let parsed = line::parse(content).map_err(here)?;
        if parsed.family().is_some_and(|name| reader.leaves(name)) {
            reader.close()?;
        }
        reader.take(line, parsed).map_err(here)?;
    }
    reader.close()?;
    let families = reader.done;
    Ok(Exposition { families })
}

/// A family whose lines are being read: its `TYPE` may not have come yet.
#[derive(Default)]
struct Open {
    name: String,
    help: Option<String>,
    kind: Option<MetricType>,
    samples: Vec<Sample>,
    line: usize,
}

#[derive(Default)]
struct Reader {
    done: Vec<Family>,
    open: Option<Open>,
    seen: HashSet<(String, Vec<(String, String)>)>,
    /// Every sample name that a family can write, and that family.
    claims: HashMap<String, String>,
}

impl Reader {
    /// Whether a header of this name ends the family that is open.
    fn leaves(&self, name: &str) -> bool {
        self.open.as_ref().is_some_and(|open| open.name != name)
    }

    fn take(&mut self, number: usize, line: Line<'_>) -> Result<(), String> {
        match line {
            Line::Help { name, text } => {
                let open = self.header(number, name)?;
                match open.help.replace(text) {
                    None => Ok(()),
                    Some(_) => Err(format!("second HELP of {name}")),
                }
            }
            Line::Type { name, kind } => {
                let open = self.header(number, name)?;
                match open.kind.replace(kind) {
                    None => self.claim(name, kind),
                    Some(_) => Err(format!("second TYPE of {name}")),
                }
            }
            Line::Sample(mut sample) => {
                sample.line = number;
                self.sample(sample)
            }
        }
    }

    /// The open family, which is of this name, or a new one.
    fn header(&mut self, line: usize, name: &str) -> Result<&mut Open, String> {
        if self.done.iter().any(|family| family.name == name) {
            return Err(format!("the lines of {name} are not in one group"));
        }
        let open = self.open.get_or_insert_with(|| Open { name: name.to_owned(), line, ..Open::default() });
        if open.samples.is_empty() { Ok(open) } else { Err(format!("HELP or TYPE of {name} after its samples")) }
    }

    /// Takes all sample names that the family can write.
    fn claim(&mut self, name: &str, kind: MetricType) -> Result<(), String> {
        for suffix in kind.suffixes() {
            let claimed = format!("{name}{suffix}");
            if let Some(other) = self.claims.insert(claimed.clone(), name.to_owned()) {
                return Err(format!("{name} and {other} can both write {claimed}"));
            }
        }
        Ok(())
    }

    fn sample(&mut self, sample: Sample) -> Result<(), String> {
        let name = &sample.name;
        let Some(open) = &mut self.open else {
            return Err(format!("sample {name} before any TYPE"));
        };
        let Some(kind) = open.kind else {
            return Err(format!("sample {name} before the TYPE of {}", open.name));
        };
        if !check::belongs(&open.name, kind, name) {
            return Err(match self.claims.get(name) {
                Some(owner) => format!("the lines of {owner} are not in one group"),
                None => format!("sample {name} among the lines of {}", open.name),
            });
        }
        check::sample(&open.name, kind, &sample)?;
        if !self.seen.insert(sample.identity()) {
            return Err(format!("series {name} {:?} twice", sample.labels));
        }
        open.samples.push(sample);
        Ok(())
    }

    fn close(&mut self) -> Result<(), ReadError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let Some(kind) = open.kind else {
            let reason = format!("{} has no TYPE", open.name);
            return Err(ReadError { line: open.line, reason });
        };
        let family = Family { name: open.name, help: open.help, kind, samples: open.samples };
        check::family(&family)?;
        self.done.push(family);
        Ok(())
    }
}
