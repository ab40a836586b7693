//! The bodies that the layer puts around those of requests and responses.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::exchange::{Exchange, RequestMeter};
use super::metered::Metered;

pin_project! {
    /// The body of a request, as the service inside the layer receives it: its bytes are counted as they are read.
    ///
    /// Frames, size hint and errors are those of the body inside. The size is recorded once, when the body has ended, has
    /// failed or is dropped.
    ///
    /// ```
    /// use http::{Request, Response};
    /// use http_body_util::Full;
    /// use quipu::http::{HttpMetrics, RequestBody};
    /// use tower::{Layer, service_fn};
    /// # type Body = Full<&'static [u8]>;
    ///
    /// let metrics = HttpMetrics::new(&quipu::Registry::new())?;
    /// let echo = service_fn(async |request: Request<RequestBody<Body>>| {
    ///     Ok::<_, std::convert::Infallible>(Response::new(request.into_body()))
    /// });
    /// let service = metrics.layer(|_| Some("/echo")).layer(echo);
    /// # fn is_service(_: impl tower::Service<Request<Body>>) {}
    /// # is_service(service);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub struct RequestBody<B> {
        #[pin]
        metered: Metered<B, RequestMeter>,
    }
}

pin_project! {
    /// The body of a response, as it leaves the layer: its bytes are counted as they pass.
    ///
    /// Frames, size hint and errors are those of the body inside. The request is recorded once, when the body has ended, has
    /// failed or is dropped.
    ///
    /// ```
    /// use http::Response;
    /// use quipu::http::ResponseBody;
    ///
    /// /// A service around the layer goes on with bodies of this type.
    /// fn mark<B>(mut response: Response<ResponseBody<B>>) -> Response<ResponseBody<B>> {
    ///     response.headers_mut().insert("x-measured", http::HeaderValue::from_static("yes"));
    ///     response
    /// }
    /// ```
    pub struct ResponseBody<B> {
        #[pin]
        metered: Metered<B, Exchange>,
    }
}

impl<B> RequestBody<B> {
    pub(super) fn new(inner: B, meter: Option<RequestMeter>) -> Self {
        Self { metered: Metered { inner, meter } }
    }

    /// The body itself, if nothing of it is to be counted: it is empty, or its route is excluded.
    ///
    /// For frameworks that box every body of a type that is not their own: most requests have no body, and need no box.
    ///
    /// # Errors
    /// The same body again, if it is to be counted.
    ///
    /// ```
    /// # type BoxedBody = http_body_util::combinators::UnsyncBoxBody<&'static [u8], std::convert::Infallible>;
    /// use http_body_util::BodyExt;
    /// use quipu::http::RequestBody;
    ///
    /// fn boxed(body: RequestBody<BoxedBody>) -> BoxedBody {
    ///     body.try_into_inner().unwrap_or_else(|counted| counted.boxed_unsync())
    /// }
    /// ```
    pub fn try_into_inner(self) -> Result<B, Self> {
        match self.metered.meter {
            None => Ok(self.metered.inner),
            Some(_) => Err(self),
        }
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn new(inner: B, meter: Option<Exchange>) -> Self {
        Self { metered: Metered { inner, meter } }
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().metered.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.metered.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.metered.size_hint()
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().metered.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.metered.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.metered.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestBody").field(&self.metered.inner).finish()
    }
}

impl<B: fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseBody").field(&self.metered.inner).finish()
    }
}
