//! Dashboards of Grafana, and alerts and recording rules of Prometheus, made from what quipu's layers, collectors and catalogue
//! register.
//!
//! `cargo run -p quipu-ops` writes them to `ops/`. They say what their layout table says ([`dashboards`], [`rules`]): names, help and
//! units come from [`Registry::describe`](quipu::Registry::describe).

pub mod dashboards;
mod families;
mod grafana;
pub mod panel;
pub mod query;
pub mod rules;
mod settings;

pub use families::Families;
pub use grafana::to_json;
pub use settings::{Settings, Thresholds};

/// The files, by their paths below `ops/`.
///
/// # Panics
/// If the latency objective's seconds are no bound of the histogram of durations.
pub fn files(families: &Families, settings: &Settings) -> Vec<(String, String)> {
    let dashboards = dashboards::all(families, &settings.thresholds);
    let dashboards =
        dashboards.map(|dashboard| (format!("dashboards/{}.json", dashboard.uid), to_json(&dashboard, settings)));
    let rules = rules::all(families, settings).map(|file| (format!("rules/{}.yml", file.name), file.to_yaml(settings)));
    dashboards.into_iter().chain(rules).collect()
}
