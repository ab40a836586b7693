//! What the builder sets.

use super::*;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use quipu::LabelValue;
use quipu::http::HttpMetricsBuilder;

fn app(builder: HttpMetricsBuilder, router: Router) -> (Registry, Router) {
    let registry = Registry::new();
    let metrics = builder.register(&registry).unwrap();
    (registry, router.layer(quipu_axum::layer(&metrics)))
}

fn hello(paths: &[&str]) -> Router {
    paths.iter().fold(Router::new(), |router, path| router.route(path, get(async || "hello")))
}

#[tokio::test]
async fn exclusions_are_patterns_of_routes_and_of_paths_without_one() {
    let builder = HttpMetrics::builder().exclude("/internal/*").exclude("*.php");
    let (registry, app) = app(builder, hello(&["/internal/{what}", "/internal", "/v1/{id}"]));
    for path in ["/internal/a", "/internal/a/b", "/x/index.php", "/internal", "/v1/x.php", "/elsewhere"] {
        answer(&app, request("GET", path, "")).await;
    }
    let expected = [
        "method=GET,path=/internal,status=200",
        "method=GET,path=/v1/{id},status=200",
        "method=GET,path=unmatched,status=404",
    ];
    assert_eq!(recorded(&registry), expected);
}

#[tokio::test]
async fn a_group_is_one_path() {
    let builder = HttpMetrics::builder().group("/assets/*").group("/a*").exclude("/assets/secret*");
    let (registry, app) = app(builder, hello(&["/assets/{*file}", "/assets/css/{name}", "/about", "/v1/{id}"]));
    for path in ["/assets/x.png", "/assets/css/a", "/assets/", "/assets/secret/x", "/about", "/anything", "/v1/7"] {
        answer(&app, request("GET", path, "")).await;
    }
    let expected = [
        "method=GET,path=/a*,status=200",
        "method=GET,path=/a*,status=404",
        "method=GET,path=/assets/*,status=200",
        "method=GET,path=/assets/*,status=404",
        "method=GET,path=/v1/{id},status=200",
    ];
    assert_eq!(recorded(&registry), expected);
    let assets = [("method", "GET"), ("path", "/assets/*"), ("status", "200")];
    // A route is held against exclusions by its pattern, not by what a client asks for.
    assert_eq!(requests(&registry, &assets), 3.0);
    assert_eq!(sum(&registry, "http_requests_in_flight"), 0.0);
}

#[tokio::test]
async fn a_service_without_routes_has_groups() {
    let registry = Registry::new();
    let metrics = HttpMetrics::builder().group("/v1/incidents*").register(&registry).unwrap();
    let answer = service_fn(async |_: http::Request<_>| Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))));
    let mut service = metrics.layer(no_route).layer(answer);
    for path in ["/v1/incidents/7", "/v1/incidents", "/v1/teams"] {
        let request = http::Request::get(path).body(Full::new(Bytes::new())).unwrap();
        service.call(request).await.unwrap();
    }
    let expected = ["method=GET,path=/v1/incidents*,status=200", "method=GET,path=unmatched,status=200"];
    assert_eq!(recorded(&registry), expected);
    assert_eq!(sum(&registry, "http_requests_total"), 3.0);
}

#[tokio::test]
async fn bounds_and_the_prefix_are_those_given() {
    let registry = Registry::new();
    let builder = HttpMetrics::builder().duration_bounds([0.5, 1.0]).size_bounds([10.0]);
    let metrics = builder.register(&registry.with_prefix("shop").unwrap()).unwrap();
    let app = incidents().layer(quipu_axum::layer(&metrics));
    answer(&app, request("GET", "/v1/incidents/17", "")).await;
    let read = read(&registry);
    let bounds = |family: &str| -> Vec<String> {
        let samples = &read.family(family).unwrap().samples;
        samples.iter().filter_map(|sample| sample.label("le")).map(str::to_owned).collect()
    };
    assert_eq!(bounds("shop_http_request_duration_seconds"), ["0.5", "1", "+Inf"]);
    assert_eq!(bounds("shop_http_request_size_bytes"), ["10", "+Inf"]);
    assert_eq!(bounds("shop_http_response_size_bytes"), ["10", "+Inf"]);
    assert!(read.family("http_requests_total").is_none());
}

#[test]
fn bounds_that_are_none_are_refused() {
    let registry = Registry::new();
    let error = HttpMetrics::builder().duration_bounds([1.0, 0.5]).register(&registry).unwrap_err().to_string();
    assert!(error.contains("http_request_duration_seconds"), "{error}");
    assert!(registry.to_text().find("http_").is_none());
    HttpMetrics::new(&registry).unwrap();
}

