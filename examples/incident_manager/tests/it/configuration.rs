//! The service as one file configures it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::client::{send, send_as};
use crate::model;
use crate::service::{Service, command, database, eventually, output};

/// The file that deployments have.
const DEPLOYED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/config/deployed.toml");

const SOON: Duration = Duration::from_secs(10);

/// A database, and a file beside it with this text.
fn with_file(test: &str, text: &str) -> (PathBuf, PathBuf) {
    let database = database(test);
    let file = database.with_file_name("metrics.toml");
    fs::write(&file, text).unwrap();
    (database, file)
}

fn start(test: &str, text: &str) -> Service {
    let (database, file) = with_file(test, text);
    Service::start_with(&database, &["--traffic", "off", "--config", file.to_str().unwrap()])
}

/// Resolves an incident.
fn work(service: &Service) {
    let id = service.create("P0", "llm-sentinel", "security");
    service.post(&format!("/v1/incidents/{id}/acknowledge"), "");
    service.post(&format!("/v1/incidents/{id}/resolve"), "");
}

fn bounds(text: &str, family: &str) -> BTreeSet<String> {
    let start = format!("{family}_bucket{{");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&start));
    let bounds = lines.filter_map(|line| Some(line.split_once("le=\"")?.1.split_once('"')?.0.to_owned()));
    bounds.collect()
}

fn families(text: &str) -> BTreeSet<&str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}

