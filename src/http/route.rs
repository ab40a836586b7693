//! The handles of every route, found once.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Method, StatusCode};

use super::builder::HttpMetricsBuilder;
use super::families::{CAUSES, Families, handle};
use super::labels::ExtraLabels;
use super::method::MethodLabel;
use super::pattern::matches;
use super::status::StatusLabel;
use super::watch::Watch;
use crate::sync::append_list::{AppendList, ListsByHash, hash};
use crate::sync::{AtomicU64, OnceLock, Ordering, get_or_init};
use crate::{Counter, DynLabelNames, Family, Histogram, InFlightGauge, InFlightGuard, Metric};

/// The value of the label `path` when no route took the request.
const UNMATCHED: &str = "unmatched";

/// The statuses that a route has series of from its first request on: success, what the layer itself says, and the errors of servers in
/// use. A counter that is not there before it is 1 has, to `increase`, never grown.
const FROM_THE_START: [&str; 6] = ["200", "499", "500", "502", "503", "504"];

/// All routes seen so far, by pattern.
///
/// Shared by every service of a layer rather than kept in each: axum makes its layered services anew for each connection,
/// and, behind some nestings, for each request.
pub(super) struct Routes {
    shared: Arc<Shared>,
    settings: HttpMetricsBuilder,
    watch: Watch,
    routes: ListsByHash<Route>,
}

/// What every endpoint reads.
struct Shared {
    families: Families,
    extra: ExtraLabels,
}

struct Route {
    pattern: Box<str>,
    /// The value of the label `path`.
    path: Box<str>,
    /// By class and method; `None` if the route is not recorded.
    endpoints: Option<Box<[OnceLock<Arc<Endpoint>>]>>,
    /// One in so many requests is observed.
    every: u64,
}

impl Routes {
    pub(super) fn new(families: Families, watch: Watch, settings: HttpMetricsBuilder) -> Self {
        let shared = Arc::new(Shared { families, extra: settings.extra.clone() });
        Self { shared, settings, watch, routes: ListsByHash::new() }
    }

    pub(super) fn families(&self) -> &Families {
        &self.shared.families
    }

    /// Counts a connection until the guard is dropped.
    pub(super) fn connection(&self) -> InFlightGuard {
        self.watch.event();
        self.shared.families.connections.guard()
    }

    pub(super) fn has_classes(&self) -> bool {
        !self.shared.extra.is_empty()
    }

    pub(super) fn class(&self, parts: &Parts) -> usize {
        self.shared.extra.class(parts)
    }

    /// The endpoint of a route, a method and a class; `None` if the route is excluded. `path` is that of the request, and matters
    /// where it has no route.
    #[inline]
    pub(super) fn endpoint(
        &self,
        pattern: Option<&str>,
        path: &str,
        method: &Method,
        class: usize,
    ) -> Option<&Arc<Endpoint>> {
        self.watch.event();
        let (pattern, has_route) = match pattern {
            Some(pattern) => (pattern, true),
            None => (self.without_route(path)?, false),
        };
        let routes = self.routes.list(hash(pattern));
        let route = routes.find_or_insert(|route| *route.pattern == *pattern, || self.route(pattern, has_route));
        let method = MethodLabel::of(method);
        let endpoint = &route.endpoints.as_ref()?[class * MethodLabel::COUNT + method as usize];
        Some(get_or_init(endpoint, || Arc::new(Endpoint::new(&self.shared, route, method, class))))
    }

    /// The name that the requests to a path have that no route took; `None` if they are excluded.
    fn without_route(&self, path: &str) -> Option<&str> {
        match self.watch.excludes(path) {
            true => None,
            false => Some(self.group(path).unwrap_or(UNMATCHED)),
        }
    }

    fn group(&self, path: &str) -> Option<&str> {
        self.settings.groups.iter().find(|group| matches(group, path)).map(|group| &**group)
    }

