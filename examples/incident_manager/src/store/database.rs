//! What can be done with the incidents.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use quipu_catalog::incidents::Kind;
use quipu_catalog::storage::{QueryOperation, Storage};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::columns::{Text, incident};
use super::findings::Faults;
use super::jobs::add_job;
use super::schema::migrate;
use super::{Result, StoreError};
use crate::incident::{Change, Incident, NewIncident, State};
use crate::jobs::Task;

/// For how long a check of the file holds, so that asking for it costs little.
const CHECKED_FOR: Duration = Duration::from_secs(1);
/// How long a connection waits for another one, and its statements that it keeps prepared.
const BUSY: Duration = Duration::from_secs(1);
const STATEMENTS: usize = 64;

/// A connection.
#[derive(Debug)]
pub(crate) struct Database {
    pub(super) connection: Connection,
    pub(super) faults: Faults,
    metrics: Storage,
    /// When the last check succeeded.
    checked: Option<Instant>,
}

impl Database {
    /// One that writes, to a schema that is up to date.
    pub(super) fn writer(mut connection: Connection, metrics: &Storage) -> Result<Database> {
        connection.busy_timeout(BUSY)?;
        // With a write-ahead log, NORMAL survives a crash of the process; FULL, also of the machine.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_transaction_behavior(TransactionBehavior::Immediate);
        migrate(&mut connection)?;
        Ok(Database::new(connection, metrics, Faults::none()))
    }

    /// One that only reads.
    pub(super) fn reader(connection: Connection, metrics: &Storage, faults: Faults) -> Result<Database> {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(Database::new(connection, metrics, faults))
    }

    fn new(connection: Connection, metrics: &Storage, faults: Faults) -> Database {
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Database { connection, faults, metrics: metrics.clone(), checked: None }
    }

    pub(super) fn close(self) -> Result<()> {
        self.connection.close().map_err(|(_, error)| error.into())
    }

    /// Runs a query, or a transaction of some, and measures it.
    pub(super) fn query<T>(
        &mut self,
        operation: QueryOperation,
        run: impl FnOnce(&mut Connection) -> Result<T>,
    ) -> Result<T> {
        let query = self.metrics.query(operation);
        let outcome = run(&mut self.connection);
        match &outcome {
            Err(error) if error.is_of_the_store() => query.error(error.error_type()),
            _ => query.success(),
        }
        outcome
    }

    /// Writes a page, unless it did so less than a second ago: reading says nothing of a disk that is full.
    pub(crate) fn check(&mut self) -> Result<()> {
        if self.checked.is_some_and(|at| at.elapsed() < CHECKED_FOR) {
            return Ok(());
        }
        self.query(QueryOperation::Insert, |connection| {
            let change = "INSERT OR REPLACE INTO checks (id, text) VALUES (1, randomblob(2048))";
            connection.prepare_cached(change)?.execute([])?;
            Ok(())
        })?;
        self.checked = Some(Instant::now());
        Ok(())
    }

    /// Creates an incident, with its first job.
    pub(crate) fn create(&mut self, new: &NewIncident, now: Timestamp) -> Result<Incident> {
        self.query(QueryOperation::Insert, |connection| {
            let transaction = connection.transaction()?;
            let (severity, source, category) = (Text(new.severity), Text(new.source), Text(new.category));
            transaction
                .prepare_cached("INSERT INTO created VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1")?
                .execute(params![severity, source, category])?;
            let insert = "INSERT INTO incidents (title, severity, source, category, state, created_at)
                 VALUES (?, ?, ?, ?, ?, ?) RETURNING *";
            let values = params![new.title, severity, source, category, Text(State::New), now.as_millisecond()];
            let created = transaction.prepare_cached(insert)?.query_row(values, incident)?;
            add_job(&transaction, created.id, Task::Deduplicate)?;
            transaction.commit()?;
            Ok(created)
        })
    }

    pub(crate) fn get(&mut self, id: i64) -> Result<Incident> {
        self.query(QueryOperation::Select, |connection| get(connection, id))
    }

