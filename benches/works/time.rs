//! The one loop that operations are timed in.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// How long it takes to call `operation` with each position from 0 to `times`.
pub(crate) fn time(times: u64, operation: &impl Fn(usize)) -> Duration {
    // What the operation captured escapes here. The empty `black_box` is a barrier for the compiler that costs no
    // instruction: together they make it load handles and tables anew each time.
    let operation = black_box(operation);
    let start = Instant::now();
    for position in 0..times as usize {
        operation(position);
        black_box(());
    }
    start.elapsed()
}
