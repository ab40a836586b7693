//! Storage, databases, caches, and how far consumers of messages are behind.
//!
//! ```
//! use quipu_catalog::storage::{QueryOperation, Storage, StorageOperation};
//! use std::time::Duration;
//!
//! # fn save() -> Result<(), std::io::Error> { Ok(()) }
//! let registry = quipu::Registry::new();
//! let storage = Storage::register(&registry)?;
//!
//! storage.start(StorageOperation::Write, "s3").record(&save()); // or `success()`, or `failure()`
//! storage.set_size_bytes("s3", 4_096);
//!
//! let query = storage.query(QueryOperation::Select);
//! query.success(); // or `error("timeout")`
//!
//! let sessions = storage.cache("sessions"); // keep it
//! sessions.hit();
//! storage.pool("primary").set(3, 5);
//! storage.set_lag("incidents", "enrichers", Duration::from_secs(2));
//!
//! let line = "message_queue_lag_seconds{topic=\"incidents\",consumer_group=\"enrichers\"} 2\n";
//! assert!(registry.to_text().contains(line));
//! # Ok::<(), quipu::RegisterError>(())
//! ```

mod cache;
mod families;
mod labels;
mod query;

pub use cache::{Cache, Pool};
pub use families::{
    BackendLabels, CacheLabels, LagLabels, OperationLabels, OperationStatusLabels, PoolLabels, QueryErrorLabels,
    QueryLabels, StorageMetrics,
};
pub use labels::{QueryOperation, StorageOperation};
pub use query::Query;

use crate::names::Names;
use crate::work::{Work, WorkSeries};
use core::time::Duration;
use quipu::clock::Clock;
use quipu::{MetricSet, RegisterError, Registry};
use std::sync::Arc;

/// Tracks storage, queries, caches and pools. A clone is another handle to the same. The [module](self) has an example.
#[derive(Clone, Debug)]
pub struct Storage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: StorageMetrics,
    clock: Clock,
    operations: Names<WorkSeries>,
}

impl Storage {
    /// Registers the families of storage, databases, caches and message queues, or finds them.
    ///
    /// # Errors
    /// When another metric has one of their names; then none is registered.
    pub fn register(registry: &Registry) -> Result<Storage, RegisterError> {
        let metrics = StorageMetrics::register(registry)?;
        Ok(Storage(Arc::new(Inner { metrics, clock: registry.clock().clone(), operations: Names::new(256) })))
    }

    /// The families, to record into directly.
    pub fn metrics(&self) -> &StorageMetrics {
        &self.0.metrics
    }

    /// Starts an operation on storage. The first time of each operation on a backend allocates.
    pub fn start(&self, operation: StorageOperation, backend: &str) -> Work {
        let Inner { metrics, clock, operations } = &*self.0;
        Work::start(operations.get([operation.as_str(), backend], || {
            let labels = |status| OperationStatusLabels { operation, backend, status };
            let seconds = metrics.storage_operation_duration_seconds.handle(OperationLabels { operation, backend });
            WorkSeries::new(clock, |status| metrics.storage_operations_total.handle(labels(status)), seconds)
        }))
    }

    /// Sets the size of what is stored.
    pub fn set_size_bytes(&self, backend: &str, bytes: u64) {
        self.0.metrics.storage_size_bytes.with(BackendLabels { backend }).set(bytes as f64);
    }

    /// Starts a query.
    pub fn query(&self, operation: QueryOperation) -> Query {
        Query::start(self.clone(), operation)
    }

    /// The series of a pool of connections, to keep.
    pub fn pool(&self, pool: &str) -> Pool {
        let labels = PoolLabels { pool };
        let StorageMetrics { database_connections_active: active, database_connections_idle: idle, .. } =
            self.metrics();
        Pool { active: active.handle(labels), idle: idle.handle(labels) }
    }

    /// The series of a cache, to keep.
    pub fn cache(&self, cache_name: &str) -> Cache {
        let labels = CacheLabels { cache_name };
        let StorageMetrics { cache_hits_total: hits, cache_misses_total: misses, cache_size_bytes: size, .. } =
            self.metrics();
        Cache { hits: hits.handle(labels), misses: misses.handle(labels), size: size.handle(labels) }
    }

    /// Sets how far a group of consumers is behind.
    pub fn set_lag(&self, topic: &str, consumer_group: &str, lag: Duration) {
        self.0.metrics.message_queue_lag_seconds.with(LagLabels { topic, consumer_group }).set_duration(lag);
    }
}