#[tokio::test]
async fn of_a_hot_route_some_are_observed_and_all_are_counted() {
    let builder = HttpMetrics::builder().sample("/hot/*", 10).sample("/never", 0);
    let fails = async || (StatusCode::SERVICE_UNAVAILABLE, "no");
    let router = hello(&["/hot/{x}", "/cold"]).route("/hot/fails/{x}", get(fails));
    let (registry, app) = app(builder, router);
    for n in 0..100 {
        answer(&app, request("GET", &format!("/hot/{n}"), "")).await;
        answer(&app, request("GET", "/hot/fails/1", "")).await;
        answer(&app, request("GET", "/cold", "")).await;
    }
    let read = read(&registry);
    for (path, status, observed) in
        [("/hot/{x}", "200", 10.0), ("/hot/fails/{x}", "503", 100.0), ("/cold", "200", 100.0)]
    {
        let labels = [("method", "GET"), ("path", path), ("status", status)];
        assert_eq!(read.value("http_requests_total", &labels), Some(100.0), "{path}");
        assert_eq!(read.value("http_request_duration_seconds_count", &labels), Some(observed), "{path}");
        assert_eq!(read.value("http_response_size_bytes_count", &labels[..2]), Some(observed), "{path}");
    }
    let sizes = |path| read.value("http_request_size_bytes_count", &[("method", "GET"), ("path", path)]);
    assert_eq!(["/hot/{x}", "/hot/fails/{x}", "/cold"].map(sizes), [Some(100.0); 3]);
    let ratio = |path| read.value("http_histogram_sample_ratio", &[("path", path)]);
    assert_eq!(["/hot/{x}", "/hot/fails/{x}", "/cold"].map(ratio), [Some(0.1), Some(0.1), None]);
}

/// Whether its body ends before the answer or after it.
#[tokio::test]
async fn of_a_hot_route_no_size_of_an_error_is_missing() {
    let early = async |body: Bytes| (StatusCode::BAD_REQUEST, body.len().to_string());
    let late = async |body: Body| (StatusCode::BAD_REQUEST, body);
    let router = Router::new().route("/early", post(early)).route("/late", post(late));
    let (registry, app) = app(HttpMetrics::builder().sample("*", 10), router);
    for path in ["/early", "/late"] {
        for n in 1..=20 {
            answer(&app, request("POST", path, "x".repeat(n))).await;
        }
        let read = read(&registry);
        let value = |name| read.value(name, &[("method", "POST"), ("path", path)]);
        assert_eq!(value("http_request_size_bytes_sum"), Some(210.0), "{path}");
        assert_eq!(value("http_request_size_bytes_count"), Some(20.0), "{path}");
        assert_eq!(value("http_response_size_bytes_count"), Some(20.0), "{path}");
    }
}

#[tokio::test]
async fn a_ratio_is_there_only_where_something_is_sampled() {
    let (registry, app) = layered(incidents());
    answer(&app, request("GET", "/v1/incidents/17", "")).await;
    assert!(!registry.to_text().contains("http_histogram_sample_ratio"));
}

#[derive(LabelValue)]
enum Client {
    Browser,
    Other,
}

fn client(headers: &HeaderMap) -> Client {
    match headers.get("user-agent") {
        Some(agent) if agent.as_bytes().starts_with(b"Mozilla/") => Client::Browser,
        _ => Client::Other,
    }
}

#[tokio::test]
async fn labels_are_added_by_the_head_of_the_request() {
    let builder = HttpMetrics::builder()
        .label("client", |head| client(&head.headers))
        .label("is_long", |head| head.uri.path().len() > 12);
    let registry = Registry::new();
    let metrics = builder.register(&registry).unwrap();
    let app = hello(&["/v1/{id}"]).layer(quipu_axum::layer(&metrics));
    for (path, agent) in
        [("/v1/7", "Mozilla/5.0"), ("/v1/8", "curl/8"), ("/v1/1234567890", "Mozilla/4.0"), ("/v1/9", "")]
    {
        let mut request = request("GET", path, "");
        request.headers_mut().insert("user-agent", agent.parse().unwrap());
        answer(&app, request).await;
    }
    let expected = [
        "method=GET,path=/v1/{id},status=200,client=browser,is_long=false",
        "method=GET,path=/v1/{id},status=200,client=browser,is_long=true",
        "method=GET,path=/v1/{id},status=200,client=other,is_long=false",
    ];
    assert_eq!(recorded(&registry), expected);
    let all = read(&registry);
    let labels = [("method", "GET"), ("path", "/v1/{id}"), ("client", "other"), ("is_long", "false")];
    for family in ["http_request_size_bytes_count", "http_response_size_bytes_count"] {
        assert_eq!(all.value(family, &labels), Some(2.0), "{family}");
    }
    assert_eq!(all.value("http_requests_in_flight", &labels), Some(0.0));
    assert_eq!(metrics.requests().with(&["GET", "/v1/{id}", "200", "browser", "true"]).unwrap().value(), 1);
}

