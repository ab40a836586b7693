//! How values are written into columns and read from them.

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::incident::{Category, Findings, Incident, Level, Severity, Source, State};
use crate::jobs::Task;
use crate::text::{Known, text_of};

pub(super) fn incident(row: &Row<'_>) -> rusqlite::Result<Incident> {
    let time = |column| row.get::<_, Option<Milliseconds>>(column).map(|at| at.map(|at| at.0));
    Ok(Incident {
        id: row.get("id")?,
        title: row.get("title")?,
        severity: row.get::<_, Text<Severity>>("severity")?.0,
        source: row.get::<_, Text<Source>>("source")?.0,
        category: row.get::<_, Text<Category>>("category")?.0,
        state: row.get::<_, Text<State>>("state")?.0,
        created_at: row.get::<_, Milliseconds>("created_at")?.0,
        acknowledged_at: time("acknowledged_at")?,
        started_at: time("started_at")?,
        resolved_at: time("resolved_at")?,
        closed_at: time("closed_at")?,
    })
}

pub(super) fn findings(row: &Row<'_>) -> rusqlite::Result<Findings> {
    Ok(Findings {
        duplicate_of: row.get("duplicate_of")?,
        correlated_with: row.get("correlated_with")?,
        classified_as: row.get::<_, Option<Text<Category>>>("classified_as")?.map(|text| text.0),
        summary: row.get("summary")?,
        escalated_to: row.get::<_, Option<Text<Level>>>("escalated_to")?.map(|text| text.0),
    })
}

impl ToSql for Task {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.to_string().into())
    }
}

impl FromSql for Task {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map_err(|error: String| FromSqlError::Other(error.into()))
    }
}

struct Milliseconds(Timestamp);

impl FromSql for Milliseconds {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let at = Timestamp::from_millisecond(value.as_i64()?);
        at.map(Milliseconds).map_err(FromSqlError::other)
    }
}

/// A column that holds a value of a closed set.
pub(super) struct Text<T>(pub(super) T);

impl<T: Known> ToSql for Text<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(text_of(self.0).into())
    }
}

impl<T: Known> FromSql for Text<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        T::of_text(value.as_str()?).map(Text).map_err(FromSqlError::other)
    }
}
