//! What a dashboard shows, before it is JSON.

use crate::families::Families;
use crate::query::gained;
use quipu::registry::FamilyDescription;

/// A dashboard: rows of panels.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Of its file and its address.
    pub uid: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Whom it serves.
    pub description: &'static str,
    /// From top to bottom.
    pub rows: Vec<Row>,
}

/// Panels under a title, from left to right.
#[derive(Clone, Debug)]
pub struct Row {
    /// What they have in common.
    pub title: &'static str,
    /// As high as each other.
    pub panels: Vec<Panel>,
}

/// A chart or a number.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// How to read it.
    pub description: String,
    /// How it is drawn.
    pub shape: Shape,
    /// One of Grafana's ids of units.
    pub unit: &'static str,
    /// Of 24 columns.
    pub width: u32,
    /// What it asks for, in the form of [`Scope`](crate::query::Scope).
    pub targets: Vec<Target>,
    /// From where on a value has which colour; below the first it is green.
    pub steps: Vec<(f64, Colour)>,
    /// What values are called.
    pub names: &'static [(u32, &'static str, Colour)],
    /// The most that a value can be.
    pub max: Option<f64>,
}

/// How a panel is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Lines over time.
    Lines,
    /// Areas over time, one on top of the other.
    Stack,
    /// How observations were spread, over time.
    Heatmap,
    /// Which state held when.
    States,
    /// The last value, large.
    Number,
    /// Bars of the last values.
    Bars,
    /// The last values, with all labels.
    Table,
}

/// What a value or a state looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// All is well.
    Green,
    /// Worth a look.
    Orange,
    /// Wrong.
    Red,
}

/// A query and the name of its lines.
#[derive(Clone, Debug)]
pub struct Target {
    /// In the form of [`Scope`](crate::query::Scope).
    pub query: String,
    /// With labels as `{{label}}`.
    pub legend: String,
}

/// The states of circuit breakers.
pub(crate) const BREAKER: &[(u32, &str, Colour)] =
    &[(0, "closed", Colour::Green), (1, "open", Colour::Red), (2, "half-open", Colour::Orange)];
/// The states of services.
pub(crate) const HEALTH: &[(u32, &str, Colour)] =
    &[(0, "healthy", Colour::Green), (1, "degraded", Colour::Orange), (2, "down", Colour::Red)];
/// Alerts, of which only those are there that fire.
pub(crate) const FIRING: &[(u32, &str, Colour)] = &[(1, "firing", Colour::Red)];
/// What is up or not.
pub(crate) const UP: &[(u32, &str, Colour)] = &[(0, "down", Colour::Red), (1, "up", Colour::Green)];

const QUANTILES: [(&str, &str); 3] = [("0.5", "p50"), ("0.95", "p95"), ("0.99", "p99")];

impl Panel {
    /// A panel without queries.
    pub(crate) fn new(shape: Shape, title: &str, unit: &'static str, description: &str) -> Self {
        Self {
            title: title.to_owned(),
            description: description.to_owned(),
            shape,
            unit,
            width: if shape == Shape::Number { 4 } else { 8 },
            targets: Vec::new(),
            steps: Vec::new(),
            names: &[],
            max: None,
        }
    }

    pub(crate) fn width(self, width: u32) -> Self {
        Self { width, ..self }
    }

    pub(crate) fn query(mut self, legend: &str, query: impl Into<String>) -> Self {
        self.targets.push(Target { query: query.into(), legend: legend.to_owned() });
        self
    }

    /// Orange and red from these values on.
    pub(crate) fn steps(self, orange: f64, red: f64) -> Self {
        Self { steps: vec![(orange, Colour::Orange), (red, Colour::Red)], ..self }
    }

    /// Red from a threshold on, and orange from half of it.
    pub(crate) fn threshold(self, threshold: f64) -> Self {
        self.steps(threshold / 2.0, threshold)
    }

    /// Red from this value on.
    pub(crate) fn red_from(self, red: f64) -> Self {
        Self { steps: vec![(red, Colour::Red)], ..self }
    }

    /// Areas, one on top of the other, in place of lines.
    pub(crate) fn stacked(self) -> Self {
        Self { shape: Shape::Stack, ..self }
    }

    pub(crate) fn names(self, names: &'static [(u32, &'static str, Colour)]) -> Self {
        Self { names, ..self }
    }

    pub(crate) fn max(self, max: f64) -> Self {
        Self { max: Some(max), ..self }
    }
}

/// Panels by the kind of a family: each is drawn as its kind is best read.
impl Families {
    /// Of a counter: how many a second.
    pub(crate) fn rate(&self, title: &str, counter: &str, by: &[&str]) -> Panel {
        let family = self.named(counter);
        let unit = match unit_of(family) {
            Some("bytes") => "Bps",
            Some("seconds") => "percentunit",
            _ if counter.ends_with("requests_total") => "reqps",
            _ => "ops",
        };
        let query = format!("{} (rate(@{counter}[$__rate_interval]))", sum(family, by));
        self.of(Shape::Lines, title, unit, family, " Rate a second.").query(&legend(by, title), query)
    }

