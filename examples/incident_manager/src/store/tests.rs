//! What the store does, on a database in memory.

use jiff::Timestamp;
use quipu::Registry;
use quipu_catalog::incidents::Kind;
use quipu_catalog::jobs::JobStatus;
use quipu_catalog::notifications::Channel;
use quipu_catalog::storage::Storage;
use rusqlite::Connection;

use super::*;
use crate::incident::{Category, Change, Findings, Incident, Level, NewIncident, Severity, Source, State};
use crate::jobs::Task;

fn writer(connection: Connection) -> Result<Database> {
    Database::writer(connection, &Storage::register(&Registry::new()).unwrap())
}

fn database() -> Database {
    writer(Connection::open_in_memory().unwrap()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Takes a step, and forgets from which state.
fn change(database: &mut Database, id: i64, change: Change, now: Timestamp) -> Result<Incident> {
    database.change(id, change, now).map(|(_, incident)| incident)
}

fn p1(title: &str) -> NewIncident {
    NewIncident { title: title.to_owned(), severity: Severity::P1, source: Source::LlmShield, category: Category::Cost }
}

#[test]
fn an_incident_goes_from_new_to_resolved() {
    let mut database = database();
    let created = database.create(&p1("Bill"), at(10)).unwrap();
    assert_eq!((created.state, created.created_at), (State::New, at(10)));
    assert_eq!(database.get(created.id).unwrap(), created);

    let acknowledged = change(&mut database, created.id, Change::Acknowledge, at(20)).unwrap();
    assert_eq!(acknowledged.state, State::Acknowledged);
    assert_eq!(acknowledged.acknowledged_at, Some(at(20)));

    let resolved = change(&mut database, created.id, Change::Resolve, at(30)).unwrap();
    assert_eq!(resolved.state, State::Resolved);
    assert_eq!(resolved.acknowledged_at, Some(at(20)));
    assert_eq!(resolved.resolved_at, Some(at(30)));
    assert_eq!(database.get(created.id).unwrap(), resolved);
}

#[test]
fn wrong_changes_are_refused() {
    let mut database = database();
    assert!(matches!(database.get(1), Err(StoreError::NotFound(1))));
    assert!(matches!(change(&mut database, 1, Change::Resolve, at(1)), Err(StoreError::NotFound(1))));
    let id = database.create(&p1("Bill"), at(1)).unwrap().id;
    change(&mut database, id, Change::Acknowledge, at(2)).unwrap();
    let twice = change(&mut database, id, Change::Acknowledge, at(3)).unwrap_err();
    assert!(matches!(twice, StoreError::Conflict(_, State::Acknowledged)));
    change(&mut database, id, Change::Resolve, at(4)).unwrap();
    for refused in
        [change(&mut database, id, Change::Acknowledge, at(5)), change(&mut database, id, Change::Resolve, at(5))]
    {
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
    change(&mut database, 2, Change::Resolve, at(2)).unwrap();
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
    assert!(database.active().unwrap().is_empty());
    for _ in 0..3 {
        database.create(&p1("Bill"), at(1)).unwrap();
    }
    change(&mut database, 1, Change::Acknowledge, at(2)).unwrap();
    change(&mut database, 2, Change::Resolve, at(2)).unwrap();
    let [(Kind { severity, source, category }, count)] = database.active().unwrap()[..] else { panic!("one kind") };
    assert_eq!((severity, source, category, count), (Severity::P1, Source::LlmShield, Category::Cost, 2));
}

#[test]
fn only_old_resolved_incidents_are_pruned() {
    let mut database = database();
    for second in 1..=6 {
        database.create(&p1("Bill"), at(second)).unwrap();
    }
    for (id, second) in [(5, 10), (1, 20), (3, 30)] {
        change(&mut database, id, Change::Resolve, at(second)).unwrap();
    }
    database.prune(2).unwrap();
    let left = database.list(None, 10).unwrap();
    let ids: Vec<i64> = left.into_iter().map(|incident| incident.id).collect();
    assert_eq!(ids, [6, 4, 3, 2, 1]);
    let next = database.create(&p1("Bill"), at(40)).unwrap();
    assert_eq!(next.id, 7);
}

#[test]
fn a_newer_schema_is_refused() {
    let connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(writer(connection), Err(StoreError::TooNew(99))));
}

#[test]
fn steps_are_taken_in_order() {
    let mut database = database();
    let id = database.create(&p1("Bill"), at(1)).unwrap().id;
    let early = database.change(id, Change::Close, at(2)).unwrap_err();
    assert!(matches!(early, StoreError::Conflict(_, State::New)));
    for (step, from, to) in [
        (Change::Acknowledge, State::New, State::Acknowledged),
        (Change::Start, State::Acknowledged, State::InProgress),
        (Change::Resolve, State::InProgress, State::Resolved),
        (Change::Close, State::Resolved, State::Closed),
    ] {
        let (was, incident) = database.change(id, step, at(3)).unwrap();
        assert_eq!((was, incident.state), (from, to));
        assert!(database.change(id, step, at(4)).is_err(), "{step:?} twice");
    }
    let booked = "SELECT sum(count) FROM transitions";
    let booked: i64 = database.connection.query_row(booked, [], |row| row.get(0)).unwrap();
    assert_eq!(booked, 4);
}

#[test]
fn what_is_the_same_and_what_is_related_is_found() {
    let mut database = database();
    let first = database.create(&p1("Bill"), at(10)).unwrap();
    let same = database.create(&p1("Bill"), at(20)).unwrap();
    let related = database.create(&NewIncident { source: Source::Other, ..p1("Spend") }, at(30)).unwrap();
    assert_eq!(database.find_same(&first, at(0)).unwrap(), None);
    assert_eq!(database.find_same(&same, at(0)).unwrap(), Some(first.id));
    assert_eq!(database.find_same(&same, at(11)).unwrap(), None);
    assert_eq!(database.find_same(&related, at(0)).unwrap(), None);
    assert_eq!(database.find_related(&related, at(0)).unwrap(), Some(same.id));
    assert_eq!(database.find_related(&same, at(0)).unwrap(), None);
    change(&mut database, first.id, Change::Resolve, at(40)).unwrap();
    assert_eq!(database.find_same(&same, at(0)).unwrap(), None);
}

#[test]
fn findings_add_up_and_go_with_their_incident() {
    let mut database = database();
    let id = database.create(&p1("Bill"), at(1)).unwrap().id;
    assert_eq!(database.findings(id).unwrap(), Findings::default());
    database.set_summary(id, "Somebody left a loop running.").unwrap();
    database.set_category(id, Category::Performance).unwrap();
    database.set_level(id, Level::L2).unwrap();
    let findings = database.findings(id).unwrap();
    assert_eq!(findings.summary.as_deref(), Some("Somebody left a loop running."));
    assert_eq!((findings.classified_as, findings.escalated_to), (Some(Category::Performance), Some(Level::L2)));
    change(&mut database, id, Change::Resolve, at(2)).unwrap();
    database.prune(0).unwrap();
    assert!(matches!(database.findings(id), Err(StoreError::NotFound(_))));
    database.set_summary(id, "Too late.").unwrap();
}

#[test]
fn a_file_of_an_older_release_gets_what_is_new() {
    let connection = Connection::open_in_memory().unwrap();
    for step in &schema::MIGRATIONS[..2] {
        connection.execute_batch(step).unwrap();
    }
    connection.pragma_update(None, "user_version", 2).unwrap();
    let old = "INSERT INTO incidents (title, severity, source, category, state, created_at)
         VALUES ('Old', 'P1', 'other', 'cost', 'NEW', 0)";
    connection.execute_batch(old).unwrap();
    let mut database = writer(connection).unwrap();
    assert_eq!(tasks(&mut database), [(1, Task::Deduplicate)]);
    assert_eq!(change(&mut database, 1, Change::Start, at(1)).unwrap().started_at, Some(at(1)));
}

fn tasks(database: &mut Database) -> Vec<(i64, Task)> {
    database.jobs().unwrap().into_iter().map(|(task, incident)| (incident.id, task)).collect()
}

#[test]
fn a_job_is_kept_until_it_has_ended_and_then_those_it_leads_to_are() {
    let mut database = database();
    let created = database.create(&p1("Bill"), at(1)).unwrap();
    assert_eq!(database.jobs().unwrap(), [(Task::Deduplicate, created.clone())]);
    let next = [Task::Notify(Channel::Slack), Task::Escalate(Level::L1)];
    database.end_job(created.id, Task::Deduplicate, JobStatus::Success, &next).unwrap();
    assert_eq!(tasks(&mut database), [(1, Task::Escalate(Level::L1)), (1, Task::Notify(Channel::Slack))]);
    database.end_job(created.id, next[0], JobStatus::Failure, &[]).unwrap();
    assert_eq!(tasks(&mut database), [(1, next[1])]);
    assert_eq!(database.count_jobs().unwrap(), 1);
    let booked = "SELECT group_concat(name || ' ' || outcome || ' ' || count, ', ') FROM outcomes";
    let booked: String = database.connection.query_row(booked, [], |row| row.get(0)).unwrap();
    assert_eq!(booked, "deduplication success 1, notification failure 1");

    // They go with their incident, and none comes after it.
    change(&mut database, created.id, Change::Resolve, at(2)).unwrap();
    database.prune(0).unwrap();
    database.end_job(created.id, next[1], JobStatus::Success, &[Task::Escalate(Level::L2)]).unwrap();
    assert_eq!(database.count_jobs().unwrap(), 0);
}

#[test]
fn a_job_that_does_not_end_leaves_everything_as_it_was() {
    let mut database = database();
    let id = database.create(&p1("Bill"), at(1)).unwrap().id;
    let twice = [Task::Enrich, Task::Enrich];
    assert!(database.end_job(id, Task::Deduplicate, JobStatus::Success, &twice).is_err());
    assert_eq!(tasks(&mut database), [(id, Task::Deduplicate)]);
    let booked: i64 = database.connection.query_row("SELECT count(*) FROM outcomes", [], |row| row.get(0)).unwrap();
    assert_eq!(booked, 0);
}

#[test]
fn what_is_found_twice_is_written_once() {
    let mut database = database();
    let [first, second] = ["Bill", "Spend"].map(|title| database.create(&p1(title), at(10)).unwrap());
    let third = database.create(&p1("Spend"), at(20)).unwrap();
    assert_eq!(database.find_same(&third, at(0)).unwrap(), Some(second.id));
    assert!(database.set_duplicate(third.id, second.id).unwrap());
    assert!(!database.set_duplicate(third.id, first.id).unwrap());
    // An attempt after one that has written it finds the same, even if it is resolved by now.
    change(&mut database, second.id, Change::Resolve, at(30)).unwrap();
    assert_eq!(database.find_same(&third, at(0)).unwrap(), Some(second.id));
    assert!(database.set_correlated(third.id, first.id).unwrap());
    assert!(!database.set_correlated(third.id, second.id).unwrap());
    for (level, is_new) in [(Level::L1, true), (Level::L1, false), (Level::L3, true), (Level::L2, false)] {
        assert_eq!(database.set_level(third.id, level).unwrap(), is_new, "{level}");
    }
    let findings = database.findings(third.id).unwrap();
    assert_eq!((findings.duplicate_of, findings.correlated_with), (Some(second.id), Some(first.id)));
    assert_eq!(findings.escalated_to, Some(Level::L3));
    let booked: i64 = database.connection.query_row("SELECT sum(count) FROM outcomes", [], |row| row.get(0)).unwrap();
    assert_eq!(booked, 2);
    assert!(!database.set_duplicate(99, 1).unwrap(), "there is no such incident");
}
