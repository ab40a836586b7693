//! What is done about an incident after its client was answered: jobs, on bounded queues.
//!
//! `queues.rs` keeps them, `worker.rs` takes them and tries again what fails, `steps.rs` does them, and `housekeeping.rs`
//! closes and deletes what is over.

mod housekeeping;
mod queues;
mod steps;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quipu_catalog::jobs::{JobError, JobType, QueueName};
use quipu_catalog::notifications::Channel;

pub(crate) use self::queues::Queues;
pub(crate) use self::steps::Desk;
pub(crate) use self::worker::serve;
use crate::incident::{Incident, Level, Severity};
use crate::store::StoreError;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Task {
    /// Finds out whether the same was reported before. If not, makes the other jobs.
    Deduplicate,
    /// Asks a model what it is about.
    Enrich,
    /// Looks for what may have the same cause.
    Correlate,
    Notify(Channel),
    /// Passes it up, if nobody has acknowledged it.
    Escalate(Level),
    RunPlaybook,
}

impl Task {
    fn job_type(self) -> JobType {
        match self {
            Task::Deduplicate => JobType::Deduplication,
            Task::Enrich => JobType::Enrichment,
            Task::Correlate => JobType::Correlation,
            Task::Notify(_) => JobType::Notification,
            Task::Escalate(_) => JobType::Escalation,
            Task::RunPlaybook => JobType::Other,
        }
    }

    /// How long it waits before it is queued. People get little time here, as it is a demonstration.
    fn delay(self) -> Option<Duration> {
        match self {
            Task::Escalate(Level::L1) => Some(Duration::from_millis(500)),
            Task::Escalate(Level::L2) => Some(Duration::from_secs(1)),
            Task::Escalate(Level::L3) => Some(Duration::from_secs(2)),
            _ => None,
        }
    }

    fn queue(self, severity: Severity) -> QueueName {
        match (self, severity) {
            (Task::Correlate | Task::RunPlaybook, _) | (_, Severity::P4) => QueueName::LowPriority,
            (_, Severity::P0 | Severity::P1) => QueueName::HighPriority,
            (_, Severity::P2 | Severity::P3) => QueueName::Standard,
        }
    }
}

/// A task for an incident.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) incident: Arc<Incident>,
}

impl Job {
    fn queue(&self) -> QueueName {
        self.task.queue(self.incident.severity)
    }
}

/// Why a job failed.
#[derive(Debug)]
pub(crate) enum Problem {
    Timeout,
    /// Something else does not work: the database, a model, a sender.
    Dependency(String),
    /// A step of several failed; trying again would repeat those before it.
    Broken(String),
    /// It makes no sense: an incident that is gone, an answer that cannot be read.
    Invalid(String),
}

impl Problem {
    fn is_worth_a_retry(&self) -> bool {
        matches!(self, Problem::Timeout | Problem::Dependency(_))
    }

    /// What it is counted as.
    fn error_type(&self) -> JobError {
        match self {
            Problem::Timeout => JobError::Timeout,
            Problem::Dependency(_) | Problem::Broken(_) => JobError::DependencyError,
            Problem::Invalid(_) => JobError::ValidationError,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Timeout => f.write_str("it took too long"),
            Problem::Dependency(what) | Problem::Broken(what) | Problem::Invalid(what) => f.write_str(what),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        if error.is_of_the_store() {
            Problem::Dependency(error.to_string())
        } else {
            Problem::Invalid(error.to_string())
        }
    }
}
