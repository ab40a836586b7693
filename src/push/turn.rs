//! At most one request of a gateway is under way.

use crate::sync::{Mutex, gate, lock};
use std::sync::Arc;

use tokio::sync::{Mutex as Queue, OwnedMutexGuard};

/// Whose turn it is, and who waits for one.
#[derive(Debug)]
pub(super) struct Turns(Mutex<Turnstile>);

#[derive(Debug)]
struct Turnstile {
    /// The forks until it was made: the child of a fork has none of the threads that hold a turn.
    forks: u64,
    queue: Arc<Queue<()>>,
}

/// The right to send a request, until its last clone is dropped.
pub(super) type Turn = Arc<OwnedMutexGuard<()>>;

impl Turns {
    pub(super) fn new() -> Turns {
        Turns(Mutex::new(Turnstile::new()))
    }

    pub(super) async fn take(&self) -> Turn {
        Arc::new(self.queue().lock_owned().await)
    }

    fn queue(&self) -> Arc<Queue<()>> {
        let mut turnstile = lock(&self.0);
        if turnstile.forks != gate::forks() {
            *turnstile = Turnstile::new();
        }
        turnstile.queue.clone()
    }
}

impl Turnstile {
    fn new() -> Turnstile {
        Turnstile { forks: gate::forks(), queue: Arc::default() }
    }
}
