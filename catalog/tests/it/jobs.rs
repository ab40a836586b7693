//! Jobs and their retries.

use quipu::testing::assert_changes;
use quipu_catalog::jobs::{JobError, JobType};
use std::time::Duration;

#[test]
fn two_retries_and_a_failure_are_three_attempts() {
    let (catalog, registry, clock) = crate::catalog();
    let changed = [
        (r#"jobs_total{job_type="enrichment",status="retry"}"#, 2.0),
        (r#"jobs_total{job_type="enrichment",status="failure"}"#, 1.0),
        (r#"jobs_retries_total{job_type="enrichment"}"#, 2.0),
        (r#"jobs_failures_total{job_type="enrichment",error_type="dependency_error"}"#, 1.0),
        (r#"jobs_duration_seconds_count{job_type="enrichment"}"#, 3.0),
        (r#"jobs_duration_seconds_sum{job_type="enrichment"}"#, 6.0),
    ];
    assert_changes(&registry, changed, || {
        for attempt in 0..3 {
            let job = catalog.jobs.start(JobType::Enrichment);
            clock.advance(Duration::from_secs(2));
            if attempt < 2 { job.retry() } else { job.failure(JobError::DependencyError) }
        }
    });
}

#[test]
fn a_job_is_active_until_it_ends() {
    let (catalog, registry, _) = crate::catalog();
    let active = r#"jobs_active{job_type="other"}"#;
    let job = assert_changes(&registry, [(active, 1.0)], || catalog.jobs.start("mail merge".into()));
    let changed = [
        (active, -1.0),
        (r#"jobs_total{job_type="other",status="success"}"#, 1.0),
        (r#"jobs_duration_seconds_count{job_type="other"}"#, 1.0),
    ];
    assert_changes(&registry, changed, || job.success());
}
