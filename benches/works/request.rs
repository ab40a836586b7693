//! A request to an axum router of one route.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Uri};
use axum::routing::get;
use http_body_util::BodyExt;
use tokio::runtime::{Builder, Runtime};
use tower::{Service, ServiceExt};

pub(crate) fn router() -> Router {
    Router::new().route("/v1/tenants/{tenant}/items", get(async || "ok"))
}

/// The router as `axum::serve` calls it: one whose state is not resolved builds its services anew for each request.
pub(crate) fn served(router: Router) -> Router {
    router.with_state(())
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime without a driver")
}

/// Sends one request and reads the whole response.
pub(crate) fn request(runtime: &Runtime, router: &mut Router, uri: &Uri) {
    runtime.block_on(async {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.clone();
        let service = ServiceExt::<Request<Body>>::ready(router).await.expect("a router is always ready");
        let response = service.call(request).await.expect("a router never fails");
        response.into_body().collect().await.expect("the body is text");
    });
}

pub(crate) fn uri() -> Uri {
    Uri::from_static("/v1/tenants/00042/items")
}
