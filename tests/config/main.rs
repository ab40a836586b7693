//! One configuration: reading it, and the engine that it makes.

mod deployed;
mod edits;
mod engine;
mod files;
mod push;
mod reading;
mod reload;
mod wrong;

#[path = "../reader/mod.rs"]
mod reader;

use quipu::Engine;
use quipu::config::ConfigError;
use quipu::engine::EngineBuilder;
use quipu_catalog::config::CatalogConfig;
use std::path::PathBuf;

/// A path that no other test has; what is there goes with it.
struct Temporary(PathBuf);

impl Temporary {
    fn new(name: &str) -> Temporary {
        Temporary(std::env::temp_dir().join(format!("quipu-config-{}-{name}", std::process::id())))
    }

    #[track_caller]
    fn write(&self, text: impl AsRef<[u8]>) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_dir(&self.0);
    }
}

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
