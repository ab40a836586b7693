//! The scrape endpoint as an axum router.

use axum::Router;

use super::ScrapeService;
use crate::Registry;

/// A router that serves `registry` at `/metrics`, to merge into an application's own.
///
/// GET and HEAD; other methods are answered with 405. An axum server has no timeout of its own for clients that are slow
/// or silent: on a port that strangers reach, prefer `Server`.
///
/// # Cost
/// Each scrape is encoded by the task of its connection, about 10 ns a line, and holds a few chunks of 64 KiB at most.
///
/// ```
/// use axum::{Router, routing::get};
///
/// let registry = quipu::Registry::new();
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .merge(quipu::export::router(registry));
/// ```
pub fn router(registry: Registry) -> Router {
    Router::new().route_service("/metrics", ScrapeService::new(registry))
}
