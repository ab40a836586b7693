//! What is recorded of one call.

use std::any::Any;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, StatusCode};

use super::deadline::Deadline;
use super::families::Side;
use super::frames::Frames;
use super::methods::{Method, Methods, Unnamed, split};
use super::status::GrpcStatus;
use crate::clock::Moment;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// One call under way: records when it is dropped, and so exactly once, however it ends.
#[derive(Debug)]
pub(super) struct Call {
    method: Arc<Method>,
    /// Until the answer tells whether the method has a name.
    unnamed: Option<Arc<Unnamed>>,
    start: Moment,
    deadline: Deadline,
    status: GrpcStatus,
    /// Nobody has said how the call ended, so its time limit may have ended it.
    is_guess: bool,
    /// What it means if the answer ends without a status.
    missing: GrpcStatus,
    response: Frames,
}

impl Call {
    /// A call by its path; `None` of a server's request that is none. Until it is told of something else, it has failed: a panic leaves
    /// it as it is.
    #[inline]
    pub(super) fn start(methods: &Arc<Methods>, path: &str, headers: &HeaderMap) -> Option<Self> {
        // What a program calls is its own, and its channel may be what writes the header.
        if methods.families.side == Side::Server && !is_of_grpc(headers) {
            return None;
        }
        let deadline = Deadline::of(headers);
        Some(match split(path).and_then(|(service, method)| methods.find(service, method)) {
            Some(method) => Self::of(method, deadline),
            None => Self::unnamed(methods, path, deadline),
        })
    }

    #[cold]
    fn unnamed(methods: &Arc<Methods>, path: &str, deadline: Deadline) -> Self {
        match (methods.families.side, split(path)) {
            (Side::Client, Some((service, method))) => Self::of(methods.name(service, method), deadline),
            (Side::Server, Some(_)) if methods.may_learn() => {
                let mut call = Self::of(methods.other(), deadline);
                call.unnamed = Some(Arc::new(Unnamed::new(methods, path)));
                call
            }
            _ => Self::of(methods.other(), deadline),
        }
    }

    #[inline]
    pub(super) fn of(method: &Arc<Method>, deadline: Deadline) -> Self {
        method.streams.inc();
        Self {
            start: method.families.clock.now(),
            method: Arc::clone(method),
            unnamed: None,
            deadline,
            status: GrpcStatus::Unknown,
            is_guess: true,
            missing: GrpcStatus::Unknown,
            response: Frames::default(),
        }
    }

    /// Counts what the client sends.
    #[inline]
    pub(super) fn request_meter(&self) -> RequestMeter {
        let recipient = match &self.unnamed {
            None => Recipient::Method(Arc::clone(&self.method)),
            Some(unnamed) => Recipient::Unnamed(Arc::clone(unnamed)),
        };
        RequestMeter { recipient, request: Frames::default() }
    }

    /// Code that may panic is about to run.
    #[inline]
    pub(super) fn enter(&mut self) {
        self.status = GrpcStatus::Unknown;
    }

    /// It has come back, and the call goes on. If nobody asks for more, it was given up.
    #[inline]
    pub(super) fn wait(&mut self) {
        self.status = GrpcStatus::Canceled;
    }

    /// The head of the answer is there. In the answer of a call that fails at once it has the status.
    #[inline]
    pub(super) fn answer(&mut self, status: StatusCode, headers: &HeaderMap) {
        let of_grpc = headers.get(STATUS).map(GrpcStatus::from_header);
        if self.unnamed.is_some()
            && let Some(is_known) = is_of_a_handler(status, headers, of_grpc)
        {
            self.settle(is_known);
        }
        if status != StatusCode::OK {
            self.missing = GrpcStatus::from_http(status);
        }
        self.wait();
        if let Some(of_grpc) = of_grpc {
            self.end(of_grpc);
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.is_guess
    }

    /// Moves a call without a name to where it belongs.
    #[cold]
    fn settle(&mut self, is_known: bool) {
        let Some(unnamed) = self.unnamed.take() else { return };
        let method = unnamed.settle(is_known);
        method.streams.inc();
        self.method.streams.dec();
        self.method = Arc::clone(method);
    }

    #[inline]
    pub(super) fn response_passed(&mut self, bytes: &[u8]) {
        let messages = self.response.completed_by(bytes);
        if messages > 0 {
            self.method.response_messages.inc_by(messages);
        }
    }

    /// The answer has ended.
    #[inline]
    pub(super) fn trailers(&mut self, trailers: &HeaderMap) {
        let of_grpc = trailers.get(STATUS).map(GrpcStatus::from_header);
        if self.unnamed.is_some() {
            self.settle(of_grpc.is_some_and(only_handlers_say));
        }
        self.end(of_grpc.unwrap_or(self.missing));
    }

    pub(super) fn end_without_status(&mut self) {
        self.end(self.missing);
    }

    /// The service has failed, or the connection.
    #[cold]
    pub(super) fn fail(&mut self, error: &dyn Any) {
        let families = &self.method.families;
        self.status = families.failures.status(error).unwrap_or(match families.side {
            Side::Server => GrpcStatus::Unknown,
            Side::Client => GrpcStatus::Unavailable,
        });
    }

    #[inline]
    pub(super) fn end(&mut self, status: GrpcStatus) {
        self.status = status;
        self.is_guess = false;
    }

    pub(super) fn count_request_messages(&self, messages: u64) {
        self.method.request_messages.inc_by(messages);
    }

    pub(super) fn count_response_messages(&self, messages: u64) {
        self.method.response_messages.inc_by(messages);
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.unnamed.is_some() {
            self.settle(false);
        }
        let seconds = self.method.families.clock.seconds_since(self.start);
        if self.is_guess && self.deadline.ends_after(seconds) {
            self.status = GrpcStatus::DeadlineExceeded;
        }
        self.method.record(self.status, seconds);
        self.method.streams.dec();
    }
}

/// Whether only a server that knows a method can have answered so; `None` if the trailers have to tell.
fn is_of_a_handler(status: StatusCode, headers: &HeaderMap, of_grpc: Option<GrpcStatus>) -> Option<bool> {
    match of_grpc {
        Some(of_grpc) => Some(only_handlers_say(of_grpc)),
        None if status != StatusCode::OK => Some(false),
        None => headers.contains_key(CONTENT_TYPE).then(|| is_of_grpc(headers)),
    }
}

fn is_of_grpc(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Routers, guards and limits in front of the handlers give the others to any path.
fn only_handlers_say(status: GrpcStatus) -> bool {
    use GrpcStatus::{PermissionDenied, ResourceExhausted, Unauthenticated, Unavailable, Unimplemented};
    !matches!(status, Unimplemented | Unauthenticated | PermissionDenied | ResourceExhausted | Unavailable)
}

/// Counts the messages of a client.
#[derive(Debug)]
pub(super) struct RequestMeter {
    recipient: Recipient,
    request: Frames,
}

#[derive(Debug)]
enum Recipient {
    Method(Arc<Method>),
    Unnamed(Arc<Unnamed>),
}

impl RequestMeter {
    #[inline]
    pub(super) fn passed(&mut self, bytes: &[u8]) {
        let messages = self.request.completed_by(bytes);
        if messages > 0 {
            match &self.recipient {
                Recipient::Method(method) => method.request_messages.inc_by(messages),
                Recipient::Unnamed(unnamed) => unnamed.add_request_messages(messages),
            }
        }
    }
}
