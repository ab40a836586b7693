//! The HTTP layer where a user meets it: on axum, over TCP, and on plain tower services.

mod endings;
mod families;
mod labels;
mod settings;
mod streams;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::read;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Extensions, Response, StatusCode};
use axum::routing::{get, post};
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Full};
use quipu::Registry;
use quipu::http::{HttpMetrics, RequestBody};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tower::{Layer, Service, ServiceExt, service_fn};

/// Label names with their values.
type Labels<'a> = [(&'a str, &'a str)];

const INCIDENT: &Labels = &[("method", "GET"), ("path", "/v1/incidents/{id}"), ("status", "200")];

/// The requests that were recorded with these labels.
fn requests(registry: &Registry, labels: &Labels) -> f64 {
    read(registry).value("http_requests_total", labels).unwrap_or(0.0)
}

/// The labels of all series of `http_requests_total` that are not 0.
fn recorded(registry: &Registry) -> Vec<String> {
    let read = read(registry);
    let series = &read.family("http_requests_total").unwrap().samples;
    let labels = series.iter().filter(|sample| sample.value != 0.0).map(|sample| {
        let labels: Vec<_> = sample.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        labels.join(",")
    });
    let mut labels: Vec<_> = labels.collect();
    labels.sort();
    labels
}

/// The sum over all samples of one name.
fn sum(registry: &Registry, name: &str) -> f64 {
    read(registry).samples().filter(|sample| sample.name == name).map(|sample| sample.value).sum()
}

fn layered(router: Router) -> (Registry, Router) {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    (registry, router.layer(quipu_axum::layer(&metrics)))
}

/// For services that have no routes.
fn no_route(_: &Extensions) -> Option<&str> {
    None
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
