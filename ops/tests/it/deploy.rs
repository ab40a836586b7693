//! What the service may show, Prometheus takes.

use crate::{FAMILIES, yaml};
use quipu::config::Sources;
use quipu::engine;
use quipu::model::MetricType;
use serde_json::Value;
use std::path::Path;

#[test]
fn a_scrape_of_a_full_registry_is_below_the_limit() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let mut settings = engine::Settings::default();
    Sources::new().file(deploy.join("config/metrics.toml")).allow_unknown().read(&mut settings).unwrap();
    let lines = FAMILIES.iter().map(|family| match family.metric_type() {
        // `+Inf`, sum and count.
        MetricType::Histogram => family.bounds().len() + 3,
        _ => 1,
    });
    let most = settings.limits.max_series * lines.max().unwrap();
    let read = |file: &str| yaml::read(&deploy.join(file));
    let number = |limit: &Value| limit.as_str().unwrap().parse::<usize>().unwrap();
    let monitor = read("kubernetes/servicemonitor.yml");
    let scrapes = ["agent", "kubernetes", "prometheus"].map(|name| read(&format!("prometheus/{name}.yml")));
    let of_scrapes = scrapes.iter().map(|config| &config["scrape_configs"][0]["sample_limit"]);
    for limit in of_scrapes.chain([&monitor["spec"]["sampleLimit"]]) {
        assert!(number(limit) > most, "sample_limit {limit}, and the service may show {most} lines");
    }
}
