//! However a call ends, it is recorded once, under its true status.

use super::*;
use http_body_util::channel::Channel;
use quipu::clock::ManualClock;
use quipu::grpc::GrpcStatus;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio_stream::StreamExt;

#[track_caller]
fn assert_status(registry: &Registry, status: &str) {
    assert_calls(registry, &[(&format!("test.Incidents Get {status}"), 1.0)]);
}

#[tokio::test]
async fn an_answer_of_headers_only_has_its_status_there() {
    for (code, status) in [("0", "OK"), ("8", "ResourceExhausted"), ("16", "Unauthenticated"), ("17", "Unknown")] {
        let registry = answered(Response::builder().header("grpc-status", code), vec![]).await;
        assert_status(&registry, status);
        assert_eq!(messages(&registry), [1.0, 0.0]);
    }
}

#[tokio::test]
async fn trailers_have_the_status() {
    let all = [
        "OK",
        "Canceled",
        "Unknown",
        "InvalidArgument",
        "DeadlineExceeded",
        "NotFound",
        "AlreadyExists",
        "PermissionDenied",
        "ResourceExhausted",
        "FailedPrecondition",
        "Aborted",
        "OutOfRange",
        "Unimplemented",
        "Internal",
        "Unavailable",
        "DataLoss",
        "Unauthenticated",
    ];
    for (code, status) in all.iter().enumerate() {
        let frames = vec![data(message(b"hello")), Ok(Frame::trailers(trailers(&code.to_string())))];
        let registry = answered(Response::builder(), frames).await;
        assert_status(&registry, status);
        assert_eq!(messages(&registry), [1.0, 1.0]);
    }
}

#[tokio::test]
async fn garbage_is_unknown() {
    for garbage in ["", "x", "-1", "0x0", "00", "99999999999999999999", "0 ", "OK"] {
        let frames = vec![Ok(Frame::trailers(trailers(garbage)))];
        assert_status(&answered(Response::builder(), frames).await, "Unknown");
    }
    // Two trailers of one name: the first is that of the server.
    let mut two = trailers("5");
    two.append("grpc-status", "0".parse().unwrap());
    assert_status(&answered(Response::builder(), vec![Ok(Frame::trailers(two))]).await, "NotFound");
}

#[tokio::test]
async fn a_stream_that_ends_without_a_status_is_unknown() {
    let messages = || data(message(b"hello"));
    for frames in [vec![], vec![messages()], vec![messages(), Ok(Frame::trailers(HeaderMap::new()))]] {
        assert_status(&answered(Response::builder(), frames).await, "Unknown");
    }
}

/// A body that says with its last frame that it has ended is mostly not asked again.
#[tokio::test]
async fn a_body_whose_end_is_known_beforehand_is_unknown_too() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::builder().service("test.Incidents", ["Get"]).register(&registry).unwrap();
    for content in ["", "not gRPC"] {
        let full = http_body_util::Full::new(Bytes::from(content)).map_err(|never| match never {});
        let response = answering(&metrics, Response::new(BodyExt::boxed_unsync(full))).call(request(GET)).await;
        let mut body = response.unwrap().into_body();
        if !content.is_empty() {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
    }
    assert_calls(&registry, &[("test.Incidents Get Unknown", 2.0)]);
}

#[tokio::test]
async fn an_answer_of_http_alone_has_the_status_that_it_means_to_grpc() {
    let expected = [
        (400, "Internal"),
        (401, "Unauthenticated"),
        (403, "PermissionDenied"),
        (404, "Unimplemented"),
        (429, "Unavailable"),
        (502, "Unavailable"),
        (503, "Unavailable"),
        (504, "Unavailable"),
        (418, "Unknown"),
        (500, "Unknown"),
    ];
    for (code, status) in expected {
        assert_status(&answered(Response::builder().status(code), vec![data("<html>")]).await, status);
    }
    let registry = answered(Response::builder().status(503), vec![Ok(Frame::trailers(trailers("5")))]).await;
    assert_status(&registry, "NotFound");
}

