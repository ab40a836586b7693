//! The metrics of a tokio runtime.

use super::{CollectError, Collector, Declaration, Samples};
use tokio::runtime::Handle;

/// What a tokio runtime says about itself, as far as that is stable in tokio. Needs the feature `tokio`.
///
/// | family | kind | label |
/// |---|---|---|
/// | `tokio_workers` | gauge | |
/// | `tokio_alive_tasks`: spawned and not ended | gauge | |
/// | `tokio_global_queue_depth`: tasks that wait for any worker | gauge | |
/// | `tokio_worker_busy_seconds_total` | counter | `worker` |
/// | `tokio_worker_parks_total`: times that a worker had nothing to do | counter | `worker` |
///
/// Totals are of the runtime's whole life. Threads of its blocking pool are not among what is stable. For a second runtime, give
/// each its prefix: `registry.with_prefix("background")?.collect(…)`.
///
/// # Cost
/// Some loads for each worker at a scrape; nothing for the runtime.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let registry = quipu::Registry::new();
/// registry.collect(quipu::collect::TokioRuntime::current())?;
/// assert!(registry.to_text().contains("\ntokio_workers 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokioRuntime {
    handle: Handle,
}

impl TokioRuntime {
    /// A collector of the runtime of this handle.
    pub fn new(handle: Handle) -> TokioRuntime {
        TokioRuntime { handle }
    }

    /// A collector of the runtime that this is called in.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[track_caller]
    pub fn current() -> TokioRuntime {
        TokioRuntime::new(Handle::current())
    }
}

impl Collector for TokioRuntime {
    fn declare(&self, families: &mut Declaration) {
        families.name("tokio");
        families.gauge("tokio_workers", "Worker threads of the runtime.");
        families.gauge("tokio_alive_tasks", "Tasks that were spawned and have not ended.");
        families.gauge("tokio_global_queue_depth", "Tasks that wait for any worker.");
        let busy = "Time that a worker has spent with tasks, timers and the network.";
        families.counter("tokio_worker_busy_seconds_total", busy).unit("seconds").labels(["worker"]);
        families.counter("tokio_worker_parks_total", "Times that a worker had nothing to do.").labels(["worker"]);
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        let metrics = self.handle.metrics();
        samples.set("tokio_workers", &[], metrics.num_workers());
        samples.set("tokio_alive_tasks", &[], metrics.num_alive_tasks());
        samples.set("tokio_global_queue_depth", &[], metrics.global_queue_depth());
        for worker in 0..metrics.num_workers() {
            let label = worker.to_string();
            samples.set("tokio_worker_busy_seconds_total", &[&label], metrics.worker_total_busy_duration(worker));
            samples.set("tokio_worker_parks_total", &[&label], metrics.worker_park_count(worker));
        }
        Ok(())
    }
}
