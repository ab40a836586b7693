//! Between what goes over the wire and what the service thinks in.

use jiff::Timestamp;
use serde::Deserialize;
use tonic::Status;

use super::{Refusal, wire};
use crate::events::Event;
use crate::incident::{Findings, Incident, NewIncident, text_of, value_of};
use crate::log::complain;
use crate::store::StoreError;

/// A value of a closed set, by its text.
pub(super) fn known<'de, T: Deserialize<'de>>(field: &str, text: &'de str) -> Result<T, Status> {
    value_of(text).map_err(|error| Status::invalid_argument(format!("{field}: {error}")))
}

pub(super) fn new_incident(request: wire::CreateIncidentRequest) -> Result<NewIncident, Status> {
    Ok(NewIncident {
        severity: known("severity", &request.severity)?,
        source: known("source", &request.source)?,
        category: known("category", &request.category)?,
        title: request.title,
    })
}

impl From<Incident> for wire::Incident {
    fn from(incident: Incident) -> wire::Incident {
        let text = |at: Timestamp| at.to_string();
        wire::Incident {
            id: incident.id,
            title: incident.title,
            severity: text_of(incident.severity).to_owned(),
            source: text_of(incident.source).to_owned(),
            category: text_of(incident.category).to_owned(),
            state: text_of(incident.state).to_owned(),
            created_at: text(incident.created_at),
            acknowledged_at: incident.acknowledged_at.map(text),
            started_at: incident.started_at.map(text),
            resolved_at: incident.resolved_at.map(text),
            closed_at: incident.closed_at.map(text),
        }
    }
}

impl From<Findings> for wire::Findings {
    fn from(findings: Findings) -> wire::Findings {
        wire::Findings {
            duplicate_of: findings.duplicate_of,
            correlated_with: findings.correlated_with,
            classified_as: findings.classified_as.map(|category| text_of(category).to_owned()),
            summary: findings.summary,
            escalated_to: findings.escalated_to.map(|level| text_of(level).to_owned()),
        }
    }
}

impl From<&Event> for wire::Event {
    fn from(event: &Event) -> wire::Event {
        wire::Event {
            incident: Some(event.incident.clone().into()),
            from_state: event.from.map(|state| text_of(state).to_owned()),
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Status {
        let message = refusal.to_string();
        match refusal {
            Refusal::Title | Refusal::Limit => Status::invalid_argument(message),
            Refusal::Busy => Status::resource_exhausted(message),
            Refusal::Store(StoreError::NotFound(_)) => Status::not_found(message),
            Refusal::Store(StoreError::Conflict(..)) => Status::failed_precondition(message),
            Refusal::Store(StoreError::Closed) => Status::unavailable(message),
            Refusal::Store(_) => {
                complain(&message);
                Status::internal("the database failed; the service's standard error says how")
            }
        }
    }
}
