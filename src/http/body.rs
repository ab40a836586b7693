//! The body that counts the bytes that pass.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::route::{Endpoint, Exchange};

pin_project! {
    /// The body of a request or a response as it passes through the layer.
    ///
    /// Counts the bytes of the data frames and records, once, when the body has ended, has failed or is dropped.
    /// Frames, size hint and errors are those of the body inside.
    pub struct MeteredBody<B> {
        #[pin]
        inner: B,
        meter: Option<Meter>,
    }
}

/// Records when it is dropped.
enum Meter {
    Request(RequestMeter),
    Response(Exchange),
}

struct RequestMeter {
    endpoint: Arc<Endpoint>,
    bytes: u64,
}

impl Drop for RequestMeter {
    fn drop(&mut self) {
        self.endpoint.record_request_size(self.bytes);
    }
}

impl Meter {
    fn passed(&mut self, bytes: usize) {
        match self {
            Self::Request(meter) => meter.bytes += bytes as u64,
            Self::Response(exchange) => exchange.sent(bytes),
        }
    }
}

impl<B: Body> MeteredBody<B> {
    pub(super) fn request(inner: B, endpoint: Option<&Arc<Endpoint>>) -> Self {
        let meter = match endpoint {
            Some(endpoint) if inner.is_end_stream() => {
                endpoint.record_request_size(0);
                None
            }
            Some(endpoint) => Some(Meter::Request(RequestMeter {
                endpoint: Arc::clone(endpoint),
                bytes: 0,
            })),
            None => None,
        };
        Self { inner, meter }
    }

    pub(super) fn response(inner: B, exchange: Option<Exchange>) -> Self {
        Self {
            inner,
            meter: exchange.map(Meter::Response),
        }
    }
}

impl<B: Body> Body for MeteredBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
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

impl<B: fmt::Debug> fmt::Debug for MeteredBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MeteredBody").field(&self.inner).finish()
    }
}
