//! Which names calls are recorded under.

use super::*;

/// Calls a path that is answered by headers alone.
async fn call(metrics: &GrpcMetrics, path: &str, code: &str) {
    let answer = Response::builder().header("grpc-status", code).body(body(vec![])).unwrap();
    answering(metrics, answer).call(request(path)).await.unwrap();
}

/// Calls a path that is answered by a stream.
async fn stream(metrics: &GrpcMetrics, path: &str, head: http::response::Builder, code: &str) {
    let frames = vec![data(message(b"a")), Ok(Frame::trailers(trailers(code)))];
    let response = answering(metrics, head.body(body(frames)).unwrap()).call(request(path)).await.unwrap();
    response.into_body().collect().await.unwrap();
}

fn of_grpc() -> http::response::Builder {
    Response::builder().header("content-type", "application/grpc")
}

#[tokio::test]
async fn ten_thousand_unknown_methods_are_one_series() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    for n in 0..10_000 {
        call(&metrics, &format!("/scan.Service{n}/Method{n}"), "12").await;
    }
    let series = read(&registry).family("grpc_requests_total").unwrap().samples.len();
    assert_eq!(series, 1);
    assert_calls(&registry, &[("other other Unimplemented", 10_000.0)]);
    assert_eq!(counted(&registry, "grpc_messages_received_total"), [("other other".to_owned(), 10_000.0)]);
}

/// Nor does a guard that refuses them, or a limit that turns them away.
#[tokio::test]
async fn ten_thousand_refused_methods_are_one_series_of_each_status() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    for n in 0..10_000 {
        call(&metrics, &format!("/scan.Service{n}/Method{n}"), ["7", "8", "14", "16"][n % 4]).await;
    }
    let expected = ["PermissionDenied", "ResourceExhausted", "Unauthenticated", "Unavailable"];
    let expected = expected.map(|status| (format!("other other {status}"), 2_500.0));
    assert_eq!(calls(&registry), expected);
    assert_eq!(read(&registry).family("grpc_requests_total").unwrap().samples.len(), 4);
}

#[tokio::test]
async fn every_status_but_five_earns_a_name() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    for code in 0..17 {
        call(&metrics, &format!("/test.Incidents/Only{code}"), &code.to_string()).await;
    }
    let calls = calls(&registry);
    let of_others: Vec<_> = calls.iter().filter_map(|(labels, _)| labels.strip_prefix("other other ")).collect();
    assert_eq!(of_others, ["PermissionDenied", "ResourceExhausted", "Unauthenticated", "Unavailable", "Unimplemented"]);
    assert_eq!(calls.len(), 17);
}

#[tokio::test]
async fn a_method_earns_its_name_by_an_answer() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    // Guards at the door give these answers to any path.
    for code in ["12", "16", "7", "8", "14"] {
        call(&metrics, GET, code).await;
    }
    assert!(calls(&registry).iter().all(|(labels, _)| labels.starts_with("other other ")));
    call(&metrics, GET, "3").await;
    call(&metrics, GET, "12").await;
    call(&metrics, GET, "8").await;
    call(&metrics, "/test.Incidents/Broken", "13").await;
    stream(&metrics, "/test.Incidents/Watch", of_grpc(), "12").await;
    stream(&metrics, "/a/b/c.D/E", Response::builder().header("content-type", "application/grpc+proto"), "0").await;
    // A page that is sent for every path.
    stream(&metrics, "/page/x", Response::builder().header("content-type", "text/html"), "0").await;
    stream(&metrics, "/page/y", Response::builder().status(500), "0").await;
    stream(&metrics, "/page/z", Response::builder(), "16").await;
    // Without a content type, the trailers tell.
    stream(&metrics, "/test.Incidents/Bare", Response::builder(), "5").await;
    assert_calls(
        &registry,
        &[
            ("a/b/c.D E OK", 1.0),
            ("other other OK", 2.0),
            ("other other PermissionDenied", 1.0),
            ("other other ResourceExhausted", 1.0),
            ("other other Unauthenticated", 2.0),
            ("other other Unavailable", 1.0),
            ("other other Unimplemented", 1.0),
            ("test.Incidents Bare NotFound", 1.0),
            ("test.Incidents Broken Internal", 1.0),
            ("test.Incidents Get InvalidArgument", 1.0),
            ("test.Incidents Get ResourceExhausted", 1.0),
            ("test.Incidents Get Unimplemented", 1.0),
            ("test.Incidents Watch Unimplemented", 1.0),
        ],
    );
}

#[tokio::test]
async fn a_call_that_earns_a_name_has_all_its_messages_under_it() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    stream(&metrics, GET, of_grpc(), "0").await;
    for family in ["grpc_messages_received_total", "grpc_messages_sent_total"] {
        assert_eq!(counted(&registry, family), [("test.Incidents Get".to_owned(), 1.0)]);
    }
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
}

/// The client goes on sending after the answer has begun.
#[tokio::test]
async fn messages_that_come_later_are_under_the_name_too() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    let echo =
        async |request: Request<RequestBody<Body>>| Ok::<_, Infallible>(of_grpc().body(request.into_body()).unwrap());
    let mut service = metrics.layer().layer(service_fn(echo));
    let response = service.call(request(GET)).await.unwrap();
    assert_eq!(counted(&registry, "grpc_streams_active"), [("test.Incidents Get".to_owned(), 1.0)]);
    response.into_body().collect().await.unwrap();
    for family in ["grpc_messages_received_total", "grpc_messages_sent_total"] {
        assert_eq!(counted(&registry, family), [("test.Incidents Get".to_owned(), 1.0)]);
    }
}

