//! The body that counts the bytes that pass.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::route::{Endpoint, Exchange};

/// The body of a request, as the service behind the layer receives it.
pub type RequestBody<B> = MeteredBody<B, RequestMeter>;

/// The body of a response, as it leaves the layer.
pub type ResponseBody<B> = MeteredBody<B, Exchange>;

pin_project! {
    /// A body whose bytes are counted as they pass; a [`RequestBody`] or a [`ResponseBody`].
    ///
    /// Counts the data frames and records, once, when the body has ended, has failed or is dropped. Frames, size hint and
    /// errors are those of the body inside.
    pub struct MeteredBody<B, M> {
        #[pin]
        inner: B,
        meter: Option<M>,
    }
}

/// What counts, and records when it is dropped.
pub trait Meter {
    /// So many bytes have passed.
    fn passed(&mut self, bytes: usize);
}

impl<B: Body> RequestBody<B> {
    pub(super) fn request(inner: B, endpoint: Option<&Arc<Endpoint>>) -> Self {
        let meter = match endpoint {
            Some(endpoint) if inner.is_end_stream() => {
                endpoint.record_request_size(0);
                None
            }
            Some(endpoint) => Some(RequestMeter { endpoint: Arc::clone(endpoint), bytes: 0 }),
            None => None,
        };
        Self { inner, meter }
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn response(inner: B, meter: Option<Exchange>) -> Self {
        Self { inner, meter }
    }
}

impl<B: Body, M: Meter> Body for MeteredBody<B, M> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(meter), Some(data)) = (this.meter, frame.data_ref()) {
                    meter.passed(data.remaining());
                }
            }
            Some(Err(_)) | None => *this.meter = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: fmt::Debug, M> fmt::Debug for MeteredBody<B, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MeteredBody").field(&self.inner).finish()
    }
}

/// Counts the body of a request.
#[derive(Debug)]
pub struct RequestMeter {
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
        self.endpoint.record_request_size(self.bytes);
    }
}
