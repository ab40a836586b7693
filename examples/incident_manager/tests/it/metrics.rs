//! What `/metrics` says about it.

use std::time::Duration;

use crate::client::send;
use crate::service::{Service, database, eventually};

#[test]
fn all_series_of_closed_sets_exist_from_the_start() {
    let service = Service::start(&database("zeros"), "off");
    let text = service.scrape();
    for (family, series) in [
        ("incidents_total", 125),
        ("incidents_resolved_total", 125),
        ("incidents_active", 125),
        ("incident_acknowledgment_duration_seconds_count", 5),
        ("errors_total", 4 + 5),
        ("database_query_errors_total", 5 * 4),
        ("incident_resolution_duration_seconds_count", 25),
        ("incident_resolution_duration_seconds_bucket", 25 * 9),
    ] {
        let start = format!("{family}{{");
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(&start)).collect();
        assert_eq!(lines.len(), series, "{family}");
        assert!(lines.iter().all(|line| line.ends_with(" 0")), "{family}");
    }
    for bound in ["60", "300", "900", "1800", "3600", "14400", "43200", "86400", "+Inf"] {
        let le = format!("le=\"{bound}\"");
        assert!(text.contains(&le), "{le}");
    }
}

#[test]
fn the_process_and_what_it_runs_on_are_shown() {
    let service = Service::start(&database("collected"), "off");
    let text = service.scrape();
    let mut expected = vec!["build_info{", "uptime_seconds ", "tokio_workers ", "system_memory_bytes{"];
    if cfg!(target_os = "linux") {
        expected.extend(["process_cpu_seconds_total ", "process_open_fds ", "process_resident_memory_bytes "]);
    }
    for series in expected {
        assert!(text.lines().any(|line| line.starts_with(series)), "{series}: {text}");
    }
    for collector in ["process", "service", "system", "tokio"] {
        let up = format!("quipu_collector_up{{collector=\"{collector}\"}} 1");
        assert!(text.lines().any(|line| line == up), "{collector}: {text}");
    }
}

#[test]
fn every_request_and_incident_is_counted() {
    let service = Service::start(&database("counts"), "off");
    let first = service.create("P0", "llm-sentinel", "security");
    service.create("P0", "llm-sentinel", "security");
    service.create("P3", "other", "cost");
    service.post(&format!("/v1/incidents/{first}/acknowledge"), "");
    service.post(&format!("/v1/incidents/{first}/resolve"), "");
    service.post(&format!("/v1/incidents/{first}/resolve"), "");
    service.post("/v1/incidents", "{");
    service.get("/v1/incidents/1000");
    service.get("/wp-login.php");
    send(service.api, "BREW", "/v1/incidents", "");

    for (series, value) in [
        (r#"incidents_total{severity="P0",source="llm-sentinel",category="security"}"#, 2.0),
        (r#"incidents_total{severity="P3",source="other",category="cost"}"#, 1.0),
        (r#"incidents_active{severity="P0",source="llm-sentinel",category="security"}"#, 1.0),
        (r#"incidents_active{severity="P3",source="other",category="cost"}"#, 1.0),
        (r#"incidents_resolved_total{severity="P0",source="llm-sentinel",category="security"}"#, 1.0),
        (r#"incident_acknowledgment_duration_seconds_count{severity="P0"}"#, 1.0),
        (r#"incident_resolution_duration_seconds_count{severity="P0",source="llm-sentinel"}"#, 1.0),
        (r#"http_requests_total{method="POST",path="/v1/incidents",status="201"}"#, 3.0),
        (r#"http_requests_total{method="POST",path="/v1/incidents",status="400"}"#, 1.0),
        (r#"http_requests_total{method="POST",path="/v1/incidents/{id}/acknowledge",status="200"}"#, 1.0),
        (r#"http_requests_total{method="POST",path="/v1/incidents/{id}/resolve",status="200"}"#, 1.0),
        (r#"http_requests_total{method="POST",path="/v1/incidents/{id}/resolve",status="409"}"#, 1.0),
        (r#"http_requests_total{method="GET",path="/v1/incidents/{id}",status="404"}"#, 1.0),
        (r#"http_requests_total{method="GET",path="unmatched",status="404"}"#, 1.0),
        (r#"http_requests_total{method="other",path="/v1/incidents",status="405"}"#, 1.0),
        (r#"http_request_duration_seconds_count{method="POST",path="/v1/incidents",status="201"}"#, 3.0),
    ] {
        eventually(|| service.value(series), Some(value), series);
    }
    eventually(|| service.value("http_connections_active"), Some(0.0), "connections");
}

#[test]
fn active_incidents_outlive_a_restart() {
    let file = database("restart");
    let series = r#"incidents_active{severity="P2",source="other",category="compliance"}"#;
    let service = Service::start(&file, "off");
    let resolved = service.create("P2", "other", "compliance");
    let acknowledged = service.create("P2", "other", "compliance");
    service.create("P2", "other", "compliance");
    service.post(&format!("/v1/incidents/{resolved}/resolve"), "");
    service.post(&format!("/v1/incidents/{acknowledged}/acknowledge"), "");
    assert_eq!(service.value(series), Some(2.0));
    service.stop("TERM", Duration::from_secs(10));

    let service = Service::start(&file, "off");
    assert_eq!(service.value(series), Some(2.0));
    service.post(&format!("/v1/incidents/{acknowledged}/resolve"), "");
    assert_eq!(service.value(series), Some(1.0));
}

#[test]
fn it_works_without_metrics() {
    let mut service = Service::start_with(&database("without"), &["--traffic", "off", "--without-metrics"]);
    service.create("P0", "other", "cost");
    assert!(!service.has_metrics());
    service.end("TERM", Duration::from_secs(5));
    let said = service.rest();
    assert!(said.contains("curl -s http") && !said.contains("not served"), "{said}");
}
