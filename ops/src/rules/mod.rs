//! Rules of Prometheus: what is recorded, and when somebody is told.

mod engine;
mod objectives;
mod service;

pub use objectives::latency_errors;

use crate::WRITTEN;
use crate::families::Families;
use crate::query::Scope;
use crate::settings::{CannotWrite, Settings};
use std::fmt::Write as _;

/// A file of rules.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// Without `.yml`.
    pub name: &'static str,
    /// In one file, each group is evaluated by itself.
    pub groups: Vec<Group>,
}

/// Rules that are evaluated one after the other.
#[derive(Clone, Debug)]
pub struct Group {
    /// Of all groups in the file, the only one of this name.
    pub name: &'static str,
    /// In the order in which they are evaluated.
    pub rules: Vec<Rule>,
}

/// A rule, whose query is as Prometheus reads it.
#[derive(Clone, Debug)]
pub enum Rule {
    /// Stores what the query yields under a name.
    Record {
        /// The name.
        name: String,
        /// What is stored.
        query: String,
    },
    /// Tells somebody.
    Alert(Alert),
}

/// When to tell whom what.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Also that of its runbook.
    pub name: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// It fires for each series that this yields.
    pub query: String,
    /// After so long.
    pub hold: &'static str,
    /// In one line.
    pub summary: &'static str,
    /// With the value.
    pub description: String,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody has to look at once.
    Page,
    /// Somebody has to look on the next working day.
    Ticket,
    /// Nobody has to look.
    None,
}

impl Severity {
    /// The value of the label `severity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Page => "page",
            Severity::Ticket => "ticket",
            Severity::None => "none",
        }
    }
}

/// All of them.
///
/// # Errors
/// When the settings make no sense; the error says what to write.
pub fn all(families: &Families, settings: &Settings) -> Result<[RuleFile; 3], CannotWrite> {
    settings.check(families)?;
    let scope = Scope::new(&settings.prefix, format!("job=\"{}\"", settings.job));
    Ok([
        RuleFile { name: "objectives", groups: objectives::groups(settings, &scope) },
        RuleFile { name: "service", groups: service::groups(settings, &scope) },
        RuleFile { name: "engine", groups: engine::groups(&scope) },
    ])
}

impl RuleFile {
    /// The alerts of all groups.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.groups.iter().flat_map(|group| &group.rules).filter_map(|rule| match rule {
            Rule::Alert(alert) => Some(alert),
            Rule::Record { .. } => None,
        })
    }

    /// The text of the file.
    pub fn to_yaml(&self, settings: &Settings) -> String {
        format!("{WRITTEN}{}", self.groups_to_yaml(settings))
    }

    pub(crate) fn groups_to_yaml(&self, settings: &Settings) -> String {
        let mut text = "groups:\n".to_owned();
        for group in &self.groups {
            let _ = writeln!(text, "  - name: {}\n    rules:", group.name);
            for rule in &group.rules {
                write(rule, settings, &mut text);
            }
        }
        text
    }
}

fn write(rule: &Rule, settings: &Settings, text: &mut String) {
    let (head, query) = match rule {
        Rule::Record { name, query } => (format!("record: {name}"), query),
        Rule::Alert(alert) => (format!("alert: {}", alert.name), &alert.query),
    };
    let lines: Vec<_> = query.lines().map(|line| format!("          {line}\n")).collect();
    let _ = write!(text, "      - {head}\n        expr: |-\n{}", lines.concat());
    let Rule::Alert(alert) = rule else { return };
    let runbook = format!("{}/{}.md", settings.runbooks, alert.name);
    let _ = write!(
        text,
        "        for: {}\n        labels:\n          severity: {}\n        annotations:\n          \
         summary: {}\n          description: {}\n          runbook_url: {}\n",
        alert.hold,
        alert.severity.as_str(),
        quoted(alert.summary),
        quoted(&alert.description),
        quoted(&runbook),
    );
}

/// A string of JSON is one of YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A group of alerts alone.
fn alerts(name: &'static str, alerts: impl IntoIterator<Item = Alert>) -> Group {
    Group { name, rules: alerts.into_iter().map(Rule::Alert).collect() }
}
