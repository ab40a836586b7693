//! An empty function that is timed, and what it cannot do without.

use quipu::Registry;
use std::hint::black_box;
use std::thread;
use std::time::Duration;

/// Two readings of the clock.
pub(crate) fn readings() -> impl Fn(usize) {
    let registry = Registry::new();
    // Until the counter's rate is known, readings are the system's.
    for _ in 0..10 {
        black_box(registry.clock().now());
        thread::sleep(Duration::from_millis(15));
    }
    move |_| {
        let start = registry.clock().now();
        black_box(registry.clock().seconds_since(start));
    }
}

pub(crate) fn function() -> impl Fn(usize) {
    #[quipu::timed("empty_seconds")]
    #[inline(never)]
    fn empty(position: usize) -> usize {
        position
    }
    |position| {
        black_box(empty(position));
    }
}

/// The same, with all that can be counted beside it.
pub(crate) fn counting_function() -> impl Fn(usize) {
    #[quipu::timed("counting_seconds", calls, errors, labels(kind = "empty"))]
    #[inline(never)]
    fn counting(position: usize) -> Result<usize, ()> {
        Ok(position)
    }
    |position| {
        let _ = black_box(counting(position));
    }
}