#[tokio::test]
async fn a_thousand_methods_earn_names_and_no_more() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    for n in 0..1_500 {
        call(&metrics, &format!("/test.Service/Method{n}"), "0").await;
    }
    call(&metrics, "/test.Service/Method7", "0").await;
    let calls = calls(&registry);
    assert_eq!(calls.len(), 1_001);
    assert!(calls.contains(&("other other OK".to_owned(), 500.0)));
    assert!(calls.contains(&("test.Service Method7 OK".to_owned(), 2.0)));
}

/// A browser, a probe, or the other half of a port that serves both.
#[tokio::test]
async fn a_request_that_is_not_of_grpc_passes_and_is_no_call_of_a_server() {
    let answer = || Response::builder().header("content-type", "text/html").body(body(vec![data("<html>")])).unwrap();
    for (content_type, is_call) in [
        (None, false),
        (Some("text/html"), false),
        (Some("application/json"), false),
        (Some("application/grp"), false),
        (Some("application/grpc"), true),
        (Some("application/grpc+proto"), true),
        (Some("application/grpc;charset=utf-8"), true),
    ] {
        let registry = Registry::new();
        let metrics = GrpcMetrics::new(&registry).unwrap();
        let of_client = GrpcMetrics::client(&registry).unwrap();
        for metrics in [&metrics, &of_client] {
            let mut request = request(GET);
            request.headers_mut().remove("content-type");
            if let Some(content_type) = content_type {
                request.headers_mut().insert("content-type", content_type.parse().unwrap());
            }
            let response = answering(metrics, answer()).call(request).await.unwrap();
            assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "<html>");
        }
        assert_eq!(sum(&registry, "grpc_requests_total"), f64::from(is_call), "{content_type:?}");
        assert_eq!(messages(&registry), [f64::from(is_call), 0.0], "{content_type:?}");
        // A client's channel may write the header later.
        assert_eq!(sum(&registry, "grpc_client_requests_total"), 1.0, "{content_type:?}");
    }
}

#[tokio::test]
async fn of_a_list_nothing_else_has_a_name() {
    let registry = Registry::new();
    let builder = GrpcMetrics::builder().service("test.Incidents", ["Get", "Watch"]).service("test.Teams", ["List"]);
    let metrics = builder.register(&registry).unwrap();
    let text = registry.to_text();
    for series in ["service=\"test.Teams\",method=\"List\",status=\"Internal\"} 0\n", "method=\"Watch\"} 0\n"] {
        assert!(text.contains(series), "{text}");
    }
    for path in [GET, "/test.Teams/Get", "/Get", "Get", "/", "//", "/test.Incidents/", "//Get", "/test.Incidents/Get/"]
    {
        let mut request = request(GET);
        *request.uri_mut() = path.parse().unwrap_or_default();
        let answer = Response::builder().header("grpc-status", "0").body(body(vec![])).unwrap();
        answering(&metrics, answer).call(request).await.unwrap();
    }
    assert_calls(&registry, &[("other other OK", 8.0), ("test.Incidents Get OK", 1.0)]);
}

#[tokio::test]
async fn of_an_empty_list_nothing_has_a_name() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::builder().service("test.Incidents", [""; 0]).register(&registry).unwrap();
    call(&metrics, GET, "0").await;
    assert_calls(&registry, &[("other other OK", 1.0)]);
}

#[tokio::test]
async fn failures_stand_at_zero_from_the_first_call_on() {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    call(&metrics, GET, "0").await;
    let read = read(&registry);
    for status in ["Unknown", "DeadlineExceeded", "Unimplemented", "Internal", "Unavailable", "DataLoss"] {
        let labels = [("service", "test.Incidents"), ("method", "Get"), ("status", status)];
        assert_eq!(read.value("grpc_requests_total", &labels), Some(0.0), "{status}");
    }
}

#[test]
fn a_family_of_another_kind_is_in_the_way_of_all() {
    let registry = Registry::new();
    registry.gauge("grpc_connections_active", "Mine.").register().unwrap();
    let error = GrpcMetrics::new(&registry).unwrap_err().to_string();
    assert!(error.contains("grpc_connections_active"), "{error}");
    assert!(!registry.to_text().contains("grpc_requests_total"));
    GrpcMetrics::client(&registry).unwrap();
    let bounds = GrpcMetrics::builder().client().duration_bounds([2.0, 1.0]).register(&Registry::new());
    assert!(bounds.unwrap_err().to_string().contains("grpc_client_request_duration_seconds"));
}

#[tokio::test]
async fn the_buckets_are_those_of_the_catalogue_or_those_given() {
    for given in [None, Some([0.5, 1.0])] {
        let registry = Registry::new();
        let builder = GrpcMetrics::builder();
        let builder = match given {
            Some(bounds) => builder.duration_bounds(bounds),
            None => builder,
        };
        call(&builder.register(&registry).unwrap(), GET, "0").await;
        let read = read(&registry);
        let samples = &read.family("grpc_request_duration_seconds").unwrap().samples;
        let bounds: Vec<_> = samples.iter().filter_map(|sample| sample.label("le")).collect();
        match given {
            Some(_) => assert_eq!(bounds, ["0.5", "1", "+Inf"]),
            None => {
                let all = ["0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "+Inf"];
                assert_eq!(bounds, all);
            }
        }
    }
}
