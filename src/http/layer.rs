//! The layer, the service it makes, and the future of a response.

use std::fmt;
use std::future::Future;
use std::mem::size_of;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Extensions, Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{MeterRequest, RequestBody, RequestMeter, ResponseBody};
use super::route::{Endpoint, Exchange, Routes, UNMATCHED};

/// Records every request that passes; made by [`HttpMetrics::layer`](super::HttpMetrics::layer).
///
/// # Cost
/// A clone and a call of [`layer`](Layer::layer) take one reference count each. For a request see the [module](super).
#[derive(Clone)]
pub struct HttpLayer {
    routes: Arc<Routes>,
}

impl HttpLayer {
    pub(super) fn new(routes: Arc<Routes>) -> Self {
        Self { routes }
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> HttpService<S> {
        HttpService { inner, routes: Arc::clone(&self.routes) }
    }
}

impl fmt::Debug for HttpLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLayer").finish_non_exhaustive()
    }
}

/// The service that [`HttpLayer`] puts around another.
///
/// Requests keep their type, whose body must be a [`MeterRequest`]; the body of a response becomes a [`ResponseBody`].
#[derive(Clone)]
pub struct HttpService<S> {
    inner: S,
    routes: Arc<Routes>,
}

impl<S, B, R> Service<Request<B>> for HttpService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: MeterRequest,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let pattern = matched_pattern(request.extensions()).unwrap_or(UNMATCHED);
        let endpoint = self.routes.endpoint(pattern, request.method());
        let mut exchange = endpoint.map(|endpoint| Exchange::start(Arc::clone(endpoint)));
        if let Some(endpoint) = endpoint {
            meter(request.body_mut(), endpoint);
        }
        let inner = self.inner.call(request);
        if let Some(exchange) = &mut exchange {
            exchange.wait();
        }
        ResponseFuture { inner, exchange }
    }
}

impl<S: fmt::Debug> fmt::Debug for HttpService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpService").field(&self.inner).finish()
    }
}

fn meter(body: &mut impl MeterRequest, endpoint: &Arc<Endpoint>) {
    if body.is_end_stream() {
        endpoint.record_request_size(0);
    } else {
        body.meter(RequestMeter::new(endpoint));
    }
}

#[cfg(feature = "axum")]
#[inline]
fn matched_pattern(extensions: &Extensions) -> Option<&str> {
    let path = extensions.get::<axum::extract::MatchedPath>()?;
    Some(path.as_str())
}

#[cfg(not(feature = "axum"))]
fn matched_pattern(_: &Extensions) -> Option<&str> {
    None
}

pin_project! {
    /// The future of a response of [`HttpService`].
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        exchange: Option<Exchange>,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(exchange) = this.exchange {
            exchange.enter();
        }
        let result = this.inner.poll(cx);
        if let (Poll::Pending, Some(exchange)) = (&result, &mut *this.exchange) {
            exchange.wait();
        }
        result.map(|result| {
            let mut exchange = this.exchange.take();
            let response = result?;
            if let Some(exchange) = &mut exchange {
                exchange.answer(response.status());
            }
            Ok(response.map(|body| ResponseBody::response(body, exchange)))
        })
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

const _: () = assert!(
    size_of::<ResponseFuture<()>>() + size_of::<RequestBody<()>>() + size_of::<ResponseBody<()>>() <= 100,
    "a request in flight must not cost more than 100 bytes",
);
