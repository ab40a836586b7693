//! Threads that push.

use std::{io, thread};

use tokio::runtime::Builder;

/// Runs a future on a thread and in a runtime of its own.
pub(super) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    run(move || {
        runtime.block_on(task);
        // A resolver that hangs keeps its thread, and no other.
        runtime.shutdown_background();
    })
}

/// Runs a function on a thread of its own.
pub(super) fn run(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("quipu-push".to_owned()).spawn(work).map(drop)
}
