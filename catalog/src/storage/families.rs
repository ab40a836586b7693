//! The families of storage, databases, caches and message queues.

use super::labels::{QueryOperation, StorageOperation};
use crate::bounds;
use crate::work::Status;
use quipu::{Counter, Family, Gauge, Histogram, MetricSet};

/// The families of storage, databases, caches and message queues. [`Storage`](super::Storage) records into them.
///
/// A label that is a name which the program gives has at most 20 values, a topic or a group of consumers 50, a type of errors 32.
#[derive(Debug, MetricSet)]
pub struct StorageMetrics {
    /// Operations on storage that ended.
    #[metric(labels(operation: StorageOperation, backend: &str, status: Status), max_values("backend", 20))]
    pub storage_operations_total: Family<Counter, OperationStatusLabels<'static>>,
    /// Time of an operation on storage, if it was not cancelled.
    #[metric(
        unit = "seconds",
        bounds = bounds::DB,
        labels(operation: StorageOperation, backend: &str),
        max_values("backend", 20)
    )]
    pub storage_operation_duration_seconds: Family<Histogram, OperationLabels<'static>>,
    /// Size of what is stored.
    #[metric(unit = "bytes", labels(backend: &str), max_values("backend", 20))]
    pub storage_size_bytes: Family<Gauge, BackendLabels<'static>>,
    /// Connections to a database that are in use.
    #[metric(labels(pool: &str), max_values("pool", 20))]
    pub database_connections_active: Family<Gauge, PoolLabels<'static>>,
    /// Connections to a database that wait for use.
    #[metric(max_values("pool", 20))]
    pub database_connections_idle: Family<Gauge, PoolLabels<'static>>,
    /// Time of a query, if it was not cancelled.
    #[metric(unit = "seconds", bounds = bounds::DB, labels(operation: QueryOperation))]
    pub database_query_duration_seconds: Family<Histogram, QueryLabels>,
    /// Queries that failed.
    #[metric(labels(operation: QueryOperation, error_type: &str), max_values("error_type", 32))]
    pub database_query_errors_total: Family<Counter, QueryErrorLabels<'static>>,
    /// Lookups that found what they looked for in a cache.
    #[metric(labels(cache_name: &str), max_values("cache_name", 20))]
    pub cache_hits_total: Family<Counter, CacheLabels<'static>>,
    /// Lookups that did not.
    #[metric(max_values("cache_name", 20))]
    pub cache_misses_total: Family<Counter, CacheLabels<'static>>,
    /// Size of what a cache holds.
    #[metric(unit = "bytes", max_values("cache_name", 20))]
    pub cache_size_bytes: Family<Gauge, CacheLabels<'static>>,
    /// How far a group of consumers is behind.
    #[metric(
        unit = "seconds",
        labels(topic: &str, consumer_group: &str),
        max_values("topic", 50),
        max_values("consumer_group", 50)
    )]
    pub message_queue_lag_seconds: Family<Gauge, LagLabels<'static>>,
}
