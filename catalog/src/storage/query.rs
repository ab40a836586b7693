//! One query of a database.

use super::{QueryErrorLabels, QueryLabels, QueryOperation, Storage};
use quipu::clock::Moment;

/// A query under way. Made by [`Storage::query`].
///
/// Say how it ended; its duration is recorded, and its error. Dropped without a word it was cancelled, and nothing is recorded: the
/// families of queries have no status.
///
/// # Cost
/// Two readings of the clock, a reference count and a recording: about 50 ns. Nothing is allocated.
///
/// ```
/// use quipu_catalog::storage::{QueryOperation, Storage};
///
/// # let registry = quipu::Registry::new();
/// let storage = Storage::register(&registry)?;
/// storage.query(QueryOperation::Select).success();
/// storage.query(QueryOperation::Insert).error("constraint");
/// let labels = [("operation", "insert"), ("error_type", "constraint")];
/// assert_eq!(registry.snapshot().value("database_query_errors_total", &labels), Some(1.0));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a query that is dropped without an outcome is not recorded"]
pub struct Query {
    storage: Storage,
    start: Moment,
    operation: QueryOperation,
}

assert_small!(Query);

impl Query {
    pub(super) fn start(storage: Storage, operation: QueryOperation) -> Query {
        Query { start: storage.0.clock.now(), storage, operation }
    }

    /// The query was answered.
    pub fn success(self) {
        self.observe();
    }

    /// The query failed. The type is one of few, such as `timeout`, `constraint` or `connection`, and no message.
    pub fn error(self, error_type: &str) {
        let labels = QueryErrorLabels { operation: self.operation, error_type };
        self.storage.0.metrics.database_query_errors_total.with(labels).inc();
        self.observe();
    }

    fn observe(&self) {
        let seconds = self.storage.0.clock.seconds_since(self.start);
        let labels = QueryLabels { operation: self.operation };
        self.storage.0.metrics.database_query_duration_seconds.with(labels).observe(seconds);
    }
}
