//! Requests by tenant. Who asks says a header, into which a client can write anything: so the number of tenants has a limit.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use quipu::{Counter, Family, LabelNames, RegisterError, Registry};

/// The header that names the tenant.
pub(crate) const TENANT: HeaderName = HeaderName::from_static("x-tenant");

/// The tenant of requests that name none.
const NOBODY: &str = "none";

/// Tenants that are counted by name. The requests of all others are counted as those of the tenant `__overflow__`, by status.
const MAX_TENANTS: usize = 100;

type Requests = Family<Counter, LabelNames<2>>;

/// Counts the requests of a router.
#[derive(Debug)]
pub(crate) struct TenantMetrics {
    requests: Requests,
}

impl TenantMetrics {
    pub(crate) fn register(registry: &Registry) -> Result<TenantMetrics, RegisterError> {
        let requests = registry
            .counter("tenant_requests_total", "Requests answered, by the tenant that the header x-tenant names.")
            .labels(["tenant", "status"])
            .max_values("tenant", MAX_TENANTS)
            .register()?;
        Ok(TenantMetrics { requests })
    }

    pub(crate) fn layer(self, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::new(self.requests), count))
    }
}

async fn count(State(requests): State<Arc<Requests>>, request: Request, next: Next) -> Response {
    let tenant = request.headers().get(TENANT).cloned();
    let response = next.run(request).await;
    // What is not text names nobody.
    let tenant = tenant.as_ref().and_then(|tenant| tenant.to_str().ok()).unwrap_or(NOBODY);
    requests.with([tenant, response.status().as_str()]).inc();
    response
}
