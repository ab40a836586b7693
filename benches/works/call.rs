//! A unary gRPC call to a service that does nothing else, in the process and without a runtime.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::Service;

/// A prefix, and five bytes.
static MESSAGE: &[u8] = b"\0\0\0\0\x05hello";

/// Reads the request, and answers by one message and the trailers.
#[derive(Clone)]
pub(crate) struct Hello;

impl<B: Body> Service<Request<B>> for Hello {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        drain(request.into_body());
        ready(Ok(Response::new(Answer(0))))
    }
}

pub(crate) struct Answer(u8);

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0 += 1;
        Poll::Ready(match self.0 {
            1 => Some(Ok(Frame::data(Bytes::from_static(MESSAGE)))),
            2 => {
                let status = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
                Some(Ok(Frame::trailers(HeaderMap::from_iter([status]))))
            }
            _ => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0 >= 2
    }
}

/// Polls what is ready at once.
fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing waits"),
    }
}

fn drain(body: impl Body) {
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    while !body.is_end_stream() {
        if let Poll::Ready(None) = body.as_mut().poll_frame(&mut cx) {
            break;
        }
    }
}

/// Makes one call and reads the whole answer.
pub(crate) fn call<R: Body>(
    service: &mut impl Service<Request<Full<Bytes>>, Response = Response<R>, Error = Infallible>,
) {
    let mut request = Request::new(Full::new(Bytes::from_static(MESSAGE)));
    *request.uri_mut() = Uri::from_static("/incidents.v1.Incidents/Get");
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    let Ok(response) = now(service.call(request));
    drain(response.into_body());
}
