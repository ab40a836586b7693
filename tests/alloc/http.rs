//! S7 for the HTTP layer: its own bookkeeping allocates nothing.

use std::convert::Infallible;
use std::future::Ready;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::{Body as AxumBody, Bytes};
use axum::routing::get;
use http_body::Body;
use http_body_util::{BodyExt, Full};
use quipu::Registry;
use quipu::http::{HttpMetrics, RequestBody};
use tower::{Layer, Service, service_fn};

/// Polls what is ready at once.
fn ready<F: Future>(future: F) -> F::Output {
    let mut cx = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

/// Reads a body to its end without keeping it.
fn drain(body: impl Body) {
    let mut body = pin!(body);
    while ready(body.frame()).is_some() {}
}

#[test]
fn the_http_layer_allocates_nothing_for_a_warm_route() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let echo = |request: http::Request<RequestBody<Full<Bytes>>>| -> Ready<Result<_, Infallible>> {
        drain(request.into_body());
        std::future::ready(Ok(http::Response::new(Full::new(Bytes::from_static(b"ok")))))
    };
    let mut service = metrics.layer(|_| Some("/echo")).layer(service_fn(echo));
    let mut exchange = || {
        let request = http::Request::new(Full::new(Bytes::from_static(b"hello")));
        drain(ready(service.call(request)).unwrap().into_body());
    };
    exchange();
    assert_eq!(allocations(|| (0..1_000).for_each(|_| exchange())), 0);
}

/// Also where a route is sampled, in a group, and told apart by labels of the program's own.
#[test]
fn the_http_layer_allocates_nothing_whatever_is_set() {
    let metrics = HttpMetrics::builder().sample("/e*", 3).group("/e*").exclude("/x*").label("is_long", |_| true);
    let metrics = metrics.register(&Registry::new()).unwrap();
    let echo = |request: http::Request<RequestBody<Full<Bytes>>>| -> Ready<Result<_, Infallible>> {
        drain(request.into_body());
        std::future::ready(Ok(http::Response::new(Full::new(Bytes::from_static(b"ok")))))
    };
    let mut service = metrics.layer(|_| None).layer(service_fn(echo));
    let mut exchange = || {
        let mut request = http::Request::new(Full::new(Bytes::from_static(b"hello")));
        *request.uri_mut() = http::Uri::from_static("/echo/1");
        drain(ready(service.call(request)).unwrap().into_body());
    };
    (0..3).for_each(|_| exchange());
    assert_eq!(allocations(|| (0..1_000).for_each(|_| exchange())), 0);
}

#[test]
fn on_axum_the_http_layer_costs_one_boxed_body_more_than_any_layer() {
    const EACH: usize = 100;
    let count = |app: Router| {
        let mut app = app.with_state::<()>(());
        let mut exchange = || {
            let mut request = http::Request::new(AxumBody::empty());
            *request.uri_mut() = http::Uri::from_static("/v1/incidents/17");
            drain(ready(app.call(request)).unwrap().into_body());
        };
        exchange();
        allocations(|| (0..EACH).for_each(|_| exchange()))
    };
    let router = || Router::new().route("/v1/incidents/{id}", get(async || "ok"));
    let metrics = HttpMetrics::new(&Registry::new()).unwrap();
    let any = count(router().layer(tower::layer::util::Identity::new()));
    let ours = count(router().layer(quipu_axum::layer(&metrics)));
    assert!(ours <= any + EACH, "{ours} allocations in place of {any}");
}

fn allocations(work: impl FnOnce()) -> usize {
    super::tally(work).allocations
}
