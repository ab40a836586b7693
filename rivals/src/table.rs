//! Tables of what was measured, and the list of targets at the end.

use std::fmt;

use crate::harness::Sample;
use crate::rival::{NOTHING, QUIPU};

/// What was measured in one work.
pub(crate) struct Table {
    title: String,
    unit: &'static str,
    samples: Vec<Sample>,
    /// Contenders that have nothing that does this work.
    missing: Vec<&'static str>,
}

impl Table {
    pub(crate) fn new(
        title: impl Into<String>,
        unit: &'static str,
        mut samples: Vec<Sample>,
        missing: Vec<&'static str>,
    ) -> Self {
        samples.sort_by(|a, b| a.minimum.total_cmp(&b.minimum));
        Self { title: title.into(), unit, samples, missing }
    }

    pub(crate) fn print(&self) {
        println!("\n{}", self.title);
        println!("  {:<34}{:>12}{:>12}{:>12}", "", "minimum", "median", "÷ quipu");
        let quipu = self.find(QUIPU).map(|sample| sample.minimum);
        for sample in &self.samples {
            let ratio = match quipu {
                Some(quipu) if sample.name != NOTHING && sample.name != QUIPU => {
                    format!("{:.2}", sample.minimum / quipu)
                }
                _ => String::new(),
            };
            let (minimum, median) = (number(sample.minimum), number(sample.median));
            let unit = self.unit;
            println!("  {:<34}{minimum:>12}{median:>12}{ratio:>12}  {unit}", sample.name);
        }
        for name in &self.missing {
            println!("  {name:<34}{:>12}{:>12}{:>12}", "—", "—", "—");
        }
    }

    pub(crate) fn quipu(&self) -> f64 {
        self.find(QUIPU).expect("quipu does every work").minimum
    }

    fn find(&self, name: &str) -> Option<&Sample> {
        self.samples.iter().find(|sample| sample.name == name)
    }

    /// How many times longer than quipu a rival takes.
    pub(crate) fn ratio(&self, rival: &str) -> f64 {
        self.find(rival).expect("the rival does this work").minimum / self.quipu()
    }

    /// How many times longer than quipu the best rival takes, leaving out those named in `except`.
    pub(crate) fn best_ratio(&self, except: &[&str]) -> f64 {
        self.best(except) / self.quipu()
    }

    /// How many times longer than the empty loop the best rival takes: no ratio above that can be reached.
    pub(crate) fn reach(&self, except: &[&str]) -> f64 {
        self.find(NOTHING).map_or(f64::INFINITY, |nothing| self.best(except) / nothing.minimum)
    }

    fn best(&self, except: &[&str]) -> f64 {
        let rivals = self
            .samples
            .iter()
            .filter(|sample| sample.name != NOTHING && sample.name != QUIPU && !except.contains(&sample.name));
        rivals.map(|sample| sample.minimum).fold(f64::INFINITY, f64::min)
    }
}

/// Three significant digits for small numbers, whole ones from a hundred.
fn number(value: f64) -> String {
    if value < 100.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

/// The targets that were tried, in order.
#[derive(Default)]
pub(crate) struct Targets(Vec<Target>);

struct Target {
    what: String,
    measured: f64,
    bound: Bound,
    unit: String,
    /// The most that anything can measure here.
    reach: f64,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

#[derive(PartialEq)]
enum Verdict {
    Met,
    /// On this processor an empty loop misses it too, so it tells nothing about the code.
    OutOfReach,
    Missed,
}

impl Target {
    fn verdict(&self) -> Verdict {
        match self.bound {
            Bound::AtMost(limit) if self.measured <= limit => Verdict::Met,
            Bound::AtLeast(limit) if self.measured >= limit => Verdict::Met,
            Bound::AtLeast(limit) if self.reach < limit => Verdict::OutOfReach,
            _ => Verdict::Missed,
        }
    }
}

/// What a line begins with that says a target.
const TARGET: &str = "target\t";

/// For the process that started this one.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Target { what, measured, bound, unit, reach } = self;
        let (sign, limit) = match bound {
            Bound::AtMost(limit) => ("<=", limit),
            Bound::AtLeast(limit) => (">=", limit),
        };
        write!(f, "{TARGET}{what}\t{measured}\t{sign}\t{limit}\t{unit}\t{reach}")
    }
}

impl Target {
    /// From a line that another process printed, if it says a target.
    ///
    /// # Panics
    /// When that is not as [`Display`](fmt::Display) writes it: a target that is lost would count as met.
    fn parse(line: &str) -> Option<Target> {
        let fields: Vec<&str> = line.strip_prefix(TARGET)?.split('\t').collect();
        let [what, measured, sign, limit, unit, reach] = fields[..] else { panic!("six fields: {line}") };
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text:?} is no number: {line}"));
        let bound = match sign {
            "<=" => Bound::AtMost(number(limit)),
            ">=" => Bound::AtLeast(number(limit)),
            _ => panic!("{sign:?} is no sign: {line}"),
        };
        let (measured, reach) = (number(measured), number(reach));
        Some(Target { what: what.to_owned(), measured, bound, unit: unit.to_owned(), reach })
    }
}

impl Targets {
    /// Says them to the process that started this one.
    pub(crate) fn tell(&self) {
        self.0.iter().for_each(|target| println!("{target}"));
    }

    /// Takes a target that another process told; any other line is for people.
    pub(crate) fn take_or_print(&mut self, line: &str) {
        match Target::parse(line) {
            Some(target) => self.0.push(target),
            None => println!("{line}"),
        }
    }

    pub(crate) fn at_most(&mut self, what: impl Into<String>, measured: f64, limit: f64, unit: &'static str) {
        self.push(what.into(), measured, Bound::AtMost(limit), unit, f64::INFINITY);
    }

    /// `ratio` says how many times better quipu is.
    pub(crate) fn times_better(&mut self, what: impl Into<String>, ratio: f64, limit: f64) {
        self.times_better_within(what, ratio, limit, f64::INFINITY);
    }

    /// As [`times_better`](Self::times_better), where nothing can be better than `reach` times.
    pub(crate) fn times_better_within(&mut self, what: impl Into<String>, ratio: f64, limit: f64, reach: f64) {
        self.push(what.into(), ratio, Bound::AtLeast(limit), "times", reach);
    }

    fn push(&mut self, what: String, measured: f64, bound: Bound, unit: &'static str, reach: f64) {
        self.0.push(Target { what, measured, bound, unit: unit.to_owned(), reach });
    }

    pub(crate) fn print(&self) {
        println!("\ntargets");
        println!("  {:<62}{:>9}{:>12}", "", "measured", "target");
        for target in &self.0 {
            let limit = match target.bound {
                Bound::AtMost(limit) => format!("<= {}", number(limit)),
                Bound::AtLeast(limit) => format!(">= {}", number(limit)),
            };
            println!(
                "  {:<62}{:>9}{limit:>12} {:<6} {}",
                target.what,
                number(target.measured),
                target.unit,
                match target.verdict() {
                    Verdict::Met => "met".into(),
                    Verdict::OutOfReach => format!("out of reach: an empty loop has {}", number(target.reach)),
                    Verdict::Missed => "MISSED".into(),
                },
            );
        }
    }

    /// Whether all are met that can be.
    pub(crate) fn all_met(&self) -> bool {
        self.0.iter().all(|target| target.verdict() != Verdict::Missed)
    }
}
