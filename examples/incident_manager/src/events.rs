//! What happens to incidents, told to whoever watches.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quipu::Registry;
use quipu_catalog::storage::Storage;
use tokio::sync::broadcast::{self, Receiver};

use crate::incident::{Incident, State};

/// Events that a watcher may be behind before it misses some.
const KEPT: usize = 1_024;

/// An incident was created, or has come to another state.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) incident: Incident,
    /// `None`: it is new.
    pub(crate) from: Option<State>,
    number: u64,
    at: Instant,
}

/// What a watcher is told; `None` is the end, as the service stops.
pub(crate) type News = Option<Arc<Event>>;

/// Tells everybody who watches. Nobody needs to.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: broadcast::Sender<News>,
    positions: Arc<Mutex<Positions>>,
}

/// How far each watcher has come.
#[derive(Debug, Default)]
struct Positions {
    /// The number of the next event, and when those before it came, as far as they are kept.
    next: u64,
    came: VecDeque<Instant>,
    watchers: HashMap<u64, Position>,
    watchers_ever: u64,
}

#[derive(Debug)]
struct Position {
    /// The number of the next event that it takes.
    next: u64,
    /// How long the one before it had waited for it.
    waited: Duration,
}

/// A watcher, which leaves when this is dropped.
#[derive(Debug)]
pub(crate) struct Watcher {
    id: u64,
    positions: Arc<Mutex<Positions>>,
}

impl Events {
    pub(crate) fn new() -> Events {
        Events { sender: broadcast::Sender::new(KEPT), positions: Arc::default() }
    }

    pub(crate) fn publish(&self, incident: &Incident, from: Option<State>) {
        let mut positions = lock(&self.positions);
        let (at, number) = (Instant::now(), positions.next);
        positions.next += 1;
        positions.came.push_back(at);
        if positions.came.len() > KEPT {
            positions.came.pop_front();
        }
        // An error says that nobody watches.
        let _ = self.sender.send(Some(Arc::new(Event { incident: incident.clone(), from, number, at })));
    }

    /// Sends all who watch away.
    pub(crate) fn end(&self) {
        let _ = self.sender.send(None);
    }

    pub(crate) fn watch(&self) -> (Watcher, Receiver<News>) {
        let mut positions = lock(&self.positions);
        let (id, next) = (positions.watchers_ever, positions.next);
        positions.watchers_ever += 1;
        positions.watchers.insert(id, Position { next, waited: Duration::ZERO });
        (Watcher { id, positions: self.positions.clone() }, self.sender.subscribe())
    }

    /// Shows at each scrape how far the watchers are behind.
    pub(crate) fn show_lag(&self, storage: Storage, registry: &Registry) {
        let positions = self.positions.clone();
        let hook =
            registry.before_scrape(move || storage.set_lag("incident_events", "watchers", lock(&positions).lag()));
        hook.keep();
    }
}

impl Positions {
    /// How far the last of those who watch is behind: for how long an event waits for it, or the last one has.
    fn lag(&self) -> Duration {
        let first = self.next - self.came.len() as u64;
        let lags = self.watchers.values().map(|watcher| {
            let waits = self.came.get(watcher.next.saturating_sub(first) as usize);
            waits.map_or(watcher.waited, Instant::elapsed)
        });
        lags.max().unwrap_or_default()
    }
}

impl Watcher {
    /// It takes this event.
    pub(crate) fn take(&self, event: &Event) {
        let position = Position { next: event.number + 1, waited: event.at.elapsed() };
        lock(&self.positions).watchers.insert(self.id, position);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        lock(&self.positions).watchers.remove(&self.id);
    }
}

fn lock(positions: &Mutex<Positions>) -> MutexGuard<'_, Positions> {
    positions.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use jiff::Timestamp;

    use super::*;
    use crate::incident::{Category, Severity, Source};

    fn incident() -> Incident {
        Incident {
            id: 1,
            title: "Test".to_owned(),
            severity: Severity::P4,
            source: Source::Other,
            category: Category::Cost,
            state: State::New,
            created_at: Timestamp::UNIX_EPOCH,
            acknowledged_at: None,
            started_at: None,
            resolved_at: None,
            closed_at: None,
        }
    }

    #[test]
    fn the_lag_is_that_of_the_last_who_watches() {
        let events = Events::new();
        let lag = || lock(&events.positions).lag();
        events.publish(&incident(), None);
        assert_eq!(lag(), Duration::ZERO, "nobody watches");
        let (quick, mut receiver) = events.watch();
        let (slow, _receiver) = events.watch();
        assert_eq!(lag(), Duration::ZERO, "what came before is not theirs");

        // More than are kept.
        for _ in 0..2 * KEPT {
            events.publish(&incident(), None);
            quick.take(&receiver.try_recv().unwrap().unwrap());
        }
        let wait = Duration::from_millis(20);
        sleep(wait);
        assert!(lag() >= wait, "the slow one has taken nothing");
        drop(quick);
        assert!(lag() >= wait, "another has left");
        drop(slow);
        assert_eq!(lag(), Duration::ZERO, "nobody watches any more");
    }

    #[test]
    fn who_has_taken_everything_shows_how_long_the_last_has_waited() {
        let events = Events::new();
        let (watcher, mut receiver) = events.watch();
        let wait = Duration::from_millis(20);
        for waits in [wait, Duration::ZERO] {
            events.publish(&incident(), None);
            sleep(waits);
            watcher.take(&receiver.try_recv().unwrap().unwrap());
            let lag = lock(&events.positions).lag();
            assert!(lag >= waits, "{lag:?}");
            sleep(wait);
            assert_eq!(lock(&events.positions).lag(), lag, "it waits no longer");
        }
    }
}
