//! What is measured of a request, and how the families are registered.

use super::*;
use axum::extract::ConnectInfo;
use axum::serve::ListenerExt;
use tower::ServiceBuilder;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

#[tokio::test]
async fn every_family_is_recorded_under_the_pattern_of_the_route() {
    let app = incidents().route("/v1/incidents", post(async |body: String| body + "!"));
    let (registry, app) = layered(app);
    answer(&app, request("GET", "/v1/incidents/17", "")).await;
    answer(&app, request("GET", "/v1/incidents/18?full", "")).await;
    answer(&app, request("POST", "/v1/incidents", "12345")).await;

    let read = read(&registry);
    let value = |name: &str, labels: &Labels| read.value(name, labels).unwrap();
    let got = &INCIDENT[..2];
    assert_eq!(value("http_requests_total", INCIDENT), 2.0);
    assert_eq!(value("http_request_duration_seconds_count", INCIDENT), 2.0);
    assert_eq!(value("http_request_size_bytes_sum", got), 0.0);
    assert_eq!(value("http_request_size_bytes_count", got), 2.0);
    assert_eq!(value("http_response_size_bytes_sum", got), 2.0 * "an incident".len() as f64);
    assert_eq!(value("http_requests_in_flight", got), 0.0);
    let posted = &[("method", "POST"), ("path", "/v1/incidents")];
    assert_eq!(value("http_request_size_bytes_sum", posted), 5.0);
    assert_eq!(value("http_response_size_bytes_sum", posted), 6.0);
    assert_eq!(value("http_connections_active", &[]), 0.0);
}

#[tokio::test]
async fn the_buckets_are_those_of_the_catalogue() {
    let (registry, app) = layered(incidents());
    answer(&app, request("GET", "/v1/incidents/17", "")).await;
    let read = read(&registry);
    let bounds = |family: &str| {
        let bounds = read.family(family).unwrap().samples.iter().filter_map(|sample| sample.label("le"));
        bounds.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        bounds("http_request_duration_seconds"),
        ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"]
    );
    let sizes = ["100", "1024", "10240", "102400", "1048576", "10485760", "+Inf"];
    assert_eq!(bounds("http_request_size_bytes"), sizes);
    assert_eq!(bounds("http_response_size_bytes"), sizes);
}

#[tokio::test]
async fn the_size_of_a_request_is_what_was_read_of_it() {
    let app = Router::new()
        .route("/whole", post(async |body: Bytes| body.len().to_string()))
        .route("/none", post(async || "not read"))
        .route(
            "/part",
            post(async |body: Body| {
                let mut body = body;
                body.frame().await.unwrap().unwrap();
                "enough"
            }),
        );
    let (registry, app) = layered(app);
    for path in ["/whole", "/none", "/part"] {
        let (mut sender, body) = Channel::<Bytes, Infallible>::new(2);
        sender.send_data("12345".into()).await.unwrap();
        sender.send_data("678".into()).await.unwrap();
        drop(sender);
        answer(&app, request("POST", path, Body::new(body))).await;
    }
    for (path, bytes) in [("/whole", 8.0), ("/none", 0.0), ("/part", 5.0)] {
        let labels = &[("method", "POST"), ("path", path)];
        assert_eq!(read(&registry).value("http_request_size_bytes_sum", labels), Some(bytes), "{path}");
        assert_eq!(read(&registry).value("http_request_size_bytes_count", labels), Some(1.0), "{path}");
    }
}

#[tokio::test]
async fn a_chunked_upload_is_counted_without_its_framing() {
    let app = Router::new().route("/upload", post(async |body: Bytes| body));
    let (registry, app) = layered(app);
    let address = serve(app).await;
    let request = "POST /upload HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
        transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n";
    let mut response = String::new();
    let mut client = send(address, request).await;
    client.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with("\r\n\r\nhello, world"), "{response}");
    assert!(response.contains("content-length: 12\r\n"), "{response}");
    assert_eq!(sum(&registry, "http_request_size_bytes_sum"), 12.0);
    eventually("it ends", || sum(&registry, "http_response_size_bytes_sum") == 12.0).await;
}

