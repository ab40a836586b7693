//! The families of incidents.

use super::labels::{Kind, Level, Severity, Source, State};
use crate::bounds;
use quipu::{Counter, Family, Histogram, InFlightGauge, MetricSet};

/// The families of incidents. [`Incidents`](super::Incidents) records into them.
#[derive(Debug, MetricSet)]
pub struct IncidentMetrics {
    /// Incidents created.
    pub incidents_total: Family<Counter, Kind>,
    /// Incidents resolved.
    pub incidents_resolved_total: Family<Counter, Kind>,
    /// Incidents that are not over.
    pub incidents_active: Family<InFlightGauge, Kind>,
    /// Reports of an incident that was there already.
    #[metric(labels(source: Source))]
    pub incidents_deduplicated_total: Family<Counter, SourceLabels>,
    /// Incidents that were found to belong to another one.
    pub incidents_correlated_total: Family<Counter, SourceLabels>,
    /// Times that an incident was taken to a higher level.
    #[metric(labels(level: Level))]
    pub incidents_escalated_total: Family<Counter, LevelLabels>,
    /// Time that the service takes to process a report.
    #[metric(unit = "seconds", bounds = bounds::HTTP, labels(severity: Severity))]
    pub incident_processing_duration_seconds: Family<Histogram, SeverityLabels>,
    /// Time from the creation of an incident until somebody had seen it.
    #[metric(unit = "seconds", bounds = bounds::RESOLUTION)]
    pub incident_acknowledgment_duration_seconds: Family<Histogram, SeverityLabels>,
    /// Time from the creation of an incident until it was over.
    #[metric(unit = "seconds", bounds = bounds::RESOLUTION, labels(severity: Severity, source: Source))]
    pub incident_resolution_duration_seconds: Family<Histogram, ResolutionLabels>,
    /// Changes of the state of an incident.
    #[metric(labels(from_state: State, to_state: State))]
    pub incident_state_transitions_total: Family<Counter, TransitionLabels>,
}
