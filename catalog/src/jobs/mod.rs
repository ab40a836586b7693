//! Background jobs, their retries and their queues.
//!
//! ```
//! use quipu_catalog::jobs::{JobError, JobType, Jobs, QueueName};
//! use std::sync::mpsc;
//!
//! let registry = quipu::Registry::new();
//! let jobs = Jobs::register(&registry)?;
//!
//! let queue = jobs.queue(QueueName::Standard);
//! let (sender, receiver) = mpsc::sync_channel(100); // any channel
//! sender.send(queue.put("incident 7")).unwrap(); // waits, and grows old
//!
//! let incident = receiver.recv().unwrap().take(); // is processed
//! let job = jobs.start(JobType::Enrichment);
//! job.retry(); // the attempt failed, and is made again
//! let job = jobs.start(JobType::Enrichment);
//! job.failure(JobError::Timeout); // for good
//!
//! let text = registry.to_text();
//! assert!(text.contains("jobs_total{job_type=\"enrichment\",status=\"retry\"} 1\n"));
//! assert!(text.contains("jobs_failures_total{job_type=\"enrichment\",error_type=\"timeout\"} 1\n"));
//! assert!(text.contains("queue_items_processed_total{queue_name=\"standard\"} 1\n"));
//! # Ok::<(), quipu::RegisterError>(())
//! ```
//!
//! `jobs_queue_oldest_item_age_seconds` says what a depth cannot: whether anybody takes items out.

mod families;
mod job;
mod labels;
pub(crate) mod queue;

pub use families::{FailureLabels, JobLabels, JobMetrics, JobTypeLabels, QueueLabels};
pub use job::Job;
pub use labels::{JobError, JobStatus, JobType, QueueName};
pub use queue::{Queue, Queued};

use quipu::clock::Clock;
use quipu::{MetricSet, RegisterError, Registry};
use std::sync::Arc;

/// Tracks background jobs. A clone is another handle to the same.
///
/// ```
/// use quipu_catalog::jobs::{JobType, Jobs};
///
/// # let registry = quipu::Registry::new();
/// let jobs = Jobs::register(&registry)?;
/// let job = jobs.start(JobType::Correlation);
/// assert_eq!(registry.snapshot().value("jobs_active", &[("job_type", "correlation")]), Some(1.0));
/// job.success();
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Jobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: JobMetrics,
    clock: Clock,
    queues: [Queue; QueueName::ALL.len()],
}

impl Jobs {
    /// Registers the families of jobs, or finds them. Once for a registry is best, and clones for all who need it: each has queues of
    /// its own, and of two only the one that was registered last shows the age of its items.
    ///
    /// # Errors
    /// When another metric has one of their names; then none is registered.
    pub fn register(registry: &Registry) -> Result<Jobs, RegisterError> {
        let metrics = JobMetrics::register(registry)?;
        let clock = registry.clock();
        let queues = core::array::from_fn(|n| {
            let labels = QueueLabels { queue_name: QueueName::ALL[n] };
            let queue = Queue::new(
                clock,
                metrics.jobs_queue_depth.handle(labels),
                Some(metrics.queue_items_processed_total.handle(labels)),
            );
            queue.show_age(registry, metrics.jobs_queue_oldest_item_age_seconds.handle(labels));
            queue
        });
        Ok(Jobs(Arc::new(Inner { metrics, clock: clock.clone(), queues })))
    }

    /// The families, to record into directly.
    pub fn metrics(&self) -> &JobMetrics {
        &self.0.metrics
    }

    /// Starts an attempt at a job: it is active from now on.
    pub fn start(&self, job_type: JobType) -> Job {
        Job::start(self.clone(), job_type)
    }

    /// The queue of this name.
    pub fn queue(&self, name: QueueName) -> &Queue {
        &self.0.queues[name as usize]
    }
}
