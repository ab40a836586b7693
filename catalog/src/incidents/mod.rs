//! Incidents, from `NEW` to `CLOSED`.
//!
//! An incident lives longer than a process. So there are two ways, which record the same: a service with a database tells
//! [`Incidents`] what happens, with the age of the incident as its database has it; a value of [`Incident`] knows its age and
//! its state itself.
//!
//! ```
//! use quipu_catalog::incidents::{Category, Incidents, Kind, Severity, Source, State};
//! use std::time::Duration;
//!
//! let registry = quipu::Registry::new();
//! let incidents = Incidents::register(&registry)?;
//! let kind = Kind { severity: Severity::P1, source: "llm-sentinel".into(), category: Category::Availability };
//!
//! // With a database:
//! incidents.restore(kind, 3); // at the start: three are not over
//! incidents.created(kind);
//! incidents.moved(kind, State::New, State::Acknowledged, Duration::from_secs(40)); // since its creation
//! incidents.moved(kind, State::Acknowledged, State::Resolved, Duration::from_secs(900));
//!
//! // Or in memory:
//! let mut incident = incidents.open(kind);
//! incident.acknowledge();
//! incident.resolve();
//!
//! let text = registry.to_text();
//! let labels = "{severity=\"P1\",source=\"llm-sentinel\",category=\"availability\"}";
//! assert!(text.contains(&format!("incidents_active{labels} 3\n")));
//! assert!(text.contains(&format!("incidents_resolved_total{labels} 2\n")));
//! # Ok::<(), quipu::RegisterError>(())
//! ```
//!
//! # What is counted when
//!
//! | from | to | beside the transition |
//! |---|---|---|
//! | `NEW` | `ACKNOWLEDGED` or `IN_PROGRESS` | the time to acknowledge |
//! | any active state | `RESOLVED` or `CLOSED` | resolved, the time to resolve; one less is active |
//! | `RESOLVED` or `CLOSED` | any active state | one more is active: it was opened again |
//! | a state | the same | nothing at all, not even a transition |

mod families;
mod incident;
mod labels;

pub use families::{IncidentMetrics, LevelLabels, ResolutionLabels, SeverityLabels, SourceLabels, TransitionLabels};
pub use incident::Incident;
pub use labels::{Category, Kind, Level, Severity, Source, State};

use core::time::Duration;
use quipu::clock::Clock;
use quipu::{MetricSet, RegisterError, Registry, Timer};
use std::sync::Arc;

/// Tracks incidents. A clone is another handle to the same.
///
/// # Cost
/// All labels are enums, so each recording finds its series by an index: a transition takes at most three recordings, 15 ns or
/// less. Nothing is allocated.
#[derive(Clone, Debug)]
pub struct Incidents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: IncidentMetrics,
    clock: Clock,
}

impl Incidents {
    /// Registers the families of incidents, or finds them.
    ///
    /// # Errors
    /// When another metric has one of their names; then none is registered.
    pub fn register(registry: &Registry) -> Result<Incidents, RegisterError> {
        let metrics = IncidentMetrics::register(registry)?;
        Ok(Incidents(Arc::new(Inner { metrics, clock: registry.clock().clone() })))
    }

    /// The families, to record into directly.
    pub fn metrics(&self) -> &IncidentMetrics {
        &self.0.metrics
    }

    /// Says at the start of the service how many incidents of a kind are not over: they are active, and not created now.
    pub fn restore(&self, kind: Kind, active: u64) {
        self.0.metrics.incidents_active.with(kind).inc_by(active);
    }

    /// An incident was created.
    pub fn created(&self, kind: Kind) {
        self.0.metrics.incidents_total.with(kind).inc();
        self.0.metrics.incidents_active.with(kind).inc();
    }

    /// An incident came from one state into another, at this time since its creation. What that counts is said at the
    /// [module](self). Which moves are right the service knows: here all are counted.
    pub fn moved(&self, kind: Kind, from_state: State, to_state: State, age: Duration) {
        self.move_to(kind, from_state, to_state, || age.as_secs_f64());
    }

    #[inline]
    fn move_to(&self, kind: Kind, from_state: State, to_state: State, age: impl FnOnce() -> f64) {
        if from_state == to_state {
            return;
        }
        let Kind { severity, source, .. } = kind;
        let metrics = &self.0.metrics;
        metrics.incident_state_transitions_total.with(TransitionLabels { from_state, to_state }).inc();
        match (from_state.is_active(), to_state.is_active()) {
            (true, true) if from_state == State::New => {
                metrics.incident_acknowledgment_duration_seconds.with(SeverityLabels { severity }).observe(age());
            }
            (true, false) => {
                metrics.incidents_resolved_total.with(kind).inc();
                metrics.incidents_active.with(kind).dec();
                metrics.incident_resolution_duration_seconds.with(ResolutionLabels { severity, source }).observe(age());
            }
            (false, true) => metrics.incidents_active.with(kind).inc(),
            (true, true) | (false, false) => {}
        }
    }

    /// Creates an incident that is tracked in memory.
    pub fn open(&self, kind: Kind) -> Incident {
        self.created(kind);
        Incident::new(self.clone(), kind)
    }

    /// A report was one of an incident that is there already.
    pub fn deduplicated(&self, source: Source) {
        self.0.metrics.incidents_deduplicated_total.with(SourceLabels { source }).inc();
    }

    /// An incident was found to belong to another one.
    pub fn correlated(&self, source: Source) {
        self.0.metrics.incidents_correlated_total.with(SourceLabels { source }).inc();
    }

    /// An incident was taken to a higher level.
    pub fn escalated(&self, level: Level) {
        self.0.metrics.incidents_escalated_total.with(LevelLabels { level }).inc();
    }

    /// Times how long the service processes a report, until the timer is dropped.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// # let incidents = quipu_catalog::incidents::Incidents::register(&registry)?;
    /// {
    ///     let _processing = incidents.processing("P2".parse().unwrap());
    ///     // validate, deduplicate, store
    /// }
    /// let seconds = registry.snapshot();
    /// let seconds = seconds.histogram("incident_processing_duration_seconds", &[("severity", "P2")]);
    /// assert_eq!(seconds.unwrap().count(), 1);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn processing(&self, severity: Severity) -> Timer {
        self.0.metrics.incident_processing_duration_seconds.with(SeverityLabels { severity }).start_timer()
    }
}
