//! How values are written into columns and read from them.

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::incident::{Category, Findings, Incident, Level, Severity, Source, State, text_of, value_of};

pub(super) fn incident(row: &Row<'_>) -> rusqlite::Result<Incident> {
    let time = |column| row.get::<_, Option<Milliseconds>>(column).map(|at| at.map(|at| at.0));
    Ok(Incident {
        id: row.get("id")?,
        title: row.get("title")?,
        severity: row.get("severity")?,
        source: row.get("source")?,
        category: row.get("category")?,
        state: row.get("state")?,
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
        classified_as: row.get("classified_as")?,
        summary: row.get("summary")?,
        escalated_to: row.get("escalated_to")?,
    })
}

struct Milliseconds(Timestamp);

impl FromSql for Milliseconds {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let at = Timestamp::from_millisecond(value.as_i64()?);
        at.map(Milliseconds).map_err(FromSqlError::other)
    }
}

macro_rules! text_columns {
    ($($kind:ty),+) => {$(
        impl ToSql for $kind {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(text_of(*self).into())
            }
        }

        impl FromSql for $kind {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                value_of(value.as_str()?).map_err(FromSqlError::other)
            }
        }
    )+};
}

text_columns!(Severity, Source, Category, State, Level);
