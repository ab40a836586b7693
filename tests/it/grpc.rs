//! The gRPC layer where a user meets it: on a server and a client of tonic, on plain tower services, and by hand.

mod by_hand;
mod endings;
mod names;
mod on_tonic;
mod service;

use std::convert::Infallible;
use std::time::{Duration, Instant};

use crate::read;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use quipu::Registry;
use quipu::grpc::{GrpcMetrics, GrpcService, RequestBody};
use tower::{Layer, Service, service_fn};

/// What was counted by the labels `service`, `method` and `status`, without series that are 0.
fn calls(registry: &Registry) -> Vec<(String, f64)> {
    counted(registry, "grpc_requests_total")
}

fn counted(registry: &Registry, family: &str) -> Vec<(String, f64)> {
    let read = read(registry);
    let samples = read.family(family).map_or(&[][..], |family| &family.samples);
    let counted = samples.iter().filter(|sample| sample.value != 0.0).map(|sample| {
        let labels: Vec<_> = sample.labels.iter().map(|(_, value)| &**value).collect();
        (labels.join(" "), sample.value)
    });
    let mut counted: Vec<_> = counted.collect();
    counted.sort_by(|a, b| a.0.cmp(&b.0));
    counted
}

#[track_caller]
fn assert_calls(registry: &Registry, expected: &[(&str, f64)]) {
    let calls = calls(registry);
    let calls: Vec<_> = calls.iter().map(|(labels, value)| (&**labels, *value)).collect();
    assert_eq!(calls, expected);
}

/// The sum over all samples of one name.
fn sum(registry: &Registry, name: &str) -> f64 {
    read(registry).samples().filter(|sample| sample.name == name).map(|sample| sample.value).sum()
}

/// The sums of messages received and sent.
fn messages(registry: &Registry) -> [f64; 2] {
    ["grpc_messages_received_total", "grpc_messages_sent_total"].map(|name| sum(registry, name))
}

/// A message as it stands in a body.
fn message(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    std::iter::once(0).chain(length).chain(payload.iter().copied()).collect()
}

fn trailers(status: &str) -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), status.parse().unwrap())])
}

type Frames = Vec<Result<Frame<Bytes>, &'static str>>;
type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, &'static str>;

fn body(frames: Frames) -> Body {
    BodyExt::boxed_unsync(StreamBody::new(tokio_stream::iter(frames)))
}

fn data(bytes: impl Into<Bytes>) -> Result<Frame<Bytes>, &'static str> {
    Ok(Frame::data(bytes.into()))
}

/// A client's request with one message.
fn request(path: &str) -> Request<Body> {
    let request = Request::post(format!("http://test{path}")).header("content-type", "application/grpc");
    request.body(body(vec![data(message(b"ask"))])).unwrap()
}

const GET: &str = "/test.Incidents/Get";

/// What the layer says of a service that reads the whole request and answers so.
async fn answered(head: http::response::Builder, frames: Frames) -> Registry {
    let registry = Registry::new();
    let metrics = GrpcMetrics::builder().service("test.Incidents", ["Get"]).register(&registry).unwrap();
    let answer = head.body(body(frames)).unwrap();
    let response = answering(&metrics, answer).call(request(GET)).await.unwrap();
    let _ = response.into_body().collect().await;
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
    assert_eq!(sum(&registry, "grpc_request_duration_seconds_count"), 1.0);
    registry
}

type Answer = Response<Body>;

/// Answers once, when the whole request is read.
fn answering(
    metrics: &GrpcMetrics,
    answer: Answer,
) -> GrpcService<impl Service<Request<RequestBody<Body>>, Response = Answer, Error = Infallible>> {
    let mut answer = Some(answer);
    metrics.layer().layer(service_fn(move |request: Request<RequestBody<Body>>| {
        let answer = answer.take().unwrap();
        async {
            let _ = request.into_body().collect().await;
            Ok(answer)
        }
    }))
}

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
