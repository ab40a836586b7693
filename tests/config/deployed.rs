//! The file that deployments have loads as it stands, and each of its keys has its effect.

use crate::engine::{get, serves};
use crate::reader::Exposition;
use crate::{builder, engine, reader};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use quipu::Engine;
use quipu_catalog::Catalog;
use quipu_catalog::incidents::{Category, Kind, Severity, Source, State};
use quipu_catalog::jobs::{JobType, QueueName};
use quipu_catalog::llm::{Operation, Usage};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tower::{Layer, ServiceExt, service_fn};

const FILE: &str = include_str!("deployed.toml");

/// The keys of the file with their values, read without any parser of ours.
fn keys() -> Vec<(String, String)> {
    let (mut table, mut keys) = (String::new(), Vec::new());
    for line in FILE.lines().map(|line| line.split(" #").next().unwrap().trim()) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']').to_owned();
        } else if let Some((name, value)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.push((format!("{table}.{name}"), value.to_owned()));
        }
    }
    keys
}

/// The file with another value of a key.
fn with(key: &str, value: &str) -> String {
    let (table, name) = key.rsplit_once('.').unwrap();
    let mut current = "";
    let line = |line: &'static str| {
        if let Some(header) = line.strip_prefix('[') {
            current = header.trim_end_matches(']');
        }
        let is_it = current == table && line.split_once(" = ").is_some_and(|(found, _)| found == name);
        if is_it { format!("{name} = {value}\n") } else { format!("{line}\n") }
    };
    let text: String = FILE.lines().map(line).collect();
    assert_ne!(text, FILE, "{key}");
    text
}

/// What a service of this configuration shows after some work.
struct Shown {
    scrape: Exposition,
    /// Families that are registered, with values or without.
    families: BTreeSet<String>,
    is_served: bool,
    has_default_path: bool,
}

impl Shown {
    fn has(&self, family: &str) -> bool {
        self.scrape.family(family).is_some()
    }

    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let is_it = |sample: &&reader::Sample| labels.iter().all(|(name, value)| sample.label(name) == Some(value));
        self.scrape.samples().filter(|sample| sample.name == name).find(is_it).map(|sample| sample.value)
    }

    fn has_label(&self, label: &str, value: &str) -> bool {
        self.scrape.samples().all(|sample| sample.label(label) == Some(value))
    }
}

async fn work(engine: &Engine) {
    let hello = service_fn(async |_| Ok::<_, std::convert::Infallible>(Response::new(Full::new(&b"hello"[..]))));
    let response = engine.http().layer(|_| Some("/a")).layer(hello).oneshot(Request::new(Full::new(&b"hi"[..]))).await;
    response.unwrap().into_body().collect().await.unwrap();
    let catalog = Catalog::from_engine(engine).unwrap();
    let kind = Kind { severity: Severity::P1, source: Source::Other, category: Category::Availability };
    catalog.incidents.created(kind);
    catalog.incidents.moved(kind, State::New, State::Acknowledged, Duration::from_secs(40));
    catalog.incidents.moved(kind, State::Acknowledged, State::Resolved, Duration::from_secs(900));
    let usage = Usage { prompt: 1_000, completion: 1_000, ..Usage::default() };
    catalog.llm.start("openai", "gpt-4o", Operation::Analysis).success(usage);
    catalog.jobs.queue(QueueName::Standard).put(()).take();
    catalog.jobs.start(JobType::Enrichment).success();
}

/// Runs a service, on any port unless the text has another address than the file.
async fn show(text: &str) -> Shown {
    let text = text.replace("0.0.0.0:9090", "127.0.0.1:0");
    let engine = engine(&text);
    work(&engine).await;
    let running = engine.start().await.unwrap();
    let families = engine.registry().describe().iter().map(|family| family.name().to_owned()).collect();
    let (mut body, mut has_default_path) = (String::new(), false);
    if let Some(address) = running.local_addr() {
        has_default_path = serves(address, "/metrics").await;
        let path = if has_default_path { "/metrics" } else { "/other" };
        body = get(address, path).await.1;
    }
    let is_served = running.local_addr().is_some();
    running.stop().await;
    let scrape = reader::read(&body).unwrap_or_else(|error| panic!("{error}\n{body}"));
    Shown { scrape, families, is_served, has_default_path }
}

/// A key, another value than the file's, and what is so with that value and not with the file's.
type Case = (&'static str, &'static str, fn(&Shown) -> bool);

const LATENCY: &str = "http_request_duration_seconds_bucket";

