//! The handles of every route, found once.

use std::fmt;
use std::sync::Arc;

use http::{Method, StatusCode};

use super::families::Families;
use super::method::MethodLabel;
use super::status::StatusLabel;
use super::watch::Watch;
use crate::sync::append_list::AppendList;
use crate::sync::{OnceLock, get_or_init};
use crate::{Counter, Histogram, InFlightGauge, InFlightGuard};

/// The value of the label `path` when no route took the request.
const UNMATCHED: &str = "unmatched";

/// A power of two.
const BUCKETS: usize = 64;

/// All routes seen so far, by pattern.
///
/// Shared by every service of a layer rather than kept in each: axum makes its layered services anew for each connection,
/// and, behind some nestings, for each request.
pub(super) struct Routes {
    families: Arc<Families>,
    watch: Watch,
    buckets: [AppendList<Route>; BUCKETS],
}

struct Route {
    pattern: Box<str>,
    /// `None` if the route is not recorded.
    endpoints: Option<[OnceLock<Arc<Endpoint>>; MethodLabel::COUNT]>,
}

impl Routes {
    pub(super) fn new(families: Families, watch: Watch) -> Self {
        Self { families: Arc::new(families), watch, buckets: [const { AppendList::new() }; BUCKETS] }
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
        let route = self.buckets[bucket(pattern)]
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

/// Patterns come from the program and not from its clients: a hash that is quick and has no secret will do.
#[inline]
fn bucket(pattern: &str) -> usize {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let bytes = pattern.as_bytes();
    let add = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let add_chunk = |hash, chunk: &[u8; 8]| add(hash, u64::from_le_bytes(*chunk));
    let hash = bytes.as_chunks().0.iter().fold(bytes.len() as u64, add_chunk);
    // What is behind the last whole word goes in with bytes before it: one load in place of a loop.
    let hash = match bytes.last_chunk() {
        Some(last) => add_chunk(hash, last),
        None => bytes.iter().fold(hash, |hash, &byte| add(hash, u64::from(byte))),
    };
    (hash >> (u64::BITS - BUCKETS.ilog2())) as usize
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_spread_over_the_buckets() {
        let mut filled = [0; BUCKETS];
        for resource in ["incidents", "users", "teams", "playbooks", "alerts"] {
            for tail in ["", "/", "/{id}", "/{id}/events", "/{id}/notes/{note}"] {
                filled[bucket(&format!("/v1/{resource}{tail}"))] += 1;
            }
        }
        assert_eq!(filled.iter().sum::<u32>(), 25);
        assert!(filled.iter().max() <= Some(&3), "{filled:?}");
    }

    #[test]
    fn patterns_of_every_length_spread_over_the_buckets() {
        let pattern = |length: usize| "/".repeat(length);
        let filled: std::collections::BTreeSet<_> = (0..40).map(|length| bucket(&pattern(length))).collect();
        assert!(filled.len() > 20, "{filled:?}");
        let spread = |patterns: [&str; 4]| patterns.map(bucket).iter().collect::<std::collections::BTreeSet<_>>().len();
        assert!(spread(["/a", "/b", "/c", "/d"]) > 2);
        assert!(spread(["/v1/teams/a", "/v1/teams/b", "/v1/teams/c", "/v1/teams/d"]) > 2);
    }
}
