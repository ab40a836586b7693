//! The tables, and how a file of an older release gets them.

use rusqlite::Connection;

use super::{Result, StoreError};

/// Step `i` brings a database from `user_version` `i` to `i + 1`. Append only.
pub(super) const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE incidents (
        id              INTEGER PRIMARY KEY AUTOINCREMENT,
        title           TEXT NOT NULL,
        severity        TEXT NOT NULL,
        source          TEXT NOT NULL,
        category        TEXT NOT NULL,
        state           TEXT NOT NULL,
        created_at      INTEGER NOT NULL, -- this and the next: milliseconds since 1970
        acknowledged_at INTEGER,
        resolved_at     INTEGER
    ) STRICT;
    CREATE INDEX incidents_by_state ON incidents (state, id);
    CREATE INDEX incidents_by_resolution ON incidents (resolved_at) WHERE resolved_at IS NOT NULL;
",
    "
    CREATE TABLE checks (
        id   INTEGER PRIMARY KEY CHECK (id = 1),
        text BLOB NOT NULL
    ) STRICT;
",
    "
    ALTER TABLE incidents ADD COLUMN started_at INTEGER;
    ALTER TABLE incidents ADD COLUMN closed_at INTEGER;
    -- What is not resolved yet, for those who look for what belongs together.
    CREATE INDEX incidents_by_category ON incidents (category, id) WHERE resolved_at IS NULL;

    CREATE TABLE findings (
        incident_id     INTEGER PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
        duplicate_of    INTEGER,
        correlated_with INTEGER,
        classified_as   TEXT,
        summary         TEXT,
        escalated_to    TEXT
    ) STRICT;

    -- The books: how often what was done, since the file is there.
    CREATE TABLE created (
        severity TEXT NOT NULL, source TEXT NOT NULL, category TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (severity, source, category)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE transitions (
        from_state TEXT NOT NULL, to_state TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (from_state, to_state)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE outcomes (
        what TEXT NOT NULL, name TEXT NOT NULL, outcome TEXT NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (what, name, outcome)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE llm_usage (
        provider TEXT NOT NULL, model TEXT NOT NULL, operation TEXT NOT NULL, status TEXT NOT NULL,
        calls INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
        PRIMARY KEY (provider, model, operation, status)
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE jobs (
        incident_id INTEGER NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
        task        TEXT NOT NULL,
        PRIMARY KEY (incident_id, task)
    ) STRICT, WITHOUT ROWID;
    -- An older release knew its jobs only in memory.
    INSERT INTO jobs SELECT id, 'deduplicate' FROM incidents
        WHERE state = 'NEW' AND id NOT IN (SELECT incident_id FROM findings);
",
];

pub(super) fn migrate(connection: &mut Connection) -> Result<()> {
    let transaction = connection.transaction()?;
    let version: u16 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let steps = MIGRATIONS.get(usize::from(version)..);
    let steps = steps.ok_or(StoreError::TooNew(version))?;
    for (step, reached) in steps.iter().zip(version + 1..) {
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", reached)?;
    }
    Ok(transaction.commit()?)
}
