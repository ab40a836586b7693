//! What is done in each job.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use quipu_catalog::Status;
use quipu_catalog::notifications::Channel;

use super::{Job, Problem, Task};
use crate::incident::{Incident, Level, Severity, State};
use crate::llm::{Llm, LlmError};
use crate::log::complain;
use crate::notify::{Senders, channels};
use crate::operations::{Operations, Refusal};
use crate::playbooks::{Playbook, PlaybookError, Runner};

/// Incidents this far apart are not the same, and have no common cause.
const SAME_WITHIN: Duration = Duration::from_secs(300);

/// What workers need.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) operations: Operations,
    pub(crate) llm: Llm,
    pub(crate) senders: Senders,
    pub(crate) runner: Runner,
}

type Next = Result<Vec<Task>, Problem>;

// Metrics of what is written are recorded where it was just written: an attempt can end early, when it takes too long. The next
// one comes to the same place, so the database says whether it has written anything.
impl Desk {
    /// Tries to do a job; returns what is to be done next.
    pub(super) async fn attempt(&self, job: &Job) -> Next {
        let incident = &job.incident;
        match job.task {
            Task::Deduplicate => self.deduplicate(incident).await,
            Task::Enrich => self.enrich(incident).await,
            Task::Correlate => self.correlate(incident).await,
            Task::Notify(channel) => self.notify(incident, channel).await,
            Task::Escalate(level) => self.escalate(incident, level).await,
            Task::RunPlaybook => self.run_playbook(incident).await,
        }
    }

    async fn deduplicate(&self, incident: &Arc<Incident>) -> Next {
        let (store, new, id) = (&self.operations.store, incident.clone(), incident.id);
        if let Some(of) = store.read(move |database| database.find_same(&new, since())).await? {
            let (catalog, source) = (self.operations.catalog.clone(), incident.source);
            let noted = store.write(move |database| {
                if database.set_duplicate(id, of)? {
                    catalog.incidents.deduplicated(source);
                }
                Ok(())
            });
            noted.await?;
            return Ok(Vec::new());
        }
        let mut next = vec![Task::Enrich, Task::Correlate];
        next.extend(channels(incident.severity).iter().copied().map(Task::Notify));
        if matches!(incident.severity, Severity::P0 | Severity::P1) {
            next.push(Task::Escalate(Level::L1));
        }
        Ok(next)
    }

    async fn enrich(&self, incident: &Incident) -> Next {
        let (store, id) = (&self.operations.store, incident.id);
        let category = self.llm.classify(incident).await?;
        store.write(move |database| database.set_category(id, category)).await?;
        let summary = self.llm.summarize(incident).await?;
        store.write(move |database| database.set_summary(id, &summary)).await?;
        let is_minor = matches!(incident.severity, Severity::P3 | Severity::P4);
        Ok(if is_minor { Vec::new() } else { vec![Task::RunPlaybook] })
    }

    async fn correlate(&self, incident: &Arc<Incident>) -> Next {
        let (store, new, id) = (&self.operations.store, incident.clone(), incident.id);
        if let Some(with) = store.read(move |database| database.find_related(&new, since())).await? {
            let (catalog, source) = (self.operations.catalog.clone(), incident.source);
            let noted = store.write(move |database| {
                if database.set_correlated(id, with)? {
                    catalog.incidents.correlated(source);
                }
                Ok(())
            });
            noted.await?;
        }
        Ok(Vec::new())
    }

    async fn notify(&self, incident: &Incident, channel: Channel) -> Next {
        let tracked = self.operations.catalog.notifications.start(channel);
        let outcome = self.senders.send(channel, incident).await;
        tracked.record(&outcome);
        self.book("notification", channel.as_str(), status(&outcome)).await;
        match outcome {
            Ok(()) => Ok(Vec::new()),
            Err(undelivered) => Err(Problem::Dependency(format!("{undelivered:?}"))),
        }
    }

    async fn escalate(&self, incident: &Incident, level: Level) -> Next {
        let (store, id) = (&self.operations.store, incident.id);
        if store.read(move |database| database.get(id)).await?.state != State::New {
            return Ok(Vec::new());
        }
        let catalog = self.operations.catalog.clone();
        let noted = store.write(move |database| {
            if database.set_level(id, level)? {
                catalog.incidents.escalated(level);
            }
            Ok(())
        });
        noted.await?;
        Ok(match level {
            Level::L1 => vec![Task::Escalate(Level::L2)],
            Level::L2 => vec![Task::Escalate(Level::L3)],
            Level::L3 => Vec::new(),
        })
    }

    async fn run_playbook(&self, incident: &Incident) -> Next {
        let playbook = Playbook::of(incident.category);
        let tracked = self.operations.catalog.playbooks.start(playbook.name);
        let outcome = self.runner.run(playbook, incident, &self.operations).await;
        tracked.record(&outcome);
        self.book("playbook", playbook.name, status(&outcome)).await;
        outcome?;
        Ok(Vec::new())
    }

    /// Notes in the books of the database how something ended.
    pub(super) async fn book(&self, what: &'static str, name: &'static str, outcome: &'static str) {
        let booked = self.operations.store.write(move |database| database.count_outcome(what, name, outcome));
        if let Err(error) = booked.await {
            complain(&error);
        }
    }
}

fn status<T, E>(outcome: &Result<T, E>) -> &'static str {
    let status = if outcome.is_ok() { Status::Success } else { Status::Failure };
    status.as_str()
}

fn since() -> Timestamp {
    Timestamp::now().checked_sub(SAME_WITHIN).unwrap_or(Timestamp::MIN)
}

impl From<PlaybookError> for Problem {
    fn from(error: PlaybookError) -> Problem {
        match error {
            PlaybookError::Command(command) => Problem::Broken(format!("{command} failed")),
            PlaybookError::Refused(Refusal::Store(error)) => error.into(),
            PlaybookError::Refused(refusal) => Problem::Dependency(refusal.to_string()),
        }
    }
}

impl From<LlmError> for Problem {
    fn from(error: LlmError) -> Problem {
        match (&error, error.retry_after()) {
            (_, Some(wait)) => Problem::NotYet(error.to_string(), wait),
            (LlmError::Timeout, _) => Problem::Timeout,
            _ if error.is_an_answer() => Problem::Invalid(error.to_string()),
            _ => Problem::Dependency(error.to_string()),
        }
    }
}
