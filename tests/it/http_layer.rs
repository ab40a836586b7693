//! The HTTP layer where a user meets it: on axum, over TCP, and on plain tower services.

mod endings;
mod families;
mod labels;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Full};
use quipu::Registry;
use quipu::http::{HttpMetrics, RequestBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt, service_fn};

const INCIDENT: &str = r#"{method="GET",path="/v1/incidents/{id}",status="200"}"#;

/// The value of a sample, by its name and labels as they stand in the text.
fn sample(registry: &Registry, series: &str) -> Option<f64> {
    let text = registry.to_text();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(value.parse().unwrap())
}

/// The requests that were recorded with these labels.
fn requests(registry: &Registry, labels: &str) -> f64 {
    sample(registry, &format!("http_requests_total{labels}")).unwrap_or(0.0)
}

/// The labels of all series of `http_requests_total`.
fn recorded(registry: &Registry) -> Vec<String> {
    let text = registry.to_text();
    let labels = text
        .lines()
        .filter_map(|line| line.strip_prefix("http_requests_total{"))
        .map(|rest| rest.rsplit_once("} ").unwrap().0.replace('"', ""));
    let mut labels: Vec<_> = labels.collect();
    labels.sort();
    labels
}

/// The sum over all series of a family.
fn sum(registry: &Registry, name: &str) -> f64 {
    let text = registry.to_text();
    text.lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('{'))
        .map(|rest| rest.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum()
}

fn layered(router: Router) -> (Registry, Router) {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    (registry, router.layer(metrics.layer()))
}

fn incidents() -> Router {
    Router::new().route("/v1/incidents/{id}", get(async || "an incident"))
}

fn request(method: &str, uri: &str, body: impl Into<Body>) -> Request {
    Request::builder().method(method).uri(uri).body(body.into()).unwrap()
}

/// Sends a request and reads the whole response.
async fn answer(app: &Router, request: Request) -> (StatusCode, Bytes) {
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap();
    (status, body.to_bytes())
}

/// Serves on TCP for as long as the test runs.
async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    address
}

async fn send(address: SocketAddr, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// What comes back for one request on a connection of its own.
async fn exchange(address: SocketAddr, request_line: &str) -> String {
    let head = format!("{request_line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    let mut text = String::new();
    let mut stream = send(address, &head).await;
    stream.read_to_string(&mut text).await.unwrap();
    text
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
