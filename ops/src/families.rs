//! What can be asked for: the families that quipu's layers, collectors and catalogue register.

use quipu::collect::{Process, Service, System, TokioRuntime};
use quipu::export::Server;
use quipu::model::MetricType;
use quipu::push::Gateway;
use quipu::registry::FamilyDescription;
use quipu::{CircuitBreaker, Engine};
use quipu_catalog::Catalog;
use quipu_catalog::llm::Prices;
use std::collections::BTreeMap;
use std::error::Error;

/// The families of a registry in which everything is registered, by name.
#[derive(Debug)]
pub struct Families(BTreeMap<String, FamilyDescription>);

impl Families {
    /// Registers everything in a registry of its own, and keeps what that says.
    ///
    /// # Errors
    /// When one of them cannot be registered, or a port of the loopback address cannot be bound.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let engine = Engine::builder().without_environment().build()?;
        let registry = engine.registry();
        Catalog::register(registry, Prices::none())?;
        CircuitBreaker::builder("any").register(registry)?;
        registry.record_safe(|| ());
        Gateway::builder(registry.clone(), "http://127.0.0.1:9091", "any").build()?;
        registry.collect(Process::new())?;
        registry.collect(System::new().disks())?;
        registry.collect(Service::new("1.0").commit("0").timestamp("0"))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let _context = runtime.enter();
        registry.collect(TokioRuntime::current())?;
        runtime.block_on(Server::bind("127.0.0.1:0", registry.clone()))?;
        let families = registry.describe().into_iter();
        Ok(Self(families.map(|family| (family.name().to_owned(), family)).collect()))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &FamilyDescription> {
        self.0.values()
    }

    /// The family of this name.
    pub fn get(&self, name: &str) -> Option<&FamilyDescription> {
        self.0.get(name)
    }

    /// The family to which a series of this name belongs, which may be one of a histogram's.
    pub fn of_series(&self, name: &str) -> Option<&FamilyDescription> {
        let of_histogram = || {
            let stem = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
            self.get(stem).filter(|family| family.metric_type() == MetricType::Histogram)
        };
        self.get(name).filter(|family| family.metric_type() != MetricType::Histogram).or_else(of_histogram)
    }

    /// The family that a layout names.
    ///
    /// # Panics
    /// If there is none: the layout is wrong.
    pub(crate) fn named(&self, name: &str) -> &FamilyDescription {
        self.get(name).unwrap_or_else(|| panic!("no family `{name}` is registered; METRICS.md lists those that are"))
    }
}
