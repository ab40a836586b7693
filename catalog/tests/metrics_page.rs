//! `METRICS.md` of the repository is what the registry says of its families: the catalogue's, the layers' and the collectors'.
//!
//! `QUIPU_WRITE_METRICS_PAGE=1 cargo test -p quipu-catalog --test metrics_page` writes it anew.

use quipu::Registry;
use quipu::collect::{Process, Service, System, TokioRuntime};
use quipu::grpc::GrpcMetrics;
use quipu::http::HttpMetrics;
use quipu::testing::assert_good_names;
use quipu_catalog::Catalog;
use quipu_catalog::llm::Prices;

const TITLE: &str = "# Metrics\n\n\
    What quipu's layers, collectors and catalogue register, made from the registry itself. A namespace, if there is one, goes before each \
    name.\n\n";

fn registry() -> Registry {
    let registry = Registry::new();
    Catalog::register(&registry, Prices::none()).unwrap();
    HttpMetrics::new(&registry).unwrap();
    GrpcMetrics::new(&registry).unwrap();
    registry.collect(Process::new()).unwrap();
    registry.collect(System::new().disks()).unwrap();
    registry.collect(TokioRuntime::current()).unwrap();
    registry.collect(Service::new("1.0").commit("0").timestamp("0")).unwrap();
    registry
}

#[tokio::test]
async fn the_page_is_fresh() {
    let page = format!("{TITLE}{}", registry().to_markdown());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../METRICS.md");
    if std::env::var_os("QUIPU_WRITE_METRICS_PAGE").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        kept == page,
        "METRICS.md is stale; write it with `QUIPU_WRITE_METRICS_PAGE=1 cargo test -p quipu-catalog --test metrics_page`"
    );
}

#[tokio::test]
async fn all_names_are_good() {
    assert_good_names(&registry(), [("ratio", "system_cpu_usage_percent")]);
}
