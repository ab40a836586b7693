//! What the files say is true of what is exported, and they are fresh.

mod catalogue;
mod dashboards;
mod deploy;
mod promql;
mod rules;
mod runbooks;
mod selectors;
mod settings;
mod stale;
mod unit_tests;
mod yaml;

use quipu_ops::{Families, Settings};
use std::sync::LazyLock;

/// What is registered.
static FAMILIES: LazyLock<Families> = LazyLock::new(|| Families::new().unwrap());

fn settings() -> Settings {
    Settings::default()
}
