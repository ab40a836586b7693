//! The handles of every route, found once, and what one request records through them.

use std::fmt;
use std::sync::{Arc, OnceLock};

use http::{Method, StatusCode};

use super::append_list::AppendList;
use super::body::Meter;
use super::families::Families;
use super::method::MethodLabel;
use crate::clock::Stopwatch;
use crate::{Counter, Histogram, InFlightGauge};

/// The value of the label `path` when no route took the request.
pub(super) const UNMATCHED: &str = "unmatched";

/// The status of a request whose handler panicked or whose service failed.
const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// The status of a request that was dropped before it was answered; nginx made the number known.
const CANCELLED: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => panic!("499 has three digits"),
};

/// A power of two.
const BUCKETS: usize = 64;

/// All routes seen so far, by pattern.
///
/// Shared by every service of a layer rather than kept in each: axum makes its layered services anew for each connection,
/// and, behind some nestings, for each request.
pub(super) struct Routes {
    families: Arc<Families>,
    excluded: Box<[Box<str>]>,
    buckets: [AppendList<Route>; BUCKETS],
}

struct Route {
    pattern: Box<str>,
    /// `None` if the route is not recorded.
    endpoints: Option<[OnceLock<Arc<Endpoint>>; MethodLabel::COUNT]>,
}

impl Routes {
    pub(super) fn new(families: Families, excluded: Vec<Box<str>>) -> Self {
        Self {
            families: Arc::new(families),
            excluded: excluded.into(),
            buckets: [const { AppendList::new() }; BUCKETS],
        }
    }

    pub(super) fn families(&self) -> &Families {
        &self.families
    }

    /// The endpoint of a route and a method; `None` if the route is excluded.
    #[inline]
    pub(super) fn endpoint(&self, pattern: &str, method: &Method) -> Option<&Arc<Endpoint>> {
        let route = self.buckets[bucket(pattern)].find_or_insert(
            |route| *route.pattern == *pattern,
            || Route { pattern: pattern.into(), endpoints: self.is_recorded(pattern).then(Default::default) },
        );
        let method = MethodLabel::of(method);
        let endpoint = &route.endpoints.as_ref()?[method as usize];
        Some(endpoint.get_or_init(|| Arc::new(Endpoint::new(&self.families, pattern, method))))
    }

    fn is_recorded(&self, pattern: &str) -> bool {
        !self.excluded.iter().any(|excluded| **excluded == *pattern)
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
    families: Arc<Families>,
    pattern: Box<str>,
    method: MethodLabel,
    in_flight: InFlightGauge,
    request_size: Histogram,
    response_size: Histogram,
    outcomes: AppendList<Outcome>,
}

/// The handles of one route, method and status.
struct Outcome {
    status: StatusCode,
    requests: Counter,
    duration: Histogram,
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
    pub(super) fn record_request_size(&self, bytes: u64) {
        self.request_size.observe(bytes as f64);
    }

    #[inline]
    fn outcome(&self, status: StatusCode) -> &Outcome {
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

/// One request in flight: records when it is dropped, and so exactly once, however the request ends.
#[derive(Debug)]
pub struct Exchange {
    endpoint: Arc<Endpoint>,
    duration: Stopwatch,
    status: StatusCode,
    response_bytes: u64,
}

impl Exchange {
    /// Until it is told of something else, the exchange has failed: a panic leaves it as it is.
    #[inline]
    pub(super) fn start(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.inc();
        Self { endpoint, duration: Stopwatch::start(), status: FAILED, response_bytes: 0 }
    }

    /// Code that may panic is about to run.
    #[inline]
    pub(super) fn enter(&mut self) {
        self.status = FAILED;
    }

    /// It has come back without an answer. If nobody asks for one again, the request was cancelled.
    #[inline]
    pub(super) fn wait(&mut self) {
        self.status = CANCELLED;
    }

    #[inline]
    pub(super) fn answer(&mut self, status: StatusCode) {
        self.status = status;
    }
}

impl Meter for Exchange {
    #[inline]
    fn passed(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }
}

impl Drop for Exchange {
    #[inline]
    fn drop(&mut self) {
        let endpoint = &*self.endpoint;
        let outcome = endpoint.outcome(self.status);
        outcome.duration.observe(self.duration.seconds());
        endpoint.response_size.observe(self.response_bytes as f64);
        outcome.requests.inc();
        endpoint.in_flight.dec();
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
