//! What is measured about incidents.

use quipu::{Counter, Family, Histogram, InFlightGauge, LabelSet, RegisterError, Registry};

use crate::incident::{Category, Incident, Severity, Source, State};

/// A minute to a day: how long people take.
const RESOLUTION: [f64; 8] = [60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 43200.0, 86400.0];

// Every field is an enum, so every series exists at zero before the first incident,
// and finding one is an index computation.
#[derive(Debug, LabelSet)]
struct MetricType {
    severity: Severity,
    source: Source,
    category: Category,
}

#[derive(Debug, LabelSet)]
struct Acknowledgment {
    severity: Severity,
}

#[derive(Debug, LabelSet)]
struct Resolution {
    severity: Severity,
    source: Source,
}

/// The metrics of incidents. Recording takes nanoseconds and cannot fail.
#[derive(Debug)]
pub(crate) struct IncidentMetrics {
    created: Family<Counter, MetricType>,
    resolved: Family<Counter, MetricType>,
    active: Family<InFlightGauge, MetricType>,
    acknowledgment: Family<Histogram, Acknowledgment>,
    resolution: Family<Histogram, Resolution>,
}

impl IncidentMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<IncidentMetrics, RegisterError> {
        Ok(IncidentMetrics {
            created: registry.counter("incidents_total", "Incidents created.").label_set::<MetricType>().register()?,
            resolved: registry
                .counter("incidents_resolved_total", "Incidents resolved.")
                .label_set::<MetricType>()
                .register()?,
            active: registry
                .in_flight_gauge("incidents_active", "Incidents that are not resolved.")
                .label_set::<MetricType>()
                .register()?,
            acknowledgment: registry
                .histogram(
                    "incident_acknowledgment_duration_seconds",
                    "Time from the creation of an incident to its acknowledgment.",
                )
                .bounds(RESOLUTION)
                .label_set::<Acknowledgment>()
                .register()?,
            resolution: registry
                .histogram(
                    "incident_resolution_duration_seconds",
                    "Time from the creation of an incident to its resolution.",
                )
                .bounds(RESOLUTION)
                .label_set::<Resolution>()
                .register()?,
        })
    }

    /// Takes in the incidents that were active when the service last stopped.
    pub(crate) fn restore(&self, active: Vec<(Severity, Source, Category, u32)>) {
        for (severity, source, category, count) in active {
            self.active.with(MetricType { severity, source, category }).inc_by(count.into());
        }
    }

    pub(crate) fn created(&self, incident: &Incident) {
        let kind = kind(incident);
        self.created.with(&kind).inc();
        self.active.with(&kind).inc();
    }

    /// Records that an incident has come from this state to the one in which it is.
    pub(crate) fn changed(&self, from: State, incident: &Incident) {
        match incident.state {
            State::Acknowledged => self.acknowledged(incident),
            State::Resolved => self.resolved(incident),
            State::New | State::InProgress | State::Closed => {}
        }
        let _ = from;
    }

    fn acknowledged(&self, incident: &Incident) {
        let series = Acknowledgment { severity: incident.severity };
        if let Some(time) = incident.time_to_acknowledge() {
            self.acknowledgment.with(&series).observe_duration(time);
        }
    }

    fn resolved(&self, incident: &Incident) {
        let kind = kind(incident);
        self.resolved.with(&kind).inc();
        self.active.with(&kind).dec();
        let series = Resolution { severity: incident.severity, source: incident.source };
        if let Some(time) = incident.time_to_resolve() {
            self.resolution.with(&series).observe_duration(time);
        }
    }
}

fn kind(incident: &Incident) -> MetricType {
    MetricType { severity: incident.severity, source: incident.source, category: incident.category }
}
