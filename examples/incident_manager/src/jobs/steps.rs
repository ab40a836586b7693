//! What is done in each job.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Job, JobError, Task};
use crate::incident::{Incident, Level, Severity, State};
use crate::llm::{Llm, LlmError};
use crate::notify::{Channel, Senders};
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

type Next = Result<Vec<Task>, JobError>;

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
        let (store, new) = (&self.operations.store, incident.clone());
        let same = store.read(move |database| database.find_same(&new, since())).await?;
        if let Some(of) = same {
            let id = incident.id;
            store.write(move |database| database.set_duplicate(id, of)).await?;
            return Ok(Vec::new());
        }
        let mut next = vec![Task::Enrich, Task::Correlate];
        next.extend(Channel::of(incident.severity).iter().copied().map(Task::Notify));
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
            store.write(move |database| database.set_correlated(id, with)).await?;
        }
        Ok(Vec::new())
    }

    async fn notify(&self, incident: &Incident, channel: Channel) -> Next {
        match self.senders.send(channel, incident).await {
            Ok(()) => Ok(Vec::new()),
            Err(undelivered) => Err(JobError::Dependency(format!("{undelivered:?}"))),
        }
    }

    async fn escalate(&self, incident: &Incident, level: Level) -> Next {
        let (store, id) = (&self.operations.store, incident.id);
        if store.read(move |database| database.get(id)).await?.state != State::New {
            return Ok(Vec::new());
        }
        store.write(move |database| database.set_level(id, level)).await?;
        Ok(match level {
            Level::L1 => vec![Task::Escalate(Level::L2)],
            Level::L2 => vec![Task::Escalate(Level::L3)],
            Level::L3 => Vec::new(),
        })
    }

    async fn run_playbook(&self, incident: &Incident) -> Next {
        let playbook = Playbook::of(incident.category);
        self.runner.run(playbook, incident, &self.operations).await?;
        Ok(Vec::new())
    }
}

fn since() -> Timestamp {
    Timestamp::now().checked_sub(SAME_WITHIN).unwrap_or(Timestamp::MIN)
}

impl From<PlaybookError> for JobError {
    fn from(error: PlaybookError) -> JobError {
        match error {
            // Trying again would repeat the commands before it.
            PlaybookError::Command(command) => JobError::Invalid(format!("{command} failed")),
            PlaybookError::Refused(Refusal::Store(error)) => error.into(),
            PlaybookError::Refused(refusal) => JobError::Dependency(refusal.to_string()),
        }
    }
}

impl From<LlmError> for JobError {
    fn from(error: LlmError) -> JobError {
        match error {
            LlmError::Timeout => JobError::Timeout,
            LlmError::Unreadable(answer) => JobError::Invalid(format!("the model answered {answer:?}")),
            other => JobError::Dependency(other.to_string()),
        }
    }
}
