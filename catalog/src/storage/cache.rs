//! Caches, and pools of connections.

use quipu::{Counter, Gauge};

/// The series of one cache, to keep. Made by [`Storage::cache`](super::Storage::cache).
///
/// # Cost
/// That of a counter: 0.4 ns when it is busy.
///
/// ```
/// use quipu_catalog::storage::Storage;
/// use std::collections::HashMap;
///
/// # let registry = quipu::Registry::new();
/// let cache = Storage::register(&registry)?.cache("runbooks");
/// let runbooks = HashMap::from([("P0", "call everybody")]);
/// assert!(cache.record(runbooks.get("P0")).is_some()); // a hit
/// assert!(cache.record(runbooks.get("P9")).is_none()); // a miss
/// cache.set_size_bytes(14);
/// assert!(registry.to_text().contains("cache_hits_total{cache_name=\"runbooks\"} 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    pub(super) hits: Counter,
    pub(super) misses: Counter,
    pub(super) size: Gauge,
}

impl Cache {
    /// A lookup has found what it looked for.
    pub fn hit(&self) {
        self.hits.inc();
    }

    /// A lookup has not.
    pub fn miss(&self) {
        self.misses.inc();
    }

    /// Counts a lookup by what it found, which is handed on.
    pub fn record<T>(&self, found: Option<T>) -> Option<T> {
        if found.is_some() {
            self.hit()
        } else {
            self.miss()
        }
        found
    }

    /// What the cache holds now.
    pub fn set_size_bytes(&self, bytes: u64) {
        self.size.set(bytes as f64);
    }
}

/// The series of one pool of connections, to keep. Made by [`Storage::pool`](super::Storage::pool).
///
/// ```
/// # let registry = quipu::Registry::new();
/// let pool = quipu_catalog::storage::Storage::register(&registry)?.pool("primary");
/// pool.set(3, 5); // whenever the pool says so
/// assert!(registry.to_text().contains("database_connections_idle{pool=\"primary\"} 5\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pool {
    pub(super) active: Gauge,
    pub(super) idle: Gauge,
}

impl Pool {
    /// How many connections are in use, and how many wait for use.
    pub fn set(&self, active: u64, idle: u64) {
        self.active.set(active as f64);
        self.idle.set(idle as f64);
    }
}
