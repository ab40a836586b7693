//! A pool of connections: so many calls run at a time as there are connections, and further ones wait in turn.

use std::ops::{Deref, DerefMut};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::{Database, Result, StoreError};

#[derive(Debug)]
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<Database>>>,
    /// One for each connection that is idle.
    permits: Arc<Semaphore>,
    size: u32,
}

impl Pool {
    pub(super) fn new(connections: Vec<Database>) -> Pool {
        let size = connections.len() as u32;
        let permits = Arc::new(Semaphore::new(connections.len()));
        Pool { idle: Arc::new(Mutex::new(connections)), permits, size }
    }

    /// Runs `work` on a thread that may block. Once begun it runs to its end, even if the caller goes away.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.permits.clone().acquire_owned().await;
        let mut lease = Lease::new(&self.idle, permit.map_err(|_| StoreError::Closed)?)?;
        match spawn_blocking(move || work(&mut lease)).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime ends.
            Err(_) => Err(StoreError::Closed),
        }
    }

    /// Connections that work, and that do not.
    pub(super) fn active_and_idle(&self) -> (u64, u64) {
        let idle = lock(&self.idle).len() as u64;
        (u64::from(self.size).saturating_sub(idle), idle)
    }

    /// Waits until all connections are idle, and takes them. Later calls find the pool closed.
    pub(super) async fn close(&self) -> Vec<Database> {
        let all = self.permits.acquire_many(self.size).await;
        self.permits.close();
        drop(all);
        std::mem::take(&mut *lock(&self.idle))
    }
}

/// A connection that goes back when this is dropped, also by a panic.
struct Lease {
    database: Option<Database>,
    idle: Arc<Mutex<Vec<Database>>>,
    /// Dropped last, when the connection is back.
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    fn new(idle: &Arc<Mutex<Vec<Database>>>, permit: OwnedSemaphorePermit) -> Result<Lease> {
        let database = lock(idle).pop().ok_or(StoreError::Closed)?;
        Ok(Lease { database: Some(database), idle: idle.clone(), _permit: permit })
    }
}

impl Deref for Lease {
    type Target = Database;

    fn deref(&self) -> &Database {
        self.database.as_ref().expect("only taken by drop")
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Database {
        self.database.as_mut().expect("only taken by drop")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.idle).extend(self.database.take());
    }
}

/// What is kept under it is whole also after a panic.
fn lock(idle: &Mutex<Vec<Database>>) -> MutexGuard<'_, Vec<Database>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
