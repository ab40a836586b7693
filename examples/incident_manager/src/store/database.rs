//! What can be done with the incidents.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::columns::incident;
use super::schema::migrate;
use super::{Result, StoreError};
use crate::incident::{Category, Change, Incident, NewIncident, Severity, Source, State};

/// Resolved incidents beyond the newest so many are deleted, so that the file stops growing.
pub(super) const KEEP_RESOLVED: u32 = 10_000;
/// Deleting in batches keeps the search for what to delete out of nearly all requests.
pub(super) const RESOLUTIONS_PER_PRUNE: u32 = 100;
/// For how long a check of the file holds, so that asking for it costs little.
const CHECKED_FOR: Duration = Duration::from_secs(1);
/// How long a connection waits for another one, and its statements that it keeps prepared.
const BUSY: Duration = Duration::from_secs(1);
const STATEMENTS: usize = 64;

/// A connection.
#[derive(Debug)]
pub(crate) struct Database {
    pub(super) connection: Connection,
    resolutions_until_prune: u32,
    /// When the last check succeeded.
    checked: Option<Instant>,
}

impl Database {
    /// One that writes, to a schema that is up to date.
    pub(super) fn writer(mut connection: Connection) -> Result<Database> {
        connection.busy_timeout(BUSY)?;
        // With a write-ahead log, NORMAL survives a crash of the process; FULL, also of the machine.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        migrate(&mut connection)?;
        Ok(Database::new(connection))
    }

    /// One that only reads.
    pub(super) fn reader(connection: Connection) -> Result<Database> {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Database::new(connection))
    }

    fn new(connection: Connection) -> Database {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Database { connection, resolutions_until_prune: 0, checked: None }
    }

    pub(super) fn close(self) -> Result<()> {
        self.connection.close().map_err(|(_, error)| error.into())
    }

    /// Writes a page, unless it did so less than a second ago: reading says nothing of a disk that is full.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.checked.is_some_and(|at| at.elapsed() < CHECKED_FOR) {
            return Ok(());
        }
        let change = "INSERT OR REPLACE INTO checks (id, text) VALUES (1, randomblob(2048))";
        self.connection.prepare_cached(change)?.execute([])?;
        self.checked = Some(Instant::now());
        Ok(())
    }

    pub(crate) fn create(&mut self, new: &NewIncident, now: Timestamp) -> Result<Incident> {
        let transaction = self.connection.transaction()?;
        let kind = params![new.severity, new.source, new.category];
        transaction
            .prepare_cached(
                "INSERT INTO created VALUES (?, ?, ?, 1)
                 ON CONFLICT DO UPDATE SET count = count + 1",
            )?
            .execute(kind)?;
        let incident = transaction
            .prepare_cached(
                "INSERT INTO incidents (title, severity, source, category, state, created_at)
                 VALUES (?, ?, ?, ?, ?, ?) RETURNING *",
            )?
            .query_row(
                params![new.title, new.severity, new.source, new.category, State::New, now.as_millisecond()],
                incident,
            )?;
        transaction.commit()?;
        Ok(incident)
    }

    pub(crate) fn get(&mut self, id: i64) -> Result<Incident> {
        get(&self.connection, id)
    }

    /// The newest incidents first.
    pub(crate) fn list(&mut self, state: Option<State>, limit: u32) -> Result<Vec<Incident>> {
        let mut statement = self.connection.prepare_cached(match state {
            Some(_) => "SELECT * FROM incidents WHERE state = ?2 ORDER BY id DESC LIMIT ?1",
            None => "SELECT * FROM incidents ORDER BY id DESC LIMIT ?1",
        })?;
        let rows = match state {
            Some(state) => statement.query_map(params![limit, state], incident)?,
            None => statement.query_map([limit], incident)?,
        };
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The incidents that were resolved before then and are not closed, the oldest first.
    pub(crate) fn resolved_before(&mut self, then: Timestamp, limit: u32) -> Result<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM incidents WHERE state = 'RESOLVED' AND resolved_at < ? ORDER BY id LIMIT ?",
        )?;
        let rows = statement.query_map(params![then.as_millisecond(), limit], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Takes a step with an incident, and tells from which state.
    pub(crate) fn change(&mut self, id: i64, change: Change, now: Timestamp) -> Result<(State, Incident)> {
        // First, so that an error here leaves the incident as it was.
        if change == Change::Resolve {
            self.prune_now_and_then()?;
        }
        let update = match change {
            Change::Acknowledge => "UPDATE incidents SET state = ?2, acknowledged_at = ?3 WHERE id = ?1 RETURNING *",
            Change::Start => "UPDATE incidents SET state = ?2, started_at = ?3 WHERE id = ?1 RETURNING *",
            Change::Resolve => "UPDATE incidents SET state = ?2, resolved_at = ?3 WHERE id = ?1 RETURNING *",
            Change::Close => "UPDATE incidents SET state = ?2, closed_at = ?3 WHERE id = ?1 RETURNING *",
        };
        let transaction = self.connection.transaction()?;
        let from = get(&transaction, id)?.state;
        if !change.starts_from(from) {
            return Err(StoreError::Conflict(id, from));
        }
        let changed =
            transaction.prepare_cached(update)?.query_row(params![id, change.to(), now.as_millisecond()], incident)?;
        transaction
            .prepare_cached("INSERT INTO transitions VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1")?
            .execute([from, change.to()])?;
        // A commit that fails is an error here; dropped with the statement it would pass unseen.
        transaction.commit()?;
        Ok((from, changed))
    }

    /// The number of incidents that are not resolved, of each kind that has any.
    pub(crate) fn active(&mut self) -> Result<Vec<(Severity, Source, Category, u32)>> {
        let mut statement = self.connection.prepare(
            "SELECT severity, source, category, count(*) FROM incidents
             WHERE resolved_at IS NULL GROUP BY severity, source, category",
        )?;
        let rows = statement.query_map([], |row: &Row<'_>| row.try_into())?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Bytes of the file.
    pub(crate) fn size(&mut self) -> Result<u64> {
        let number =
            |pragma| self.connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0).map(u64::from));
        Ok(number("page_count")? * number("page_size")?)
    }

    fn prune_now_and_then(&mut self) -> Result<()> {
        if self.resolutions_until_prune == 0 {
            self.prune(KEEP_RESOLVED)?;
            self.resolutions_until_prune = RESOLUTIONS_PER_PRUNE;
        }
        self.resolutions_until_prune -= 1;
        Ok(())
    }

    pub(super) fn prune(&mut self, keep: u32) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM incidents WHERE resolved_at <= (
                 SELECT resolved_at FROM incidents WHERE resolved_at IS NOT NULL
                 ORDER BY resolved_at DESC LIMIT 1 OFFSET ?)",
        )?;
        statement.execute([keep])?;
        Ok(())
    }
}

fn get(connection: &Connection, id: i64) -> Result<Incident> {
    let mut statement = connection.prepare_cached("SELECT * FROM incidents WHERE id = ?")?;
    statement.query_row([id], incident).optional()?.ok_or(StoreError::NotFound(id))
}
