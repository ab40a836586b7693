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

/// How far an incident has come. `NEW` may be resolved directly; nothing leaves `RESOLVED`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, LabelValue)]
#[serde(rename_all = "UPPERCASE")]
#[label(rename_all = "UPPERCASE")]
pub(crate) enum State {
    New,
    Acknowledged,
    Resolved,
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
    pub(crate) resolved_at: Option<Timestamp>,
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
    }

    #[test]
    fn a_clock_set_back_counts_as_zero() {
        let later = Timestamp::from_second(100).unwrap();
        let earlier = Timestamp::from_second(90).unwrap();
        assert_eq!(elapsed(earlier, later), Duration::from_secs(10));
        assert_eq!(elapsed(later, earlier), Duration::ZERO);
    }
}
