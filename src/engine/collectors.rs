//! The collectors that the engine registers.

use super::settings::{CollectorSettings, Settings, SystemSettings};
use super::{Engine, StartError};
use crate::Registry;
use crate::collect::{CollectError, Collector, Declaration, Process, Samples, System, TokioRuntime};
use std::time::Duration;
use tokio::runtime::Handle;

/// What is collected now.
pub(super) struct Collecting {
    runtime: Handle,
    active: Vec<Active>,
}

struct Active {
    wanted: Wanted,
    registry: Registry,
}

/// A collector that the settings ask for.
#[derive(PartialEq)]
struct Wanted {
    what: What,
    timeout: Duration,
}

#[derive(PartialEq)]
enum What {
    Process,
    Tokio,
    Service,
    System(SystemSettings),
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

impl Wanted {
    fn all(settings: &Settings) -> Vec<Wanted> {
        let CollectorSettings { process, tokio, service, timeout } = settings.collectors;
        let system = &settings.system;
        let is_looked_at = system.enabled && (system.track_memory || system.track_cpu || system.track_disk);
        let all = [
            (process, What::Process),
            (tokio, What::Tokio),
            (service, What::Service),
            (is_looked_at, What::System(system.clone())),
        ];
        all.into_iter().filter(|(is_on, _)| *is_on).map(|(_, what)| Wanted { what, timeout }).collect()
    }
}

impl What {
    /// The key that switches it on.
    fn key(&self) -> &'static str {
        match self {
            What::Process => "metrics.collectors.process",
            What::Tokio => "metrics.collectors.tokio",
            What::Service => "metrics.collectors.service",
            What::System(_) => "metrics.system.enabled",
        }
    }

    /// The name that it has in the registry.
    fn name(&self) -> &'static str {
        match self {
            What::Process => "process",
            What::Tokio => "tokio",
            What::Service => "service",
            What::System(_) => "system",
        }
    }
}

impl Collecting {
    /// Registers what the settings ask for, or nothing.
    pub(super) fn start(engine: &Engine, settings: &Settings) -> Result<Collecting, StartError> {
        let mut collecting = Collecting { runtime: Handle::current(), active: Vec::new() };
        match collecting.change(engine, settings).into_iter().next() {
            None => Ok(collecting),
            Some(error) => {
                collecting.stop();
                Err(error)
            }
        }
    }

    /// Goes on as these settings say, and tells of what cannot. That is tried again the next time. What is wanted as before goes on undisturbed.
    pub(super) fn change(&mut self, engine: &Engine, settings: &Settings) -> Vec<StartError> {
        let mut wanted = Wanted::all(settings);
        self.active.extract_if(.., |active| !wanted.contains(&active.wanted)).for_each(Active::unregister);
        wanted.retain(|wanted| self.active.iter().all(|active| active.wanted != *wanted));
        wanted.into_iter().filter_map(|wanted| self.register(engine, wanted).err()).collect()
    }

    pub(super) fn stop(&mut self) {
        self.active.drain(..).for_each(Active::unregister);
    }

    fn register(&mut self, engine: &Engine, wanted: Wanted) -> Result<(), StartError> {
        let (mut registry, timeout) = (engine.registry().clone(), wanted.timeout);
        let result = match &wanted.what {
            What::Process => {
                // Dashboards look for these names.
                registry = registry.without_namespace();
                registry.collect(Within(Process::new(), timeout))
            }
            What::Tokio => registry.collect(Within(TokioRuntime::new(self.runtime.clone()), timeout)),
            What::Service => match &engine.0.service {
                Some(service) => registry.collect(Within(service.clone(), timeout)),
                None => return Ok(()),
            },
            What::System(SystemSettings { collection_interval, track_memory, track_cpu, track_disk, .. }) => {
                let system = System::new().interval(*collection_interval).memory(*track_memory).processors(*track_cpu);
                registry.collect(Within(if *track_disk { system.disks() } else { system }, timeout))
            }
        };
        result.map_err(|source| StartError::Collector { key: wanted.what.key(), source })?;
        self.active.push(Active { wanted, registry });
        Ok(())
    }
}

impl Active {
    fn unregister(self) {
        self.registry.unregister_collector(&format!("{}{}", self.registry.prefix(), self.wanted.what.name()));
    }
}
