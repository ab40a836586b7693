//! Playbooks: what is done about incidents without people.
//!
//! ```
//! use quipu_catalog::playbooks::Playbooks;
//!
//! # fn restart() -> Result<(), std::io::Error> { Ok(()) }
//! let registry = quipu::Registry::new();
//! let playbooks = Playbooks::register(&registry)?;
//! let execution = playbooks.start("restart-gateway");
//! execution.record(&restart());
//!
//! let line = "playbook_executions_total{playbook=\"restart-gateway\",status=\"success\"} 1\n";
//! assert!(registry.to_text().contains(line));
//! # Ok::<(), quipu::RegisterError>(())
//! ```

use crate::bounds;
use crate::names::Names;
use crate::work::{Status, Work, WorkSeries};
use quipu::clock::Clock;
use quipu::{Counter, Family, Histogram, InFlightGauge, MetricSet, RegisterError, Registry};
use std::sync::Arc;

/// The families of playbooks. [`Playbooks`] records into them. A family has 100 playbooks at most.
#[derive(Debug, MetricSet)]
pub struct PlaybookMetrics {
    /// Executions of playbooks that ended.
    #[metric(labels(playbook: &str, status: Status), max_values("playbook", 100))]
    pub playbook_executions_total: Family<Counter, ExecutionLabels<'static>>,
    /// Time to execute a playbook, if that was not cancelled.
    #[metric(unit = "seconds", bounds = bounds::JOB, labels(playbook: &str), max_values("playbook", 100))]
    pub playbook_execution_duration_seconds: Family<Histogram, PlaybookLabels<'static>>,
    /// Playbooks being executed.
    #[metric(max_values("playbook", 100))]
    pub playbook_executions_active: Family<InFlightGauge, PlaybookLabels<'static>>,
}

/// Tracks executions of playbooks. A clone is another handle to the same. The [module](self) has an example.
#[derive(Clone, Debug)]
pub struct Playbooks(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: PlaybookMetrics,
    clock: Clock,
    playbooks: Names<WorkSeries>,
}

impl Playbooks {
    /// Registers the families of playbooks, or finds them.
    ///
    /// # Errors
    /// When another metric has one of their names; then none is registered.
    pub fn register(registry: &Registry) -> Result<Playbooks, RegisterError> {
        let metrics = PlaybookMetrics::register(registry)?;
        Ok(Playbooks(Arc::new(Inner { metrics, clock: registry.clock().clone(), playbooks: Names::new(256) })))
    }

    /// The families, to record into directly.
    pub fn metrics(&self) -> &PlaybookMetrics {
        &self.0.metrics
    }

    /// Starts to execute a playbook: it is active from now on. The first time of each playbook allocates.
    pub fn start(&self, playbook: &str) -> Work {
        let Inner { metrics, clock, playbooks } = &*self.0;
        let labels = PlaybookLabels { playbook };
        Work::start(playbooks.get([playbook], || {
            let ended = |status| metrics.playbook_executions_total.handle(ExecutionLabels { playbook, status });
            let seconds = metrics.playbook_execution_duration_seconds.handle(labels);
            WorkSeries::new(clock, ended, seconds).with_active(metrics.playbook_executions_active.handle(labels))
        }))
    }
}
