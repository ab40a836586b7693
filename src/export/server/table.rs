//! Who is connected, what each connection is at, and which one gives way to a new one.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::builder::Limits;
use crate::export::places::{Client, Network};

/// How many clients are remembered that have read a scrape.
const MAX_KNOWN: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing was asked yet.
    New,
    /// The last response was sent.
    Idle,
    /// The first bytes of a further request are here.
    Head,
    /// A request is being answered.
    Response(Response),
    /// Nothing more will be said; the client may still read what the system has.
    Closing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Response {
    /// It was handed over to be written, to the end.
    is_whole: bool,
    /// It is a scrape, or may become one.
    is_scrape: bool,
}

#[derive(Debug)]
struct Entry {
    network: Network,
    phase: Phase,
    silent_since: Instant,
    /// When the phase has lasted too long.
    deadline: Instant,
    /// When the last response must have been read.
    read_by: Instant,
    task: Option<AbortHandle>,
}

impl Entry {
    /// Whether others may take its place: not while it is sent a scrape, of which there are only so many.
    fn may_go(&self) -> bool {
        !matches!(self.phase, Phase::Response(Response { is_scrape: true, .. }))
    }
}

/// What becomes of a new connection.
#[derive(Debug)]
pub(super) enum Admission {
    /// It has a place, and another has lost its own if that is true.
    Seat(Seat, bool),
    /// One that may go has been silent since then, which is not long enough.
    At(Instant),
    /// Every connection is sent a scrape.
    Later,
    /// So is every connection in its way, and others must not wait for them.
    Refused,
}

#[derive(Debug)]
pub(super) struct Table {
    limits: Limits,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    entries: HashMap<u64, Entry>,
    last: u64,
    /// The last is the latest.
    known: VecDeque<Network>,
}

impl Table {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default(), changed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a new connection, for which another may have to go.
    pub(super) fn admit(self: &Arc<Self>, address: SocketAddr) -> Admission {
        let network = Network::from(address);
        let mut state = self.state();
        let instead = match state.make_room(network, &self.limits) {
            Ok(instead) => instead,
            Err(admission) => return admission,
        };
        state.last += 1;
        let (id, now) = (state.last, Instant::now());
        let deadline = now + self.limits.header;
        state.entries.insert(
            id,
            Entry { network, phase: Phase::New, silent_since: now, deadline, read_by: deadline, task: None },
        );
        Admission::Seat(Seat { table: Arc::clone(self), id }, instead)
    }

    pub(super) fn grace(&self) -> Duration {
        self.limits.grace
    }

    /// Waits until more connections than before may have to go.
    pub(super) async fn change(&self) {
        self.changed.notified().await;
    }

    /// Ends the connections that have been silent for longest, at most so many.
    pub(super) fn end_silent(&self, most: usize) -> usize {
        let mut state = self.state();
        (0..most).take_while(|_| state.end_longest_silent(Duration::ZERO, |_| true).is_ok()).count()
    }
}

impl State {
    /// Whether somebody had to go.
    fn make_room(&mut self, network: Network, limits: &Limits) -> Result<bool, Admission> {
        let grace = limits.grace;
        let count = |is: &dyn Fn(&Entry) -> bool| self.entries.values().filter(|entry| is(entry)).count();
        if count(&|entry| entry.network == network) >= limits.connections_per_address {
            let gone = self.end_longest_silent(grace, |entry| entry.network == network);
            return gone.map(|()| true).map_err(|young| young.map_or(Admission::Refused, Admission::At));
        }
        let is_full = self.entries.len() >= limits.connections;
        let known = self.known.clone();
        let is_stranger = |entry: &Entry| !known.contains(&entry.network);
        if known.contains(&network) {
            if !is_full {
                return Ok(false);
            }
            let gone = self.end_longest_silent(grace, is_stranger);
            let gone = gone.or_else(|_| self.end_longest_silent(grace, |_| true));
            return gone.map(|()| true).map_err(|young| young.map_or(Admission::Later, Admission::At));
        }
        // The last eighth is for those who have read a scrape before.
        if !is_full && count(&is_stranger) < limits.connections - limits.connections / 8 {
            return Ok(false);
        }
        let none = if is_full { Admission::Later } else { Admission::Refused };
        let gone = self.end_longest_silent(grace, is_stranger);
        gone.map(|()| true).map_err(|young| young.map_or(none, Admission::At))
    }

