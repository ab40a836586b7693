//! The HTTP layer, with axum's routes and axum's bodies.

use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::Body;
use axum::extract::MatchedPath;
use bytes::Bytes;
use http::{Extensions, Request};
use quipu::http::{HttpMetrics, HttpService, RequestBody};
use tower_layer::Layer;
use tower_service::Service;

/// A layer that records what passes it, by the routes of axum.
///
/// - Put it on with [`Router::layer`](axum::Router::layer), after the routes: axum puts a layer around the routes that are there, and
///   later ones are not recorded. Around a whole router the layer sees requests before they have a route.
/// - `path` is the pattern of the route, with the prefixes of nested routers. It is `unmatched` for fallbacks and for what
///   `nest_service` hides, unless a [group](quipu::http::HttpMetricsBuilder::group) describes the request's path.
///
/// # Cost
/// As said in [`quipu::http`].
///
/// ```
/// use axum::{Router, routing::get};
///
/// let metrics = quipu::http::HttpMetrics::new(&quipu::Registry::new())?;
/// let app: Router = Router::new()
///     .route("/v1/incidents/{id}", get(|| async { "an incident" }))
///     .layer(quipu_axum::layer(&metrics));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub fn layer(metrics: &HttpMetrics) -> HttpLayer {
    HttpLayer(metrics.layer(matched_path))
}

/// The pattern of the route that axum has found for a request.
///
/// [`layer`] calls it. To record routes of axum together with others, call it in a function of your own:
///
/// ```
/// #[derive(Clone)]
/// struct Route(&'static str);
///
/// let metrics = quipu::http::HttpMetrics::new(&quipu::Registry::new())?;
/// let layer = metrics.layer(|extensions| {
///     quipu_axum::matched_path(extensions).or_else(|| extensions.get::<Route>().map(|route| route.0))
/// });
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[inline]
pub fn matched_path(extensions: &Extensions) -> Option<&str> {
    extensions.get::<MatchedPath>().map(MatchedPath::as_str)
}

type Route = fn(&Extensions) -> Option<&str>;

/// Records every request that passes; made by [`layer`](layer()).
///
/// ```
/// use quipu_axum::{AxumBody, HttpLayer};
/// use tower_layer::Layer;
///
/// let metrics = quipu::http::HttpMetrics::new(&quipu::Registry::new())?;
/// let layer: HttpLayer = quipu_axum::layer(&metrics);
/// # fn around(layer: HttpLayer, service: axum::Router) {
/// let service: quipu::http::HttpService<AxumBody<axum::Router>, _> = layer.layer(service);
/// # }
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct HttpLayer(quipu::http::HttpLayer<Route>);

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<AxumBody<S>, Route>;

    fn layer(&self, inner: S) -> Self::Service {
        self.0.layer(AxumBody(inner))
    }
}

/// A service inside the layer, whose requests have axum's own [`Body`].
///
/// A body that is to be counted is boxed. Others, and so those of most requests, pass as they came. [`HttpLayer`] shows it.
#[derive(Clone, Debug)]
pub struct AxumBody<S>(S);

impl<S, B> Service<Request<RequestBody<B>>> for AxumBody<S>
where
    S: Service<Request<Body>>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<RequestBody<B>>) -> S::Future {
        // `Body::new` does not box a `Body` again.
        self.0.call(request.map(|body| body.try_into_inner().map_or_else(Body::new, Body::new)))
    }
}
