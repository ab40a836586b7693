//! For tests of a program's metrics: a registry of the test's own, with a clock that is set; values, changes, and good names.
//!
//! ```
//! use quipu::testing::{assert_changes, assert_good_names, registry, value};
//! use std::time::Duration;
//!
//! let (registry, clock) = registry();
//! let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue", "status"]).register()?;
//! let seconds = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
//!
//! let work = || {
//!     let timer = seconds.start_timer();
//!     clock.advance(Duration::from_secs(2)); // what the code under test does
//!     jobs.with(["mail", "ok"]).inc();
//!     drop(timer);
//! };
//! // Exactly this, and nothing else.
//! assert_changes(
//!     &registry,
//!     [
//!         (r#"jobs_total{queue="mail",status="ok"}"#, 1.0),
//!         ("job_duration_seconds_count", 1.0),
//!         ("job_duration_seconds_sum", 2.0),
//!     ],
//!     work,
//! );
//! assert_eq!(value(&registry, "jobs_total", [("status", "ok")]), 1.0);
//! assert_good_names(&registry, []);
//! # Ok::<(), quipu::RegisterError>(())
//! ```
//!
//! [`Registry::snapshot`] has all values at once.

mod changes;
mod names;
mod values;

pub use changes::{assert_changes, assert_values};
pub use names::assert_good_names;
pub use values::{histogram, value};

use crate::Registry;
use crate::clock::ManualClock;

/// A registry for one test, with the clock that its timers read. It has no metrics about itself.
///
/// ```
/// let (registry, clock) = quipu::testing::registry();
/// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
/// seconds.time(|| clock.advance(std::time::Duration::from_secs(3)));
/// assert_eq!(seconds.snapshot().sum(), 3.0);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[expect(clippy::missing_panics_doc, reason = "these settings are always good")]
pub fn registry() -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    let built = Registry::builder().without_self_metrics().clock(&clock).build();
    (built.expect("good settings"), clock)
}
