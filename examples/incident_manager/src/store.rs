//! Incidents in one SQLite file. One thread owns the connection, and everybody else sends it work.

use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use tokio::sync::{mpsc, oneshot};

use crate::incident::{Category, Incident, NewIncident, Severity, Source, State, text_of, value_of};

/// Resolved incidents beyond the newest so many are deleted, so that the file stops growing.
const KEEP_RESOLVED: u32 = 10_000;
/// Deleting in batches keeps the search for what to delete out of nearly all requests.
const RESOLUTIONS_PER_PRUNE: u32 = 100;
/// For how long a check of the file holds, so that asking for it costs little.
const CHECKED_FOR: Duration = Duration::from_secs(1);
/// Requests that may wait for the connection before further ones wait for a place.
const QUEUE: usize = 256;

/// Step `i` brings a database from `user_version` `i` to `i + 1`. Append only.
const MIGRATIONS: &[&str] = &[
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
];

#[derive(Debug)]
pub(crate) enum StoreError {
    NotFound(i64),
    /// The incident is in a state that the change does not start from.
    Conflict(i64, State),
    /// The store was closed: the service is stopping.
    Closed,
    /// The file was written by a newer release, with this `user_version`.
    TooNew(u16),
    Sqlite(rusqlite::Error),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::NotFound(id) => write!(f, "there is no incident {id}"),
            StoreError::Conflict(id, state) => {
                write!(f, "incident {id} is already {}", text_of(*state))
            }
            StoreError::Closed => f.write_str("the service is stopping"),
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

impl std::error::Error for StoreError {}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        StoreError::Sqlite(error)
    }
}

type Result<T> = std::result::Result<T, StoreError>;

enum Message {
    Run(Box<dyn FnOnce(&mut Database) + Send>),
    Close(oneshot::Sender<Result<()>>),
}

/// The way to the thread that owns the database.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    messages: mpsc::Sender<Message>,
}

impl Store {
    /// Opens or creates the file, brings its schema up to date and starts the thread.
    pub(crate) fn open(file: &Path) -> Result<Store> {
        let database = Database::new(Connection::open(file)?)?;
        let (messages, received) = mpsc::channel(QUEUE);
        thread::spawn(move || serve(database, received));
        Ok(Store { messages })
    }

