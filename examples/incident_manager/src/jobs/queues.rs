//! The queues that jobs wait in. Each is bounded: who brings a job waits for a place, or has to do it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quipu::LabelValue;
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};
use tokio::time::sleep;

use super::{Job, Task};
use crate::incident::Severity;

/// Jobs that may wait in each queue.
const CAPACITY: usize = 1_024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
#[label(rename_all = "snake_case")]
pub(crate) enum Queue {
    HighPriority,
    Standard,
    LowPriority,
}

impl Queue {
    pub(crate) const ALL: [Queue; 3] = [Queue::HighPriority, Queue::Standard, Queue::LowPriority];

    /// Jobs of the queue that are done at a time.
    pub(super) fn workers(self) -> usize {
        match self {
            Queue::HighPriority | Queue::Standard => 16,
            Queue::LowPriority => 4,
        }
    }
}

/// The ways into the queues.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    senders: [Sender<Queued>; 3],
    unfinished: Arc<AtomicUsize>,
}

/// A job that waits, or is being done.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) job: Job,
    pub(crate) since: Instant,
    _ticket: Ticket,
}

/// Counts what is not finished, until it is dropped.
#[derive(Debug)]
struct Ticket(Arc<AtomicUsize>);

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

/// A place in a queue, which is kept until it is used or dropped.
#[derive(Debug)]
pub(crate) struct Place {
    permit: OwnedPermit<Queued>,
    ticket: Ticket,
}

impl Place {
    pub(crate) fn put(self, job: Job) {
        self.permit.send(Queued { job, since: Instant::now(), _ticket: self.ticket });
    }
}

impl Queues {
    /// The queues, and the ends that workers take from, in the order of [`Queue::ALL`].
    pub(crate) fn new() -> (Queues, [Receiver<Queued>; 3]) {
        let [(high, from_high), (standard, from_standard), (low, from_low)] =
            Queue::ALL.map(|_| mpsc::channel(CAPACITY));
        let queues = Queues { senders: [high, standard, low], unfinished: Arc::default() };
        (queues, [from_high, from_standard, from_low])
    }

    /// Waits for a place for the first job of an incident. `None`: the service is stopping.
    pub(crate) async fn place(&self, severity: Severity) -> Option<Place> {
        let queue = Task::Deduplicate.queue(severity);
        let permit = self.senders[queue as usize].clone().reserve_owned().await.ok()?;
        Some(Place { permit, ticket: Ticket::new(&self.unfinished) })
    }

    /// Queues a job, at once or after its delay. When its queue is full or closed, the job comes back, to be done by who
    /// brings it: so nothing is lost, and workers never wait for workers.
    pub(super) fn push(&self, job: Job) -> Option<Queued> {
        let sender = &self.senders[job.task.queue(job.incident.severity) as usize];
        let delay = job.task.delay();
        let queued = Queued { job, since: Instant::now(), _ticket: Ticket::new(&self.unfinished) };
        match delay {
            None => sender.try_send(queued).err().map(|full| full.into_inner()),
            Some(delay) => {
                let sender = sender.clone();
                tokio::spawn(async move {
                    sleep(delay).await;
                    let queued = Queued { since: Instant::now(), ..queued };
                    // Closed: the service is stopping, and nobody is left to be told.
                    let _ = sender.send(queued).await;
                });
                None
            }
        }
    }

    /// Jobs that wait in a queue.
    pub(crate) fn depth(&self, queue: Queue) -> usize {
        let sender = &self.senders[queue as usize];
        sender.max_capacity() - sender.capacity()
    }

    /// Waits until no job waits or is being done.
    pub(crate) async fn idle(&self) {
        while self.unfinished.load(Ordering::Relaxed) > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    }
}