#[test]
fn the_deployed_file_has_its_effect() {
    let server = model::start(|request| Some(model::right(request)));
    let arguments = ["--config", DEPLOYED, "--models", "gpt-4o,gpt-4o-mini"];
    let service = Service::start_with_model_and(&database("deployed"), &server, &arguments);
    const GLOBAL: &str = r#"cluster="us-east-1",environment="production",instance="incident-manager-01""#;
    let shows = |family: &str, labels: &str, value: f64| {
        let series = format!("{family}{{{GLOBAL},{labels}}}");
        let is_so = || service.value(&series).is_some_and(|found| (found - value).abs() < 1e-9);
        eventually(is_so, true, &series);
    };
    service.create("P4", "other", "cost");
    shows("llm_tokens_total", r#"provider="custom",model="gpt-4o",token_type="prompt""#, 70.0);
    shows("llm_tokens_total", r#"provider="custom",model="gpt-4o",token_type="completion""#, 7.0);
    // The file's prices: 70 tokens of prompts at 0.03, 7 of answers at 0.06.
    shows("llm_cost_dollars_total", r#"provider="custom",model="gpt-4o""#, 0.00252);
    work(&service);
    shows("incident_acknowledgment_duration_seconds_count", r#"severity="P0""#, 1.0);
    shows("incident_resolution_duration_seconds_count", r#"severity="P0",source="llm-sentinel""#, 1.0);
    shows("jobs_queue_depth", r#"queue_name="standard""#, 0.0);
    shows("quipu_alert_threshold", r#"alert="high_error_rate_threshold""#, 0.05);
    shows("quipu_alert_threshold", r#"alert="high_latency_p95_seconds""#, 1.0);
    shows("quipu_alert_threshold", r#"alert="active_p0_incidents_threshold""#, 5.0);

    let text = service.scrape();
    let series: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let strangers: Vec<_> = series.iter().filter(|line| !line.contains(&format!("{{{GLOBAL}"))).collect();
    assert_eq!(strangers, [&""; 0]);
    for (family, wanted) in [
        ("http_request_duration_seconds", "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10 +Inf"),
        ("llm_request_duration_seconds", "0.1 0.25 0.5 1 2 5 10 30 +Inf"),
        ("incident_resolution_duration_seconds", "60 300 900 1800 3600 14400 43200 86400 +Inf"),
    ] {
        assert_eq!(bounds(&text, family), wanted.split(' ').map(str::to_owned).collect(), "{family}");
    }
    let families = families(&text);
    for family in
        ["http_request_size_bytes", "http_response_size_bytes", "incidents_total", "jobs_total", "system_memory_bytes"]
    {
        assert!(families.contains(family), "{family}: {families:?}");
    }
    assert!(!families.contains("system_disk_bytes"));
    service.stop("TERM", SOON);
}

#[test]
fn what_is_switched_off_is_not_shown() {
    let switches = [
        ("http", "track_request_size", "http_request_size_bytes"),
        ("http", "track_response_size", "http_response_size_bytes"),
        ("incidents", "track_resolution_time", "incident_resolution_duration_seconds"),
        ("incidents", "track_acknowledgment_time", "incident_acknowledgment_duration_seconds"),
        ("jobs", "track_queue_depth", "jobs_queue_depth"),
        ("system", "track_disk", "system_disk_bytes"),
        ("llm", "enabled", "llm_requests_total"),
        ("grpc", "enabled", "grpc_requests_total"),
    ];
    let before = start("switched-on", "");
    work(&before);
    let text = before.scrape();
    let on = families(&text);
    let off: String = switches.iter().map(|(table, key, _)| format!("metrics.{table}.{key} = false\n")).collect();
    let after = start("switched-off", &off);
    work(&after);
    let text = after.scrape();
    let off = families(&text);
    for (table, key, family) in switches {
        assert!(on.contains(family), "{family}, with metrics.{table}.{key} = true: {on:?}");
        assert!(!off.contains(family), "{family}, with metrics.{table}.{key} = false");
    }
    assert!(off.contains("http_requests_total") && off.contains("incidents_total"));
}

#[test]
fn budgets_paths_and_breakers_are_those_of_the_file() {
    let text = r#"
        metrics.endpoint_path = "/own"
        metrics.server.offenders_path = "/own/offenders"
        metrics.families.tenant_requests_total.max_values.tenant = 2
        metrics.circuit_breaker.min_calls = 1
        metrics.circuit_breaker.failure_rate = 0.01
    "#;
    let (database, file) = with_file("budgets", text);
    let server = model::start(|_| Some(model::OVERLOADED));
    let arguments = ["--config", file.to_str().unwrap(), "--models", "a,b"];
    let service = Service::start_with_model_and(&database, &server, &arguments);
    for tenant in ["one", "two", "three", "four"] {
        send_as(tenant, service.api, "GET", "/health", "");
    }
    service.create("P0", "llm-sentinel", "security");
    let has = |line: &str| {
        let text = send(service.metrics(), "GET", "/own", "").body;
        text.lines().any(|found| found == line)
    };
    for line in [
        r#"tenant_requests_total{tenant="two",status="200"} 1"#,
        r#"tenant_requests_total{tenant="__overflow__",status="200"} 2"#,
        r#"circuit_breaker_state{breaker="a"} 1"#,
    ] {
        eventually(|| has(line), true, line);
    }
    assert_eq!(send(service.metrics(), "GET", "/own/offenders", "").status, 200);
    assert_eq!(send(service.metrics(), "GET", "/metrics", "").status, 404);
}

#[test]
fn options_go_before_the_environment_and_that_before_the_file() {
    let (database, file) =
        with_file("order", "metrics.listen_address = \"no.such.host:1\"\nmetrics.namespace = \"a\"\n");
    let mut command = command(&["--traffic", "off", "--config", file.to_str().unwrap()]);
    command.env("METRICS_NAMESPACE", "b").env("METRICS_LISTEN_ADDRESS", "other.invalid:1");
    let service = Service::run(command, &database);
    assert!(families(&service.scrape()).contains("b_incidents_total"));
    service.stop("TERM", SOON);
}

#[test]
fn a_check_tells_all_that_is_wrong_and_starts_nothing() {
    let text = "[metrics]\nlisten_address = 9090\n\n[metrics.http]\ntrack_request_sizes = true\n";
    let (database, file) = with_file("check", text);
    let path = file.to_str().unwrap();
    let wanted = [
        format!("{path}:2:18: `metrics.listen_address` is 9090: write text in quotes"),
        format!("{path}:5:1: unknown key `metrics.http.track_request_sizes`; did you mean `track_request_size`?"),
    ];
    for arguments in [&["--config", path, "--check"][..], &["--config", path, "--database", database.to_str().unwrap()]]
    {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8(output.stderr).unwrap().lines().collect::<Vec<_>>(), wanted);
        assert!(output.stdout.is_empty());
    }
    assert!(!database.exists());

    let good = output(&["--config", DEPLOYED, "--check"]);
    assert_eq!(good.status.code(), Some(0));
    assert_eq!(String::from_utf8(good.stdout).unwrap(), format!("{DEPLOYED} is good\n"));
    assert!(good.stderr.is_empty(), "{:?}", String::from_utf8(good.stderr));

    fs::write(&file, "[metrics.histograms]\nhttp_request_seconds = [1]\n").unwrap();
    let warned = output(&["--config", path, "--check"]);
    assert_eq!(warned.status.code(), Some(0));
    assert!(String::from_utf8(warned.stderr).unwrap().contains("http_request_seconds"));
    // However many warnings there are.
    fs::write(&file, unused_families()).unwrap();
    let warned = output(&["--config", path, "--check"]);
    assert!(warned.status.success());
    assert_eq!(String::from_utf8_lossy(&warned.stdout), format!("{path} is good\n"));
}

/// A file with more warnings than the service writes.
fn unused_families() -> String {
    (0..3_000).map(|n| format!("[metrics.families.none_{n}_total]\n")).collect()
}

#[test]
fn warnings_drown_no_greeting() {
    // It is read off the greeting where the service listens.
    let service = start("warnings", &unused_families());
    assert!(service.scrape().contains("# TYPE quipu_series "));
}

#[test]
fn the_example_is_good_and_has_the_defaults_of_the_service() {
    let example = String::from_utf8(output(&["--example"]).stdout).unwrap();
    let (database, file) = with_file("example", &example);
    let service = Service::start_with(&database, &["--traffic", "off", "--config", file.to_str().unwrap()]);
    let without = Service::start(&database.with_file_name("other.sqlite"), "off");
    // A processor is busy only from the second look on.
    let shown = |service: &Service| {
        let text = service.scrape();
        let is_shown = |family: &&str| *family != "system_cpu_usage_percent";
        families(&text).into_iter().filter(is_shown).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    // Both show more as their first seconds go by.
    let differing = || shown(&service).symmetric_difference(&shown(&without)).cloned().collect::<Vec<_>>();
    eventually(differing, vec![], "families of one only");
    assert_eq!(send(service.metrics(), "GET", "/", "").status, 200);
    for key in ["track_disk = true", "offenders_path = \"/debug/offenders\"", "track_queue_depth = true"] {
        assert!(example.lines().any(|line| line == key), "{key} is not in {example}");
    }
    service.stop("TERM", SOON);
}

#[cfg(unix)]
#[test]
fn a_signal_reloads_the_file() {
    let text = "[metrics.alerts]\nhigh_error_rate_threshold = 0.05\n";
    let (database, file) = with_file("reload", text);
    let mut service = Service::start_with(&database, &["--traffic", "off", "--config", file.to_str().unwrap()]);
    while service.line() != "Ctrl-C stops the service." {}
    work(&service);
    let requests = r#"http_requests_total{method="POST",path="/v1/incidents",status="201"}"#;
    eventually(|| service.value(requests), Some(1.0), requests);
    let threshold = r#"quipu_alert_threshold{alert="high_error_rate_threshold"}"#;
    assert_eq!(service.value(threshold), Some(0.05));
    assert!(families(&service.scrape()).contains("http_request_size_bytes"));

    let new =
        "[metrics]\nnamespace = \"shop\"\nhttp.track_request_size = false\nalerts.high_error_rate_threshold = 0.01\n";
    fs::write(&file, new).unwrap();
    service.signal("HUP");
    let said = [service.line(), service.line(), service.line()];
    let wanted = [
        "changed `metrics.alerts.high_error_rate_threshold`: 0.05 → 0.01",
        "changed `metrics.http.track_request_size`: true → false",
        "needs a restart: `metrics.namespace`: \"\" → \"shop\"",
    ];
    assert_eq!(said, wanted);
    assert_eq!(service.value(threshold), Some(0.01));
    assert_eq!(service.value(requests), Some(1.0));
    assert!(!families(&service.scrape()).contains("http_request_size_bytes"));

    // A bad file changes nothing.
    let path: &Path = &file;
    fs::write(path, "metrics.alerts.high_error_rate_threshold = 2\n").unwrap();
    service.signal("HUP");
    let mut errors = service.stderr();
    let mut complaint = Vec::new();
    while complaint.iter().filter(|byte| **byte == b'\n').count() < 2 {
        let mut byte = [0];
        errors.read_exact(&mut byte).unwrap();
        complaint.extend(byte);
    }
    let complaint = String::from_utf8(complaint).unwrap();
    let place = format!("{}:1:44: `metrics.alerts.high_error_rate_threshold` is 2", path.display());
    assert!(complaint.lines().nth(1).is_some_and(|line| line.starts_with(&place)), "{complaint}");
    assert_eq!(service.value(threshold), Some(0.01));

    fs::write(path, new).unwrap();
    service.signal("HUP");
    assert_eq!(service.line(), "needs a restart: `metrics.namespace`: \"\" → \"shop\"");
    service.end("TERM", SOON);
}
