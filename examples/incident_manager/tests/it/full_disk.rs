//! A disk that takes no more, and complaints about it that nobody reads.

use std::io::Read;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::service::{Service, database};

/// Creates incidents until the disk is full.
fn fill(service: &Service) {
    let incident = incident();
    let full = (0..5_000).any(|_| service.post("/v1/incidents", &incident).status != 201);
    assert!(full, "the disk is never full");
}

fn incident() -> String {
    let title = "x".repeat(200);
    json!({ "title": title, "severity": "P1", "source": "llm-sentinel", "category": "cost" }).to_string()
}

#[test]
fn health_tells_that_nothing_can_be_written() {
    let service = Service::start_on_a_full_disk(&database("full"));
    assert_eq!(service.get("/health").status, 200);
    fill(&service);
    // A check holds for a second.
    thread::sleep(Duration::from_millis(1_200));
    let health = service.get("/health");
    assert_eq!(health.status, 503);
    assert!(health.body.contains("the database cannot be written"), "{}", health.body);
    assert_eq!(service.get("/v1/incidents?limit=3").status, 200);
}

/// Standard error is a pipe of 64 KiB here.
#[test]
fn complaints_that_nobody_reads_stop_nothing() {
    let mut service = Service::start_on_a_full_disk(&database("unread"));
    fill(&service);
    let incident = incident();
    for _ in 0..3_000 {
        assert_eq!(service.post("/v1/incidents", &incident).status, 500);
    }
    assert_eq!(service.get("/v1/incidents?limit=3").status, 200);
    let dropped = service.value("log_dropped_lines_total").unwrap();
    assert!(dropped > 0.0);

    let mut stderr = service.stderr();
    let reading = thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).unwrap();
        text
    });
    service.end("TERM", Duration::from_secs(5));
    let text = reading.join().unwrap();
    assert!(text.contains(" lines were dropped, as nobody read fast enough\n"), "{text}");
}

#[test]
fn a_stop_does_not_wait_for_a_reader_of_complaints() {
    let mut service = Service::start_on_a_full_disk(&database("unread-stop"));
    fill(&service);
    let incident = incident();
    for _ in 0..3_000 {
        assert_eq!(service.post("/v1/incidents", &incident).status, 500);
    }
    service.end("TERM", Duration::from_secs(5));
}
