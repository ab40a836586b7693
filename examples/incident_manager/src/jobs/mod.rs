//! What is done about an incident after its client was answered: jobs, on bounded queues.
//!
//! `task.rs` says which there are, `queues.rs` keeps them, `worker.rs` takes them and tries again what fails, `steps.rs` does
//! them, and `housekeeping.rs` closes and deletes what is over.
//!
//! The database knows each job until it has ended, and gets those it leads to in the same transaction. So a stop or a crash loses
//! none: the next start queues them again. It may then do for a second time what it did without the database, such as to send a mail.

mod housekeeping;
mod queues;
mod steps;
mod task;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quipu_catalog::jobs::{JobError, QueueName};

pub(crate) use self::queues::Queues;
pub(crate) use self::steps::Desk;
pub(crate) use self::task::Task;
pub(crate) use self::worker::serve;
use crate::incident::Incident;
use crate::store::StoreError;

/// A task for an incident.
#[derive(Debug)]
pub(crate) struct Job {
    task: Task,
    incident: Arc<Incident>,
    /// The next one, from 1 on.
    attempt: u32,
}

impl Job {
    pub(crate) fn new(task: Task, incident: Arc<Incident>) -> Job {
        Job { task, incident, attempt: 1 }
    }

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
    /// The same, and it says when to come back.
    NotYet(String, Duration),
    /// A step of several failed; trying again would repeat those before it.
    Broken(String),
    /// It makes no sense: an incident that is gone, an answer that cannot be read.
    Invalid(String),
}

impl Problem {
    /// How long to wait before the next attempt: so long at least, or longer if it is said. `None`: another attempt is not worth while.
    fn retry_after(&self, backoff: Duration) -> Option<Duration> {
        match self {
            Problem::Timeout | Problem::Dependency(_) => Some(backoff),
            Problem::NotYet(_, wait) => Some(backoff.max(*wait)),
            Problem::Broken(_) | Problem::Invalid(_) => None,
        }
    }

    /// What it is counted as.
    fn error_type(&self) -> JobError {
        match self {
            Problem::Timeout => JobError::Timeout,
            Problem::Dependency(_) | Problem::NotYet(..) | Problem::Broken(_) => JobError::DependencyError,
            Problem::Invalid(_) => JobError::ValidationError,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Timeout => f.write_str("it took too long"),
            Problem::Dependency(what) | Problem::NotYet(what, _) | Problem::Broken(what) | Problem::Invalid(what) => {
                f.write_str(what)
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_waits_for_what_asks_for_more_than_the_backoff() {
        let [short, long] = [1, 5].map(Duration::from_secs);
        assert_eq!(Problem::Timeout.retry_after(short), Some(short));
        assert_eq!(Problem::NotYet(String::new(), long).retry_after(short), Some(long));
        assert_eq!(Problem::NotYet(String::new(), short).retry_after(long), Some(long));
        assert_eq!(Problem::Invalid(String::new()).retry_after(short), None);
    }
}
