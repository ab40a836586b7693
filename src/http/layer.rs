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

use super::body::{RequestBody, ResponseBody};
use super::exchange::Exchange;
use super::route::Routes;

/// Records every request that passes; made by [`HttpMetrics::layer`](super::HttpMetrics::layer).
///
/// `F` is the function that finds the pattern of a request's route.
///
/// ```
/// use http::Extensions;
/// use quipu::http::{HttpLayer, HttpMetrics};
///
/// fn route(_: &Extensions) -> Option<&str> {
///     Some("/")
/// }
///
/// let metrics = HttpMetrics::new(&quipu::Registry::new())?;
/// let layer: HttpLayer<fn(&Extensions) -> Option<&str>> = metrics.layer(route);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
///
/// # Cost
/// A clone and a call of [`layer`](Layer::layer) take one reference count each. For a request see the [module](super).
#[derive(Clone)]
pub struct HttpLayer<F> {
    routes: Arc<Routes>,
    route: F,
}

impl<F> HttpLayer<F> {
    pub(super) fn new(routes: Arc<Routes>, route: F) -> Self {
        Self { routes, route }
    }
}

impl<S, F: Clone> Layer<S> for HttpLayer<F> {
    type Service = HttpService<S, F>;

    fn layer(&self, inner: S) -> HttpService<S, F> {
        HttpService { inner, routes: Arc::clone(&self.routes), route: self.route.clone() }
    }
}

impl<F> fmt::Debug for HttpLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpLayer").finish_non_exhaustive()
    }
}

/// The service that [`HttpLayer`] puts around another.
///
/// It takes requests with any [`Body`] and hands them on with a [`RequestBody`] around it; the body of a response becomes a
/// [`ResponseBody`].
///
/// ```
/// use http::{Extensions, Request, Response};
/// use http_body_util::Full;
/// use quipu::http::{HttpMetrics, HttpService, ResponseFuture};
/// use std::future::{Ready, ready};
/// use tower::{Layer, Service, service_fn};
/// # type Body = Full<bytes::Bytes>;
///
/// fn route(_: &Extensions) -> Option<&str> {
///     Some("/")
/// }
///
/// let metrics = HttpMetrics::new(&quipu::Registry::new())?;
/// let hello = service_fn(|_| ready(Ok::<_, std::convert::Infallible>(Response::new(Body::from("hello")))));
/// let mut service: HttpService<_, _> = metrics.layer(route).layer(hello);
/// let response: ResponseFuture<Ready<_>> = service.call(Request::new(Body::default()));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct HttpService<S, F> {
    inner: S,
    routes: Arc<Routes>,
    route: F,
}

impl<S, F, B, R> Service<Request<B>> for HttpService<S, F>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    F: Fn(&Extensions) -> Option<&str>,
    B: Body,
    R: Body,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (request, class) = match self.routes.has_classes() {
            false => (request, 0),
            true => {
                let (parts, body) = request.into_parts();
                let class = self.routes.class(&parts);
                (Request::from_parts(parts, body), class)
            }
        };
        let pattern = (self.route)(request.extensions());
        let endpoint = self.routes.endpoint(pattern, request.uri().path(), request.method(), class);
        let mut exchange = endpoint.map(|endpoint| Exchange::start(Arc::clone(endpoint)));
        let request = request.map(|body| {
            let meter = exchange.as_ref().and_then(|exchange| exchange.request_meter(body.is_end_stream()));
            RequestBody::new(body, meter)
        });
        let inner = self.inner.call(request);
        if let Some(exchange) = &mut exchange {
            exchange.wait();
        }
        ResponseFuture { inner, exchange }
    }
}

impl<S: fmt::Debug, F> fmt::Debug for HttpService<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpService").field(&self.inner).finish()
    }
}

pin_project! {
    /// The future of a response of [`HttpService`], which shows it.
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
                exchange.answer(&response);
            }
            Ok(response.map(|body| ResponseBody::new(body, exchange)))
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
