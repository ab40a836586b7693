//! What is recorded of one request.

use std::sync::Arc;

use http::StatusCode;

use super::metered::Meter;
use super::route::Endpoint;
use crate::clock::Moment;

/// The status of a request whose handler panicked or whose service failed.
const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

/// The status of a request that was dropped before it was answered; nginx made the number known.
pub(super) const CANCELLED: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => panic!("499 has three digits"),
};

/// One request in flight: records when it is dropped, and so exactly once, however the request ends.
#[derive(Debug)]
pub(super) struct Exchange {
    endpoint: Arc<Endpoint>,
    start: Moment,
    status: StatusCode,
    response_bytes: u64,
}

impl Exchange {
    /// Until it is told of something else, the exchange has failed: a panic leaves it as it is.
    #[inline]
    pub(super) fn start(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.inc();
        let start = endpoint.families.clock.now();
        Self { endpoint, start, status: FAILED, response_bytes: 0 }
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
        outcome.duration.observe(endpoint.families.clock.seconds_since(self.start));
        endpoint.response_size.observe(self.response_bytes as f64);
        outcome.requests.inc();
        endpoint.in_flight.dec();
    }
}

/// Counts the body of a request.
#[derive(Debug)]
pub(super) struct RequestMeter {
    endpoint: Arc<Endpoint>,
    bytes: u64,
}

impl RequestMeter {
    pub(super) fn new(endpoint: &Arc<Endpoint>) -> Self {
        Self { endpoint: Arc::clone(endpoint), bytes: 0 }
    }
}

impl Meter for RequestMeter {
    fn passed(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }
}

impl Drop for RequestMeter {
    fn drop(&mut self) {
        self.endpoint.request_size.observe(self.bytes as f64);
    }
}
