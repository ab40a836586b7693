//! The handles of every route, found once.

use std::fmt;
use std::sync::Arc;

use http::{Method, StatusCode};

use super::families::Families;
use super::method::MethodLabel;
use super::status::StatusLabel;
use super::watch::Watch;
use crate::sync::append_list::{AppendList, ListsByHash, hash};
use crate::sync::{OnceLock, get_or_init};
use crate::{Counter, Histogram, InFlightGauge, InFlightGuard};

/// The value of the label `path` when no route took the request.
const UNMATCHED: &str = "unmatched";

/// All routes seen so far, by pattern.
///
/// Shared by every service of a layer rather than kept in each: axum makes its layered services anew for each connection,
/// and, behind some nestings, for each request.
pub(super) struct Routes {
    families: Arc<Families>,
    watch: Watch,
    routes: ListsByHash<Route>,
}

struct Route {
    pattern: Box<str>,
    /// `None` if the route is not recorded.
    endpoints: Option<[OnceLock<Arc<Endpoint>>; MethodLabel::COUNT]>,
}

impl Routes {
    pub(super) fn new(families: Families, watch: Watch) -> Self {
        Self { families: Arc::new(families), watch, routes: ListsByHash::new() }
    }

    /// Counts a connection until the guard is dropped.
    pub(super) fn connection(&self) -> InFlightGuard {
        self.watch.event();
        self.families.connections.guard()
    }

    /// The endpoint of a route and a method; `None` if the route is excluded.
    #[inline]
    pub(super) fn endpoint(&self, pattern: Option<&str>, method: &Method) -> Option<&Arc<Endpoint>> {
        self.watch.event();
        let pattern = pattern.unwrap_or(UNMATCHED);
        let route = self
            .routes
            .list(hash(pattern))
            .find_or_insert(|route| *route.pattern == *pattern, || Route::new(pattern, &self.watch));
        let method = MethodLabel::of(method);
        let endpoint = &route.endpoints.as_ref()?[method as usize];
        Some(get_or_init(endpoint, || Arc::new(Endpoint::new(&self.families, pattern, method))))
    }
}

impl Route {
    fn new(pattern: &str, watch: &Watch) -> Self {
        if pattern != UNMATCHED {
            watch.route_seen();
        }
        let is_recorded = !watch.excludes(pattern);
        Self { pattern: pattern.into(), endpoints: is_recorded.then(Default::default) }
    }
}

/// The handles of one route and method.
pub(super) struct Endpoint {
    pub(super) families: Arc<Families>,
    pattern: Box<str>,
    method: MethodLabel,
    pub(super) in_flight: InFlightGauge,
    pub(super) request_size: Histogram,
    pub(super) response_size: Histogram,
    outcomes: AppendList<Outcome>,
}

/// The handles of one route, method and status.
pub(super) struct Outcome {
    status: StatusLabel,
    pub(super) requests: Counter,
    pub(super) duration: Histogram,
}

impl Endpoint {
    fn new(families: &Arc<Families>, pattern: &str, method: MethodLabel) -> Self {
        let labels = [method.as_str(), pattern];
        Self {
            in_flight: families.in_flight.handle(labels),
            request_size: families.request_size.handle(labels),
            response_size: families.response_size.handle(labels),
            families: Arc::clone(families),
            pattern: pattern.into(),
            method,
            outcomes: AppendList::new(),
        }
    }

    #[inline]
    pub(super) fn outcome(&self, status: StatusCode) -> &Outcome {
        let status = StatusLabel::of(status);
        self.outcomes.find_or_insert(
            |outcome| outcome.status == status,
            || {
                let labels = [self.method.as_str(), &self.pattern, status.as_str()];
                Outcome {
                    status,
                    requests: self.families.requests.handle(labels),
                    duration: self.families.duration.handle(labels),
                }
            },
        )
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.pattern)
    }
}
