//! Takes jobs from a queue, does some at a time, and tries again what fails.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use quipu_catalog::jobs::{JobStatus, QueueName};
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::queues::{Queued, Waiting};
use super::{Desk, Job, Problem, Task};
use crate::llm;
use crate::log::complain;
use crate::store::StoreError;

/// How often a job is tried, and how long the first wait is, unless more is asked for; the second is twice as long.
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

/// Makes an attempt at a job, and at those it leads to that find no place.
async fn work(desk: Arc<Desk>, queued: Queued) {
    let mut own = vec![queued];
    while let Some(queued) = own.pop() {
        // It waits no more, but is not finished before what it leads to is queued.
        let Waiting { job, for_channel, ticket: _ticket } = queued.take();
        if let Some(waiting) = for_channel {
            waiting.take();
        }
        let next = attempt(&desk, job).await;
        own.extend(next.into_iter().filter_map(|job| desk.operations.queues.push(job)));
    }
}

/// Makes an attempt at a job; returns what is to be done next.
async fn attempt(desk: &Desk, job: Job) -> Vec<Job> {
    let catalog = &desk.operations.catalog;
    // Dropped with this future, the attempt was cancelled.
    let tracked = catalog.jobs.start(job.task.job_type());
    let problem = match desk.run(&job).await {
        Ok(next) => {
            tracked.success();
            return next.into_iter().map(|task| Job::new(task, job.incident.clone())).collect();
        }
        Err(problem) => problem,
    };
    if job.attempt < ATTEMPTS
        && let Some(wait) = problem.retry_after(BACKOFF * job.attempt)
    {
        tracked.retry();
        desk.book("job", job.task.job_type().as_str(), JobStatus::Retry.as_str()).await;
        // In no worker's place: others have work to do.
        desk.operations.queues.push_after(wait, Job { attempt: job.attempt + 1, ..job });
        return Vec::new();
    }
    tracked.failure(problem.error_type());
    catalog.code.error("jobs", problem.error_type().as_str());
    let (job_type, id) = (job.task.job_type(), job.incident.id);
    complain(&format_args!("the {job_type} job of incident {id} failed: {problem}"));
    if let Err(error) = desk.end(&job, JobStatus::Failure, &[]).await {
        complain(&error);
    }
    Vec::new()
}

impl Desk {
    /// Does a job, and notes that it is done; returns what is to be done next.
    async fn run(&self, job: &Job) -> Result<Vec<Task>, Problem> {
        let next = timeout(ATTEMPT_WITHIN, self.attempt(job)).await.unwrap_or(Err(Problem::Timeout))?;
        self.end(job, JobStatus::Success, &next).await?;
        Ok(next)
    }

    /// Notes how a job has ended, and what follows.
    async fn end(&self, job: &Job, status: JobStatus, next: &[Task]) -> Result<(), StoreError> {
        let (id, task, next) = (job.incident.id, job.task, next.to_vec());
        self.operations.store.write(move |database| database.end_job(id, task, status, &next)).await
    }
}
