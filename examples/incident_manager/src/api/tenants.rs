//! Requests by tenant. Who asks says a header, into which a client can write anything: so the number of tenants has a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::HeaderName;
use axum::response::Response;
use quipu::{Counter, Family, LabelNames, RegisterError, Registry};
use tower_layer::Layer;
use tower_service::Service;

/// The header that names the tenant.
pub(crate) const TENANT: HeaderName = HeaderName::from_static("x-tenant");

/// The tenant of requests that name none.
const NOBODY: &str = "none";

/// Tenants that are counted by name. The requests of all others are counted as those of the tenant `__overflow__`, by status.
const MAX_TENANTS: usize = 100;

type Requests = Family<Counter, LabelNames<2>>;

/// Counts the requests of a router. It is a layer of tower's, and no function of axum's: these cost several allocations a request.
#[derive(Clone, Debug)]
pub(crate) struct TenantLayer {
    requests: Arc<Requests>,
}

impl TenantLayer {
    pub(crate) fn register(registry: &Registry) -> Result<TenantLayer, RegisterError> {
        let requests = registry
            .counter("tenant_requests_total", "Requests answered, by the tenant that the header x-tenant names.")
            .labels(["tenant", "status"])
            .max_values("tenant", MAX_TENANTS)
            .register()?;
        Ok(TenantLayer { requests: Arc::new(requests) })
    }
}

impl<S> Layer<S> for TenantLayer {
    type Service = TenantService<S>;

    fn layer(&self, inner: S) -> TenantService<S> {
        TenantService { inner, requests: self.requests.clone() }
    }
}

/// A service whose requests are counted.
#[derive(Clone, Debug)]
pub(crate) struct TenantService<S> {
    inner: S,
    requests: Arc<Requests>,
}

impl<S> Service<Request> for TenantService<S>
where
    S: Service<Request, Response = Response, Future: Send + 'static>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let tenant = request.headers().get(TENANT).cloned();
        let requests = self.requests.clone();
        let response = self.inner.call(request);
        Box::pin(async move {
            let response = response.await?;
            // What is not text names nobody.
            let tenant = tenant.as_ref().and_then(|tenant| tenant.to_str().ok()).unwrap_or(NOBODY);
            requests.with([tenant, response.status().as_str()]).inc();
            Ok(response)
        })
    }
}
