//! Streams, upgrades and what is broken off: which family tells it from a success.

use super::*;
use axum::body::HttpBody;
use axum::http::header;
use axum::response::IntoResponse;
use http_body::Frame;
use http_body_util::StreamBody;
use quipu::clock::ManualClock;
use quipu::export::ScrapeService;
use quipu::http::Streaming;
use std::future::pending;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

type Sender = mpsc::Sender<Result<Bytes, &'static str>>;

/// A body that the test sends.
fn open_body() -> (Sender, Body) {
    let (sender, receiver) = mpsc::channel(8);
    (sender, Body::new(StreamBody::new(ReceiverStream::new(receiver).map(|piece| piece.map(Frame::data)))))
}

/// A layered service that answers everything by one response, and its clock.
fn answering(response: impl IntoResponse + Send + 'static) -> (Registry, Router, ManualClock) {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let response = std::sync::Mutex::new(Some(response.into_response()));
    let response = std::sync::Arc::new(response);
    let handler = async move || response.lock().unwrap().take().unwrap();
    let app = Router::new().route("/x", get(handler)).layer(quipu_axum::layer(&metrics));
    (registry, app, clock)
}

/// Responses that were broken off by the client, and by the server.
fn broken_off(registry: &Registry) -> [f64; 2] {
    let read = read(registry);
    ["client", "server"].map(|cause| {
        let labels = [("method", "GET"), ("path", "/x"), ("cause", cause)];
        read.value("http_responses_incomplete_total", &labels).unwrap()
    })
}

#[tokio::test]
async fn a_body_that_the_client_breaks_off_is_told_from_a_whole_one() {
    for (frames, is_read_to_its_end, expected) in [(1, false, [1.0, 0.0]), (2, true, [0.0, 0.0])] {
        let (sender, body) = open_body();
        let (registry, app, _) = answering(body);
        let mut body = app.oneshot(request("GET", "/x", "")).await.unwrap().into_body();
        for _ in 0..frames {
            sender.send(Ok("piece".into())).await.unwrap();
            body.frame().await.unwrap().unwrap();
        }
        if is_read_to_its_end {
            drop(sender);
            assert!(body.frame().await.is_none());
        }
        drop(body);
        assert_eq!(broken_off(&registry), expected);
        assert_eq!(recorded(&registry), ["method=GET,path=/x,status=200"]);
        assert_eq!(sum(&registry, "http_request_duration_seconds_count"), 1.0);
    }
}

#[tokio::test]
async fn a_body_that_fails_was_broken_off_by_the_server() {
    let (sender, body) = open_body();
    let (registry, app, _) = answering(body);
    let body = app.oneshot(request("GET", "/x", "")).await.unwrap().into_body();
    sender.send(Err("disk")).await.unwrap();
    body.collect().await.unwrap_err();
    assert_eq!(broken_off(&registry), [0.0, 1.0]);
}

/// The connection goes with it: to the client it is one that was broken off.
#[tokio::test]
async fn a_body_that_panics_was_broken_off_by_the_server() {
    for content_type in ["text/plain", "text/event-stream"] {
        let (sender, body) = open_body();
        let body = Body::new(body.map_frame(|frame| match frame.data_ref() {
            Some(data) if data.is_empty() => panic!("of a test"),
            _ => frame,
        }));
        let (registry, app, _) = answering(([(header::CONTENT_TYPE, content_type)], body));
        let body = app.oneshot(request("GET", "/x", "")).await.unwrap().into_body();
        for piece in ["piece", ""] {
            sender.send(Ok(piece.into())).await.unwrap();
        }
        assert!(tokio::spawn(body.collect()).await.unwrap_err().is_panic());
        assert_eq!(broken_off(&registry), [0.0, 1.0], "{content_type}");
        assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
    }
}

