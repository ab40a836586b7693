//! Incidents in one SQLite file, whose log lets many read while one writes: so there is a pool of one connection that
//! writes, and a pool of some that read.

mod books;
mod columns;
mod database;
mod error;
mod findings;
mod pool;
mod schema;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

pub(crate) use self::books::LlmUse;
pub(crate) use self::database::Database;
pub(crate) use self::error::{Result, StoreError};
use self::pool::Pool;

const READERS: usize = 4;

/// The pools that there are, by name.
pub(crate) const POOLS: [&str; 2] = ["writer", "readers"];

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pools: Arc<Pools>,
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
    pub(crate) fn open(file: &Path) -> Result<Store> {
        let connection = Connection::open(file)?;
        // Finds out whether the file can be used at all, before a lock file is made beside it.
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let lock = lock(file)?;
        let writer = Database::writer(connection)?;
        let readers = (0..READERS).map(|_| Database::reader(Connection::open(file)?)).collect::<Result<_>>()?;
        let pools = Pools { writer: Pool::new(vec![writer]), readers: Pool::new(readers), _lock: lock };
        Ok(Store { pools: Arc::new(pools) })
    }

    /// Runs `work` on a connection that can write, to its end even if the caller goes away.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.pools.writer.run(work).await
    }

    /// Runs `work` on a connection that can only read.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.pools.readers.run(work).await
    }

    /// Of each of the [`POOLS`], how many connections are active, and how many idle.
    pub(crate) fn connections(&self) -> [(u32, u32); 2] {
        [&self.pools.writer, &self.pools.readers].map(Pool::active_and_idle)
    }

    /// Finishes the work that was begun and closes the file.
    pub(crate) async fn close(self) -> Result<()> {
        drop(self.pools.readers.close().await);
        // The last one to close removes the log.
        self.pools.writer.close().await.into_iter().try_for_each(Database::close)
    }
}

fn lock(database: &Path) -> Result<File> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let file = File::create(PathBuf::from(path)).map_err(StoreError::Lock)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(std::fs::TryLockError::Error(error)) => Err(StoreError::Lock(error)),
    }
}
