//! However a request ends, it is recorded once.

use super::*;
use axum::http::HeaderMap;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use http_body_util::channel::Sender;
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

const SLOW: &Labels = &[("method", "GET"), ("path", "/slow"), ("status", "200")];

/// A route whose response is what the test sends.
fn streaming() -> (Sender<Bytes>, Router) {
    let (sender, body) = Channel::<Bytes, Infallible>::new(1);
    let body = Arc::new(Mutex::new(Some(body)));
    let handler = async move || Body::new(body.lock().unwrap().take().unwrap());
    (sender, Router::new().route("/slow", get(handler)))
}

/// Turns a panic behind it into a response, as a layer that catches panics does.
async fn catch_panics(request: Request, next: Next) -> axum::response::Response {
    let mut response = pin!(next.run(request));
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| response.as_mut().poll(cx)))
            .unwrap_or_else(|_| Poll::Ready(StatusCode::INTERNAL_SERVER_ERROR.into_response()))
    })
    .await
}

#[tokio::test]
async fn a_streamed_body_is_recorded_once_when_it_has_ended() {
    let (mut sender, app) = streaming();
    let (registry, app) = layered(app);
    let mut body = app.oneshot(request("GET", "/slow", "")).await.unwrap().into_body();
    for chunk in ["one", "two", "three"] {
        sender.send_data(chunk.into()).await.unwrap();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), chunk);
        assert_eq!(requests(&registry, SLOW), 0.0);
        assert_eq!(sum(&registry, "http_requests_in_flight"), 1.0);
        sleep(Duration::from_millis(10)).await;
    }
    drop(sender);
    assert!(body.frame().await.is_none());
    assert_eq!(requests(&registry, SLOW), 1.0);
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
    drop(body);
    assert_eq!(requests(&registry, SLOW), 1.0);
    assert_eq!(sum(&registry, "http_response_size_bytes_count"), 1.0);
    assert_eq!(sum(&registry, "http_response_size_bytes_sum"), 11.0);
    let seconds = sum(&registry, "http_request_duration_seconds_sum");
    assert!((0.03..5.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn trailers_pass_and_are_not_counted() {
    let (mut sender, app) = streaming();
    let (registry, app) = layered(app);
    let body = app.oneshot(request("GET", "/slow", "")).await.unwrap().into_body();
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let sending = async {
        sender.send_data("data".into()).await.unwrap();
        sender.send_trailers(trailers.clone()).await.unwrap();
        drop(sender);
    };
    let (collected, ()) = tokio::join!(body.collect(), sending);
    assert_eq!(collected.unwrap().trailers(), Some(&trailers));
    assert_eq!(sum(&registry, "http_response_size_bytes_sum"), 4.0);
    assert_eq!(requests(&registry, SLOW), 1.0);
}

#[tokio::test]
async fn a_response_that_is_dropped_half_way_is_recorded_once() {
    let (mut sender, app) = streaming();
    let (registry, app) = layered(app);
    let mut body = app.oneshot(request("GET", "/slow", "")).await.unwrap().into_body();
    sender.send_data("half".into()).await.unwrap();
    body.frame().await.unwrap().unwrap();
    drop(body);
    assert_eq!(requests(&registry, SLOW), 1.0);
    assert_eq!(sum(&registry, "http_response_size_bytes_sum"), 4.0);
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
}

#[tokio::test]
async fn a_body_that_fails_keeps_the_status_that_was_sent() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let (sender, body) = Channel::<Bytes, &'static str>::new(1);
    let mut body = Some(body);
    let mut service = metrics.layer(no_route).layer(service_fn(move |_: http::Request<_>| {
        let response = Response::new(body.take().unwrap());
        async { Ok::<_, Infallible>(response) }
    }));
    let request = http::Request::new(Full::new(Bytes::new()));
    let mut body = service.call(request).await.unwrap().into_body();
    sender.abort("broken");
    assert_eq!(body.frame().await.unwrap().unwrap_err(), "broken");
    assert_eq!(recorded(&registry), ["method=GET,path=unmatched,status=200"]);
    drop(body);
    assert_eq!(sum(&registry, "http_requests_total"), 1.0);
}

#[tokio::test]
async fn a_client_that_goes_away_amid_the_response_is_recorded_once() {
    let (mut sender, app) = streaming();
    let (registry, app) = layered(app);
    let address = serve(app).await;
    let mut client = send(address, "GET /slow HTTP/1.1\r\nhost: test\r\n\r\n").await;
    sender.send_data("first".into()).await.unwrap();
    client.read_u8().await.unwrap();
    assert_eq!(sum(&registry, "http_requests_in_flight"), 1.0);
    drop(client);
    eventually("the server notices", || requests(&registry, SLOW) == 1.0).await;
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
    assert_eq!(sum(&registry, "http_response_size_bytes_sum"), 5.0);
    assert_eq!(recorded(&registry), ["method=GET,path=/slow,status=200"]);
}

#[tokio::test]
async fn a_client_that_goes_away_before_the_response_is_499() {
    let (registry, app) = layered(Router::new().route("/never", get(pending::<()>)));
    let address = serve(app).await;
    let client = send(address, "GET /never HTTP/1.1\r\nhost: test\r\n\r\n").await;
    eventually("it is in flight", || sum(&registry, "http_requests_in_flight") == 1.0).await;
    drop(client);
    eventually("it is not", || sum(&registry, "http_requests_in_flight") == 0.0).await;
    assert_eq!(recorded(&registry), ["method=GET,path=/never,status=499"]);
    assert_eq!(sum(&registry, "http_requests_total"), 1.0);
}

#[tokio::test]
async fn a_future_that_is_dropped_is_499_whether_it_was_polled_or_not() {
    let (registry, app) = layered(Router::new().route("/never", get(pending::<()>)));
    let mut answer = pin!(app.clone().oneshot(request("GET", "/never", "")));
    assert!(answer.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(sum(&registry, "http_requests_in_flight"), 1.0);
    answer.set(app.oneshot(request("GET", "/never", "")));
    assert_eq!(sum(&registry, "http_requests_total"), 1.0);

    let metrics = HttpMetrics::new(&registry).unwrap();
    let mut service = metrics
        .layer(no_route)
        .layer(service_fn(async |_: http::Request<_>| Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))));
    drop(service.call(http::Request::new(Full::new(Bytes::new()))));
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
    let expected = ["method=GET,path=/never,status=499", "method=GET,path=unmatched,status=499"];
    assert_eq!(recorded(&registry), expected);
}

