//! Takes jobs from a queue, does some at a time, and tries again what fails.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use quipu_catalog::jobs::{JobStatus, QueueName};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::queues::{Queued, Waiting};
use super::{Desk, Job, Problem, Task};
use crate::llm;
use crate::log::complain;

/// How often a job is tried, and how long the first wait is; the second is twice as long.
const ATTEMPTS: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(50);
/// How long one attempt may take. The longest asks twice, each time one model and then another: all of them may hang, and still say so.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(65);
const _: () = assert!(ATTEMPT_WITHIN.as_secs() > 4 * llm::CALL_WITHIN.as_secs());

/// Jobs of a queue that are done at a time.
fn workers(queue: QueueName) -> usize {
    match queue {
        QueueName::HighPriority | QueueName::Standard => 16,
        QueueName::LowPriority => 4,
    }
}

/// Does the jobs of a queue until `stop` resolves; then also those that wait.
pub(crate) async fn serve(
    queue: QueueName,
    mut waiting: Receiver<Queued>,
    desk: Arc<Desk>,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut stopping = false;
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            () = &mut stop, if !stopping => {
                stopping = true;
                waiting.close();
            }
            Some(ended) = running.join_next() => {
                if let Err(error) = ended {
                    complain(&format_args!("a job ended early: {error}"));
                }
            }
            queued = waiting.recv(), if running.len() < workers(queue) => match queued {
                Some(queued) => { running.spawn(work(desk.clone(), queued)); }
                None => break,
            },
        }
    }
    while running.join_next().await.is_some() {}
}

/// Does a job, and those it leads to that find no place.
async fn work(desk: Arc<Desk>, queued: Queued) {
    let mut own = vec![queued];
    while let Some(queued) = own.pop() {
        // It waits no more, but is not finished before what it leads to is queued.
        let Waiting { job, for_channel, ticket: _ticket } = queued.take();
        if let Some(waiting) = for_channel {
            waiting.take();
        }
        let next = run(&desk, &job).await;
        let next = next.into_iter().map(|task| Job { task, incident: job.incident.clone() });
        own.extend(next.filter_map(|job| desk.operations.queues.push(job)));
    }
}

/// Does a job, with some attempts; returns what is to be done next.
async fn run(desk: &Desk, job: &Job) -> Vec<Task> {
    let catalog = &desk.operations.catalog;
    for attempt in 1.. {
        // Dropped with this future, the attempt was cancelled.
        let tracked = catalog.jobs.start(job.task.job_type());
        let outcome = timeout(ATTEMPT_WITHIN, desk.attempt(job)).await.unwrap_or(Err(Problem::Timeout));
        match outcome {
            Ok(next) => {
                tracked.success();
                book(desk, job, JobStatus::Success).await;
                return next;
            }
            Err(problem) if problem.is_worth_a_retry() && attempt < ATTEMPTS => {
                tracked.retry();
                book(desk, job, JobStatus::Retry).await;
                sleep(BACKOFF * attempt).await;
            }
            Err(problem) => {
                tracked.failure(problem.error_type());
                let (job_type, id) = (job.task.job_type(), job.incident.id);
                complain(&format_args!("the {job_type} job of incident {id} failed: {problem}"));
                catalog.code.error("jobs", problem.error_type().as_str());
                book(desk, job, JobStatus::Failure).await;
                break;
            }
        }
    }
    Vec::new()
}

async fn book(desk: &Desk, job: &Job, status: JobStatus) {
    let job_type = job.task.job_type().as_str();
    desk.book("job", job_type, status.as_str()).await;
}