#[tokio::test]
async fn a_body_that_fails_is_unknown_to_a_server_and_unavailable_to_a_client() {
    assert_status(&answered(Response::builder(), vec![data(message(b"a")), Err("reset")]).await, "Unknown");

    let registry = Registry::new();
    let metrics = GrpcMetrics::client(&registry).unwrap();
    let response = answering(&metrics, Response::new(body(vec![Err("reset")]))).call(request(GET)).await.unwrap();
    response.into_body().collect().await.unwrap_err();
    let expected = [("test.Incidents Get Unavailable".to_owned(), 1.0)];
    assert_eq!(counted(&registry, "grpc_client_requests_total"), expected);
}

#[tokio::test]
async fn a_call_that_is_dropped_is_canceled_whenever_that_is() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::builder().service("test.Incidents", ["Get"]).register(&registry).unwrap();
    let mut service = metrics.layer().layer(service_fn(async |_: Request<RequestBody<Body>>| {
        let (sender, body) = Channel::<Bytes, &'static str>::new(1);
        tokio::spawn(async move {
            let mut sender = sender;
            sender.send_data(message(b"first").into()).await.unwrap();
            pending::<()>().await;
        });
        Ok::<_, Infallible>(Response::new(body))
    }));
    drop(service.call(request(GET)));
    assert_calls(&registry, &[("test.Incidents Get Canceled", 1.0)]);
    drop(service.call(request(GET)).await.unwrap());
    assert_calls(&registry, &[("test.Incidents Get Canceled", 2.0)]);
    let mut body = service.call(request(GET)).await.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(sum(&registry, "grpc_streams_active"), 1.0);
    assert!(pin!(body.frame()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(body);
    assert_calls(&registry, &[("test.Incidents Get Canceled", 3.0)]);
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
    assert_eq!(sum(&registry, "grpc_messages_sent_total"), 1.0);
}

/// A message that is cut off was not received.
#[tokio::test]
async fn half_a_message_is_no_message() {
    let mut half = [message(b"one"), message(b"two")].concat();
    half.pop();
    let registry = answered(Response::builder(), vec![data(half), Ok(Frame::trailers(trailers("0")))]).await;
    assert_eq!(messages(&registry), [1.0, 1.0]);
    assert_status(&registry, "OK");
}

#[tokio::test]
async fn the_time_limit_tells_a_deadline_from_a_client_that_went_away() {
    for (limit, waited, status) in [
        ("1S", 1000, "DeadlineExceeded"),
        ("1S", 960, "DeadlineExceeded"),
        ("1S", 900, "Canceled"),
        ("", 1000, "Canceled"),
        ("soon", 1000, "Canceled"),
    ] {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let metrics = GrpcMetrics::builder().service("test.Incidents", ["Get"]).register(&registry).unwrap();
        let never = |_: Request<RequestBody<Body>>| pending::<Result<Response<Body>, Infallible>>();
        let mut service = metrics.layer().layer(service_fn(never));
        let mut request = request(GET);
        request.headers_mut().insert("grpc-timeout", limit.parse().unwrap());
        let call = service.call(request);
        clock.advance(Duration::from_millis(waited));
        drop(call);
        assert_status(&registry, status);
        assert_eq!(sum(&registry, "grpc_request_duration_seconds_sum"), waited as f64 / 1000.0);
    }
}

/// What a server says counts, whatever the time.
#[tokio::test]
async fn a_status_that_comes_late_is_the_status() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let metrics = GrpcMetrics::builder().service("test.Incidents", ["Get"]).register(&registry).unwrap();
    let answer = Response::builder().header("grpc-status", "1").body(body(vec![])).unwrap();
    let mut request = request(GET);
    request.headers_mut().insert("grpc-timeout", "1S".parse().unwrap());
    let mut service = answering(&metrics, answer);
    let call = service.call(request);
    clock.advance(Duration::from_secs(2));
    call.await.unwrap();
    assert_status(&registry, "Canceled");
}

