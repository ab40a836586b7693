//! The body that counts the bytes that pass.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::route::{Endpoint, Exchange};

/// The body of a request that the layer can count; for servers whose own type of body is not a [`MeterRequest`].
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

/// The bodies of requests that the layer can count: axum's, and any other inside a [`RequestBody`].
///
/// The type stays the same, so that a request without a body, as most are, passes as it came.
#[diagnostic::on_unimplemented(
    message = "the HTTP layer cannot count `{Self}` as the body of a request",
    note = "map the request with `RequestBody::new` before the layer"
)]
pub trait MeterRequest: Body + Sized {
    /// Has what passes from now on counted.
    fn meter(&mut self, meter: RequestMeter);
}

impl<B: Body> MeterRequest for RequestBody<B> {
    fn meter(&mut self, meter: RequestMeter) {
        self.meter = Some(meter);
    }
}

#[cfg(feature = "axum")]
impl MeterRequest for axum::body::Body {
    fn meter(&mut self, meter: RequestMeter) {
        let inner = std::mem::take(self);
        *self = Self::new(RequestBody { inner, meter: Some(meter) });
    }
}

impl<B> RequestBody<B> {
    /// A body that the layer will count.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use quipu::http::{HttpMetrics, RequestBody};
    /// use tower::{Layer, ServiceExt, service_fn};
    /// # type Body = Full<&'static [u8]>;
    ///
    /// let metrics = HttpMetrics::new(&quipu::Registry::new())?;
    /// let service = service_fn(async |request: Request<RequestBody<Body>>| {
    ///     Ok::<_, std::convert::Infallible>(Response::new(request.into_body()))
    /// });
    /// let service = metrics.layer().layer(service).map_request(|request: Request<Body>| request.map(RequestBody::new));
    /// # fn is_service(_: impl tower::Service<Request<Body>>) {}
    /// # is_service(service);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn new(body: B) -> Self {
        Self { inner: body, meter: None }
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
        // Frames are large: looked at where they are, they need not be moved.
        let frame = this.inner.poll_frame(cx);
        match &frame {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(meter), Some(data)) = (this.meter, frame.data_ref()) {
                    meter.passed(data.remaining());
                }
            }
            Poll::Ready(Some(Err(_)) | None) => *this.meter = None,
        }
        frame
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
        self.endpoint.record_request_size(self.bytes);
    }
}
