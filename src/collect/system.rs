//! The machine: memory, processors, disks.

use super::{CollectError, Collector, Declaration, Samples};
use crate::clock::nanoseconds;
use crate::sync::{Mutex, gate, lock};
use core::time::Duration;
use std::sync::Arc;
use std::thread::{self, Builder, Thread};
use sysinfo::{Disks, MINIMUM_CPU_UPDATE_INTERVAL};

/// How often the machine is looked at, unless the program says otherwise.
const INTERVAL: Duration = Duration::from_secs(10);

/// The machine that the program runs on: its memory, its processors and, if asked for, its disks. Needs the feature `system`.
///
/// | family | labels |
/// |---|---|
/// | `system_memory_bytes` | `type`: `used`, `available`, `total` |
/// | `system_cpu_usage_percent`: 0 to 100, over the last interval | `core` |
/// | `system_disk_bytes`, with [`disks`](Self::disks) | `mount`, and `type` as above |
///
/// A thread of its own looks every 10 s ([`interval`](Self::interval)), from the registration on, and a scrape shows what it saw last: a mount
/// that hangs holds up no scrape. What is three intervals old is not shown any more; the collector is then down. The same thread looks at
/// all: with [`disks`](Self::disks), a mount that hangs makes memory and processors vanish too. Processors are shown from the first
/// interval on. In a container, the figures are mostly those of the whole machine.
///
/// # Cost
/// A thread, which reads two files of `/proc` at each interval: 0.1 to 1 ms.
///
/// ```
/// let registry = quipu::Registry::new();
/// registry.collect(quipu::collect::System::new())?;
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
pub struct System {
    interval: Duration,
    has_memory: bool,
    has_processors: bool,
    has_disks: bool,
    sampler: Mutex<Option<Sampler>>,
}

/// The thread, and what it saw.
#[derive(Debug)]
struct Sampler {
    seen: Arc<Mutex<Seen>>,
    thread: Thread,
    /// When it was started: the child of a fork does not have it.
    forks: u64,
}

#[derive(Debug, Default)]
struct Seen {
    /// When the last look ended; before the first one, when the thread was started.
    at: u64,
    memory: Sizes,
    processors: Vec<f64>,
    disks: Vec<(String, Sizes)>,
    is_over: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    used: u64,
    available: u64,
    total: u64,
}

impl System {
    /// A collector of memory and processors.
    pub fn new() -> System {
        let sampler = Mutex::default();
        System { interval: INTERVAL, has_memory: true, has_processors: true, has_disks: false, sampler }
    }

    /// Whether memory is shown; it is unless this says otherwise.
    pub fn memory(mut self, is_shown: bool) -> System {
        self.has_memory = is_shown;
        self
    }

    /// Whether processors are shown; they are unless this says otherwise.
    pub fn processors(mut self, is_shown: bool) -> System {
        self.has_processors = is_shown;
        self
    }

    /// Shows disks as well. While a mount hangs, nothing of the machine is shown.
    pub fn disks(mut self) -> System {
        self.has_disks = true;
        self
    }

    /// How often to look: at least every 200 ms, since processors cannot be told for less; 10 s unless it is set.
    pub fn interval(mut self, interval: Duration) -> System {
        self.interval = interval.max(MINIMUM_CPU_UPDATE_INTERVAL);
        self
    }

    /// What the thread sees, which is started if there is none.
    fn seen(&self) -> Option<Arc<Mutex<Seen>>> {
        let mut sampler = lock(&self.sampler);
        if sampler.as_ref().is_none_or(|sampler| sampler.forks != gate::forks()) {
            let (interval, has_disks) = (self.interval, self.has_disks);
            let seen = Arc::new(Mutex::new(Seen { at: nanoseconds(), ..Seen::default() }));
            let look = seen.clone();
            let thread =
                Builder::new().name("quipu-system".to_owned()).spawn(move || sample(&look, interval, has_disks));
            let (thread, forks) = (thread.ok()?.thread().clone(), gate::forks());
            *sampler = Some(Sampler { seen, thread, forks });
        }
        sampler.as_ref().map(|sampler| sampler.seen.clone())
    }
}

