//! Dashboards of Grafana, and alerts and recording rules of Prometheus, made from what quipu's layers, collectors and catalogue
//! register.
//!
//! `cargo run -p quipu-ops` writes them to `ops/`. They say what their layout table says ([`dashboards`], [`rules`]): names, help and
//! units come from [`Registry::describe`](quipu::Registry::describe).

pub mod dashboards;
mod families;
mod grafana;
mod kubernetes;
pub mod panel;
pub mod query;
pub mod rules;
mod settings;

pub use families::Families;
pub use grafana::to_json;
pub use settings::{CannotWrite, Settings};

/// Stands at the head of YAML.
const WRITTEN: &str = "# Written by `cargo run -p quipu-ops`; what is changed here is lost.\n";

/// The files, by their paths below `ops/`.
///
/// # Errors
/// When the settings make no sense; the error says what to write.
pub fn files(families: &Families, settings: &Settings) -> Result<Vec<(String, String)>, CannotWrite> {
    let rules = rules::all(families, settings)?;
    let dashboards = dashboards::all(families, &settings.alerts);
    let cluster = [
        ("kubernetes/rules.yml".to_owned(), kubernetes::rules(&rules, settings)),
        ("kustomization.yml".to_owned(), kubernetes::kustomization(dashboards.iter().map(|dashboard| dashboard.uid))),
    ];
    let dashboards =
        dashboards.map(|dashboard| (format!("dashboards/{}.json", dashboard.uid), to_json(&dashboard, settings)));
    let rules = rules.map(|file| (format!("rules/{}.yml", file.name), file.to_yaml(settings)));
    Ok(dashboards.into_iter().chain(rules).chain(cluster).collect())
}
