//! One configuration: reading it, and the engine that it makes.

mod engine;
mod files;
mod reading;

#[path = "../reader/mod.rs"]
mod reader;

use quipu::Engine;
use quipu::config::ConfigError;
use quipu::engine::EngineBuilder;
use quipu_catalog::config::CatalogConfig;

/// An engine with the sections of all crates, as a service has it.
fn builder() -> EngineBuilder {
    Engine::builder().with(CatalogConfig::default()).without_environment()
}

/// An engine that a file makes.
#[track_caller]
fn engine(text: &str) -> Engine {
    builder().text("a.toml", text).build().unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// What is said of a file that is refused.
#[track_caller]
fn refused(text: &str) -> ConfigError {
    match builder().text("a.toml", text).build() {
        Ok(_) => panic!("{text:?} is taken"),
        Err(error) => error,
    }
}