    /// Of a counter of what is seldom: how many in a quarter of an hour.
    pub(crate) fn increase(&self, title: &str, counter: &str, by: &[&str]) -> Panel {
        let family = self.named(counter);
        let query = format!("{} > 0", gained(&sum(family, by), counter));
        self.of(Shape::Lines, title, "short", family, " How many in 15 minutes, where there are any.")
            .query(&legend(by, title), query)
    }

    /// Of a histogram: its median, and where its tail begins.
    pub(crate) fn quantiles(&self, title: &str, histogram: &str) -> Panel {
        let panel = self.of(Shape::Lines, title, shown(self.named(histogram)), self.named(histogram), "");
        QUANTILES
            .iter()
            .fold(panel, |panel, (quantile, name)| panel.query(name, self.quantile_of(quantile, histogram, &[])))
    }

    /// Of a histogram: one quantile, by labels.
    pub(crate) fn quantile(&self, title: &str, quantile: &str, histogram: &str, by: &[&str]) -> Panel {
        let more = format!(" Quantile {quantile}.");
        let panel = self.of(Shape::Lines, title, shown(self.named(histogram)), self.named(histogram), &more);
        panel.query(&legend(by, title), self.quantile_of(quantile, histogram, by))
    }

    /// The query for a quantile of a histogram.
    pub(crate) fn quantile_of(&self, quantile: &str, histogram: &str, by: &[&str]) -> String {
        check(self.named(histogram), by);
        let by: Vec<_> = by.iter().chain(&["le"]).copied().collect();
        format!(
            "histogram_quantile({quantile}, sum by ({}) (rate(@{histogram}_bucket[$__rate_interval])))",
            by.join(", ")
        )
    }

    /// Of a histogram: how observations are spread.
    pub(crate) fn heatmap(&self, title: &str, histogram: &str) -> Panel {
        let family = self.named(histogram);
        let query = format!("sum by (le) (rate(@{histogram}_bucket[$__rate_interval]))");
        self.of(Shape::Heatmap, title, shown(family), family, " The darker, the more of them.").query("{{le}}", query)
    }

    /// Of a gauge: its value, added up over instances.
    pub(crate) fn value(&self, title: &str, gauge: &str, by: &[&str]) -> Panel {
        let family = self.named(gauge);
        let query = format!("{} (@{gauge})", sum(family, by));
        self.of(Shape::Lines, title, shown(family), family, "").query(&legend(by, title), query)
    }

    /// Of a gauge: the highest value of all instances.
    pub(crate) fn highest(&self, title: &str, gauge: &str, by: &[&str]) -> Panel {
        let family = self.named(gauge);
        let query = format!("max by ({}) (@{gauge})", check(family, by));
        self.of(Shape::Lines, title, shown(family), family, " The highest of all instances.")
            .query(&legend(by, title), query)
    }

    /// Of a gauge that says a state: which held when.
    pub(crate) fn states(
        &self,
        title: &str,
        gauge: &str,
        by: &[&str],
        names: &'static [(u32, &'static str, Colour)],
    ) -> Panel {
        let family = self.named(gauge);
        let query = format!("max by ({}) (@{gauge})", check(family, by));
        self.of(Shape::States, title, "short", family, "").query(&legend(by, title), query).names(names)
    }

    fn of(&self, shape: Shape, title: &str, unit: &'static str, family: &FamilyDescription, more: &str) -> Panel {
        let description = format!("`{}`: {}{more}", family.name(), family.help());
        Panel::new(shape, title, unit, &description)
    }
}

/// The unit of a family, from its description or else from its name.
fn unit_of(family: &FamilyDescription) -> Option<&str> {
    let name = family.name().trim_end_matches("_total");
    let of_name = || ["seconds", "bytes", "tokens"].into_iter().find(|unit| name.ends_with(unit));
    family.unit().or_else(of_name)
}

/// Grafana's id of the unit of a family.
fn shown(family: &FamilyDescription) -> &'static str {
    match unit_of(family) {
        Some("seconds") => "s",
        Some("bytes") => "bytes",
        Some("percent") => "percent",
        Some("dollars") => "currencyUSD",
        _ => "short",
    }
}

/// The labels, which the family has.
fn check(family: &FamilyDescription, by: &[&str]) -> String {
    for label in by {
        let has_it = *label == "instance" || family.labels().any(|known| known.name() == *label);
        assert!(has_it, "`{}` has no label `{label}`", family.name());
    }
    by.join(", ")
}

fn sum(family: &FamilyDescription, by: &[&str]) -> String {
    match &*check(family, by) {
        "" => "sum".to_owned(),
        by => format!("sum by ({by})"),
    }
}

/// What lines by these labels are called.
fn legend(by: &[&str], title: &str) -> String {
    if by.is_empty() {
        return title.to_owned();
    }
    by.iter().map(|label| format!("{{{{{label}}}}}")).collect::<Vec<_>>().join(" ")
}
