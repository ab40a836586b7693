//! Incidents in one SQLite file, whose log lets many read while one writes: so there is a pool of one connection that
//! writes, and a pool of some that read.

mod books;
mod columns;
mod database;
mod error;
mod findings;
mod jobs;
mod pool;
mod schema;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quipu::Registry;
use quipu_catalog::storage::{Storage, StorageOperation};
use rusqlite::Connection;

pub(crate) use self::books::LlmUse;
pub(crate) use self::database::Database;
pub(crate) use self::error::{Result, StoreError};
pub(crate) use self::findings::Faults;
use self::pool::Pool;

/// What the store is called in metrics.
pub(crate) const BACKEND: &str = "sqlite";

const READERS: usize = 4;

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pools: Arc<Pools>,
    metrics: Storage,
}

#[derive(Debug)]
struct Pools {
    writer: Pool,
    readers: Pool,
    /// Held as long as the file is used: gauges of its incidents are kept in memory, so no other process may write.
    _lock: File,
}

impl Store {
    /// Opens or creates the file and brings its schema up to date.
    pub(crate) fn open(file: &Path, metrics: &Storage, faults: Faults) -> Result<Store> {
        let connection = Connection::open(file)?;
        // Finds out whether the file can be used at all, before a lock file is made beside it.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let lock = lock(file)?;
        let writer = Database::writer(connection, metrics)?;
        let reader = |_| Database::reader(Connection::open(file)?, metrics, faults.clone());
        let readers = (0..READERS).map(reader).collect::<Result<_>>()?;
        let pools = Pools { writer: Pool::new(vec![writer]), readers: Pool::new(readers), _lock: lock };
        Ok(Store { pools: Arc::new(pools), metrics: metrics.clone() })
    }

    /// Shows how many connections work, and how many are idle.
    pub(crate) fn show_pools(&self, registry: &Registry) {
        // Not the pools themselves: the file is closed before the last scrape.
        let pools = Arc::downgrade(&self.pools);
        let [writer, readers] = ["writer", "readers"].map(|name| self.metrics.pool(name));
        let hook = registry.before_scrape(move || {
            if let Some(pools) = pools.upgrade() {
                for (shown, pool) in [(&writer, &pools.writer), (&readers, &pools.readers)] {
                    let (active, idle) = pool.active_and_idle();
                    shown.set(active, idle);
                }
            }
        });
        hook.keep();
    }

    /// Runs `work` on a connection that can only read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(StorageOperation::Read, &self.pools.readers, work).await
    }

    /// The same, for what reads many rows.
    pub(crate) async fn list<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(StorageOperation::List, &self.pools.readers, work).await
    }

    /// Runs `work` on a connection that can write, to its end even if the caller goes away.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(StorageOperation::Write, &self.pools.writer, work).await
    }

    /// The same, for what deletes.
    pub(crate) async fn delete<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.run(StorageOperation::Delete, &self.pools.writer, work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        operation: StorageOperation,
        pool: &Pool,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // Dropped with this future, it was cancelled.
        let operation = self.metrics.start(operation, BACKEND);
        let outcome = pool.run(work).await;
        match &outcome {
            Err(error) if error.is_of_the_store() => operation.failure(),
            _ => operation.success(),
        }
        outcome
    }

    /// Finishes the work that was begun and closes the file; returns how many jobs are left.
    pub(crate) async fn close(self) -> Result<u32> {
        drop(self.pools.readers.close().await);
        let mut left = 0;
        for mut database in self.pools.writer.close().await {
            left = database.count_jobs()?;
            // The last one to close removes the log.
            database.close()?;
        }
        Ok(left)
    }
}

fn lock(database: &Path) -> Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let file = File::create(PathBuf::from(path)).map_err(StoreError::Lock)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(error)) => Err(StoreError::Lock(error)),
    }
}