fn version(head: &Parts) -> Option<&str> {
    head.headers.get("x-version")?.to_str().ok()
}

#[tokio::test]
async fn a_list_of_texts_is_a_label_and_all_else_is_other() {
    let builder = HttpMetrics::builder()
        .label_values("version", ["v1", "v2", "v1"], version)
        .label("is_long", |head| head.uri.path().len() > 12)
        .label_values("none", [], |_| Some("x"));
    let registry = Registry::new();
    let metrics = builder.register(&registry).unwrap();
    let app = hello(&["/v1/{id}"]).layer(quipu_axum::layer(&metrics));
    for version in ["v1", "v2", "v2", "v3", "V1", "", "v1v2"] {
        let mut request = request("GET", "/v1/7", "");
        request.headers_mut().insert("x-version", version.parse().unwrap());
        answer(&app, request).await;
    }
    answer(&app, request("GET", "/v1/1234567890", "")).await;
    let counts = [("v1", "false"), ("v2", "false"), ("other", "false"), ("other", "true"), ("v1", "true")]
        .map(|(version, is_long)| metrics.requests().with(&["GET", "/v1/{id}", "200", version, is_long, "other"]));
    assert_eq!(counts.map(|count| count.unwrap().value()), [1, 2, 4, 1, 0]);
    assert_eq!(sum(&registry, "http_requests_total"), 8.0);
    let families = registry.describe();
    let family = families.iter().find(|family| family.name() == "http_response_size_bytes").unwrap();
    let values: Vec<_> = family.labels().skip(2).map(|label| label.values().unwrap().to_vec()).collect();
    assert_eq!(values, [vec!["v1", "v2", "other"], vec!["false", "true"], vec!["other"]]);
}

/// A list may have `other` at a place of its own.
#[tokio::test]
async fn two_lists_of_one_label_are_two_families() {
    let registry = Registry::new();
    let of = |list: &[&'static str]| HttpMetrics::builder().label_values("version", list.to_vec(), version);
    of(&["other", "v1"]).register(&registry).unwrap();
    of(&["other", "v1"]).register(&registry).unwrap();
    let error = of(&["v1", "v2"]).register(&registry).unwrap_err().to_string();
    assert!(error.contains(r#"["other", "v1"]"#) && error.contains(r#"["v1", "v2", "other"]"#), "{error}");
}

/// Each route has a place for each of them.
#[test]
fn added_labels_have_a_thousand_values_together_at_most() {
    let values = |count: usize| (0..count).map(|n| &*format!("v{n}").leak());
    let of = |first, second| {
        HttpMetrics::builder().label_values("a", values(first), |_| None).label_values("b", values(second), |_| None)
    };
    let registry = Registry::new();
    let error = of(24, 40).register(&registry).unwrap_err().to_string();
    assert!(error.contains(r#"["a", "b"]"#) && error.contains("1025 values") && error.contains("1000"), "{error}");
    of(24, 39).register(&registry).unwrap();
    let huge = (0..9).fold(HttpMetrics::builder(), |builder, _| builder.label_values("c", values(255), |_| None));
    assert!(huge.register(&registry).unwrap_err().to_string().contains(&usize::MAX.to_string()));
}

#[test]
fn a_label_that_is_there_cannot_be_added() {
    let registry = Registry::new();
    let error = HttpMetrics::builder().label("path", |_| true).register(&registry).unwrap_err().to_string();
    assert!(error.contains("path"), "{error}");
    HttpMetrics::new(&registry).unwrap();
}

/// What `increase` needs to see the first failure.
#[tokio::test]
async fn failures_stand_at_zero_from_the_first_request_of_a_route_on() {
    let (registry, app) = layered(incidents());
    let response = app.oneshot(request("GET", "/v1/incidents/17", "")).await.unwrap();
    let read = read(&registry);
    for status in ["200", "499", "500", "502", "503", "504"] {
        let labels = [("method", "GET"), ("path", "/v1/incidents/{id}"), ("status", status)];
        assert_eq!(read.value("http_requests_total", &labels), Some(0.0), "{status}");
    }
    drop(response);
}
