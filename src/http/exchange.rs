//! What is recorded of one request.

use std::sync::Arc;
use std::thread::panicking;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Response, StatusCode};
use http_body::Body;

use super::Streaming;
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
    response_bytes: u64,
    /// With how many bytes the response is whole, though nobody asks its body for its end.
    whole_bytes: u64,
    status: StatusCode,
    body: BodyState,
    /// Whether its time and the size of its response are observed whatever its status.
    is_observed: bool,
    is_timed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    /// There is none yet, or it has ended.
    Whole,
    Open,
    /// Open, as such bodies are until somebody has had enough.
    Endless,
    Failed,
}

impl Exchange {
    /// Until it is told of something else, the exchange has failed: a panic leaves it as it is.
    #[inline]
    pub(super) fn start(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.inc();
        let start = endpoint.families().clock.now();
        Self {
            start,
            response_bytes: 0,
            whole_bytes: u64::MAX,
            status: FAILED,
            body: BodyState::Whole,
            is_observed: endpoint.is_next_observed(),
            is_timed: false,
            endpoint,
        }
    }

    /// What counts the body of the request, which `is_empty` or not; `None` if there is nothing to count.
    ///
    /// Also where few requests are observed: which of them are errors is not known until the body has passed, and to keep its size until
    /// then costs more than to observe it.
    #[inline]
    pub(super) fn request_meter(&self, is_empty: bool) -> Option<RequestMeter> {
        if is_empty {
            // Most requests have no body. What is to count one would cost a reference count.
            self.endpoint.request_size.observe(0.0);
            return None;
        }
        Some(RequestMeter { endpoint: Arc::clone(&self.endpoint), bytes: 0 })
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
    pub(super) fn answer<B: Body>(&mut self, response: &Response<B>) {
        self.status = response.status();
        if self.status == StatusCode::SWITCHING_PROTOCOLS {
            self.observe_time();
        } else if !response.body().is_end_stream() && !self.endpoint.is_head() && may_have_body(self.status) {
            self.open(response);
        }
    }

    fn open<B: Body>(&mut self, response: &Response<B>) {
        self.body = BodyState::Open;
        let length = || response.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        let is_marked = response.extensions().get::<Streaming>().is_some();
        match response.body().size_hint().exact().or_else(length) {
            Some(length) if !is_marked => self.whole_bytes = length,
            None if !is_marked && !has_events(response) => {}
            _ => {
                self.body = BodyState::Endless;
                self.observe_time();
            }
        }
    }

    /// The time of a response that may stay open for hours is that to its head.
    fn observe_time(&mut self) {
        self.is_timed = true;
        if self.is_observed || is_error(self.status) {
            let seconds = self.endpoint.families().clock.seconds_since(self.start);
            self.endpoint.outcome(self.status).duration(&self.endpoint).observe(seconds);
        }
    }
}

fn is_error(status: StatusCode) -> bool {
    status.as_u16() >= 400
}

/// Servers do not ask the bodies of others for anything.
fn may_have_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) && !status.is_informational()
}

fn has_events<B>(response: &Response<B>) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}

impl Meter for Exchange {
    #[inline]
    fn passed(&mut self, bytes: usize) {
        self.response_bytes += bytes as u64;
    }

    #[inline]
    fn ended(&mut self) {
        self.body = BodyState::Whole;
    }

    fn failed(&mut self) {
        self.body = BodyState::Failed;
    }
}

impl Drop for Exchange {
    #[inline]
    fn drop(&mut self) {
        let endpoint = &*self.endpoint;
        let outcome = endpoint.outcome(self.status);
        if self.is_observed || is_error(self.status) {
            if !self.is_timed {
                outcome.duration(endpoint).observe(endpoint.families().clock.seconds_since(self.start));
            }
            endpoint.response_size.observe(self.response_bytes as f64);
        }
        match self.body {
            BodyState::Whole => {}
            BodyState::Open if self.response_bytes >= self.whole_bytes => {}
            BodyState::Failed => endpoint.broken_off_by_server.inc(),
            // The body has panicked, or what sends it.
            BodyState::Open | BodyState::Endless if panicking() => endpoint.broken_off_by_server.inc(),
            BodyState::Open => endpoint.broken_off_by_client.inc(),
            BodyState::Endless => {}
        }
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