    /// Ends the connection that has been silent for longest, if that is not less than `grace`. The error is since when it is, if there is one.
    fn end_longest_silent(&mut self, grace: Duration, is: impl Fn(&Entry) -> bool) -> Result<(), Option<Instant>> {
        let may_go = self.entries.iter().filter(|(_, entry)| entry.may_go() && is(entry));
        let (&id, entry) = may_go.min_by_key(|(id, entry)| (entry.silent_since, **id)).ok_or(None)?;
        if entry.silent_since.elapsed() < grace {
            return Err(Some(entry.silent_since));
        }
        let entry = self.entries.remove(&id);
        if let Some(task) = entry.and_then(|entry| entry.task) {
            task.abort();
        }
        Ok(())
    }
}

/// The place of a connection in the table.
#[derive(Debug)]
pub(super) struct Seat {
    table: Arc<Table>,
    id: u64,
}

impl Seat {
    /// The task that ends when the place is taken away.
    pub(super) fn is_of(&self, task: AbortHandle) {
        match self.table.state().entries.get_mut(&self.id) {
            Some(entry) => entry.task = Some(task),
            None => task.abort(),
        }
    }

    /// How many connections are open, this one included.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn open_connections(&self) -> usize {
        self.table.state().entries.len()
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.table.state().entries.get_mut(&self.id) {
            change(entry);
        }
    }

    /// Some bytes of a request have come.
    pub(super) fn heard(&self) {
        self.change(|entry| {
            if entry.phase == Phase::Idle {
                entry.phase = Phase::Head;
                entry.deadline = Instant::now() + self.table.limits.header;
            }
        });
    }

    /// A request has come, and its client waits so long, if it says so.
    pub(super) fn asked(&self, timeout: Option<Duration>) {
        let patience = self.table.limits.response;
        self.change(|entry| {
            // A request that was sent behind another does not give the first response more time.
            if !matches!(entry.phase, Phase::Response(_)) {
                entry.deadline = Instant::now() + timeout.map_or(patience, |timeout| timeout.min(patience));
                entry.read_by = entry.deadline;
            }
            entry.phase = Phase::Response(Response { is_whole: false, is_scrape: true });
        });
    }

    /// The response is no scrape.
    pub(super) fn answers_shortly(&self) {
        self.change(|entry| entry.phase = Phase::Response(Response::default()));
        self.table.changed.notify_one();
    }

    /// All of the response has been handed over to be written.
    pub(super) fn answered(&self) {
        self.change(|entry| {
            if let Phase::Response(response) = &mut entry.phase {
                response.is_whole = true;
            }
        });
    }

    /// All that was handed over is written.
    pub(super) fn flushed(&self) {
        let mut state = self.table.state();
        let State { entries, known, .. } = &mut *state;
        let Some(entry) = entries.get_mut(&self.id) else { return };
        let Phase::Response(response @ Response { is_whole: true, .. }) = entry.phase else { return };
        entry.phase = Phase::Idle;
        entry.silent_since = Instant::now();
        entry.deadline = entry.silent_since + self.table.limits.idle;
        if response.is_scrape {
            known.retain(|network| *network != entry.network);
            if known.len() == MAX_KNOWN {
                known.pop_front();
            }
            known.push_back(entry.network);
        }
        drop(state);
        self.table.changed.notify_one();
    }

    /// Our side is shut down. The client has the rest of its time to read what was written, or some to see that nothing was.
    pub(super) fn closes(&self) {
        self.change(|entry| {
            if entry.phase != Phase::Closing {
                entry.phase = Phase::Closing;
                entry.deadline = entry.read_by.max(Instant::now() + self.table.limits.header);
            }
        });
        self.table.changed.notify_one();
    }

    pub(super) fn is_closing(&self) -> bool {
        self.table.state().entries.get(&self.id).is_some_and(|entry| entry.phase == Phase::Closing)
    }

    /// When the connection has to end, unless something happens before. At once if its place was taken away.
    pub(super) fn deadline(&self) -> Instant {
        self.table.state().entries.get(&self.id).map_or_else(Instant::now, |entry| entry.deadline)
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.table.state().entries.get(&self.id).is_some_and(|entry| entry.phase == Phase::Idle)
    }

    /// Who asks here; preferred is who has read a scrape before.
    pub(super) fn client(&self) -> Client {
        let state = self.table.state();
        let client =
            |entry: &Entry| Client { network: Some(entry.network), is_preferred: state.known.contains(&entry.network) };
        state.entries.get(&self.id).map(client).unwrap_or_default()
    }

    /// Whether an end would leave a response unfinished, or is one that the connection was put to.
    pub(super) fn breaks_off(&self) -> bool {
        let state = self.table.state();
        state.entries.get(&self.id).is_none_or(|entry| match entry.phase {
            Phase::Response(_) => true,
            Phase::Closing => entry.deadline <= Instant::now(),
            Phase::New | Phase::Idle | Phase::Head => false,
        })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.table.state().entries.remove(&self.id);
        self.table.changed.notify_one();
    }
}
