//! The queues that jobs wait in. Each is bounded: who brings a job waits for a place, or has to do it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use quipu_catalog::Catalog;
use quipu_catalog::jobs::{self, QueueName};
use quipu_catalog::notifications::Notifications;
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};
use tokio::time::sleep;

use super::{Job, Task};
use crate::incident::{Incident, Severity};

/// Jobs that may wait in each queue.
const CAPACITY: usize = 1_024;

/// A job that waits, which the metrics know of.
pub(crate) type Queued = jobs::Queued<Waiting>;

/// The ways into the queues.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    /// By [`QueueName`].
    senders: [Sender<Queued>; QueueName::ALL.len()],
    metrics: jobs::Jobs,
    notifications: Notifications,
    unfinished: Arc<AtomicUsize>,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    pub(super) job: Job,
    /// Of a notification, the wait for its channel.
    pub(super) for_channel: Option<jobs::Queued<()>>,
    pub(super) ticket: Ticket,
}

/// Counts what is not finished, until it is dropped.
#[derive(Debug)]
pub(super) struct Ticket(Arc<AtomicUsize>);

impl Ticket {
    fn new(unfinished: &Arc<AtomicUsize>) -> Ticket {
        unfinished.fetch_add(1, Ordering::Relaxed);
        Ticket(unfinished.clone())
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place in a queue for the first job of an incident. It is kept until it is used or dropped.
#[derive(Debug)]
pub(crate) struct Place {
    permit: OwnedPermit<Queued>,
    queues: Queues,
}

impl Place {
    pub(crate) fn put(self, incident: Arc<Incident>) {
        self.permit.send(self.queues.enter(Job::new(Task::Deduplicate, incident)));
    }
}

impl Queues {
    /// The queues, and the ends that workers take from, by [`QueueName`].
    pub(crate) fn new(catalog: &Catalog) -> (Queues, [(QueueName, Receiver<Queued>); QueueName::ALL.len()]) {
        let channels = [QueueName::HighPriority, QueueName::Standard, QueueName::LowPriority].map(|name| {
            let (sender, receiver) = mpsc::channel(CAPACITY);
            (sender, (name, receiver))
        });
        let senders = channels.each_ref().map(|(sender, _)| sender.clone());
        let (metrics, notifications) = (catalog.jobs.clone(), catalog.notifications.clone());
        let queues = Queues { senders, metrics, notifications, unfinished: Arc::default() };
        (queues, channels.map(|(_, receiver)| receiver))
    }

    /// Waits for a place. `None`: the service is stopping.
    pub(crate) async fn place(&self, severity: Severity) -> Option<Place> {
        let sender = &self.senders[Task::Deduplicate.queue(severity) as usize];
        let permit = sender.clone().reserve_owned().await.ok()?;
        Some(Place { permit, queues: self.clone() })
    }

    /// Queues a job, at once or after its delay. When its queue is full or closed, the job comes back, to be done by who
    /// brings it: so workers never wait for workers.
    pub(super) fn push(&self, job: Job) -> Option<Queued> {
        if let Some(delay) = job.task.delay() {
            self.push_after(delay, job);
            return None;
        }
        let sender = &self.senders[job.queue() as usize];
        sender.try_send(self.enter(job)).err().map(|full| full.into_inner())
    }

    /// Queues a job after so long, when its queue has a place.
    pub(super) fn push_after(&self, wait: Duration, job: Job) {
        let sender = self.senders[job.queue() as usize].clone();
        let (queues, ticket) = (self.clone(), Ticket::new(&self.unfinished));
        tokio::spawn(async move {
            sleep(wait).await;
            // Closed: the service is stopping, and the next start queues the job again.
            let _ = sender.send(queues.enter(job)).await;
            drop(ticket);
        });
    }

    /// Queues the jobs that an earlier run has left.
    pub(crate) fn resume(&self, left: Vec<(Task, Incident)>) {
        for (task, incident) in left {
            self.push_after(task.delay().unwrap_or_default(), Job::new(task, Arc::new(incident)));
        }
    }

    /// Begins to count how long the job waits.
    fn enter(&self, job: Job) -> Queued {
        let for_channel = match job.task {
            Task::Notify(channel) => Some(self.notifications.queue(channel).put(())),
            _ => None,
        };
        let queue = self.metrics.queue(job.queue());
        queue.put(Waiting { job, for_channel, ticket: Ticket::new(&self.unfinished) })
    }

    /// Whether a queue is nearly full.
    pub(crate) fn is_behind(&self) -> bool {
        self.senders.iter().any(|sender| sender.capacity() < CAPACITY / 5)
    }

    /// Waits until no job waits or is being done.
    pub(super) async fn idle(&self) {
        while self.unfinished.load(Ordering::Relaxed) > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    }
}
