//! What runs, and for how long.

use super::{CollectError, Collector, Declaration, Samples};
use crate::clock::nanoseconds;
use core::time::Duration;

/// Which build of a service runs, and for how long: `build_info{version,commit,timestamp}`, which is 1, and `uptime_seconds`.
///
/// ```
/// use quipu::collect::Service;
/// let registry = quipu::Registry::new();
/// let service = Service::new(env!("CARGO_PKG_VERSION")).commit("4f3c2b1").timestamp("2026-11-29T18:30:00Z");
/// registry.collect(service)?;
/// assert!(registry.to_text().contains(",commit=\"4f3c2b1\",timestamp=\"2026-11-29T18:30:00Z\"} 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Service {
    version: String,
    commit: String,
    timestamp: String,
    start: u64,
}

impl Service {
    /// A service of this version, which begins now.
    pub fn new(version: impl Into<String>) -> Service {
        let (commit, timestamp) = (String::new(), String::new());
        Service { version: version.into(), commit, timestamp, start: nanoseconds() }
    }

    /// The commit that it was built from; empty unless it is set.
    pub fn commit(mut self, commit: impl Into<String>) -> Service {
        self.commit = commit.into();
        self
    }

    /// When it was built, or when the commit was made; empty unless it is set.
    pub fn timestamp(mut self, timestamp: impl Into<String>) -> Service {
        self.timestamp = timestamp.into();
        self
    }
}

impl Collector for Service {
    fn declare(&self, families: &mut Declaration) {
        families.name("service");
        families.info("build_info", "The build that runs.").labels(["version", "commit", "timestamp"]);
        families.gauge("uptime_seconds", "How long the service has been running.").unit("seconds");
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        samples.set("build_info", &[&self.version, &self.commit, &self.timestamp], 1);
        samples.set("uptime_seconds", &[], Duration::from_nanos(nanoseconds() - self.start));
        Ok(())
    }
}
