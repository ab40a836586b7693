//! Code: functions, blocks, batches with partial success, errors.
//!
//! ```
//! use quipu_catalog::code::Code;
//!
//! # fn classify() -> Result<(), std::io::Error> { Ok(()) }
//! let registry = quipu::Registry::new();
//! let code = Code::register(&registry)?;
//!
//! code.start_function("classify").record(&classify());
//! {
//!     let _block = code.start_block("load"); // until the end of the scope
//! }
//! let mut batch = code.start_batch("import");
//! batch.succeeded(98);
//! batch.failed(2);
//! batch.finish(); // partial
//! code.error("parser", "utf8");
//!
//! let text = registry.to_text();
//! assert!(text.contains("function_calls_total{function=\"classify\",status=\"success\"} 1\n"));
//! assert!(text.contains("errors_total{component=\"parser\",error_type=\"utf8\"} 1\n"));
//! # Ok::<(), quipu::RegisterError>(())
//! ```

mod batch;
mod block;

pub use batch::Batch;
pub use block::Block;

use crate::bounds;
use crate::names::Names;
use crate::values::label_values;
use crate::work::{Status, Work, WorkSeries};
use batch::BatchSeries;
use block::BlockSeries;
use quipu::clock::Clock;
use quipu::{Counter, Family, Histogram, MetricSet, RegisterError, Registry};
use std::sync::Arc;

label_values! {
    /// How a batch ended.
    pub enum BatchStatus {
        /// No item failed.
        Success = "success",
        /// Some items succeeded, and some failed.
        Partial = "partial",
        /// All items failed.
        Failure = "failure",
        /// It was given up before its end. That is no error.
        Cancelled = "cancelled",
    }
}

/// The families of code. [`Code`] records into them.
///
/// A family has at most 200 functions, blocks or operations, 50 components and 100 types of errors.
#[derive(Debug, MetricSet)]
pub struct CodeMetrics {
    /// Calls of functions that ended.
    #[metric(labels(function: &str, status: Status), max_values("function", 200))]
    pub function_calls_total: Family<Counter, CallLabels<'static>>,
    /// Time of a call of a function, if it was not cancelled.
    #[metric(unit = "seconds", bounds = bounds::HTTP, labels(function: &str), max_values("function", 200))]
    pub function_duration_seconds: Family<Histogram, FunctionLabels<'static>>,
    /// Time of a block of code.
    #[metric(unit = "seconds", bounds = bounds::HTTP, labels(block: &str), max_values("block", 200))]
    pub block_duration_seconds: Family<Histogram, BlockLabels<'static>>,
    /// Errors in a block of code.
    #[metric(max_values("block", 200))]
    pub block_errors_total: Family<Counter, BlockLabels<'static>>,
    /// Batches that ended.
    #[metric(labels(operation: &str, status: BatchStatus), max_values("operation", 200))]
    pub batch_operations_total: Family<Counter, BatchLabels<'static>>,
    /// Items of batches that succeeded or failed.
    #[metric(labels(operation: &str), max_values("operation", 200))]
    pub batch_items_processed_total: Family<Counter, ItemLabels<'static>>,
    /// Errors, by where they happened.
    #[metric(labels(component: &str, error_type: &str), max_values("component", 50), max_values("error_type", 100))]
    pub errors_total: Family<Counter, ErrorLabels<'static>>,
}

/// Tracks functions, blocks and batches. A clone is another handle to the same. The [module](self) has an example.
///
/// Names are those that the program gives in its code. The first time of each allocates.
#[derive(Clone, Debug)]
pub struct Code(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: CodeMetrics,
    clock: Clock,
    functions: Names<WorkSeries>,
    blocks: Names<BlockSeries>,
    batches: Names<BatchSeries>,
}

impl Code {
    /// Registers the families of code, or finds them.
    ///
    /// # Errors
    /// When another metric has one of their names; then none is registered.
    pub fn register(registry: &Registry) -> Result<Code, RegisterError> {
        let metrics = CodeMetrics::register(registry)?;
        let clock = registry.clock().clone();
        let (functions, blocks, batches) = (Names::new(512), Names::new(512), Names::new(512));
        Ok(Code(Arc::new(Inner { metrics, clock, functions, blocks, batches })))
    }

    /// The families, to record into directly.
    pub fn metrics(&self) -> &CodeMetrics {
        &self.0.metrics
    }

    /// Starts a call of a function.
    pub fn start_function(&self, function: &str) -> Work {
        let Inner { metrics, clock, functions, .. } = &*self.0;
        Work::start(functions.get([function], || {
            let ended = |status| metrics.function_calls_total.handle(CallLabels { function, status });
            WorkSeries::new(clock, ended, metrics.function_duration_seconds.handle(FunctionLabels { function }))
        }))
    }

    /// Starts a block of code.
    pub fn start_block(&self, block: &str) -> Block {
        let Inner { metrics, clock, blocks, .. } = &*self.0;
        let labels = BlockLabels { block };
        Block::start(blocks.get([block], || BlockSeries {
            seconds: metrics.block_duration_seconds.handle(labels),
            errors: metrics.block_errors_total.handle(labels),
            clock: clock.clone(),
        }))
    }

    /// Starts a batch.
    pub fn start_batch(&self, operation: &str) -> Batch {
        let Inner { metrics, batches, .. } = &*self.0;
        Batch::start(batches.get([operation], || BatchSeries {
            ended: core::array::from_fn(|n| {
                metrics.batch_operations_total.handle(BatchLabels { operation, status: BatchStatus::ALL[n] })
            }),
            items: metrics.batch_items_processed_total.handle(ItemLabels { operation }),
        }))
    }

    /// Counts an error. Its type is one of few, and no message.
    pub fn error(&self, component: &str, error_type: &str) {
        self.0.metrics.errors_total.with(ErrorLabels { component, error_type }).inc();
    }
}
