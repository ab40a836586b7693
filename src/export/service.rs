//! The scrape endpoint as a tower service.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tower_service::Service;

use super::{Format, Scrape, ScrapeBody};
use crate::Registry;

/// How long a scrape waits for what has to be collected first: half of the time that Prometheus gives a scrape.
const COLLECTION: Duration = Duration::from_secs(5);

/// Answers GET with the text of a registry, or of several, HEAD with the same headers, and other methods with 405.
///
/// It does not look at the path: mount it where scrapers look for it.
///
/// # Cost
/// A clone is one reference count. A scrape is encoded where its body is polled, in chunks; see [`ScrapeBody`].
///
/// ```
/// let registry = quipu::Registry::new();
/// let app: axum::Router = axum::Router::new()
///     .route_service("/internal/metrics", quipu::export::ScrapeService::new(registry));
/// ```
#[derive(Clone, Debug)]
pub struct ScrapeService {
    registries: Arc<[Registry]>,
}

impl ScrapeService {
    /// A service that scrapes `registry`.
    pub fn new(registry: Registry) -> Self {
        Self::of([registry])
    }

    /// A service that scrapes several registries as one, as [`Scrape::of`] says.
    ///
    /// ```
    /// use quipu::{Registry, export::ScrapeService};
    /// let (ours, of_a_library) = (Registry::new(), Registry::new());
    /// let service = ScrapeService::of([ours, of_a_library]);
    /// ```
    pub fn of(registries: impl IntoIterator<Item = Registry>) -> Self {
        Self { registries: registries.into_iter().collect() }
    }

    pub(super) fn respond(&self, method: &Method) -> ScrapeFuture {
        match *method {
            Method::GET => {
                let registries = self.registries.iter().cloned();
                let scrape = Scrape::collect(registries, Format::Text, COLLECTION);
                ScrapeFuture(Box::pin(async { exposition(ScrapeBody::scrape(scrape.await)) }))
            }
            Method::HEAD => ScrapeFuture::ready(exposition(ScrapeBody::head())),
            _ => {
                let text = Bytes::from_static(b"metrics are read with GET or HEAD\n");
                let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, text);
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                ScrapeFuture::ready(response)
            }
        }
    }
}

fn exposition(body: ScrapeBody) -> Response<ScrapeBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Format::Text.content_type()));
    response
}

/// A line of text for people.
pub(super) fn plain(status: StatusCode, text: Bytes) -> Response<ScrapeBody> {
    let mut response = Response::new(ScrapeBody::message(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// A scrape that fails before it begins would be a response; the service itself never fails, as axum wants it.
impl<B> Service<Request<B>> for ScrapeService {
    type Response = Response<ScrapeBody>;
    type Error = Infallible;
    type Future = ScrapeFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ScrapeFuture {
        self.respond(request.method())
    }
}

/// The future of a response of [`ScrapeService`].
///
/// ```
/// use quipu::export::{ScrapeFuture, ScrapeService};
/// use tower::Service;
///
/// fn scrape(service: &mut ScrapeService) -> ScrapeFuture {
///     service.call(http::Request::new(()))
/// }
/// ```
pub struct ScrapeFuture(Pin<Box<dyn Future<Output = Response<ScrapeBody>> + Send>>);

impl ScrapeFuture {
    pub(super) fn ready(response: Response<ScrapeBody>) -> Self {
        Self(Box::pin(ready(response)))
    }
}

impl Future for ScrapeFuture {
    type Output = Result<Response<ScrapeBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ScrapeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScrapeFuture").finish_non_exhaustive()
    }
}