const CASES: &[Case] = &[
    ("metrics.enabled", "false", |shown| !shown.is_served && shown.families.is_empty()),
    ("metrics.endpoint_path", "\"/other\"", |shown| !shown.has_default_path && shown.has("quipu_series")),
    ("metrics.global_labels.environment", "\"test\"", |shown| shown.has_label("environment", "test")),
    ("metrics.global_labels.cluster", "\"eu\"", |shown| shown.has_label("cluster", "eu")),
    ("metrics.global_labels.instance", "\"other\"", |shown| shown.has_label("instance", "other")),
    ("metrics.http.enabled", "false", |shown| !shown.has("http_requests_total")),
    ("metrics.http.track_request_size", "false", |shown| !shown.has("http_request_size_bytes")),
    ("metrics.http.track_response_size", "false", |shown| !shown.has("http_response_size_bytes")),
    ("metrics.incidents.enabled", "false", |shown| !shown.has("incidents_total")),
    ("metrics.incidents.track_resolution_time", "false", |shown| !shown.has("incident_resolution_duration_seconds")),
    ("metrics.incidents.track_acknowledgment_time", "false", |shown| {
        !shown.has("incident_acknowledgment_duration_seconds")
    }),
    ("metrics.llm.enabled", "false", |shown| !shown.has("llm_requests_total")),
    ("metrics.llm.track_token_usage", "false", |shown| !shown.has("llm_tokens_total")),
    ("metrics.llm.track_cost", "false", |shown| !shown.has("llm_cost_dollars_total")),
    ("metrics.llm.cost_per_1k_tokens_prompt", "0.5", |shown| cost(shown, 0.56)),
    ("metrics.llm.cost_per_1k_tokens_completion", "0.5", |shown| cost(shown, 0.53)),
    ("metrics.jobs.enabled", "false", |shown| !shown.has("jobs_total")),
    ("metrics.jobs.track_queue_depth", "false", |shown| !shown.has("jobs_queue_depth")),
    ("metrics.system.enabled", "false", |shown| !shown.families.contains("system_memory_bytes")),
    ("metrics.system.track_memory", "false", |shown| !shown.families.contains("system_memory_bytes")),
    ("metrics.system.track_cpu", "false", |shown| !shown.families.contains("system_cpu_usage_percent")),
    ("metrics.system.track_disk", "true", |shown| shown.families.contains("system_disk_bytes")),
    ("metrics.histograms.http_request_duration_seconds", "[7.5]", |shown| {
        shown.value(LATENCY, &[("le", "7.5")]).is_some() && shown.value(LATENCY, &[("le", "0.005")]).is_none()
    }),
    ("metrics.histograms.llm_request_duration_seconds", "[7.5]", |shown| {
        shown.value("llm_request_duration_seconds_bucket", &[("le", "7.5")]).is_some()
    }),
    ("metrics.histograms.incident_resolution_duration_seconds", "[7.5]", |shown| {
        shown.value("incident_resolution_duration_seconds_bucket", &[("le", "7.5")]).is_some()
    }),
    ("metrics.alerts.high_error_rate_threshold", "0.5", |shown| threshold(shown, "high_error_rate_threshold", 0.5)),
    ("metrics.alerts.high_latency_p95_seconds", "0.5", |shown| threshold(shown, "high_latency_p95_seconds", 0.5)),
    ("metrics.alerts.active_p0_incidents_threshold", "1", |shown| {
        threshold(shown, "active_p0_incidents_threshold", 1.0)
    }),
];

/// Keys whose effect a test of its own shows.
const ELSEWHERE: &[&str] = &[
    "metrics.listen_address",
    "metrics.system.collection_interval_seconds",
    "metrics.push_gateway.enabled",
    "metrics.push_gateway.url",
    "metrics.push_gateway.job_name",
    "metrics.push_gateway.push_interval_seconds",
];

fn cost(shown: &Shown, dollars: f64) -> bool {
    shown.value("llm_cost_dollars_total", &[]).is_some_and(|cost| (cost - dollars).abs() < 1e-9)
}

fn threshold(shown: &Shown, alert: &str, value: f64) -> bool {
    shown.value("quipu_alert_threshold", &[("alert", alert)]) == Some(value)
}

#[test]
fn it_loads_without_a_word() {
    let engine = builder().text("deployed.toml", FILE).build().unwrap();
    Catalog::from_engine(&engine).unwrap();
    assert_eq!(engine.warnings(), Vec::<String>::new());
}

#[test]
fn each_of_its_keys_has_a_case() {
    let cases: BTreeSet<&str> = CASES.iter().map(|(key, ..)| *key).chain(ELSEWHERE.iter().copied()).collect();
    let keys = keys();
    assert_eq!(keys.len(), cases.len());
    assert_eq!(keys.iter().map(|(key, _)| &**key).collect::<BTreeSet<_>>(), cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_its_keys_has_its_effect() {
    let before = show(FILE).await;
    assert!(cost(&before, 0.09));
    for (key, value, is_so) in CASES {
        assert!(!is_so(&before), "{key} as the file has it");
        assert!(is_so(&show(&with(key, value)).await), "{key} = {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interval_says_when_the_machine_is_looked_at_again() {
    let text = with("metrics.system.collection_interval_seconds", "0.2").replace("0.0.0.0:9090", "127.0.0.1:0");
    let engine = engine(&text);
    let running = engine.start().await.unwrap();
    let used = || {
        let engine = engine.clone();
        let used = move || quipu::testing::value(engine.registry(), "system_memory_bytes", [("type", "used")]);
        async { tokio::task::spawn_blocking(used).await.unwrap() }
    };
    let (first, start) = (used().await, Instant::now());
    // Less than the 15 s that the file has.
    while used().await == first {
        assert!(start.elapsed() < Duration::from_secs(10), "no other value than {first}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_address_is_where_it_listens() {
    // A port that is free now.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let running = engine(&with("metrics.listen_address", &format!("\"{address}\""))).start().await.unwrap();
    assert_eq!(running.local_addr(), Some(address));
    assert!(serves(address, "/metrics").await);
    running.stop().await;
}
