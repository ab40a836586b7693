//! One attempt at a job.

use super::{FailureLabels, JobError, JobLabels, JobStatus, JobType, JobTypeLabels, Jobs};
use quipu::clock::Moment;

/// An attempt at a job, under way. Made by [`Jobs::start`].
///
/// Say how it ended; it is recorded once: its status, and its duration unless it was cancelled. Dropped without a word, by an early
/// return, a panic or a future that is dropped, it was `cancelled`. In any case it is active no more.
///
/// # Cost
/// Two readings of the clock, a reference count and four recordings: about 70 ns. Nothing is allocated.
///
/// ```
/// use quipu_catalog::jobs::{JobError, JobType, Jobs};
///
/// # let registry = quipu::Registry::new();
/// # let jobs = Jobs::register(&registry)?;
/// fn enrich(id: u64) -> Result<(), std::io::Error> {
///     if id == 7 { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(()) }
/// }
///
/// for attempt in 1..=3 {
///     let job = jobs.start(JobType::Enrichment);
///     match enrich(7) {
///         Ok(()) => job.success(),
///         Err(_) if attempt < 3 => job.retry(),
///         Err(_) => job.failure(JobError::Timeout),
///     }
/// }
/// let retries = registry.snapshot().value("jobs_retries_total", &[("job_type", "enrichment")]);
/// assert_eq!(retries, Some(2.0));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a job that is dropped at once is cancelled; keep it until it has ended"]
pub struct Job {
    jobs: Jobs,
    start: Moment,
    job_type: JobType,
    status: JobStatus,
}

assert_small!(Job);

impl Job {
    pub(super) fn start(jobs: Jobs, job_type: JobType) -> Job {
        jobs.0.metrics.jobs_active.with(JobTypeLabels { job_type }).inc();
        Job { start: jobs.0.clock.now(), jobs, job_type, status: JobStatus::Cancelled }
    }

    /// The job is done.
    pub fn success(mut self) {
        self.status = JobStatus::Success;
    }

    /// The job failed, and is not tried again. Also counted in `jobs_failures_total`.
    pub fn failure(mut self, error_type: JobError) {
        self.status = JobStatus::Failure;
        let labels = FailureLabels { job_type: self.job_type, error_type };
        self.jobs.0.metrics.jobs_failures_total.with(labels).inc();
    }

    /// The job failed, and is tried again. Also counted in `jobs_retries_total`.
    pub fn retry(mut self) {
        self.status = JobStatus::Retry;
        self.jobs.0.metrics.jobs_retries_total.with(JobTypeLabels { job_type: self.job_type }).inc();
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let Job { jobs, start, job_type, status } = self;
        let (metrics, job_type, status) = (&jobs.0.metrics, *job_type, *status);
        if status != JobStatus::Cancelled {
            let seconds = jobs.0.clock.seconds_since(*start);
            metrics.jobs_duration_seconds.with(JobTypeLabels { job_type }).observe(seconds);
        }
        metrics.jobs_total.with(JobLabels { job_type, status }).inc();
        metrics.jobs_active.with(JobTypeLabels { job_type }).dec();
    }
}
