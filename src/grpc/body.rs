//! The bodies that the layer puts around those of requests and responses.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::call::{Call, RequestMeter};

pin_project! {
    /// The body of a request, as the service inside the layer receives it: its messages are counted as they pass.
    ///
    /// Frames, size hint and errors are those of the body inside.
    ///
    /// ```
    /// use http::Request;
    /// use quipu::grpc::RequestBody;
    ///
    /// /// A service inside the layer goes on with bodies of this type, or boxes them, as tonic's channel wants it.
    /// fn to_channel(
    ///     request: Request<RequestBody<tonic::body::Body>>,
    /// ) -> Request<tonic::body::Body> {
    ///     request.map(tonic::body::Body::new)
    /// }
    /// ```
    pub struct RequestBody<B> {
        #[pin]
        inner: B,
        meter: Option<RequestMeter>,
    }
}

pin_project! {
    /// The body of a response, as it leaves the layer: its messages are counted as they pass, and its trailers tell how the call
    /// ended.
    ///
    /// Frames, size hint and errors are those of the body inside. The call is recorded once: when its status is there, when the body
    /// has ended or has failed, or when it is dropped.
    ///
    /// ```
    /// use http::Response;
    /// use quipu::grpc::ResponseBody;
    ///
    /// /// A service around the layer goes on with bodies of this type.
    /// fn mark<B>(mut response: Response<ResponseBody<B>>) -> Response<ResponseBody<B>> {
    ///     response.headers_mut().insert("x-measured", http::HeaderValue::from_static("yes"));
    ///     response
    /// }
    /// ```
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        call: Option<Call>,
    }
}

impl<B: Body> RequestBody<B> {
    pub(super) fn new(inner: B, call: Option<&Call>) -> Self {
        let meter = call.filter(|_| !inner.is_end_stream()).map(Call::request_meter);
        Self { inner, meter }
    }
}

impl<B: Body> ResponseBody<B> {
    /// A call that has ended is recorded here.
    pub(super) fn new(inner: B, mut call: Option<Call>) -> Self {
        if let Some(call) = call.as_mut().filter(|call| !call.has_ended() && inner.is_end_stream()) {
            call.end_without_status();
        }
        Self { inner, call: call.filter(|call| !call.has_ended()) }
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.project();
        let frame = this.inner.poll_frame(cx);
        if let (Poll::Ready(Some(Ok(frame))), Some(meter)) = (&frame, this.meter)
            && let Some(data) = frame.data_ref()
        {
            meter.passed(data);
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

impl<B: Body<Data = Bytes, Error: 'static>> Body for ResponseBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(call) = this.call else { return this.inner.poll_frame(cx) };
        call.enter();
        let frame = this.inner.as_mut().poll_frame(cx);
        let mut is_over = true;
        match &frame {
            Poll::Pending => is_over = false,
            Poll::Ready(Some(Ok(frame))) => match (frame.data_ref(), frame.trailers_ref()) {
                (_, Some(trailers)) => call.trailers(trailers),
                (data, None) => {
                    call.response_passed(data.map_or(&[], |data| data));
                    is_over = this.inner.is_end_stream();
                    if is_over {
                        call.end_without_status();
                    }
                }
            },
            Poll::Ready(Some(Err(error))) => call.fail(error),
            Poll::Ready(None) => call.end_without_status(),
        }
        match is_over {
            true => *this.call = None,
            false => call.wait(),
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

impl<B: fmt::Debug> fmt::Debug for RequestBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestBody").field(&self.inner).finish()
    }
}

impl<B: fmt::Debug> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResponseBody").field(&self.inner).finish()
    }
}
