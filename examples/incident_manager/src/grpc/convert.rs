//! Between what goes over the wire and what the service thinks in.

use jiff::Timestamp;
use tonic::Status;

use super::{Refusal, wire};
use crate::events::Event;
use crate::incident::{Findings, Incident, NewIncident};
use crate::log::complain;
use crate::store::StoreError;
use crate::text::Known;

/// A value of a closed set, by its text.
pub(super) fn known<T: Known>(field: &str, text: &str) -> Result<T, Status> {
    T::of_text(text).map_err(|error| Status::invalid_argument(format!("{field}: {error}")))
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
            severity: incident.severity.to_string(),
            source: incident.source.to_string(),
            category: incident.category.to_string(),
            state: incident.state.to_string(),
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
            classified_as: findings.classified_as.map(|category| category.to_string()),
            summary: findings.summary,
            escalated_to: findings.escalated_to.map(|level| level.to_string()),
        }
    }
}

impl From<&Event> for wire::Event {
    fn from(event: &Event) -> wire::Event {
        wire::Event {
            incident: Some(event.incident.clone().into()),
            from_state: event.from.map(|state| state.to_string()),
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
