//! Which series a request is recorded in.

use super::*;
use axum::extract::{MatchedPath, Path};
use axum::routing::any;
use quipu::clock::ManualClock;

#[tokio::test]
async fn paths_that_no_route_takes_share_one_series() {
    let (registry, app) = layered(incidents());
    for n in 0..100 {
        let (status, _) = answer(&app, request("GET", &format!("/wp-admin/{n}.php"), "")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    assert_eq!(recorded(&registry), ["method=GET,path=unmatched,status=404"]);
    assert_eq!(sum(&registry, "http_requests_total"), 100.0);
}

/// As the README and the docs of `export::router` put them together.
#[tokio::test]
async fn requests_without_a_route_are_seen_beside_the_scrape_endpoint() {
    let (registry, app) = layered(incidents());
    let endpoint = quipu::export::ScrapeService::new(registry.clone());
    answer(&app.route_service("/metrics", endpoint), request("GET", "/nowhere", "")).await;
    assert_eq!(recorded(&registry), ["method=GET,path=unmatched,status=404"]);

    let (registry, app) = layered(incidents());
    let app = quipu_axum::router(registry.clone()).merge(app);
    let (status, _) = answer(&app, request("GET", "/metrics", "")).await;
    assert_eq!(status, StatusCode::OK);
    answer(&app, request("GET", "/nowhere", "")).await;
    assert_eq!(recorded(&registry), ["method=GET,path=unmatched,status=404"]);
}

#[tokio::test]
async fn a_fallback_is_unmatched_and_has_its_own_status() {
    let fallback = async || (StatusCode::IM_A_TEAPOT, "short and stout");
    let (registry, app) = layered(incidents().fallback(fallback));
    answer(&app, request("GET", "/nowhere", "")).await;
    assert_eq!(recorded(&registry), ["method=GET,path=unmatched,status=418"]);
}

/// A handler passes on what another server has sent.
#[tokio::test]
async fn status_codes_that_are_not_registered_share_a_series_with_their_class() {
    let pass_on = async |Path(code): Path<u16>| StatusCode::from_u16(code).unwrap();
    let (registry, app) = layered(Router::new().route("/upstream/{code}", get(pass_on)));
    for code in 200..1000 {
        answer(&app, request("GET", &format!("/upstream/{code}"), "")).await;
    }
    let recorded = recorded(&registry);
    assert!(recorded.len() < 80, "{recorded:?}");
    assert_eq!(sum(&registry, "http_requests_total"), 800.0);
    let labels = |status| [("method", "GET"), ("path", "/upstream/{code}"), ("status", status)];
    assert_eq!(["200", "7xx"].map(|status| requests(&registry, &labels(status))), [1.0, 100.0]);
}

#[tokio::test]
async fn methods_that_are_not_standard_share_one_series() {
    let (registry, app) = layered(Router::new().route("/pot", any(async || "coffee")));
    let address = serve(app).await;
    for method in ["BREW", "PROPFIND", "get", "DELETE"] {
        let response = exchange(address, &format!("{method} /pot")).await;
        assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    }
    let expected = ["method=DELETE,path=/pot,status=200", "method=other,path=/pot,status=200"];
    eventually("all are recorded", || sum(&registry, "http_requests_total") == 4.0).await;
    assert_eq!(recorded(&registry), expected);
}

#[tokio::test]
async fn connect_is_a_method_without_a_path() {
    let (registry, app) = layered(incidents());
    let address = serve(app).await;
    let response = exchange(address, "CONNECT example.com:443").await;
    assert!(response.starts_with("HTTP/1.1 404"), "{response}");
    eventually("it is recorded", || !recorded(&registry).is_empty()).await;
    assert_eq!(recorded(&registry), ["method=CONNECT,path=unmatched,status=404"]);
}

#[tokio::test]
async fn a_method_that_the_route_refuses_is_recorded_under_the_route() {
    let (registry, app) = layered(incidents());
    answer(&app, request("DELETE", "/v1/incidents/17", "")).await;
    let expected = ["method=DELETE,path=/v1/incidents/{id},status=405"];
    assert_eq!(recorded(&registry), expected);
}

#[tokio::test]
async fn head_is_head_and_sends_no_bytes() {
    let (registry, app) = layered(incidents());
    let address = serve(app).await;
    let response = exchange(address, "HEAD /v1/incidents/17").await;
    assert!(response.contains("content-length: 11\r\n"), "{response}");
    assert!(response.ends_with("\r\n\r\n"), "{response}");
    let labels = &[("method", "HEAD"), ("path", "/v1/incidents/{id}"), ("status", "200")];
    eventually("it is recorded", || requests(&registry, labels) == 1.0).await;
    assert_eq!(sum(&registry, "http_response_size_bytes_sum"), 0.0);
    assert_eq!(sum(&registry, "http_response_size_bytes_count"), 1.0);
}

#[tokio::test]
async fn nested_routers_have_whole_patterns() {
    let items = Router::new().route("/items/{item}", get(async |path: MatchedPath| path.as_str().to_owned()));
    let app = Router::new().nest("/v1/{tenant}", items.clone()).nest_service("/hidden", items);
    let (registry, app) = layered(app);
    let (_, path) = answer(&app, request("GET", "/v1/acme/items/3", "")).await;
    assert_eq!(path, "/v1/{tenant}/items/{item}");
    answer(&app, request("GET", "/v1/acme/nothing", "")).await;
    answer(&app, request("GET", "/hidden/items/3", "")).await;
    let expected = [
        "method=GET,path=/v1/{tenant}/items/{item},status=200",
        "method=GET,path=unmatched,status=200",
        "method=GET,path=unmatched,status=404",
    ];
    assert_eq!(recorded(&registry), expected);
}

#[tokio::test]
async fn a_layer_on_a_nested_service_sees_its_patterns() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let items = Router::new()
        .route("/a/{x}", get(async || "a"))
        .route("/b/{x}", get(async || "b"))
        .layer(quipu_axum::layer(&metrics));
    let app = Router::new().nest_service("/v1", items);
    for path in ["/v1/a/1", "/v1/b/1", "/v1/a/2"] {
        answer(&app, request("GET", path, "")).await;
    }
    let expected = ["method=GET,path=/v1/a/{x},status=200", "method=GET,path=/v1/b/{x},status=200"];
    assert_eq!(recorded(&registry), expected);
}

#[tokio::test]
async fn a_layer_around_a_whole_router_sees_no_patterns() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let app = quipu_axum::layer(&metrics).layer(incidents());
    let response = app.oneshot(request("GET", "/v1/incidents/17", "")).await;
    response.unwrap().into_body().collect().await.unwrap();
    assert_eq!(recorded(&registry), ["method=GET,path=unmatched,status=200"]);
}

