//! What is done about an incident after its client was answered: jobs, on bounded queues.
//!
//! `queues.rs` keeps them, `worker.rs` takes them and tries again what fails, `steps.rs` does them.

mod queues;
mod steps;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quipu::LabelValue;

pub(crate) use self::queues::{Queue, Queues};
pub(crate) use self::steps::Desk;
pub(crate) use self::worker::serve;
use crate::incident::{Incident, Level, Severity, text_of};
use crate::notify::Channel;
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

/// The kinds of tasks, as they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
#[label(rename_all = "snake_case")]
pub(crate) enum JobType {
    Deduplication,
    Enrichment,
    Notification,
    Escalation,
    Correlation,
    Other,
}

impl Task {
    pub(crate) fn job_type(self) -> JobType {
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

    fn queue(self, severity: Severity) -> Queue {
        match (self, severity) {
            (Task::Correlate | Task::RunPlaybook, _) | (_, Severity::P4) => Queue::LowPriority,
            (_, Severity::P0 | Severity::P1) => Queue::HighPriority,
            (_, Severity::P2 | Severity::P3) => Queue::Standard,
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
    pub(crate) fn new(task: Task, incident: Arc<Incident>) -> Job {
        Job { task, incident }
    }
}

/// Why a job failed.
#[derive(Debug)]
pub(crate) enum JobError {
    Timeout,
    /// Something else does not work: the database, a model, a sender.
    Dependency(String),
    /// It makes no sense: an incident that is gone, an answer that cannot be read.
    Invalid(String),
}

impl JobError {
    fn is_worth_a_retry(&self) -> bool {
        matches!(self, JobError::Timeout | JobError::Dependency(_))
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Timeout => f.write_str("it took too long"),
            JobError::Dependency(what) | JobError::Invalid(what) => f.write_str(what),
        }
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> JobError {
        match error {
            StoreError::NotFound(_) | StoreError::Conflict(..) => JobError::Invalid(error.to_string()),
            _ => JobError::Dependency(error.to_string()),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(text_of(self.job_type()))
    }
}
