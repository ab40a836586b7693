//! Jobs that are not done at once, and come to their end all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::model::{self, OVERLOADED};
use crate::service::{Service, database, eventually};

/// Creates incidents that have little in common; each has four jobs: deduplication, enrichment, correlation and a mail.
fn create(service: &Service, incidents: u32) -> Vec<i64> {
    let create = |n| {
        let title = format!("Test {n}");
        service.create_from(&json!({ "title": title, "severity": "P4", "source": "other", "category": "cost" }))
    };
    (0..incidents).map(create).collect()
}

fn jobs(service: &Service, job_type: &str, status: &str) -> Option<f64> {
    service.value(&format!(r#"jobs_total{{job_type="{job_type}",status="{status}"}}"#))
}

fn jobs_outlive(test: &str, stop: impl FnOnce(Service)) {
    let hangs = Arc::new(AtomicBool::new(true));
    let answers = hangs.clone();
    let server = model::start(move |request| (!answers.load(Ordering::SeqCst)).then(|| model::right(request)));
    let file = database(test);
    let service = Service::start_with_model(&file, &server);
    let ids = create(&service, 3);
    for job_type in ["deduplication", "correlation", "notification"] {
        eventually(|| jobs(&service, job_type, "success"), Some(3.0), job_type);
    }
    stop(service);

    hangs.store(false, Ordering::SeqCst);
    let mut service = Service::start_with_model(&file, &server);
    for id in ids {
        let path = format!("/v1/incidents/{id}/findings");
        eventually(|| service.get(&path).json()["summary"].is_string(), true, &path);
    }
    eventually(|| jobs(&service, "enrichment", "success"), Some(3.0), "enrichment");
    for done in ["deduplication", "correlation", "notification"] {
        assert_eq!(jobs(&service, done, "success"), Some(0.0), "{done}");
    }
    service.end("TERM", Duration::from_secs(5));
    let rest = service.rest();
    assert!(rest.ends_with("stopped; 0 jobs are left to the next start\n"), "{rest}");
}

#[test]
fn jobs_outlive_a_stop() {
    jobs_outlive("jobs-stop", |mut service| {
        service.end("TERM", Duration::from_secs(9));
        let rest = service.rest();
        assert!(rest.ends_with("stopped; 3 jobs are left to the next start\n"), "{rest}");
    });
}

#[test]
fn jobs_outlive_a_crash() {
    jobs_outlive("jobs-crash", drop);
}

#[test]
fn a_job_that_meets_an_open_breaker_is_done_when_the_model_is_back() {
    let fails = Arc::new(AtomicBool::new(true));
    let answers = fails.clone();
    let server = model::start(move |request| {
        Some(if answers.load(Ordering::SeqCst) { OVERLOADED } else { model::right(request) })
    });
    let service = Service::start_with_model(&database("jobs-breaker"), &server);
    create(&service, 8);
    for model in ["a", "b"] {
        let state = format!(r#"circuit_breaker_state{{breaker="{model}"}}"#);
        eventually(|| service.value(&state), Some(1.0), &state);
    }
    fails.store(false, Ordering::SeqCst);
    eventually(|| jobs(&service, "enrichment", "success") > Some(0.0), true, "enrichment");
}
