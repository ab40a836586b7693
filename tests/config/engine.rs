//! Engines that run.

use crate::{builder, engine, reader};
use quipu::collect::Service;
use quipu::engine::{Running, StartError};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// Whether something is served at a path.
pub(crate) async fn serves(address: SocketAddr, path: &'static str) -> bool {
    get(address, path).await.0.contains(" 200 ")
}

/// The head and the body of an answer.
pub(crate) async fn get(address: SocketAddr, path: &'static str) -> (String, String) {
    let request = move || {
        let mut stream = TcpStream::connect(address)?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: test\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::task::spawn_blocking(request).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

pub(crate) async fn scrape(running: &Running) -> reader::Exposition {
    let (_, body) = get(running.local_addr().unwrap(), "/metrics").await;
    reader::read(&body).unwrap_or_else(|error| panic!("{error}\n{body}"))
}

const ANY_PORT: &str = "[metrics]\nlisten_address = \"127.0.0.1:0\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_lines_of_a_user_are_true() {
    let engine = engine(ANY_PORT);
    let orders = engine.registry().counter("orders_total", "Orders.").register().unwrap();
    let app = axum::Router::new()
        .route("/orders/{id}", axum::routing::get(|| async { "an order" }))
        .layer(quipu_axum::layer(engine.http()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    let running = engine.start().await.unwrap();
    orders.inc();
    get(address, "/orders/7").await;
    let read = scrape(&running).await;
    assert_eq!(read.value("orders_total", &[]), Some(1.0));
    assert!(!serves(running.local_addr().unwrap(), "/").await);
    let labels = [("method", "GET"), ("path", "/orders/{id}"), ("status", "200")];
    assert_eq!(read.value("http_requests_total", &labels), Some(1.0));
    for family in ["process_open_fds", "tokio_workers", "quipu_series"] {
        assert!(read.family(family).is_some(), "{family}");
    }
    let served = running.local_addr().unwrap();
    running.stop().await;
    assert!(TcpStream::connect(served).is_err());
    assert_eq!(orders.value(), 1);
    assert!(!engine.registry().to_text().contains("process_open_fds"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_engine_runs_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let engine = engine(&format!("[metrics]\nenabled = false\nlisten_address = \"{address}\"\n"));
    let orders = engine.registry().counter("orders_total", "Orders.").labels(["queue"]).register().unwrap();
    (0..1_000).for_each(|n| orders.with([&n.to_string()]).inc());
    assert!(orders.is_empty());
    let running = engine.start().await.unwrap();
    assert_eq!(running.local_addr(), None);
    assert_eq!(engine.registry().to_text(), "");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_told_and_leaves_nothing_behind() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let engine = engine(&format!("metrics.listen_address = \"{address}\"\n"));
    let before = engine.registry().describe().len();
    let error = engine.start().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`metrics.listen_address`: cannot serve metrics on {address}: Address already in use (os error 98); \
             stop what listens there, write another address, or port 0 for any free port"
        )
    );
    assert_eq!(engine.registry().describe().len(), before);
    drop(taken);
    engine.start().await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_is_told_and_leaves_nothing_behind() {
    let engine = engine(ANY_PORT);
    engine.registry().gauge("system_memory_bytes", "Mine.").register().unwrap();
    let error = engine.start().await.unwrap_err();
    assert!(matches!(error, StartError::Collector { key: "metrics.system.enabled", .. }), "{error}");
    assert!(!engine.registry().describe().iter().any(|family| family.collector().is_some()));
    engine.registry().unregister("system_memory_bytes");
    engine.start().await.unwrap().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_runs_once_at_a_time_and_again() {
    // A port that is free now.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let engine = engine(&format!("metrics.listen_address = \"{address}\"\n"));
    for _ in 0..2 {
        let running = engine.start().await.unwrap();
        assert!(matches!(engine.start().await.unwrap_err(), StartError::Running));
        assert!(scrape(&running).await.family("quipu_series").is_some());
        running.stop().await;
    }
}

#[test]
fn an_engine_that_nobody_stops_runs_until_its_runtime_ends() {
    let engine = engine(ANY_PORT);
    for _ in 0..2 {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            drop(engine.start().await.unwrap());
            assert!(matches!(engine.start().await.unwrap_err(), StartError::Running));
        });
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async { engine.start().await.unwrap().stop().await });
    assert!(engine.registry().describe().iter().all(|family| family.collector().is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_have_registries_of_their_own() {
    let (first, second) = (engine(ANY_PORT), engine(ANY_PORT));
    first.registry().counter("a_total", "A.").register().unwrap();
    second.registry().counter("a_total", "Another.").register().unwrap();
    let (first, second) = (first.start().await.unwrap(), second.start().await.unwrap());
    assert_ne!(first.local_addr(), second.local_addr());
    assert!(!quipu::global().to_text().contains("a_total"));
    first.stop().await;
    assert!(scrape(&second).await.family("quipu_series").is_some());
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_added_serves_the_same() {
    let text = "[metrics]\nlisten_address = \"localhost:0\"\nendpoint_path = \"/a\"\n\
        [metrics.server]\npaths = [\"/b/c\"]\noffenders_path = \"/o\"\npage = true\n";
    let running = engine(text).start().await.unwrap();
    let address = running.local_addr().unwrap();
    for (path, is_served) in [("/a", true), ("/b/c", true), ("/o", true), ("/", true), ("/metrics", false)] {
        assert_eq!(serves(address, path).await, is_served, "{path}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_build_is_shown_if_the_program_says_which_it_is() {
    let engine = builder().text("a.toml", ANY_PORT).service(Service::new("1.2.3")).build().unwrap();
    let running = engine.start().await.unwrap();
    let labels = [("version", "1.2.3"), ("commit", ""), ("timestamp", "")];
    assert_eq!(scrape(&running).await.value("build_info", &labels), Some(1.0));
    running.stop().await;
}

#[test]
fn what_is_set_for_a_family_goes_before_the_code() {
    let text = "[metrics]\nnamespace = \"shop\"\n[metrics.histograms]\norder_duration_seconds = [1, 2]\norders_total = [1]\n\
        [metrics.families.shop_logins_total]\nmax_series = 7\nmax_values = { tenant = 3, user = 1 }\n\
        [metrics.families.logins_total]\nmax_series = 8\nexpire_after_seconds = 60\n\
        [metrics.families.nobody_total]\nmax_series = 1\n";
    let engine = engine(text);
    let registry = engine.registry();
    let seconds = registry.histogram("order_duration_seconds", "Time.").bounds([9.0]).register().unwrap();
    assert_eq!(seconds.bounds(), [1.0, 2.0]);
    registry.counter("orders_total", "Orders.").register().unwrap();
    let logins = registry.counter("logins_total", "Logins.").labels(["tenant"]).max_series(9).register().unwrap();
    ["a", "b", "c", "d"].iter().for_each(|tenant| logins.with([*tenant]).inc());
    assert_eq!(logins.with(["__overflow__"]).value(), 1);
    let described = registry.describe();
    let described = described.iter().find(|family| family.name() == "shop_logins_total").unwrap();
    // The name with the namespace goes before that without.
    assert_eq!((described.max_series(), described.expire_after()), (Some(7), Some(Duration::from_secs(60))));
    assert_eq!(
        engine.warnings(),
        [
            "`nobody_total`: no family that is recorded into has this name, so what is set for it has no effect",
            "`shop_logins_total`: it has no label \"user\", so `max_values` has no effect",
            "`shop_orders_total`: it is no histogram, so its bounds have no effect",
        ]
    );
}

#[test]
fn bounds_that_are_none_make_no_registration_fail() {
    let builder = builder().settings(|settings| {
        settings.histograms.insert("http_request_duration_seconds".to_owned(), vec![2.0, 1.0]);
    });
    let engine = builder.build().unwrap();
    let warnings = engine.warnings();
    let told = "`http_request_duration_seconds`: what is set for its bounds has no effect: bucket bound 1 (1)";
    assert!(warnings.len() == 1 && warnings[0].starts_with(told), "{warnings:?}");
}