/// Servers read no further than the length that was announced.
#[tokio::test]
async fn a_body_is_whole_when_its_length_has_passed() {
    for (sent, expected) in [("12345", [0.0, 0.0]), ("1234", [1.0, 0.0])] {
        let (sender, body) = open_body();
        let (registry, app, _) = answering(([(header::CONTENT_LENGTH, "5")], body));
        let mut body = app.oneshot(request("GET", "/x", "")).await.unwrap().into_body();
        sender.send(Ok(sent.into())).await.unwrap();
        body.frame().await.unwrap().unwrap();
        drop(body);
        assert_eq!(broken_off(&registry), expected);
    }
}

#[tokio::test]
async fn a_server_leaves_no_whole_body_unread() {
    let (registry, app) = layered(
        incidents()
            .route("/empty", get(async || ()))
            .route("/none", get(async || StatusCode::NO_CONTENT))
            .route("/same", get(async || StatusCode::NOT_MODIFIED))
            .route(
                "/pieces",
                get(async || {
                    Body::new(StreamBody::new(
                        tokio_stream::iter(["a", "b"])
                            .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::from(piece)))),
                    ))
                }),
            ),
    );
    let address = serve(app).await;
    for request in [
        "GET /v1/incidents/17",
        "HEAD /v1/incidents/17",
        "HEAD /pieces",
        "GET /empty",
        "GET /none",
        "GET /same",
        "GET /pieces",
    ] {
        exchange(address, request).await;
    }
    eventually("all are recorded", || sum(&registry, "http_requests_total") == 7.0).await;
    assert_eq!(sum(&registry, "http_responses_incomplete_total"), 0.0);
}

#[tokio::test]
async fn a_client_that_leaves_over_tcp_is_counted_once() {
    let (sender, body) = open_body();
    let (registry, app, _) = answering(body);
    let address = serve(app).await;
    let mut client = send(address, "GET /x HTTP/1.1\r\nhost: test\r\n\r\n").await;
    sender.send(Ok("first".into())).await.unwrap();
    client.read_u8().await.unwrap();
    assert_eq!(broken_off(&registry), [0.0, 0.0]);
    drop(client);
    eventually("the server notices", || sum(&registry, "http_requests_in_flight") == 0.0).await;
    assert_eq!(broken_off(&registry), [1.0, 0.0]);
    assert_eq!(sum(&registry, "http_requests_total"), 1.0);
}

