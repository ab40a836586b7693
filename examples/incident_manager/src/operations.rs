//! What clients can do, the same by HTTP and by gRPC.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use quipu_catalog::Catalog;
use quipu_catalog::incidents::SeverityLabels;
use tokio::time::timeout;

use crate::events::Events;
use crate::incident::{Change, Findings, Incident, NewIncident, State};
use crate::jobs::Queues;
use crate::store::{Store, StoreError};

const MAX_TITLE: usize = 200;
const MAX_LIMIT: u32 = 1_000;
const DEFAULT_LIMIT: u32 = 100;
/// How long a new incident waits for a place in a queue that is full.
const PLACE_WITHIN: Duration = Duration::from_secs(1);

/// Why an operation is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The title has no characters, or too many.
    Title,
    /// The limit of a listing is too small or too great.
    Limit,
    /// The workers are behind.
    Busy,
    Store(StoreError),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Title => write!(f, "title must have 1 to {MAX_TITLE} characters"),
            Refusal::Limit => write!(f, "limit must be 1 to {MAX_LIMIT}"),
            Refusal::Busy => f.write_str("too much is waiting; try again in a second"),
            Refusal::Store(error) => error.fmt(f),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        Refusal::Store(error)
    }
}

/// The operations, over the parts that they need.
#[derive(Clone, Debug)]
pub(crate) struct Operations {
    pub(crate) store: Store,
    pub(crate) queues: Queues,
    pub(crate) events: Events,
    pub(crate) catalog: Catalog,
}

// The metrics are recorded where the row was just committed, and not by the caller:
// a handler ends early when its client hangs up, and would leave the gauge wrong for good.
impl Operations {
    pub(crate) async fn create(&self, new: NewIncident) -> Result<Incident, Refusal> {
        if new.title.trim().is_empty() || new.title.chars().count() > MAX_TITLE {
            return Err(Refusal::Title);
        }
        let start = Instant::now();
        // First, so that no incident is created that nobody works on.
        let place = self.queues.place(new.severity);
        let place = timeout(PLACE_WITHIN, place).await.ok().flatten().ok_or(Refusal::Busy)?;
        let Operations { events, catalog, .. } = self.clone();
        let created = self.store.write(move |database| {
            let incident = database.create(&new, Timestamp::now())?;
            catalog.incidents.created(incident.kind());
            let seconds = &catalog.incidents.metrics().incident_processing_duration_seconds;
            seconds.with(SeverityLabels { severity: incident.severity }).observe_duration(start.elapsed());
            events.publish(&incident, None);
            place.put(Arc::new(incident.clone()));
            Ok(incident)
        });
        Ok(created.await?)
    }

    pub(crate) async fn find(&self, id: i64) -> Result<Incident, Refusal> {
        Ok(self.store.read(move |database| database.get(id)).await?)
    }

    pub(crate) async fn findings(&self, id: i64) -> Result<Findings, Refusal> {
        Ok(self.store.read(move |database| database.findings(id)).await?)
    }

    /// The newest incidents first; 100 of them, unless told otherwise.
    pub(crate) async fn list(&self, state: Option<State>, limit: Option<u32>) -> Result<Vec<Incident>, Refusal> {
        let limit = limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Refusal::Limit);
        }
        Ok(self.store.list(move |database| database.list(state, limit)).await?)
    }

    pub(crate) async fn change(&self, id: i64, change: Change) -> Result<Incident, Refusal> {
        let Operations { events, catalog, .. } = self.clone();
        let changed = self.store.write(move |database| {
            let (from, incident) = database.change(id, change, Timestamp::now())?;
            catalog.incidents.moved(incident.kind(), from, incident.state, incident.age());
            events.publish(&incident, Some(from));
            Ok(incident)
        });
        Ok(changed.await?)
    }

    /// Healthy is: the database can be written.
    pub(crate) async fn check(&self) -> Result<(), Refusal> {
        Ok(self.store.write(|database| database.check()).await?)
    }
}
