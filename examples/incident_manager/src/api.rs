//! The HTTP API.

use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, State as AppState};
use axum::http::{HeaderName, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::incident::{Incident, NewIncident, State};
use crate::log::complain;
use crate::metrics::IncidentMetrics;
use crate::store::{Store, StoreError};

const MAX_BODY: usize = 16 * 1024;
const MAX_TITLE: usize = 200;
const MAX_LIMIT: u32 = 1_000;
const DEFAULT_LIMIT: u32 = 100;

/// What the handlers share.
#[derive(Clone, Debug)]
struct App {
    store: Store,
    metrics: Arc<IncidentMetrics>,
}

pub(crate) fn router(store: Store, metrics: Arc<IncidentMetrics>) -> Router {
    Router::new()
        .route("/v1/incidents", post(create).get(list))
        .route("/v1/incidents/{id}", get(find))
        .route("/v1/incidents/{id}/acknowledge", post(acknowledge))
        .route("/v1/incidents/{id}/resolve", post(resolve))
        .route("/health", get(health))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(App { store, metrics })
}

// The metrics are recorded on the thread of the store, where the row was just committed:
// a handler ends early when its client hangs up, and would leave the gauge wrong for good.

async fn create(
    AppState(App { store, metrics }): AppState<App>,
    Body(new): Body<NewIncident>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Incident>), ApiError> {
    check_title(&new.title)?;
    let created = store.run(move |database| {
        let incident = database.create(&new, Timestamp::now())?;
        metrics.created(&incident);
        Ok(incident)
    });
    let incident = created.await?;
    let location = format!("/v1/incidents/{}", incident.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(incident)))
}

/// The parameters of a listing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    state: Option<State>,
    limit: Option<u32>,
}

async fn list(AppState(app): AppState<App>, Query(filter): Query<Filter>) -> Result<Json<Vec<Incident>>, ApiError> {
    let limit = filter.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let message = format!("limit must be 1 to {MAX_LIMIT}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message));
    }
    let listed = app.store.run(move |database| database.list(filter.state, limit));
    Ok(Json(listed.await?))
}

async fn find(AppState(app): AppState<App>, Path(id): Path<i64>) -> Result<Json<Incident>, ApiError> {
    Ok(Json(app.store.run(move |database| database.get(id)).await?))
}

async fn acknowledge(
    AppState(App { store, metrics }): AppState<App>,
    Path(id): Path<i64>,
) -> Result<Json<Incident>, ApiError> {
    let acknowledged = store.run(move |database| {
        let incident = database.acknowledge(id, Timestamp::now())?;
        metrics.acknowledged(&incident);
        Ok(incident)
    });
    Ok(Json(acknowledged.await?))
}

async fn resolve(
    AppState(App { store, metrics }): AppState<App>,
    Path(id): Path<i64>,
) -> Result<Json<Incident>, ApiError> {
    let resolved = store.run(move |database| {
        let incident = database.resolve(id, Timestamp::now())?;
        metrics.resolved(&incident);
        Ok(incident)
    });
    Ok(Json(resolved.await?))
}

/// Healthy is: the database can be written.
async fn health(AppState(app): AppState<App>) -> Result<Json<Value>, ApiError> {
    match app.store.run(|database| database.check()).await {
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

fn check_title(title: &str) -> Result<(), ApiError> {
    if title.trim().is_empty() || title.chars().count() > MAX_TITLE {
        let message = format!("title must have 1 to {MAX_TITLE} characters");
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, message));
    }
    Ok(())
}

// axum's extractors, except that what they refuse is answered in JSON like every other error.

#[derive(FromRequest)]
#[from_request(via(Json), rejection(ApiError))]
struct Body<T>(T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
struct Path<T>(T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
struct Query<T>(T);

/// A refusal: a status, and the reason as `{"error": "…"}`.
#[derive(Debug)]
struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
        let status = match &error {
            StoreError::NotFound(_) => StatusCode::NOT_FOUND,
            StoreError::Conflict(..) => StatusCode::CONFLICT,
            StoreError::Closed => StatusCode::SERVICE_UNAVAILABLE,
            StoreError::TooNew(_) | StoreError::Sqlite(_) => {
                complain(&error);
                let message = "the database failed; the service's standard error says how";
                return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message);
            }
        };
        ApiError::new(status, error.to_string())
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> ApiError {
        ApiError::new(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> ApiError {
        ApiError::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> ApiError {
        ApiError::new(rejection.status(), rejection.body_text())
    }
}
