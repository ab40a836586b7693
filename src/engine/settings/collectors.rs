//! What is read at scrapes.

use crate::config::{Keys, Section};
use std::time::Duration;

/// The table `metrics.collectors`: which of quipu's collectors run, and how long each may take.
#[derive(Clone, Debug, PartialEq)]
pub struct CollectorSettings {
    /// `process_*`.
    pub process: bool,
    /// `tokio_*`: the runtime in which the engine is started.
    pub tokio: bool,
    /// `build_info` and `uptime_seconds`, if the program has told the engine its [version](super::super::EngineBuilder::service).
    pub service: bool,
    /// How long a call of one of these, or of the machine's, may take.
    pub timeout: Duration,
}

impl Default for CollectorSettings {
    fn default() -> Self {
        CollectorSettings { process: true, tokio: true, service: true, timeout: Duration::from_secs(5) }
    }
}

impl Section for CollectorSettings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("collectors", "What is read off the process at each scrape.", |keys| {
            keys.key("process", "Exposes process_*: processor time, memory, file descriptors.")
                .live()
                .value(&mut self.process);
            let help = "Exposes tokio_*: the workers, tasks and queues of the runtime that the engine is started in.";
            keys.key("tokio", help).live().value(&mut self.tokio);
            let help = "Exposes build_info and uptime_seconds, if the program says which version it is.";
            keys.key("service", help).live().value(&mut self.service);
            let help = "A call of a collector of this table, or of the machine's, has failed after so long.";
            keys.key("timeout_seconds", help).range(0.1, 60.0).live().value(&mut self.timeout);
        });
    }
}

/// The table `metrics.system`: the machine that the service runs on.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemSettings {
    /// Whether the machine is looked at.
    pub enabled: bool,
    /// How often.
    pub collection_interval: Duration,
    /// `system_memory_bytes`.
    pub track_memory: bool,
    /// `system_cpu_usage_percent`.
    pub track_cpu: bool,
    /// `system_disk_bytes`.
    pub track_disk: bool,
}

impl Default for SystemSettings {
    fn default() -> Self {
        let collection_interval = Duration::from_secs(15);
        SystemSettings { enabled: true, collection_interval, track_memory: true, track_cpu: true, track_disk: false }
    }
}

impl Section for SystemSettings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        let help = "The machine that the service runs on; in a container, mostly that below it. What is switched off is not looked at.";
        keys.table("system", help, |keys| {
            keys.key("enabled", "Looks at the machine, on a thread of its own.").live().value(&mut self.enabled);
            let help = "How often it looks. What is three intervals old is not exposed.";
            keys.key("collection_interval_seconds", help)
                .range(0.2, 3_600.0)
                .live()
                .value(&mut self.collection_interval);
            keys.key("track_memory", "Exposes system_memory_bytes.").live().value(&mut self.track_memory);
            keys.key("track_cpu", "Exposes system_cpu_usage_percent.").live().value(&mut self.track_cpu);
            let help = "Exposes system_disk_bytes. A mount that hangs makes all of the machine vanish.";
            keys.key("track_disk", help).live().value(&mut self.track_disk);
        });
    }
}