    /// Runs `work` on the thread of the database, to its end even if the caller goes away.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Database) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let job = move |database: &mut Database| {
            // No receiver: the client hung up, and nobody is left to tell.
            let _ = reply.send(work(database));
        };
        self.send(Message::Run(Box::new(job)), answer).await
    }

    /// Finishes the work that was sent before and closes the file.
    pub(crate) async fn close(self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.send(Message::Close(reply), answer).await
    }

    async fn send<T>(&self, message: Message, answer: oneshot::Receiver<Result<T>>) -> Result<T> {
        let sent = self.messages.send(message).await;
        sent.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

fn serve(mut database: Database, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.blocking_recv() {
        match message {
            Message::Run(job) => job(&mut database),
            Message::Close(reply) => {
                let closed = database.connection.close();
                let _ = reply.send(closed.map_err(|(_, error)| error.into()));
                return;
            }
        }
    }
}

/// What can be done with the incidents; only the thread of the store holds one.
#[derive(Debug)]
pub(crate) struct Database {
    connection: Connection,
    resolutions_until_prune: u32,
    /// When the last check succeeded.
    checked: Option<Instant>,
}

impl Database {
    fn new(mut connection: Connection) -> Result<Database> {
        connection.busy_timeout(Duration::from_secs(1))?;
        // The gauge of active incidents is kept in memory, so no other process may write.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // With a write-ahead log, NORMAL survives a crash of the process; FULL, also of the machine.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        migrate(&mut connection)?;
        Ok(Database { connection, resolutions_until_prune: 0, checked: None })
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
        self.connection
            .prepare_cached("SELECT * FROM incidents WHERE id = ?")?
            .query_row([id], incident)
            .optional()?
            .ok_or(StoreError::NotFound(id))
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

    /// `NEW` → `ACKNOWLEDGED`.
    pub(crate) fn acknowledge(&mut self, id: i64, now: Timestamp) -> Result<Incident> {
        let change = "UPDATE incidents SET state = 'ACKNOWLEDGED', acknowledged_at = ?2
                      WHERE id = ?1 AND state = 'NEW' RETURNING *";
        self.change(change, id, now)
    }

    /// `NEW` or `ACKNOWLEDGED` → `RESOLVED`.
    pub(crate) fn resolve(&mut self, id: i64, now: Timestamp) -> Result<Incident> {
        let change = "UPDATE incidents SET state = 'RESOLVED', resolved_at = ?2
                      WHERE id = ?1 AND state <> 'RESOLVED' RETURNING *";
        // First, so that an error here leaves the incident as it was.
        if self.resolutions_until_prune == 0 {
            self.prune(KEEP_RESOLVED)?;
            self.resolutions_until_prune = RESOLUTIONS_PER_PRUNE;
        }
        self.resolutions_until_prune -= 1;
        self.change(change, id, now)
    }

    /// The number of incidents that are not resolved, of each kind that has any.
    pub(crate) fn active(&mut self) -> Result<Vec<(Severity, Source, Category, u32)>> {
        let mut statement = self.connection.prepare(
            "SELECT severity, source, category, count(*) FROM incidents
             WHERE state <> 'RESOLVED' GROUP BY severity, source, category",
        )?;
        let rows = statement.query_map([], |row| row.try_into())?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn change(&mut self, change: &str, id: i64, now: Timestamp) -> Result<Incident> {
        let transaction = self.connection.transaction()?;
        let changed =
            transaction.prepare_cached(change)?.query_row(params![id, now.as_millisecond()], incident).optional()?;
        // A commit that fails is an error here; dropped with the statement it would pass unseen.
        transaction.commit()?;
        match changed {
            Some(incident) => Ok(incident),
            None => Err(StoreError::Conflict(id, self.get(id)?.state)),
        }
    }

    fn prune(&mut self, keep: u32) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "DELETE FROM incidents WHERE resolved_at <= (
                 SELECT resolved_at FROM incidents WHERE resolved_at IS NOT NULL
                 ORDER BY resolved_at DESC LIMIT 1 OFFSET ?)",
        )?;
        statement.execute([keep])?;
        Ok(())
    }
}