#[test]
fn a_panic_is_unknown_wherever_it_comes() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::builder().service("test.Incidents", ["Get"]).register(&registry).unwrap();
    let panics = |_: Request<RequestBody<Body>>| -> std::future::Ready<Result<Response<Body>, Infallible>> {
        panic!("on purpose")
    };
    let mut service = metrics.layer().layer(service_fn(panics));
    catch_unwind(AssertUnwindSafe(|| drop(service.call(request(GET))))).unwrap_err();
    assert_calls(&registry, &[("test.Incidents Get Unknown", 1.0)]);

    let mut service = metrics.layer().layer(service_fn(|_: Request<RequestBody<Body>>| {
        let frames = tokio_stream::iter([0]).map(|_| -> Result<Frame<Bytes>, &str> { panic!("on purpose") });
        ready(Ok::<_, Infallible>(Response::new(StreamBody::new(frames))))
    }));
    let mut call = pin!(service.call(request(GET)));
    let Poll::Ready(response) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it is ready")
    };
    let mut body = Box::pin(response.unwrap().into_body());
    let poll = || drop(pin!(body.frame()).poll(&mut Context::from_waker(Waker::noop())));
    catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
    drop(body);
    assert_calls(&registry, &[("test.Incidents Get Unknown", 2.0)]);
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
}

#[tokio::test]
async fn an_error_of_the_service_passes_and_is_unknown() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::builder().service("test.Incidents", ["Get"]).register(&registry).unwrap();
    let fails = async |_: Request<RequestBody<Body>>| Err::<Response<Body>, _>("no database");
    let answer = metrics.layer().layer(service_fn(fails)).call(request(GET)).await;
    assert_eq!(answer.unwrap_err(), "no database");
    assert_status(&registry, "Unknown");
}

#[tokio::test]
async fn errors_of_a_type_that_is_known_have_a_status_of_their_own() {
    let of_tonic = |status: &tonic::Status| GrpcStatus::from_code(status.code().into());
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let builder = GrpcMetrics::builder().client().error_status(|_: &u8| GrpcStatus::DataLoss).error_status(of_tonic);
    let layer = builder.register(&registry).unwrap().layer();
    let cancels =
        service_fn(async |_: Request<RequestBody<Body>>| Err::<Response<Body>, _>(tonic::Status::cancelled("")));
    layer.layer(cancels).call(request(GET)).await.unwrap_err();
    let of_another_type = service_fn(async |_: Request<RequestBody<Body>>| Err::<Response<Body>, _>("unknown"));
    layer.layer(of_another_type).call(request(GET)).await.unwrap_err();

    let aborts = service_fn(async |_: Request<RequestBody<Body>>| {
        let frames = [Ok(Frame::data(Bytes::from(message(b"a")))), Err(tonic::Status::aborted(""))];
        Ok::<_, Infallible>(Response::new(StreamBody::new(tokio_stream::iter(frames))))
    });
    let response = layer.layer(aborts).call(request(GET)).await.unwrap();
    response.into_body().collect().await.unwrap_err();

    let mut late = layer.layer(service_fn(|_: Request<RequestBody<Body>>| {
        clock.advance(Duration::from_secs(1));
        ready(Err::<Response<Body>, _>(tonic::Status::cancelled("")))
    }));
    let mut request = request(GET);
    request.headers_mut().insert("grpc-timeout", "1S".parse().unwrap());
    late.call(request).await.unwrap_err();
    let expected = ["Aborted", "Canceled", "DeadlineExceeded", "Unavailable"];
    let expected = expected.map(|status| (format!("test.Incidents Get {status}"), 1.0));
    assert_eq!(counted(&registry, "grpc_client_requests_total"), expected);
}

#[tokio::test]
async fn all_calls_that_are_aborted_are_counted_once() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    let never = |_: Request<RequestBody<Body>>| pending::<Result<Response<Body>, Infallible>>();
    let service = metrics.layer().layer(service_fn(never));
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let mut service = service.clone();
            tokio::spawn(async move { service.call(request(GET)).await })
        })
        .collect();
    eventually("all are active", || sum(&registry, "grpc_streams_active") == 50.0).await;
    calls.iter().for_each(|call| call.abort());
    for call in calls {
        assert!(call.await.unwrap_err().is_cancelled());
    }
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
    assert_calls(&registry, &[("other other Canceled", 50.0)]);
}