impl Default for System {
    fn default() -> System {
        System::new()
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        lock(&self.seen).is_over = true;
        self.thread.unpark();
    }
}

impl Collector for System {
    fn declare(&self, families: &mut Declaration) {
        families.name("system");
        if self.has_memory {
            families.gauge("system_memory_bytes", "Memory of the machine.").unit("bytes").labels(["type"]);
        }
        if self.has_processors {
            let usage = "Part of the last interval that a processor was busy, in percent.";
            families.gauge("system_cpu_usage_percent", usage).unit("percent").labels(["core"]);
        }
        if self.has_disks {
            families.gauge("system_disk_bytes", "Space on a disk.").unit("bytes").labels(["mount", "type"]);
        }
        // So that there is something to show at the first scrape.
        self.seen();
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        let seen = self.seen().ok_or("no thread can be started")?;
        let seen = lock(&seen);
        if Duration::from_nanos(nanoseconds().saturating_sub(seen.at)) > self.interval.saturating_mul(3) {
            return Err("the machine was not looked at for three intervals".into());
        }
        if self.has_memory && seen.memory.total > 0 {
            seen.memory.each(|kind, bytes| samples.set("system_memory_bytes", &[kind], bytes));
        }
        let processors = seen.processors.iter().filter(|_| self.has_processors);
        for (core, percent) in processors.enumerate() {
            samples.set("system_cpu_usage_percent", &[&core.to_string()], *percent);
        }
        for (mount, sizes) in &seen.disks {
            sizes.each(|kind, bytes| samples.set("system_disk_bytes", &[mount, kind], bytes));
        }
        Ok(())
    }
}

impl Sizes {
    fn each(&self, mut set: impl FnMut(&'static str, u64)) {
        set("used", self.used);
        set("available", self.available);
        set("total", self.total);
    }
}

fn sample(seen: &Mutex<Seen>, interval: Duration, has_disks: bool) {
    let mut machine = sysinfo::System::new();
    let mut is_first = true;
    let mut pause = MINIMUM_CPU_UPDATE_INTERVAL;
    loop {
        machine.refresh_memory();
        machine.refresh_cpu_usage();
        let memory =
            Sizes { used: machine.used_memory(), available: machine.available_memory(), total: machine.total_memory() };
        let disks = if has_disks { disks() } else { Vec::new() };
        let mut seen_now = lock(seen);
        if seen_now.is_over {
            return;
        }
        (seen_now.at, seen_now.memory, seen_now.disks) = (nanoseconds(), memory, disks);
        // A processor was busy between two looks.
        if !is_first {
            seen_now.processors = machine.cpus().iter().map(|cpu| f64::from(cpu.cpu_usage())).collect();
        }
        is_first = false;
        drop(seen_now);
        thread::park_timeout(pause);
        pause = interval;
    }
}

/// Each mount, once.
fn disks() -> Vec<(String, Sizes)> {
    let mut disks: Vec<_> = Disks::new_with_refreshed_list().iter().map(disk).collect();
    disks.sort_by(|(a, _), (b, _)| a.cmp(b));
    disks.dedup_by(|(a, _), (b, _)| a == b);
    disks
}

fn disk(disk: &sysinfo::Disk) -> (String, Sizes) {
    let (total, available) = (disk.total_space(), disk.available_space());
    let sizes = Sizes { used: total.saturating_sub(available), available, total };
    (disk.mount_point().to_string_lossy().into_owned(), sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_looked_at_yet_is_no_error() {
        let start = nanoseconds();
        for interval in [INTERVAL, Duration::MAX] {
            let system = System::new().interval(interval);
            assert!(lock(&system.seen().unwrap()).at >= start);
            let registry = crate::Registry::new();
            registry.collect(system).unwrap();
            let up = registry.snapshot().value("quipu_collector_up", &[("collector", "system")]);
            assert_eq!(up, Some(1.0), "{interval:?}");
        }
    }
}