    /// The newest incidents first.
    pub(crate) fn list(&mut self, state: Option<State>, limit: u32) -> Result<Vec<Incident>> {
        self.query(QueryOperation::Select, |connection| {
            let mut statement = connection.prepare_cached(match state {
                Some(_) => "SELECT * FROM incidents WHERE state = ?2 ORDER BY id DESC LIMIT ?1",
                None => "SELECT * FROM incidents ORDER BY id DESC LIMIT ?1",
            })?;
            let rows = match state {
                Some(state) => statement.query_map(params![limit, Text(state)], incident)?,
                None => statement.query_map([limit], incident)?,
            };
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Takes a step with an incident, and tells from which state.
    pub(crate) fn change(&mut self, id: i64, change: Change, now: Timestamp) -> Result<(State, Incident)> {
        let update = match change {
            Change::Acknowledge => "UPDATE incidents SET state = ?2, acknowledged_at = ?3 WHERE id = ?1 RETURNING *",
            Change::Start => "UPDATE incidents SET state = ?2, started_at = ?3 WHERE id = ?1 RETURNING *",
            Change::Resolve => "UPDATE incidents SET state = ?2, resolved_at = ?3 WHERE id = ?1 RETURNING *",
            Change::Close => "UPDATE incidents SET state = ?2, closed_at = ?3 WHERE id = ?1 RETURNING *",
        };
        self.query(QueryOperation::Update, |connection| {
            let transaction = connection.transaction()?;
            let (from, to) = (get(&transaction, id)?.state, change.to());
            if !change.starts_from(from) {
                return Err(StoreError::Conflict(id, from));
            }
            let values = params![id, Text(to), now.as_millisecond()];
            let changed = transaction.prepare_cached(update)?.query_row(values, incident)?;
            transaction
                .prepare_cached("INSERT INTO transitions VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1")?
                .execute([Text(from), Text(to)])?;
            // A commit that fails is an error here; dropped with the statement it would pass unseen.
            transaction.commit()?;
            Ok((from, changed))
        })
    }

    /// The number of incidents that are not resolved, of each kind that has any.
    pub(crate) fn active(&mut self) -> Result<Vec<(Kind, u32)>> {
        self.query(QueryOperation::Select, |connection| {
            let mut statement = connection.prepare(
                "SELECT severity, source, category, count(*) FROM incidents
                 WHERE resolved_at IS NULL GROUP BY severity, source, category",
            )?;
            let rows = statement.query_map([], |row| {
                let (Text(severity), Text(source), Text(category), count) = row.try_into()?;
                Ok((Kind { severity, source, category }, count))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The incidents that were resolved before then and are not closed, the oldest first.
    pub(crate) fn resolved_before(&mut self, then: Timestamp, limit: u32) -> Result<Vec<i64>> {
        self.query(QueryOperation::Select, |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM incidents WHERE state = 'RESOLVED' AND resolved_at < ? ORDER BY id LIMIT ?",
            )?;
            let rows = statement.query_map(params![then.as_millisecond(), limit], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Deletes resolved incidents beyond the newest so many.
    pub(crate) fn prune(&mut self, keep: u32) -> Result<()> {
        self.query(QueryOperation::Delete, |connection| {
            let mut statement = connection.prepare_cached(
                "DELETE FROM incidents WHERE resolved_at <= (
                     SELECT resolved_at FROM incidents WHERE resolved_at IS NOT NULL
                     ORDER BY resolved_at DESC LIMIT 1 OFFSET ?)",
            )?;
            statement.execute([keep])?;
            Ok(())
        })
    }

    /// Bytes of the file.
    pub(crate) fn size(&mut self) -> Result<u64> {
        self.query(QueryOperation::Other, |connection| {
            let number =
                |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, u32>(0).map(u64::from));
            Ok(number("page_count")? * number("page_size")?)
        })
    }
}

fn get(connection: &Connection, id: i64) -> Result<Incident> {
    let mut statement = connection.prepare_cached("SELECT * FROM incidents WHERE id = ?")?;
    statement.query_row([id], incident).optional()?.ok_or(StoreError::NotFound(id))
}
