//! What an incident is. The enums are closed sets, so each is at once a JSON value, a column and a metric label.

use std::time::Duration;

use jiff::Timestamp;
use quipu::LabelValue;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde::{Deserialize, Serialize};

/// How urgent an incident is; `P0` is the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, LabelValue)]
#[label(rename_all = "UPPERCASE")]
pub(crate) enum Severity {
    P0,
    P1,
    P2,
    P3,
    P4,
}

/// The system that reported an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, LabelValue)]
#[serde(rename_all = "kebab-case")]
#[label(rename_all = "kebab-case")]
pub(crate) enum Source {
    LlmSentinel,
    LlmShield,
    LlmEdgeAgent,
    LlmGovernanceCore,
    Other,
}

/// What an incident is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, LabelValue)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Category {
    Performance,
    Security,
    Availability,
    Compliance,
    Cost,
}

/// How far an incident has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, LabelValue)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[label(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum State {
    New,
    Acknowledged,
    InProgress,
    Resolved,
    Closed,
}

/// A step that somebody takes with an incident. Steps may be left out, but for the last: only what is resolved is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Acknowledge,
    Start,
    Resolve,
    Close,
}

impl Change {
    /// The state that the step leads to.
    pub(crate) fn to(self) -> State {
        match self {
            Change::Acknowledge => State::Acknowledged,
            Change::Start => State::InProgress,
            Change::Resolve => State::Resolved,
            Change::Close => State::Closed,
        }
    }

    pub(crate) fn starts_from(self, state: State) -> bool {
        match self {
            Change::Acknowledge => state == State::New,
            Change::Start => matches!(state, State::New | State::Acknowledged),
            Change::Resolve => matches!(state, State::New | State::Acknowledged | State::InProgress),
            Change::Close => state == State::Resolved,
        }
    }
}

/// The text of a value of a closed set: the same in JSON, in the database and on `/metrics`.
pub(crate) fn text_of<T: LabelValue>(value: T) -> &'static str {
    let texts = T::VALUES.expect("only called for enums");
    texts[value.index()]
}

/// The value of a closed set that `text` names.
pub(crate) fn value_of<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, ValueError> {
    let deserializer: StrDeserializer<'de, ValueError> = text.into_deserializer();
    T::deserialize(deserializer)
}

/// What a client sends to open an incident.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewIncident {
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) source: Source,
    pub(crate) category: Category,
}

/// An incident as it is stored and answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Incident {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) severity: Severity,
    pub(crate) source: Source,
    pub(crate) category: Category,
    pub(crate) state: State,
    pub(crate) created_at: Timestamp,
    pub(crate) acknowledged_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) closed_at: Option<Timestamp>,
}

/// How far up an incident was passed that nobody acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, LabelValue)]
#[serde(rename_all = "UPPERCASE")]
#[label(rename_all = "UPPERCASE")]
pub(crate) enum Level {
    L1,
    L2,
    L3,
}

/// What the workers have found out about an incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Findings {
    /// The open incident that reports the same.
    pub(crate) duplicate_of: Option<i64>,
    /// An open incident of another source that may have the same cause.
    pub(crate) correlated_with: Option<i64>,
    /// What the model says that it is about.
    pub(crate) classified_as: Option<Category>,
    /// What the model says of it.
    pub(crate) summary: Option<String>,
    pub(crate) escalated_to: Option<Level>,
}

impl Incident {
    pub(crate) fn time_to_acknowledge(&self) -> Option<Duration> {
        Some(elapsed(self.created_at, self.acknowledged_at?))
    }

    pub(crate) fn time_to_resolve(&self) -> Option<Duration> {
        Some(elapsed(self.created_at, self.resolved_at?))
    }
}

/// Zero if the wall clock was set back in between.
fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_agrees_with_labels<T: LabelValue + Serialize + for<'de> Deserialize<'de>>() {
        for (index, text) in T::VALUES.unwrap().iter().enumerate() {
            let value: T = value_of(text).unwrap();
            assert_eq!(value.index(), index);
            assert_eq!(serde_json::to_value(&value).unwrap(), *text);
            assert_eq!(text_of(value), *text);
        }
        assert!(value_of::<T>("nonsense").is_err());
    }

    #[test]
    fn one_text_everywhere() {
        json_agrees_with_labels::<Severity>();
        json_agrees_with_labels::<Source>();
        json_agrees_with_labels::<Category>();
        json_agrees_with_labels::<State>();
        json_agrees_with_labels::<Level>();
    }

    #[test]
    fn a_clock_set_back_counts_as_zero() {
        let later = Timestamp::from_second(100).unwrap();
        let earlier = Timestamp::from_second(90).unwrap();
        assert_eq!(elapsed(earlier, later), Duration::from_secs(10));
        assert_eq!(elapsed(later, earlier), Duration::ZERO);
    }
}
