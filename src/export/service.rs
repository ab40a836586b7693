//! The scrape endpoint as a tower service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use tower_service::Service;

use super::{Format, ScrapeBody};
use crate::Registry;

/// Answers GET with the text of a registry, HEAD with the same headers, and other methods with 405.
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
    registry: Registry,
}

impl ScrapeService {
    /// A service that scrapes `registry`.
    pub fn new(registry: Registry) -> Self {
        Self { registry }
    }

    pub(super) fn respond(&self, method: &Method) -> Response<ScrapeBody> {
        let body = match *method {
            Method::GET => ScrapeBody::scrape(self.registry.scrape()),
            Method::HEAD => ScrapeBody::head(),
            _ => return method_not_allowed(),
        };
        let mut response = Response::new(body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Format::Text.content_type()));
        response
    }
}

fn method_not_allowed() -> Response<ScrapeBody> {
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "metrics are read with GET or HEAD\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

/// A line of text for people.
pub(super) fn plain(status: StatusCode, text: &'static str) -> Response<ScrapeBody> {
    let mut response = Response::new(ScrapeBody::message(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

impl<B> Service<Request<B>> for ScrapeService {
    type Response = Response<ScrapeBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<ScrapeBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.respond(request.method())))
    }
}
