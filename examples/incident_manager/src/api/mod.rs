//! The HTTP API.

mod error;
mod tenants;

use axum::extract::{DefaultBodyLimit, State as AppState};
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use quipu::http::HttpMetrics;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use self::error::{ApiError, Body, Path, Query};
pub(crate) use self::tenants::{TENANT, TenantLayer};
use crate::incident::{Change, Findings, Incident, NewIncident, State};
use crate::log::complain;
use crate::operations::Operations;
use crate::part::Part;
use crate::text;

const MAX_BODY: usize = 16 * 1024;

type Answer<T> = Result<Json<T>, ApiError>;

/// Answers requests until it is told to stop. Without metrics there are no layers for them either.
pub(crate) fn serve(
    listener: TcpListener,
    operations: Operations,
    metrics: Option<(&HttpMetrics, TenantLayer)>,
) -> Part {
    let app = router(operations);
    let Some((http, tenants)) = metrics else {
        let api = axum::serve(listener, app);
        return Part::start(|stop| async { drop(api.with_graceful_shutdown(stop).await) });
    };
    // One call for both: axum boxes what each call adds.
    let app = app.layer((quipu_axum::layer(http), tenants));
    let api = axum::serve(quipu_axum::listener(http, listener), app);
    Part::start(|stop| async { drop(api.with_graceful_shutdown(stop).await) })
}

fn router(operations: Operations) -> Router {
    Router::new()
        .route("/v1/incidents", post(create).get(list))
        .route("/v1/incidents/{id}", get(find))
        .route("/v1/incidents/{id}/findings", get(findings))
        .route("/v1/incidents/{id}/acknowledge", post(acknowledge))
        .route("/v1/incidents/{id}/start", post(start))
        .route("/v1/incidents/{id}/resolve", post(resolve))
        .route("/v1/incidents/{id}/close", post(close))
        .route("/health", get(health))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(operations)
}

async fn create(
    AppState(operations): AppState<Operations>,
    Body(new): Body<NewIncident>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Incident>), ApiError> {
    let incident = operations.create(new).await?;
    let location = format!("/v1/incidents/{}", incident.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(incident)))
}

/// The parameters of a listing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    #[serde(default, deserialize_with = "text::deserialize_option")]
    state: Option<State>,
    limit: Option<u32>,
}

async fn list(AppState(operations): AppState<Operations>, Query(filter): Query<Filter>) -> Answer<Vec<Incident>> {
    Ok(Json(operations.list(filter.state, filter.limit).await?))
}

async fn find(AppState(operations): AppState<Operations>, Path(id): Path<i64>) -> Answer<Incident> {
    Ok(Json(operations.find(id).await?))
}

async fn findings(AppState(operations): AppState<Operations>, Path(id): Path<i64>) -> Answer<Findings> {
    Ok(Json(operations.findings(id).await?))
}

async fn acknowledge(AppState(operations): AppState<Operations>, Path(id): Path<i64>) -> Answer<Incident> {
    Ok(Json(operations.change(id, Change::Acknowledge).await?))
}

async fn start(AppState(operations): AppState<Operations>, Path(id): Path<i64>) -> Answer<Incident> {
    Ok(Json(operations.change(id, Change::Start).await?))
}

async fn resolve(AppState(operations): AppState<Operations>, Path(id): Path<i64>) -> Answer<Incident> {
    Ok(Json(operations.change(id, Change::Resolve).await?))
}

async fn close(AppState(operations): AppState<Operations>, Path(id): Path<i64>) -> Answer<Incident> {
    Ok(Json(operations.change(id, Change::Close).await?))
}

async fn health(AppState(operations): AppState<Operations>) -> Answer<Value> {
    match operations.check().await {
        Ok(()) => Ok(Json(json!({ "status": "ok" }))),
        Err(error) => {
            complain(&error);
            let message = format!("the database cannot be written: {error}");
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message))
        }
    }
}

async fn no_such_path(uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is no {}", uri.path()))
}

async fn no_such_method() -> ApiError {
    let message = "this path does not take this method; see the header Allow";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
