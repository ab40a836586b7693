//! What the workers look for and find out.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::columns::findings;
use super::{Database, Result};
use crate::incident::{Category, Findings, Incident, Level};

impl Database {
    /// What is known of an incident that there is.
    pub(crate) fn findings(&mut self, id: i64) -> Result<Findings> {
        self.get(id)?;
        let mut statement = self.connection.prepare_cached("SELECT * FROM findings WHERE incident_id = ?")?;
        Ok(statement.query_row([id], findings).optional()?.unwrap_or_default())
    }

    /// The first open incident since then that reports the same from the same source.
    pub(crate) fn find_same(&mut self, incident: &Incident, since: Timestamp) -> Result<Option<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM incidents WHERE resolved_at IS NULL AND category = ?1 AND id < ?2
             AND source = ?3 AND title = ?4 AND created_at >= ?5 ORDER BY id LIMIT 1",
        )?;
        let Incident { id, title, source, category, .. } = incident;
        let found = statement.query_row(params![category, id, source, title, since.as_millisecond()], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// The last open incident since then that another source reports in the same category.
    pub(crate) fn find_related(&mut self, incident: &Incident, since: Timestamp) -> Result<Option<i64>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id FROM incidents WHERE resolved_at IS NULL AND category = ?1 AND id < ?2
             AND source <> ?3 AND created_at >= ?4 ORDER BY id DESC LIMIT 1",
        )?;
        let Incident { id, source, category, .. } = incident;
        let found = statement.query_row(params![category, id, source, since.as_millisecond()], |row| row.get(0));
        Ok(found.optional()?)
    }

    pub(crate) fn set_duplicate(&mut self, id: i64, of: i64) -> Result<()> {
        self.note("duplicate_of", id, of)
    }

    pub(crate) fn set_correlated(&mut self, id: i64, with: i64) -> Result<()> {
        self.note("correlated_with", id, with)
    }

    pub(crate) fn set_category(&mut self, id: i64, category: Category) -> Result<()> {
        self.note("classified_as", id, category)
    }

    pub(crate) fn set_summary(&mut self, id: i64, summary: &str) -> Result<()> {
        self.note("summary", id, summary)
    }

    pub(crate) fn set_level(&mut self, id: i64, level: Level) -> Result<()> {
        self.note("escalated_to", id, level)
    }

    /// Writes a finding, unless the incident was deleted meanwhile.
    fn note(&mut self, column: &str, id: i64, value: impl rusqlite::ToSql) -> Result<()> {
        let change = format!(
            "INSERT INTO findings (incident_id, {column}) SELECT id, ?2 FROM incidents WHERE id = ?1
             ON CONFLICT DO UPDATE SET {column} = excluded.{column}"
        );
        self.connection.prepare_cached(&change)?.execute(params![id, value])?;
        Ok(())
    }
}
