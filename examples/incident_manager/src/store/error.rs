//! What can go wrong with the store.

use std::fmt;
use std::io;

use rusqlite::ErrorCode;

use super::schema::MIGRATIONS;
use crate::incident::State;

#[derive(Debug)]
pub(crate) enum StoreError {
    NotFound(i64),
    /// The incident is in a state that the change does not start from.
    Conflict(i64, State),
    /// The store was closed: the service is stopping.
    Closed,
    /// Another process has the file.
    InUse,
    /// The lock that says so cannot be had.
    Lock(io::Error),
    /// The file was written by a newer release, with this `user_version`.
    TooNew(u16),
    Sqlite(rusqlite::Error),
}

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NotFound(id) => write!(f, "there is no incident {id}"),
            StoreError::Conflict(id, state) => {
                write!(f, "incident {id} is already {}", state.as_str())
            }
            StoreError::Closed => f.write_str("the service is stopping"),
            StoreError::InUse => f.write_str("another process uses it"),
            StoreError::Lock(error) => write!(f, "its lock file: {error}"),
            StoreError::TooNew(version) => {
                let known = MIGRATIONS.len();
                write!(f, "its schema has version {version}, newer than {known}")
            }
            StoreError::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy) => f.write_str("another process uses it"),
                _ => error.fmt(f),
            },
        }
    }
}

impl StoreError {
    /// Whether something is wrong with the store, and not with what it was asked for.
    pub(crate) fn is_of_the_store(&self) -> bool {
        !matches!(self, StoreError::NotFound(_) | StoreError::Conflict(..))
    }

    /// All that [`error_type`](Self::error_type) tells.
    pub(crate) const TYPES: [&str; 4] = ["busy", "disk", "interrupted", "other"];

    /// What it is called where it is counted.
    pub(super) fn error_type(&self) -> &'static str {
        match self {
            StoreError::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "busy",
                Some(ErrorCode::OperationInterrupted) => "interrupted",
                Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => "disk",
                _ => "other",
            },
            _ => "other",
        }
    }
}

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Sqlite(error)
    }
}