#[tokio::test]
async fn a_panic_is_500_when_nobody_catches_it() {
    async fn handler() -> &'static str {
        panic!("on purpose")
    }
    let (registry, app) = layered(Router::new().route("/panics", get(handler)));
    let address = serve(app).await;
    let mut client = send(address, "GET /panics HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.unwrap();
    assert!(answer.is_empty());
    assert_eq!(recorded(&registry), ["method=GET,path=/panics,status=500"]);
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
}

#[tokio::test]
async fn a_panic_is_500_wherever_it_is_caught_and_whenever_it_comes() {
    async fn handler() -> &'static str {
        tokio::task::yield_now().await;
        panic!("on purpose")
    }
    let panics = Router::new().route("/panics", get(handler));
    let (inside, app) = layered(panics.clone().layer(from_fn(catch_panics)));
    let (status, _) = answer(&app, request("GET", "/panics", "")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let (outside, app) = layered(panics);
    let app = app.layer(from_fn(catch_panics));
    let (status, _) = answer(&app, request("GET", "/panics", "")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    for registry in [inside, outside] {
        assert_eq!(recorded(&registry), ["method=GET,path=/panics,status=500"]);
        assert_eq!(sum(&registry, "http_requests_total"), 1.0);
        assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
    }
}

#[test]
fn a_panic_in_a_call_is_500() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let mut service = metrics.layer(no_route).layer(service_fn(
        |_: http::Request<RequestBody<Full<Bytes>>>| -> std::future::Ready<Result<Response<Full<Bytes>>, Infallible>> {
            panic!("on purpose")
        },
    ));
    let request = http::Request::new(Full::new(Bytes::new()));
    catch_unwind(AssertUnwindSafe(|| drop(service.call(request)))).unwrap_err();
    assert_eq!(recorded(&registry), ["method=GET,path=unmatched,status=500"]);
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
}

#[tokio::test]
async fn an_error_of_the_service_is_500_and_passes() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let mut service = metrics
        .layer(no_route)
        .layer(service_fn(async |_: http::Request<_>| Err::<Response<Full<Bytes>>, _>("no database")));
    let answer = service.call(http::Request::new(Full::new(Bytes::new()))).await;
    assert_eq!(answer.unwrap_err(), "no database");
    assert_eq!(recorded(&registry), ["method=GET,path=unmatched,status=500"]);
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_request_is_lost_or_counted_twice() {
    const TASKS: usize = 16;
    const EACH: usize = 500;
    let app = incidents().route("/v1/{a}/{b}/{c}", get(async || StatusCode::ACCEPTED));
    let (registry, app) = layered(app);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let app = app.clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    let path = match (task + n) % 3 {
                        0 => "/v1/incidents/17",
                        1 => "/v1/1/2/3",
                        _ => "/elsewhere",
                    };
                    answer(&app, request("GET", path, "")).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let all = (TASKS * EACH) as f64;
    assert_eq!(sum(&registry, "http_requests_total"), all);
    assert_eq!(sum(&registry, "http_request_duration_seconds_count"), all);
    assert_eq!(sum(&registry, "http_request_size_bytes_count"), all);
    assert_eq!(sum(&registry, "http_response_size_bytes_count"), all);
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
    assert_eq!(recorded(&registry).len(), 3);
}
