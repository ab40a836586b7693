//! The label values of jobs.

use crate::values::label_values;

label_values! {
    /// What a job does.
    pub enum JobType {
        /// Finds reports of the same incident.
        Deduplication = "deduplication",
        /// Adds to an incident what is known about it.
        Enrichment = "enrichment",
        /// Tells people.
        Notification = "notification",
        /// Takes an incident to a higher level.
        Escalation = "escalation",
        /// Finds incidents that belong together.
        Correlation = "correlation",
        /// Anything else.
        Other = "other",
    }
    else Other
}

label_values! {
    /// How an attempt at a job ended.
    pub enum JobStatus {
        /// The job is done.
        Success = "success",
        /// It is not, and is not tried again.
        Failure = "failure",
        /// It is not, and is tried again.
        Retry = "retry",
        /// It was given up before its end. That is no error.
        Cancelled = "cancelled",
    }
}

label_values! {
    /// Why a job failed.
    pub enum JobError {
        /// It took too long.
        Timeout = "timeout",
        /// What it needs has failed.
        DependencyError = "dependency_error",
        /// What it was given makes no sense.
        ValidationError = "validation_error",
        /// Anything else.
        Unknown = "unknown",
    }
    else Unknown
}

label_values! {
    /// A queue of jobs.
    pub enum QueueName {
        /// What cannot wait.
        HighPriority = "high_priority",
        /// What most jobs are in.
        Standard = "standard",
        /// What can wait.
        LowPriority = "low_priority",
    }
}
