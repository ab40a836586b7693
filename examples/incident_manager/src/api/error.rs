//! What is refused, and how that is answered.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::log::complain;
use crate::operations::Refusal;
use crate::store::StoreError;

// axum's extractors, except that what they refuse is answered in JSON like every other error.

#[derive(FromRequest)]
#[from_request(via(Json), rejection(ApiError))]
pub(super) struct Body<T>(pub(super) T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
pub(super) struct Path<T>(pub(super) T);

#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
pub(super) struct Query<T>(pub(super) T);

/// A refusal: a status, and the reason as `{"error": "…"}`.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into() }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.message }))).into_response()
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        let status = match &refusal {
            Refusal::Title => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::Limit => StatusCode::BAD_REQUEST,
            Refusal::Busy | Refusal::Store(StoreError::Closed) => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Store(StoreError::NotFound(_)) => StatusCode::NOT_FOUND,
            Refusal::Store(StoreError::Conflict(..)) => StatusCode::CONFLICT,
            Refusal::Store(_) => {
                complain(&refusal);
                let message = "the database failed; the service's standard error says how";
                return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message);
            }
        };
        ApiError::new(status, refusal.to_string())
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
