//! What the workers look for and find out.

use std::sync::{Arc, Mutex, PoisonError};

use fastrand::Rng;
use jiff::Timestamp;
use quipu_catalog::Status;
use quipu_catalog::storage::QueryOperation;
use rusqlite::{OptionalExtension, ToSql, ffi, params};

use super::books::count_outcome;
use super::columns::{Text, findings};
use super::{Database, Result, StoreError};
use crate::incident::{Category, Findings, Incident, Level};

/// Interrupts some searches, as a time limit on statements does when the database is slow.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    rng: Arc<Mutex<Rng>>,
    part: f64,
}

impl Faults {
    pub(crate) fn new(rng: Rng, part: f64) -> Faults {
        Faults { rng: Arc::new(Mutex::new(rng)), part }
    }

    pub(super) fn none() -> Faults {
        Faults::new(Rng::with_seed(0), 0.0)
    }

    fn check(&self) -> Result<()> {
        if self.rng.lock().unwrap_or_else(PoisonError::into_inner).f64() >= self.part {
            return Ok(());
        }
        let interrupted = ffi::Error::new(ffi::SQLITE_INTERRUPT);
        Err(StoreError::Sqlite(rusqlite::Error::SqliteFailure(interrupted, None)))
    }
}

impl Database {
    /// What is known of an incident that there is.
    pub(crate) fn findings(&mut self, id: i64) -> Result<Findings> {
        self.get(id)?;
        self.query(QueryOperation::Select, |connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM findings WHERE incident_id = ?")?;
            Ok(statement.query_row([id], findings).optional()?.unwrap_or_default())
        })
    }

    /// The incident that was found to be the same, or else the first open one since then that reports the same from the same source.
    pub(crate) fn find_same(&mut self, incident: &Incident, since: Timestamp) -> Result<Option<i64>> {
        let search = "SELECT duplicate_of FROM findings WHERE incident_id = ?2 AND duplicate_of IS NOT NULL UNION ALL
             SELECT * FROM (SELECT id FROM incidents WHERE resolved_at IS NULL AND category = ?1 AND id < ?2
             AND source = ?3 AND created_at >= ?4 AND title = ?5 ORDER BY id LIMIT 1) LIMIT 1";
        let Incident { id, title, source, category, .. } = incident;
        self.search(search, &[&Text(*category), id, &Text(*source), &since.as_millisecond(), title])
    }

    /// The last open incident since then that another source reports in the same category.
    pub(crate) fn find_related(&mut self, incident: &Incident, since: Timestamp) -> Result<Option<i64>> {
        let search = "SELECT id FROM incidents WHERE resolved_at IS NULL AND category = ?1 AND id < ?2
             AND source <> ?3 AND created_at >= ?4 ORDER BY id DESC LIMIT 1";
        let Incident { id, source, category, .. } = incident;
        self.search(search, &[&Text(*category), id, &Text(*source), &since.as_millisecond()])
    }

    fn search(&mut self, search: &str, values: &[&dyn ToSql]) -> Result<Option<i64>> {
        let faults = self.faults.clone();
        self.query(QueryOperation::Select, |connection| {
            faults.check()?;
            Ok(connection.prepare_cached(search)?.query_row(values, |row| row.get(0)).optional()?)
        })
    }

    /// These tell whether they have written anything: what is known already holds, and an incident may be deleted meanwhile.
    pub(crate) fn set_duplicate(&mut self, id: i64, of: i64) -> Result<bool> {
        self.note("duplicate_of", id, &of)
    }

    pub(crate) fn set_correlated(&mut self, id: i64, with: i64) -> Result<bool> {
        self.note("correlated_with", id, &with)
    }

    pub(crate) fn set_category(&mut self, id: i64, category: Category) -> Result<bool> {
        self.note("classified_as", id, &Text(category))
    }

    pub(crate) fn set_summary(&mut self, id: i64, summary: &str) -> Result<bool> {
        self.note("summary", id, &summary)
    }

    fn note(&mut self, column: &str, id: i64, value: &dyn ToSql) -> Result<bool> {
        let change = format!(
            "INSERT INTO findings (incident_id, {column}) SELECT id, ?2 FROM incidents WHERE id = ?1
             ON CONFLICT DO UPDATE SET {column} = excluded.{column} WHERE {column} IS NULL"
        );
        self.query(QueryOperation::Insert, |connection| {
            Ok(connection.prepare_cached(&change)?.execute(params![id, value])? > 0)
        })
    }

    /// The same of a level, which is only replaced by a higher one. It is counted in the books.
    pub(crate) fn set_level(&mut self, id: i64, level: Level) -> Result<bool> {
        self.query(QueryOperation::Insert, |connection| {
            let transaction = connection.transaction()?;
            let change = "INSERT INTO findings (incident_id, escalated_to) SELECT id, ?2 FROM incidents WHERE id = ?1
                 ON CONFLICT DO UPDATE SET escalated_to = excluded.escalated_to
                 WHERE escalated_to IS NULL OR escalated_to < excluded.escalated_to";
            let is_new = transaction.prepare_cached(change)?.execute(params![id, Text(level)])? > 0;
            if is_new {
                count_outcome(&transaction, "escalation", level.as_str(), Status::Success.as_str())?;
            }
            transaction.commit()?;
            Ok(is_new)
        })
    }
}
