//! What there is to do about an incident.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use quipu_catalog::jobs::{JobType, QueueName};
use quipu_catalog::notifications::Channel;

use crate::incident::{Level, Severity};

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
    pub(super) fn delay(self) -> Option<Duration> {
        match self {
            Task::Escalate(Level::L1) => Some(Duration::from_millis(500)),
            Task::Escalate(Level::L2) => Some(Duration::from_secs(1)),
            Task::Escalate(Level::L3) => Some(Duration::from_secs(2)),
            _ => None,
        }
    }

    pub(super) fn queue(self, severity: Severity) -> QueueName {
        match (self, severity) {
            (Task::Correlate | Task::RunPlaybook, _) | (_, Severity::P4) => QueueName::LowPriority,
            (_, Severity::P0 | Severity::P1) => QueueName::HighPriority,
            (_, Severity::P2 | Severity::P3) => QueueName::Standard,
        }
    }
}

/// As it is kept in the database.
impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Task::Deduplicate => f.write_str("deduplicate"),
            Task::Enrich => f.write_str("enrich"),
            Task::Correlate => f.write_str("correlate"),
            Task::Notify(channel) => write!(f, "notify {channel}"),
            Task::Escalate(level) => write!(f, "escalate {level}"),
            Task::RunPlaybook => f.write_str("run_playbook"),
        }
    }
}

impl FromStr for Task {
    type Err = String;

    fn from_str(text: &str) -> Result<Task, String> {
        Ok(match text.split_once(' ') {
            None if text == "deduplicate" => Task::Deduplicate,
            None if text == "enrich" => Task::Enrich,
            None if text == "correlate" => Task::Correlate,
            None if text == "run_playbook" => Task::RunPlaybook,
            Some(("notify", channel)) => Task::Notify(channel.into()),
            Some(("escalate", level)) => Task::Escalate(level.parse().map_err(|error| format!("{text}: {error}"))?),
            _ => return Err(format!("{text:?} is no task")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_as_it_was_written() {
        let notify = Channel::ALL.iter().map(|channel| Task::Notify(*channel));
        let escalate = Level::ALL.iter().map(|level| Task::Escalate(*level));
        let others = [Task::Deduplicate, Task::Enrich, Task::Correlate, Task::RunPlaybook];
        for task in notify.chain(escalate).chain(others) {
            assert_eq!(task.to_string().parse(), Ok(task));
        }
        for wrong in ["", "notify", "escalate", "escalate L9", "enrich L1", "sleep"] {
            assert!(wrong.parse::<Task>().is_err(), "{wrong}");
        }
    }
}
