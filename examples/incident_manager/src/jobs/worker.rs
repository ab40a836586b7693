//! Takes jobs from a queue, does some at a time, and tries again what fails.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::queues::Queued;
use super::{Desk, Job, JobError, Queue};
use crate::incident::text_of;
use crate::log::complain;

/// How often a job is tried, and how long the first and the second wait is.
const ATTEMPTS: u32 = 3;
const BACKOFF: Duration = Duration::from_millis(50);
/// How long one attempt may take.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(30);

/// Does the jobs of a queue until `stop` resolves; then also those that wait.
pub(crate) async fn serve(
    queue: Queue,
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
            queued = waiting.recv(), if running.len() < queue.workers() => match queued {
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
        let job = &queued.job;
        let next = run(&desk, job).await;
        let next = next.into_iter().map(|task| Job::new(task, job.incident.clone()));
        own.extend(next.filter_map(|job| desk.operations.queues.push(job)));
    }
}

/// Does a job, with some attempts; returns what is to be done next.
async fn run(desk: &Desk, job: &Job) -> Vec<super::Task> {
    let mut attempt = 1;
    loop {
        let outcome = timeout(ATTEMPT_WITHIN, desk.attempt(job)).await.unwrap_or(Err(JobError::Timeout));
        match outcome {
            Ok(next) => {
                book(desk, job, "success").await;
                return next;
            }
            Err(error) if error.is_worth_a_retry() && attempt < ATTEMPTS => {
                book(desk, job, "retry").await;
                sleep(BACKOFF * 2_u32.pow(attempt - 1)).await;
                attempt += 1;
            }
            Err(_) => {
                book(desk, job, "failure").await;
                return Vec::new();
            }
        }
    }
}

async fn book(desk: &Desk, job: &Job, outcome: &'static str) {
    let job_type = text_of(job.task.job_type());
    let booked = desk.operations.store.write(move |database| database.count_outcome("job", job_type, outcome));
    if let Err(error) = booked.await {
        complain(&error);
    }
}