#[tokio::test]
async fn a_route_that_is_excluded_leaves_no_trace() {
    let registry = Registry::new();
    let metrics = HttpMetrics::builder().exclude("/health").exclude("/v1/internal/{what}").register(&registry).unwrap();
    let app = incidents()
        .route("/health", post(async |body: Bytes| body))
        .route("/v1/internal/{what}", get(async || "secret"))
        .layer(quipu_axum::layer(&metrics));
    let (_, body) = answer(&app, request("POST", "/health", "ok")).await;
    assert_eq!(body, "ok");
    answer(&app, request("DELETE", "/health", "")).await;
    answer(&app, request("GET", "/v1/internal/17", "")).await;
    answer(&app, request("GET", "/v1/incidents/17", "")).await;
    let expected = ["method=GET,path=/v1/incidents/{id},status=200"];
    assert_eq!(recorded(&registry), expected);
    let text = registry.to_text();
    assert!(!text.contains("health") && !text.contains("internal"), "{text}");
}

/// Sends a hundred requests over as many connections, before and after the minute in which nothing is judged.
async fn settle(app: &Router, metrics: &HttpMetrics, clock: &ManualClock) {
    for _ in 0..2 {
        for _ in 0..100 {
            let connection = metrics.connection();
            answer(app, request("GET", "/v1/incidents/17", "")).await;
            drop(connection);
        }
        clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn a_layer_before_the_routes_is_found() {
    for is_before in [true, false] {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let metrics = HttpMetrics::new(&registry).unwrap();
        let layer = quipu_axum::layer(&metrics);
        let app = match is_before {
            true => Router::new().layer(layer).merge(incidents()),
            false => incidents().layer(layer),
        };
        settle(&app, &metrics, &clock).await;
        let faults = read(&registry).value("quipu_http_faults_total", &[("fault", "no_route")]);
        assert_eq!(faults, Some(f64::from(is_before)));
    }
}

#[tokio::test]
async fn an_exclusion_of_a_route_that_is_not_there_is_found() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let metrics = HttpMetrics::builder().exclude("/v1/incidents/{id}").exclude("/v1/incident/{id}");
    let metrics = metrics.register(&registry).unwrap();
    settle(&incidents().layer(quipu_axum::layer(&metrics)), &metrics, &clock).await;
    let faults = read(&registry).value("quipu_http_faults_total", &[("fault", "unused_exclusion")]);
    assert_eq!(faults, Some(1.0));
}

#[tokio::test]
async fn a_plain_service_is_unmatched() {
    let registry = Registry::new();
    let metrics = HttpMetrics::new(&registry).unwrap();
    let mut service =
        metrics.layer(no_route).layer(service_fn(async |request: http::Request<RequestBody<Full<Bytes>>>| {
            let body = request.into_body().collect().await?.to_bytes();
            Ok::<_, Infallible>(Response::builder().status(226).body(Full::new(body)).unwrap())
        }));
    let request = http::Request::put("/any/path").body(Full::new(Bytes::from("12345678")));
    let response = service.call(request.unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "12345678");
    assert_eq!(recorded(&registry), ["method=PUT,path=unmatched,status=226"]);
    assert_eq!(sum(&registry, "http_request_size_bytes_sum"), 8.0);
    assert_eq!(sum(&registry, "http_response_size_bytes_sum"), 8.0);
}
