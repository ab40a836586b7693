//! The scrape endpoint as an axum router.

use axum::Router;
use quipu::Registry;
use quipu::export::ScrapeService;

/// A router that serves `registry` at `/metrics`, into which to merge an application's own.
///
/// In this order: of two routers without a fallback of their own axum keeps that of the merged one, and with it the layers
/// around it. In `app.layer(..).merge(router)` requests without a route would pass by the layers of `app`.
///
/// GET and HEAD; other methods are answered with 405. At most 64 scrapes are under way, and HTTP/1.0 gets the text with its length, as
/// [`ScrapeService`] says.
///
/// An axum server has no timeout of its own for clients that are slow or silent, and breaks off the answer of one that closes its side
/// once it has asked (which the client can tell: its length is missing). On a port that strangers reach, prefer
/// quipu's `export::Server`.
///
/// # Cost
/// Each scrape is encoded by the task of its connection, 10 to 25 ns a line, and holds a few chunks of 64 KiB at most.
///
/// ```
/// use axum::{Router, routing::get};
///
/// let registry = quipu::Registry::new();
/// let app: Router = Router::new().route("/", get(|| async { "hello" }));
/// let app = quipu_axum::router(registry).merge(app);
/// ```
pub fn router(registry: Registry) -> Router {
    Router::new().route_service("/metrics", ScrapeService::new(registry))
}
