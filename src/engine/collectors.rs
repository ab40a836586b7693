//! The collectors that the engine registers.

use super::settings::{CollectorSettings, Settings, SystemSettings};
use super::{Engine, StartError};
use crate::collect::{CollectError, Collector, Declaration, Process, Samples, Service, System, TokioRuntime};
use crate::{RegisterError, Registry};
use std::time::Duration;
use tokio::runtime::Handle;

/// What is collected now.
pub(super) struct Collecting {
    runtime: Handle,
    /// By the name that it has in the registry.
    active: Vec<Active>,
    /// Whether all could be registered that the settings ask for.
    is_whole: bool,
    collectors: CollectorSettings,
    system: SystemSettings,
}

struct Active {
    registry: Registry,
    collector: &'static str,
}

/// A collector whose calls may take so long.
struct Within<C>(C, Duration);

impl<C: Collector> Collector for Within<C> {
    fn declare(&self, families: &mut Declaration) {
        self.0.declare(families);
        families.timeout(self.1);
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        self.0.collect(samples)
    }
}

impl Collecting {
    /// Registers what the settings ask for, or nothing.
    pub(super) fn start(engine: &Engine, settings: &Settings) -> Result<Collecting, StartError> {
        let (collectors, system) = (settings.collectors.clone(), settings.system.clone());
        let runtime = Handle::current();
        let mut collecting = Collecting { runtime, active: Vec::new(), is_whole: false, collectors, system };
        match collecting.register_all(engine).into_iter().next() {
            None => Ok(collecting),
            Some(error) => {
                collecting.stop();
                Err(error)
            }
        }
    }

    /// Goes on as other settings say, and tells of what cannot. That is tried again the next time.
    pub(super) fn change(&mut self, engine: &Engine, settings: &Settings) -> Vec<StartError> {
        if self.is_whole && (&self.collectors, &self.system) == (&settings.collectors, &settings.system) {
            return Vec::new();
        }
        self.stop();
        (self.collectors, self.system) = (settings.collectors.clone(), settings.system.clone());
        self.register_all(engine)
    }

    pub(super) fn stop(&mut self) {
        self.active.drain(..).for_each(|active| active.unregister());
    }

    fn register_all(&mut self, engine: &Engine) -> Vec<StartError> {
        let registry = engine.registry();
        let CollectorSettings { process, tokio, service, .. } = self.collectors;
        let mut results = Vec::new();
        if process {
            // Dashboards look for these names.
            let registry = registry.without_namespace();
            results.push(self.register("metrics.collectors.process", &registry, "process", Process::new()));
        }
        if tokio {
            let runtime = TokioRuntime::new(self.runtime.clone());
            results.push(self.register("metrics.collectors.tokio", registry, "tokio", runtime));
        }
        if let (true, Some(service)) = (service, &engine.0.service) {
            let service: Service = service.clone();
            results.push(self.register("metrics.collectors.service", registry, "service", service));
        }
        let SystemSettings { enabled, collection_interval, track_memory, track_cpu, track_disk } = self.system;
        if enabled && (track_memory || track_cpu || track_disk) {
            let mut system = System::new().interval(collection_interval).memory(track_memory).processors(track_cpu);
            if track_disk {
                system = system.disks();
            }
            results.push(self.register("metrics.system.enabled", registry, "system", system));
        }
        let errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        self.is_whole = errors.is_empty();
        errors
    }

    fn register(
        &mut self,
        key: &'static str,
        registry: &Registry,
        name: &'static str,
        collector: impl Collector,
    ) -> Result<(), StartError> {
        let refused = |source: RegisterError| StartError::Collector { key, source };
        registry.collect(Within(collector, self.collectors.timeout)).map_err(refused)?;
        self.active.push(Active { registry: registry.clone(), collector: name });
        Ok(())
    }
}

impl Active {
    fn unregister(self) {
        self.registry.unregister_collector(&format!("{}{}", self.registry.prefix(), self.collector));
    }
}
