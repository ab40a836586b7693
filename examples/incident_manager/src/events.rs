//! What happens to incidents, told to whoever watches.

use std::sync::Arc;
use std::time::Instant;

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
    pub(crate) at: Instant,
}

/// What a watcher is told; `None` is the end, as the service stops.
pub(crate) type News = Option<Arc<Event>>;

/// Tells everybody who watches. Nobody needs to.
#[derive(Clone, Debug)]
pub(crate) struct Events {
    sender: broadcast::Sender<News>,
}

impl Events {
    pub(crate) fn new() -> Events {
        Events { sender: broadcast::Sender::new(KEPT) }
    }

    pub(crate) fn publish(&self, incident: &Incident, from: Option<State>) {
        // An error says that nobody watches.
        let _ = self.sender.send(Some(Arc::new(Event { incident: incident.clone(), from, at: Instant::now() })));
    }

    /// Sends all who watch away.
    pub(crate) fn end(&self) {
        let _ = self.sender.send(None);
    }

    pub(crate) fn watch(&self) -> Receiver<News> {
        self.sender.subscribe()
    }
}
