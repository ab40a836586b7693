//! The families of background jobs.

use super::labels::{JobError, JobStatus, JobType, QueueName};
use crate::bounds;
use quipu::{Counter, Family, Gauge, Histogram, InFlightGauge, MetricSet};

/// The families of background jobs and their queues. [`Jobs`](super::Jobs) records into them.
#[derive(Debug, MetricSet)]
pub struct JobMetrics {
    /// Attempts at jobs that ended.
    #[metric(labels(job_type: JobType, status: JobStatus))]
    pub jobs_total: Family<Counter, JobLabels>,
    /// Time of an attempt at a job, if it was not cancelled.
    #[metric(unit = "seconds", bounds = bounds::JOB, labels(job_type: JobType))]
    pub jobs_duration_seconds: Family<Histogram, JobTypeLabels>,
    /// Jobs being done.
    pub jobs_active: Family<InFlightGauge, JobTypeLabels>,
    /// Items that wait in a queue.
    #[metric(labels(queue_name: QueueName))]
    pub jobs_queue_depth: Family<InFlightGauge, QueueLabels>,
    /// Age of the item that waits for longest, or 0.
    #[metric(unit = "seconds")]
    pub jobs_queue_oldest_item_age_seconds: Family<Gauge, QueueLabels>,
    /// Jobs that failed for good.
    #[metric(labels(job_type: JobType, error_type: JobError))]
    pub jobs_failures_total: Family<Counter, FailureLabels>,
    /// Attempts at jobs that failed and were to be made again.
    pub jobs_retries_total: Family<Counter, JobTypeLabels>,
    /// Items that were taken out of a queue to be processed.
    pub queue_items_processed_total: Family<Counter, QueueLabels>,
}