fn migrate(connection: &mut Connection) -> Result<()> {
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

fn incident(row: &Row<'_>) -> rusqlite::Result<Incident> {
    Ok(Incident {
        id: row.get("id")?,
        title: row.get("title")?,
        severity: row.get("severity")?,
        source: row.get("source")?,
        category: row.get("category")?,
        state: row.get("state")?,
        created_at: row.get::<_, Milliseconds>("created_at")?.0,
        acknowledged_at: row.get::<_, Option<Milliseconds>>("acknowledged_at")?.map(|at| at.0),
        resolved_at: row.get::<_, Option<Milliseconds>>("resolved_at")?.map(|at| at.0),
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

text_columns!(Severity, Source, Category, State);

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> Database {
        Database::new(Connection::open_in_memory().unwrap()).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn p1(title: &str) -> NewIncident {
        NewIncident {
            title: title.to_owned(),
            severity: Severity::P1,
            source: Source::LlmShield,
            category: Category::Cost,
        }
    }

    #[test]
    fn an_incident_goes_from_new_to_resolved() {
        let mut database = database();
        let created = database.create(&p1("Bill"), at(10)).unwrap();
        assert_eq!((created.state, created.created_at), (State::New, at(10)));
        assert_eq!(database.get(created.id).unwrap(), created);

        let acknowledged = database.acknowledge(created.id, at(20)).unwrap();
        assert_eq!(acknowledged.state, State::Acknowledged);
        assert_eq!(acknowledged.acknowledged_at, Some(at(20)));

        let resolved = database.resolve(created.id, at(30)).unwrap();
        assert_eq!(resolved.state, State::Resolved);
        assert_eq!(resolved.acknowledged_at, Some(at(20)));
        assert_eq!(resolved.resolved_at, Some(at(30)));
        assert_eq!(database.get(created.id).unwrap(), resolved);
    }

    #[test]
    fn wrong_changes_are_refused() {
        let mut database = database();
        assert!(matches!(database.get(1), Err(StoreError::NotFound(1))));
        assert!(matches!(database.resolve(1, at(1)), Err(StoreError::NotFound(1))));
        let id = database.create(&p1("Bill"), at(1)).unwrap().id;
        database.acknowledge(id, at(2)).unwrap();
        let twice = database.acknowledge(id, at(3)).unwrap_err();
        assert!(matches!(twice, StoreError::Conflict(_, State::Acknowledged)));
        database.resolve(id, at(4)).unwrap();
        for refused in [database.acknowledge(id, at(5)), database.resolve(id, at(5))] {
            assert!(matches!(refused, Err(StoreError::Conflict(_, State::Resolved))));
        }
        assert_eq!(database.get(id).unwrap().resolved_at, Some(at(4)));
    }

    #[test]
    fn a_listing_is_newest_first_filtered_and_limited() {
        let mut database = database();
        for title in ["a", "b", "c"] {
            database.create(&p1(title), at(1)).unwrap();
        }
        database.resolve(2, at(2)).unwrap();
        let mut titles = |state, limit| -> Vec<String> {
            let listed = database.list(state, limit).unwrap();
            listed.into_iter().map(|incident| incident.title).collect()
        };
        assert_eq!(titles(None, 10), ["c", "b", "a"]);
        assert_eq!(titles(None, 2), ["c", "b"]);
        assert_eq!(titles(Some(State::New), 10), ["c", "a"]);
        assert_eq!(titles(Some(State::Resolved), 10), ["b"]);
    }

    #[test]
    fn active_counts_what_is_not_resolved() {
        let mut database = database();
        assert_eq!(database.active().unwrap(), []);
        for _ in 0..3 {
            database.create(&p1("Bill"), at(1)).unwrap();
        }
        database.acknowledge(1, at(2)).unwrap();
        database.resolve(2, at(2)).unwrap();
        let kind = (Severity::P1, Source::LlmShield, Category::Cost, 2);
        assert_eq!(database.active().unwrap(), [kind]);
    }

    #[test]
    fn only_old_resolved_incidents_are_pruned() {
        let mut database = database();
        for second in 1..=6 {
            database.create(&p1("Bill"), at(second)).unwrap();
        }
        for (id, second) in [(5, 10), (1, 20), (3, 30)] {
            database.resolve(id, at(second)).unwrap();
        }
        database.prune(2).unwrap();
        let left = database.list(None, 10).unwrap();
        let ids: Vec<i64> = left.into_iter().map(|incident| incident.id).collect();
        assert_eq!(ids, [6, 4, 3, 2, 1]);
        let next = database.create(&p1("Bill"), at(40)).unwrap();
        assert_eq!(next.id, 7);
    }

    #[test]
    fn resolving_keeps_the_table_bounded() {
        let mut database = database();
        let most = i64::from(KEEP_RESOLVED + RESOLUTIONS_PER_PRUNE);
        for second in 1..=most + 200 {
            let id = database.create(&p1("Bill"), at(second)).unwrap().id;
            database.resolve(id, at(second)).unwrap();
        }
        let count = "SELECT count(*) FROM incidents";
        let rows: i64 = database.connection.query_row(count, [], |row| row.get(0)).unwrap();
        assert!((i64::from(KEEP_RESOLVED)..=most).contains(&rows), "{rows}");
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(Database::new(connection), Err(StoreError::TooNew(99))));
    }
}
