//! What an incident is. The closed sets are those of the catalogue: each value is at once a text in JSON, in a column, over
//! gRPC, and a metric label.

use std::time::Duration;

use jiff::Timestamp;
use quipu_catalog::incidents::Kind;
pub(crate) use quipu_catalog::incidents::{Category, Level, Severity, Source, State};
use serde::{Deserialize, Serialize};

use crate::text;

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
            Change::Resolve => state.is_active(),
            Change::Close => state == State::Resolved,
        }
    }
}

/// What a client sends to open an incident.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewIncident {
    pub(crate) title: String,
    #[serde(with = "text")]
    pub(crate) severity: Severity,
    #[serde(with = "text")]
    pub(crate) source: Source,
    #[serde(with = "text")]
    pub(crate) category: Category,
}

/// An incident as it is stored and answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Incident {
    pub(crate) id: i64,
    pub(crate) title: String,
    #[serde(with = "text")]
    pub(crate) severity: Severity,
    #[serde(with = "text")]
    pub(crate) source: Source,
    #[serde(with = "text")]
    pub(crate) category: Category,
    #[serde(with = "text")]
    pub(crate) state: State,
    pub(crate) created_at: Timestamp,
    pub(crate) acknowledged_at: Option<Timestamp>,
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) closed_at: Option<Timestamp>,
}

impl Incident {
    /// What it is counted as.
    pub(crate) fn kind(&self) -> Kind {
        Kind { severity: self.severity, source: self.source, category: self.category }
    }

    /// From its creation to its last step.
    pub(crate) fn age(&self) -> Duration {
        let steps = [self.acknowledged_at, self.started_at, self.resolved_at, self.closed_at];
        elapsed(self.created_at, steps.into_iter().flatten().max().unwrap_or(self.created_at))
    }
}

/// What the workers have found out about an incident.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Findings {
    /// The open incident that reports the same.
    pub(crate) duplicate_of: Option<i64>,
    /// An open incident of another source that may have the same cause.
    pub(crate) correlated_with: Option<i64>,
    /// What the model says that it is about.
    #[serde(serialize_with = "text::serialize_option")]
    pub(crate) classified_as: Option<Category>,
    /// What the model says of it.
    pub(crate) summary: Option<String>,
    #[serde(serialize_with = "text::serialize_option")]
    pub(crate) escalated_to: Option<Level>,
}

/// Zero if the wall clock was set back in between.
fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_counts_as_zero() {
        let later = Timestamp::from_second(100).unwrap();
        let earlier = Timestamp::from_second(90).unwrap();
        assert_eq!(elapsed(earlier, later), Duration::from_secs(10));
        assert_eq!(elapsed(later, earlier), Duration::ZERO);
    }
}