/// The duration is that to the head, and is there while the stream is open.
#[tokio::test]
async fn a_long_stream_stays_out_of_the_durations() {
    let mut marked = Response::new(());
    marked.extensions_mut().insert(Streaming);
    // Of which nobody is to wait for the end.
    marked.headers_mut().insert(header::CONTENT_LENGTH, "1000000".parse().unwrap());
    let event_stream = || [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")].into_response();
    for (is_stream, head) in
        [(true, event_stream()), (true, marked.map(|()| Body::empty())), (false, ().into_response())]
    {
        let (sender, body) = open_body();
        let (registry, app, clock) = answering(head.map(|_| body));
        let body = app.oneshot(request("GET", "/x", "")).await.unwrap().into_body();
        let observed = |bound| {
            let labels = [("method", "GET"), ("path", "/x"), ("status", "200"), ("le", bound)];
            read(&registry).value("http_request_duration_seconds_bucket", &labels).unwrap_or(0.0)
        };
        assert_eq!(observed("0.005"), f64::from(is_stream));
        assert_eq!(sum(&registry, "http_requests_in_flight"), 1.0);
        clock.advance(Duration::from_secs(3600));
        sender.send(Ok("event".into())).await.unwrap();
        drop(body);
        assert_eq!(observed("10"), f64::from(is_stream));
        assert_eq!(observed("+Inf"), 1.0);
        assert_eq!(requests(&registry, &[("method", "GET"), ("path", "/x"), ("status", "200")]), 1.0);
        assert_eq!(broken_off(&registry), [if is_stream { 0.0 } else { 1.0 }, 0.0]);
        assert_eq!(sum(&registry, "http_response_size_bytes_count"), 1.0);
    }
}

#[tokio::test]
async fn an_event_stream_that_fails_was_broken_off_by_the_server() {
    let (sender, body) = open_body();
    let (registry, app, _) = answering(([(header::CONTENT_TYPE, "text/event-stream")], body));
    let body = app.oneshot(request("GET", "/x", "")).await.unwrap().into_body();
    sender.send(Err("gone")).await.unwrap();
    body.collect().await.unwrap_err();
    assert_eq!(broken_off(&registry), [0.0, 1.0]);
    assert_eq!(sum(&registry, "http_request_duration_seconds_count"), 1.0);
}

/// As a WebSocket is: the request ends with the handshake, and what follows is a connection.
#[tokio::test]
async fn an_upgrade_is_a_request_with_a_status_of_its_own() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let handler = async |mut request: Request| {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async {
            let _open = upgrade.await.unwrap();
            pending::<()>().await;
        });
        (StatusCode::SWITCHING_PROTOCOLS, [(header::UPGRADE, "websocket"), (header::CONNECTION, "upgrade")])
    };
    let app = Router::new().route("/socket", get(handler)).layer(quipu_axum::layer(&metrics));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = quipu_axum::listener(&metrics, listener);
    tokio::spawn(async { axum::serve(listener, app).await });
    let head = "GET /socket HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    let mut client = send(address, head).await;
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    eventually("it is recorded", || sum(&registry, "http_requests_total") == 1.0).await;
    assert_eq!(recorded(&registry), ["method=GET,path=/socket,status=101"]);
    assert_eq!(sum(&registry, "http_request_duration_seconds_count"), 1.0);
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
    assert_eq!(sum(&registry, "http_responses_incomplete_total"), 0.0);
    assert_eq!(sum(&registry, "http_connections_active"), 1.0);
}

#[tokio::test]
async fn a_scrape_sees_itself_in_flight_and_then_no_more() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let app = Router::new()
        .route_service("/metrics", ScrapeService::new(registry.clone()))
        .layer(quipu_axum::layer(&metrics));
    let (_, text) = answer(&app, request("GET", "/metrics", "")).await;
    let line = |value| format!("http_requests_in_flight{{method=\"GET\",path=\"/metrics\"}} {value}\n");
    assert!(String::from_utf8_lossy(&text).contains(&line(1)));
    assert!(registry.to_text().contains(&line(0)));
}

#[tokio::test]
async fn requests_that_are_all_aborted_are_counted_once_each() {
    let (registry, app) = layered(Router::new().route("/never", get(pending::<()>)));
    let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(app.clone().oneshot(request("GET", "/never", "")))).collect();
    eventually("all are in flight", || sum(&registry, "http_requests_in_flight") == 50.0).await;
    tasks.iter().for_each(|task| task.abort());
    for task in tasks {
        assert!(task.await.unwrap_err().is_cancelled());
    }
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
    assert_eq!(recorded(&registry), ["method=GET,path=/never,status=499"]);
    assert_eq!(sum(&registry, "http_requests_total"), 50.0);
}

#[tokio::test]
async fn values_are_read_while_the_body_is_open() {
    let (sender, body) = open_body();
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let body = std::sync::Arc::new(std::sync::Mutex::new(Some(body)));
    let app = Router::new()
        .route("/x", get(async move || body.lock().unwrap().take().unwrap()))
        .layer(quipu_axum::layer(&metrics));
    let body = app.oneshot(request("GET", "/x", "")).await.unwrap().into_body();
    assert!(!body.is_end_stream());
    let values = || {
        let requests = metrics.requests().with(&["GET", "/x", "200"]).unwrap().value();
        let durations = metrics.durations().with(&["GET", "/x", "200"]).unwrap().snapshot().count();
        (metrics.in_flight().with(&["GET", "/x"]).unwrap().value(), requests, durations)
    };
    assert_eq!(values(), (1, 0, 0));
    drop(sender);
    body.collect().await.unwrap();
    assert_eq!(values(), (0, 1, 1));
}
