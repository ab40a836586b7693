//! What an HTTP layer adds to one request on a bare axum router.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::Uri;
use axum::routing::get;
use axum_prometheus::BaseMetricLayer;
use http_body_util::BodyExt;
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_lib::MetricsCore;
use metrics_lib::tower::RedLayer;
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt};

use crate::Bench;
use crate::harness::{Contender, Sample};
use crate::rival::QUIPU;
use crate::table::Table;

const PER_ROUND: usize = 4_000;
const BARE: &str = "bare axum router";
const METRICS_LIB: &str = "metrics-lib";
const METRICS_LIB_ROUTES: &str = "metrics-lib, with routes";
const AXUM_PROMETHEUS: &str = "axum-prometheus";

pub(super) fn layers(bench: &mut Bench) {
    let contenders = [
        requesting(BARE, router()),
        quipu(),
        requesting(METRICS_LIB, router().layer(RedLayer::new(Arc::new(MetricsCore::new())))),
        metrics_lib_with_routes(),
        axum_prometheus(),
    ];
    let mut samples = bench.pool.measure(&contenders, 1, bench.rounds, bench.time);
    let bare = samples.remove(0);
    for sample in &mut samples {
        sample.minimum -= bare.minimum;
        sample.median -= bare.median;
    }

    let work = "HTTP layer, added to one request";
    let table = Table::new(work, "ns", samples, Vec::new());
    table.print();
    let Sample { minimum, median, .. } = bare;
    println!("  a request to the {BARE} takes {minimum:.0} ns at least, {median:.0} ns in the median");
    let targets = &mut bench.targets;
    targets.at_most(work, table.quipu(), 250.0, "ns");
    for (rival, times) in [(METRICS_LIB, 2.0), (AXUM_PROMETHEUS, 4.0)] {
        targets.times_better(format!("{work}: against {rival}"), table.ratio(rival), times);
    }
}

fn router() -> Router {
    Router::new().route("/v1/tenants/{tenant}/items", get(|| async { "ok" }))
}

/// All five families.
fn quipu() -> Contender {
    let registry = quipu::Registry::new();
    let metrics = quipu::http::HttpMetrics::new(&registry).expect("the registry is empty");
    requesting(QUIPU, router().layer(quipu_axum::layer(&metrics)))
}

/// As its documentation says for axum; without routes it is faster and says less.
fn metrics_lib_with_routes() -> Contender {
    let layer = RedLayer::new(Arc::new(MetricsCore::new())).with_route_label(|_, extensions| {
        let route = extensions.get::<MatchedPath>();
        route.map(|route| route.as_str().to_owned())
    });
    requesting(METRICS_LIB_ROUTES, router().layer(layer))
}

/// Its three families; the queue of raw durations is emptied between rounds, untimed.
fn axum_prometheus() -> Contender {
    let exporter = PrometheusBuilder::new()
        .set_buckets(&crate::workload::BOUNDS)
        .expect("some buckets")
        .install_recorder()
        .expect("no other recorder is installed");
    requesting(AXUM_PROMETHEUS, router().layer(BaseMetricLayer::new())).settling(move || exporter.run_upkeep())
}

/// Sends requests through a router and collects the bodies of the responses.
fn requesting(name: &'static str, router: Router) -> Contender {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    let uri = Uri::from_static("/v1/tenants/00042/items");
    // As `axum::serve` does: a router whose state is not resolved builds its services anew for each request.
    let client = Mutex::new((runtime, router.with_state(())));
    Contender::whole(name, PER_ROUND, move || {
        let mut client = client.lock().expect("one thread");
        let (runtime, router): &mut (Runtime, Router) = &mut client;
        runtime.block_on(async {
            for _ in 0..PER_ROUND {
                let mut request = Request::new(Body::empty());
                *request.uri_mut() = uri.clone();
                let ready = ServiceExt::<Request>::ready(router);
                let service = ready.await.expect("a router is ready");
                let response = service.call(request).await.expect("a router answers");
                assert!(response.status().is_success());
                let body = response.into_body().collect().await.expect("the body ends");
                assert_eq!(body.to_bytes(), "ok");
            }
        });
    })
}
