//! A clock for tests.

use crate::sync::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

/// A clock that stands still until it is moved, so that tests of timers are exact and do not sleep.
///
/// Give it to a registry with [`RegistryBuilder::clock`](crate::registry::RegistryBuilder::clock): every timer of the registry's
/// metrics then reads it. A clone is another handle to the same clock. It begins at the start of 1970.
///
/// ```
/// use quipu::clock::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let registry = quipu::Registry::builder().clock(&clock).build()?;
/// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
/// let timer = seconds.start_timer();
/// clock.advance(Duration::from_millis(250));
/// assert_eq!(timer.stop(), Duration::from_millis(250));
/// assert_eq!(seconds.snapshot().sum(), 0.25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    nanoseconds: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock of its own, at the start of 1970.
    pub fn new() -> ManualClock {
        ManualClock::default()
    }

    /// Moves the clock forward. It can show 584 years, and begins again after them.
    pub fn advance(&self, by: Duration) {
        self.nanoseconds.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
    }

    /// The time since its beginning.
    pub(super) fn nanoseconds(&self) -> u64 {
        self.nanoseconds.load(Ordering::Relaxed)
    }
}
