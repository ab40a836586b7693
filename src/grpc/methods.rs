//! The methods that calls are recorded under, and their handles, found once.

use std::fmt;
use std::sync::Arc;

use super::families::{Families, Side};
use super::status::GrpcStatus;
use crate::sync::append_list::{ListsByHash, hash};
use crate::sync::{AtomicUsize, Mutex, OnceLock, Ordering, get_or_init, lock};
use crate::{Counter, Histogram, InFlightGauge};

/// The labels `service` and `method` of a call to a method that is not known.
const OTHER: &str = "other";

/// How many methods earn a name. More than any program has, and few enough that an endless number of names does no harm.
const MAX_LEARNED: usize = 1000;

/// The statuses that a method has series of from its first call on: success, and those that OpenTelemetry's conventions for gRPC count as
/// errors of a server, on which alerts stand. A counter that is not there before it is 1 has, to `increase`, never grown.
const FROM_THE_START: [GrpcStatus; 7] = [
    GrpcStatus::Ok,
    GrpcStatus::Unknown,
    GrpcStatus::DeadlineExceeded,
    GrpcStatus::Unimplemented,
    GrpcStatus::Internal,
    GrpcStatus::Unavailable,
    GrpcStatus::DataLoss,
];

/// All methods that have a name.
///
/// One table for all services of a layer, which tonic makes anew for each connection.
pub(super) struct Methods {
    pub(super) families: Arc<Families>,
    lists: ListsByHash<Arc<Method>>,
    other: Arc<Method>,
    /// How many more may earn a name: none where all of them were given.
    left: AtomicUsize,
}

impl Methods {
    pub(super) fn new(families: Families, given: Option<&[(Box<str>, Box<str>)]>) -> Self {
        let families = Arc::new(families);
        let other = Arc::new(Method::new(&families, OTHER, OTHER));
        let left = if given.is_some() { 0 } else { MAX_LEARNED };
        let methods = Self { families, lists: ListsByHash::new(), other, left: AtomicUsize::new(left) };
        for (service, method) in given.unwrap_or_default() {
            methods.insert(service, method);
        }
        methods
    }

    pub(super) fn may_learn(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    pub(super) fn other(&self) -> &Arc<Method> {
        &self.other
    }

    /// The method of this name, if it has one.
    #[inline]
    pub(super) fn find(&self, service: &str, method: &str) -> Option<&Arc<Method>> {
        self.lists.list(key(service, method)).find(|known| known.is(service, method))
    }

    /// The method of this name, which it has from now on if there are not too many.
    pub(super) fn name(&self, service: &str, method: &str) -> &Arc<Method> {
        match self.find(service, method) {
            Some(known) => known,
            None if !service.is_empty() && !method.is_empty() && self.take_place() => self.insert(service, method),
            None => &self.other,
        }
    }

    /// Threads that name one method at once take a place each, of which there are enough.
    fn take_place(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn insert(&self, service: &str, method: &str) -> &Arc<Method> {
        self.lists.list(key(service, method)).find_or_insert(
            |known| known.is(service, method),
            || {
                let named = Method::new(&self.families, service, method);
                for status in FROM_THE_START {
                    named.requests(status);
                }
                Arc::new(named)
            },
        )
    }
}

#[inline]
fn key(service: &str, method: &str) -> u64 {
    // So that equal names do not cancel each other.
    hash(service).rotate_left(23) ^ hash(method)
}

/// The service and the method that a path names: `/package.Service/Method`.
#[inline]
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('/')?.rsplit_once('/')
}

/// The handles of one method.
pub(super) struct Method {
    pub(super) families: Arc<Families>,
    service: Box<str>,
    method: Box<str>,
    pub(super) streams: InFlightGauge,
    /// Those of the client: what a server receives.
    pub(super) request_messages: Counter,
    pub(super) response_messages: Counter,
    requests: [OnceLock<Counter>; GrpcStatus::COUNT],
    durations: [OnceLock<Histogram>; GrpcStatus::COUNT],
}

impl Method {
    fn new(families: &Arc<Families>, service: &str, method: &str) -> Self {
        let labels = [service, method];
        let [received, sent] = [&families.received, &families.sent].map(|family| family.handle(labels));
        let [request_messages, response_messages] = match families.side {
            Side::Server => [received, sent],
            Side::Client => [sent, received],
        };
        Self {
            families: Arc::clone(families),
            service: service.into(),
            method: method.into(),
            streams: families.streams.handle(labels),
            request_messages,
            response_messages,
            requests: [const { OnceLock::new() }; GrpcStatus::COUNT],
            durations: [const { OnceLock::new() }; GrpcStatus::COUNT],
        }
    }

    #[inline]
    fn is(&self, service: &str, method: &str) -> bool {
        *self.service == *service && *self.method == *method
    }

    #[inline]
    fn requests(&self, status: GrpcStatus) -> &Counter {
        get_or_init(&self.requests[status as usize], || self.families.requests.handle(self.labels(status)))
    }

    #[inline]
    pub(super) fn record(&self, status: GrpcStatus, seconds: f64) {
        let duration =
            get_or_init(&self.durations[status as usize], || self.families.duration.handle(self.labels(status)));
        duration.observe(seconds);
        self.requests(status).inc();
    }

    fn labels(&self, status: GrpcStatus) -> [&str; 3] {
        [&self.service, &self.method, status.as_str()]
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.service, self.method)
    }
}

/// A call to a method that has no name yet. Its answer tells whether it earns one; what the client sends until then waits here.
pub(super) struct Unnamed {
    methods: Arc<Methods>,
    path: Box<str>,
    state: Mutex<State>,
}

enum State {
    Waiting { request_messages: u64 },
    Settled(Arc<Method>),
}

impl Unnamed {
    pub(super) fn new(methods: &Arc<Methods>, path: &str) -> Self {
        let state = Mutex::new(State::Waiting { request_messages: 0 });
        Self { methods: Arc::clone(methods), path: path.into(), state }
    }

    pub(super) fn add_request_messages(&self, messages: u64) {
        match &mut *lock(&self.state) {
            State::Waiting { request_messages } => *request_messages += messages,
            State::Settled(method) => method.request_messages.inc_by(messages),
        }
    }

    /// The method that the call is recorded under from now on.
    pub(super) fn settle(&self, is_known: bool) -> &Arc<Method> {
        let method = match split(&self.path) {
            Some((service, method)) if is_known => self.methods.name(service, method),
            _ => self.methods.other(),
        };
        let before = std::mem::replace(&mut *lock(&self.state), State::Settled(Arc::clone(method)));
        if let State::Waiting { request_messages } = before {
            method.request_messages.inc_by(request_messages);
        }
        method
    }
}

impl fmt::Debug for Unnamed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}
