//! The catalogue where a user meets it.

mod bad_input;
mod endings;
mod families;
mod health;
mod incidents;
mod jobs;
mod llm;
mod others;
mod prices;
mod queue;
mod stream;

use quipu::Registry;
use quipu::clock::ManualClock;
use quipu_catalog::Catalog;
use quipu_catalog::llm::{Price, Prices};

/// All areas in a registry of the test's own, and its clock. `gpt-4o` has a price.
fn catalog() -> (Catalog, Registry, ManualClock) {
    let (registry, clock) = quipu::testing::registry();
    let prices = Prices::new([("gpt-4o", Price::new(0.0025, 0.01))]).unwrap();
    (Catalog::register(&registry, prices).unwrap(), registry, clock)
}