    /// A route has its first request.
    fn route(&self, pattern: &str, has_route: bool) -> Route {
        if has_route {
            self.watch.route_seen();
        }
        let is_recorded = !self.watch.excludes(pattern);
        let path = self.group(pattern).unwrap_or(pattern);
        let sampled = self.settings.sampled.iter().find(|sampled| matches(&sampled.pattern, pattern));
        if let (true, Some(sampled), Some(ratio)) = (is_recorded, sampled, &self.shared.families.sample_ratio) {
            ratio.with([path]).set(1.0 / f64::from(sampled.every));
        }
        let endpoints = || (0..MethodLabel::COUNT * self.shared.extra.classes()).map(|_| OnceLock::new()).collect();
        Route {
            pattern: pattern.into(),
            path: path.into(),
            endpoints: is_recorded.then(endpoints),
            every: sampled.map_or(1, |sampled| u64::from(sampled.every)),
        }
    }
}

/// The handles of one route, method and class.
pub(super) struct Endpoint {
    shared: Arc<Shared>,
    path: Box<str>,
    method: MethodLabel,
    class: usize,
    pub(super) in_flight: InFlightGauge,
    pub(super) request_size: Histogram,
    pub(super) response_size: Histogram,
    pub(super) broken_off_by_client: Counter,
    pub(super) broken_off_by_server: Counter,
    outcomes: AppendList<Outcome>,
    /// Those that no request has had may not expire.
    _at_zero: Box<[Counter]>,
    every: u64,
    /// Of a route that is sampled.
    started: AtomicU64,
}

/// The handles of one route, method, class and status.
pub(super) struct Outcome {
    status: StatusLabel,
    pub(super) requests: Counter,
    duration: OnceLock<Histogram>,
}

impl Endpoint {
    fn new(shared: &Arc<Shared>, route: &Route, method: MethodLabel, class: usize) -> Self {
        let Shared { families, extra } = &**shared;
        let labels = [method.as_str(), &route.path];
        let broken_off_by = |cause| handle(&families.incomplete, &[labels[0], labels[1], cause], extra, class);
        let at_zero = |status: &&str| handle(&families.requests, &[labels[0], labels[1], status], extra, class);
        let is_known = *route.path != *UNMATCHED;
        Self {
            in_flight: handle(&families.in_flight, &labels, extra, class),
            request_size: handle(&families.request_size, &labels, extra, class),
            response_size: handle(&families.response_size, &labels, extra, class),
            broken_off_by_client: broken_off_by(CAUSES[0]),
            broken_off_by_server: broken_off_by(CAUSES[1]),
            shared: Arc::clone(shared),
            path: route.path.clone(),
            method,
            class,
            outcomes: AppendList::new(),
            _at_zero: FROM_THE_START.iter().filter(|_| is_known).map(at_zero).collect(),
            every: route.every,
            started: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn families(&self) -> &Families {
        &self.shared.families
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == MethodLabel::Head
    }

    /// Whether the request that comes now is one of those that are observed.
    #[inline]
    pub(super) fn is_next_observed(&self) -> bool {
        self.every == 1 || self.started.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every)
    }

    #[inline]
    pub(super) fn outcome(&self, status: StatusCode) -> &Outcome {
        let status = StatusLabel::of(status);
        self.outcomes.find_or_insert(
            |outcome| outcome.status == status,
            || {
                let requests = self.of_status(status, &self.families().requests);
                Outcome { status, requests, duration: OnceLock::new() }
            },
        )
    }

    fn of_status<M: Metric>(&self, status: StatusLabel, family: &Family<M, DynLabelNames>) -> M {
        handle(family, &[self.method.as_str(), &self.path, status.as_str()], &self.shared.extra, self.class)
    }
}

impl Outcome {
    #[inline]
    pub(super) fn duration(&self, endpoint: &Endpoint) -> &Histogram {
        get_or_init(&self.duration, || endpoint.of_status(self.status, &endpoint.families().duration))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}
