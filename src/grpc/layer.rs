//! The layer, the service it makes, and the future of a response.

use std::fmt;
use std::future::Future;
use std::mem::size_of;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::body::{RequestBody, ResponseBody};
use super::call::Call;
use super::methods::Methods;

/// Records every call that passes; made by [`GrpcMetrics::layer`](super::GrpcMetrics::layer).
///
/// # Cost
/// A clone and a call of [`layer`](Layer::layer) take one reference count each. For a call see the [module](super).
///
/// ```
/// use quipu::grpc::{GrpcLayer, GrpcMetrics};
///
/// let layer: GrpcLayer = GrpcMetrics::new(&quipu::Registry::new())?.layer();
/// let server = tonic::transport::Server::builder().layer(layer);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct GrpcLayer {
    methods: Arc<Methods>,
}

impl GrpcLayer {
    pub(super) fn new(methods: Arc<Methods>) -> Self {
        Self { methods }
    }
}

impl<S> Layer<S> for GrpcLayer {
    type Service = GrpcService<S>;

    fn layer(&self, inner: S) -> GrpcService<S> {
        GrpcService { inner, methods: Arc::clone(&self.methods) }
    }
}

impl fmt::Debug for GrpcLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcLayer").finish_non_exhaustive()
    }
}

/// The service that [`GrpcLayer`] puts around another.
///
/// It takes requests with any [`Body`] of [`Bytes`] and hands them on with a [`RequestBody`] around it; the body of a response becomes
/// a [`ResponseBody`].
///
/// ```
/// use quipu::grpc::{GrpcMetrics, GrpcService};
/// use tonic::service::Routes;
/// use tower::Layer;
///
/// let metrics = GrpcMetrics::new(&quipu::Registry::new())?;
/// let service: GrpcService<Routes> = metrics.layer().layer(Routes::default());
/// # fn is_service<B>(_: impl tower::Service<http::Request<tonic::body::Body>, Response = http::Response<B>>) {}
/// # is_service(service);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct GrpcService<S> {
    inner: S,
    methods: Arc<Methods>,
}

impl<S, B, R> Service<Request<B>> for GrpcService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>, Error: 'static>,
    B: Body<Data = Bytes>,
    R: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut call = Call::start(&self.methods, request.uri().path(), request.headers());
        let request = request.map(|body| RequestBody::new(body, call.as_ref()));
        let inner = self.inner.call(request);
        if let Some(call) = &mut call {
            call.wait();
        }
        ResponseFuture { inner, call }
    }
}

impl<S: fmt::Debug> fmt::Debug for GrpcService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GrpcService").field(&self.inner).finish()
    }
}

pin_project! {
    /// The future of a response of [`GrpcService`].
    ///
    /// ```
    /// use quipu::grpc::{GrpcService, ResponseFuture};
    /// use tonic::service::Routes;
    /// use tower::Service;
    ///
    /// fn call(
    ///     service: &mut GrpcService<Routes>,
    ///     request: http::Request<tonic::body::Body>,
    /// ) -> ResponseFuture<impl Future> {
    ///     service.call(request)
    /// }
    /// ```
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        call: Option<Call>,
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: 'static,
    R: Body<Data = Bytes>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(call) = this.call {
            call.enter();
        }
        let result = this.inner.poll(cx);
        if let (Poll::Pending, Some(call)) = (&result, &mut *this.call) {
            call.wait();
        }
        result.map(|result| {
            let mut call = this.call.take();
            match (&result, &mut call) {
                (Ok(response), Some(call)) => call.answer(response.status(), response.headers()),
                (Err(error), Some(call)) => call.fail(error),
                (_, None) => {}
            }
            Ok(result?.map(|body| ResponseBody::new(body, call)))
        })
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

const _: () = assert!(
    size_of::<ResponseFuture<()>>() + size_of::<RequestBody<()>>() + size_of::<ResponseBody<()>>() <= 200,
    "a call under way must not cost more than 200 bytes",
);
