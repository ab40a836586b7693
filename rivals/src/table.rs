//! Tables of what was measured, and the list of targets at the end.

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
        let rivals = self
            .samples
            .iter()
            .filter(|sample| sample.name != NOTHING && sample.name != QUIPU && !except.contains(&sample.name));
        let best = rivals.map(|sample| sample.minimum).fold(f64::INFINITY, f64::min);
        best / self.quipu()
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
    unit: &'static str,
}

enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Target {
    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(limit) => self.measured <= limit,
            Bound::AtLeast(limit) => self.measured >= limit,
        }
    }
}

impl Targets {
    pub(crate) fn at_most(&mut self, what: impl Into<String>, measured: f64, limit: f64, unit: &'static str) {
        self.push(what.into(), measured, Bound::AtMost(limit), unit);
    }

    /// `ratio` says how many times better quipu is.
    pub(crate) fn times_better(&mut self, what: impl Into<String>, ratio: f64, limit: f64) {
        self.push(what.into(), ratio, Bound::AtLeast(limit), "times");
    }

    fn push(&mut self, what: String, measured: f64, bound: Bound, unit: &'static str) {
        self.0.push(Target { what, measured, bound, unit });
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
                if target.is_met() { "met" } else { "MISSED" },
            );
        }
    }

    pub(crate) fn all_met(&self) -> bool {
        self.0.iter().all(Target::is_met)
    }
}