/// Layers outside ours may change the type of the body.
#[tokio::test]
async fn layers_that_change_bodies_may_stand_outside() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let limited = ServiceBuilder::new()
        .layer(RequestDecompressionLayer::new())
        .layer(RequestBodyLimitLayer::new(5))
        .layer(quipu_axum::layer(&metrics));
    let app = Router::new().route("/upload", post(async |body: Bytes| body)).layer(limited);
    for (body, status) in [("", StatusCode::OK), ("12345", StatusCode::OK), ("123456", StatusCode::PAYLOAD_TOO_LARGE)] {
        assert_eq!(answer(&app, request("POST", "/upload", body)).await.0, status);
    }
    assert_eq!(sum(&registry, "http_request_size_bytes_sum"), 5.0);

    let mut plain = ServiceBuilder::new()
        .layer(RequestBodyLimitLayer::new(5))
        .layer(metrics.layer(|_| Some("/plain")))
        .service(service_fn(async |request: http::Request<_>| {
            RequestBody::collect(request.into_body()).await.map(|body| Response::new(Full::new(body.to_bytes())))
        }));
    let request = http::Request::new(Full::new(Bytes::from("1234")));
    let response = plain.ready().await.unwrap().call(request).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "1234");
    assert_eq!(sum(&registry, "http_request_size_bytes_sum"), 9.0);
}

#[tokio::test]
async fn layers_of_one_registry_share_their_series() {
    let registry = Registry::new();
    for _ in 0..2 {
        let metrics = HttpMetrics::new(&registry).unwrap();
        let app = incidents().layer(quipu_axum::layer(&metrics.clone()));
        answer(&app, request("GET", "/v1/incidents/17", "")).await;
        answer(&app, request("GET", "/v1/incidents/18", "")).await;
    }
    assert_eq!(requests(&registry, INCIDENT), 4.0);
}

#[test]
fn a_family_of_another_kind_is_in_the_way_of_all() {
    let first: fn(&Registry) = |registry| drop(registry.counter("http_requests_total", "Mine.").register().unwrap());
    let late: fn(&Registry) = |registry| drop(registry.gauge("http_requests_in_flight", "Mine.").register().unwrap());
    for (name, register) in [("http_requests_total", first), ("http_requests_in_flight", late)] {
        let registry = Registry::new();
        register(&registry);
        // What quipu says of the whole process changes as other tests record.
        let text = || -> Vec<String> {
            let text = registry.to_text();
            let is_ours = |line: &&str| !line.starts_with("quipu_") || line.starts_with("quipu_series");
            text.lines().filter(is_ours).map(str::to_owned).collect()
        };
        let before = text();
        let error = HttpMetrics::new(&registry).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert_eq!(text(), before);
        registry.unregister(name);
        HttpMetrics::new(&registry).unwrap();
    }
}

#[tokio::test]
async fn the_layer_does_not_hide_the_length_of_a_body() {
    let (_, app) = layered(incidents());
    let address = serve(app).await;
    let response = exchange(address, "GET /v1/incidents/17").await;
    assert!(response.contains("content-length: 11\r\n"), "{response}");
}

#[tokio::test]
async fn connections_are_counted_while_they_are_open() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/me", get(async |ConnectInfo(me): ConnectInfo<SocketAddr>| me.to_string()));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    // The listener of `tap_io` is one whose addresses axum knows.
    let listener = quipu_axum::listener(&metrics, listener).tap_io(|_| {});
    tokio::spawn(async { axum::serve(listener, app).await });

    let active = || read(&registry).value("http_connections_active", &[]);
    assert_eq!(active(), Some(0.0));
    let mut clients = Vec::new();
    for n in 1..=3 {
        let mut client = send(address, "GET /me HTTP/1.1\r\nhost: test\r\n\r\n").await;
        let mut response = vec![0; 1024];
        let length = client.read(&mut response).await.unwrap();
        let me = client.local_addr().unwrap().to_string();
        assert!(String::from_utf8_lossy(&response[..length]).ends_with(&me));
        clients.push(client);
        assert_eq!(active(), Some(f64::from(n)));
    }
    clients.pop();
    eventually("one is closed", || active() == Some(2.0)).await;
    clients.clear();
    eventually("all are closed", || active() == Some(0.0)).await;

    let connection = metrics.connection();
    assert_eq!(active(), Some(1.0));
    drop(connection);
    assert_eq!(active(), Some(0.0));
}

#[tokio::test]
async fn a_manual_clock_tells_how_long_a_request_took() {
    let clock = quipu::clock::ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let handler = async move || clock.advance(Duration::from_millis(700));
    let app = Router::new().route("/slow", get(handler)).layer(quipu_axum::layer(&metrics));
    answer(&app, request("GET", "/slow", "")).await;
    assert_eq!(sum(&registry, "http_request_duration_seconds_sum"), 0.7);
}
