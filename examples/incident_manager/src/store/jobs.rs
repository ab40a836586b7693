//! The jobs that are not done yet. Each change of them is one transaction with what it belongs to.

use quipu_catalog::jobs::JobStatus;
use quipu_catalog::storage::QueryOperation;
use rusqlite::{Connection, params};

use super::books::count_outcome;
use super::columns::incident;
use super::{Database, Result};
use crate::incident::Incident;
use crate::jobs::Task;

impl Database {
    /// The jobs that are not done, the oldest first.
    pub(crate) fn jobs(&mut self) -> Result<Vec<(Task, Incident)>> {
        self.query(QueryOperation::Select, |connection| {
            let search = "SELECT incidents.*, task FROM jobs JOIN incidents ON id = incident_id ORDER BY id";
            let mut statement = connection.prepare(search)?;
            let rows = statement.query_map([], |row| Ok((row.get("task")?, incident(row)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    pub(super) fn count_jobs(&mut self) -> Result<u32> {
        self.query(QueryOperation::Select, |connection| {
            Ok(connection.query_row("SELECT count(*) FROM jobs", [], |row| row.get(0))?)
        })
    }

    /// Ends a job, counts how, and puts those it leads to in its place.
    pub(crate) fn end_job(&mut self, id: i64, task: Task, status: JobStatus, next: &[Task]) -> Result<()> {
        self.query(QueryOperation::Delete, |connection| {
            let transaction = connection.transaction()?;
            transaction
                .prepare_cached("DELETE FROM jobs WHERE incident_id = ? AND task = ?")?
                .execute(params![id, task])?;
            for task in next {
                add_job(&transaction, id, *task)?;
            }
            count_outcome(&transaction, "job", task.job_type().as_str(), status.as_str())?;
            Ok(transaction.commit()?)
        })
    }
}

/// Adds a job, unless its incident was deleted meanwhile.
pub(super) fn add_job(connection: &Connection, id: i64, task: Task) -> Result<()> {
    let change = "INSERT INTO jobs SELECT id, ?2 FROM incidents WHERE id = ?1";
    connection.prepare_cached(change)?.execute(params![id, task])?;
    Ok(())
}
