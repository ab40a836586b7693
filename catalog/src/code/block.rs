//! One block of code.

use quipu::clock::{Clock, Moment};
use quipu::{Counter, Histogram};
use std::sync::Arc;

/// The series of one block.
#[derive(Debug)]
pub(super) struct BlockSeries {
    pub(super) seconds: Histogram,
    pub(super) errors: Counter,
    pub(super) clock: Clock,
}

/// A block of code under way. Made by [`Code::start_block`](super::Code::start_block).
///
/// Its duration is recorded when it is dropped, however that comes: the families of blocks have no status.
///
/// # Cost
/// Two readings of the clock, a reference count and a recording: about 70 ns. Nothing is allocated.
///
/// ```
/// use quipu_catalog::code::Code;
///
/// # let registry = quipu::Registry::new();
/// let code = Code::register(&registry)?;
/// let parse = |text: &str| {
///     let block = code.start_block("parse");
///     text.parse::<u8>().inspect_err(|_| block.error())
/// };
/// assert!(parse("1").is_ok() && parse("x").is_err());
/// let text = registry.to_text();
/// assert!(text.contains("block_duration_seconds_count{block=\"parse\"} 2\n"));
/// assert!(text.contains("block_errors_total{block=\"parse\"} 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a block that is dropped at once times nothing; keep it in a variable such as `_block`"]
pub struct Block {
    series: Arc<BlockSeries>,
    start: Moment,
}

assert_small!(Block);

impl Block {
    pub(super) fn start(series: Arc<BlockSeries>) -> Block {
        Block { start: series.clock.now(), series }
    }

    /// Something went wrong. Counted at once; the block goes on.
    pub fn error(&self) {
        self.series.errors.inc();
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.series.seconds.observe(self.series.clock.seconds_since(self.start));
    }
}
