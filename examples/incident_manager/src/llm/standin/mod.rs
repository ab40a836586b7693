//! A stand-in for a model, inside the process: it takes time, counts tokens, limits rates, and fails as its profile says.

mod answer;
mod limit;
mod plan;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use fastrand::Rng;
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

use self::answer::{Answer, error, refusal};
use self::limit::Limits;
use self::plan::{Failure, Plan};
use super::wire::Request;
use crate::scenario::LlmProfile;

/// The key that it takes.
pub(crate) const KEY: &str = "stand-in";
/// Longer than any client waits.
const FOREVER: Duration = Duration::from_secs(60);

/// A server on a port of its own.
#[derive(Debug)]
pub(crate) struct StandIn {
    listener: TcpListener,
    model: Arc<Model>,
}

#[derive(Debug)]
struct Model {
    profile: LlmProfile,
    first_model: String,
    limits: Limits,
    rng: Mutex<Rng>,
}

impl StandIn {
    /// One whose first model fails as the profile says of it.
    pub(crate) async fn bind(profile: LlmProfile, first_model: &str, rng: Rng) -> io::Result<StandIn> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let limits = Limits::new(profile.requests_per_second);
        let model = Arc::new(Model { profile, first_model: first_model.to_owned(), limits, rng: Mutex::new(rng) });
        Ok(StandIn { listener, model })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) {
        let app = Router::new().route("/v1/chat/completions", post(complete)).with_state(self.model);
        let _ = axum::serve(self.listener, app).with_graceful_shutdown(stop).await;
    }
}

async fn complete(State(model): State<Arc<Model>>, headers: HeaderMap, body: Bytes) -> Response {
    if headers.get(header::AUTHORIZATION).is_none_or(|value| value != &format!("Bearer {KEY}")) {
        return refusal(StatusCode::UNAUTHORIZED, "who are you?");
    }
    let Ok(request) = serde_json::from_slice::<Request<'_>>(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "this is no request");
    };
    let remaining = match model.limits.take(&request.model) {
        Ok(remaining) => remaining,
        Err(wait) => return too_many(wait),
    };
    let (plan, answer) = {
        let mut rng = model.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = Plan::new(&request, request.model == model.first_model, &model.profile, &mut rng);
        (plan, Answer::new(&request.model, rng.u64(..)))
    };
    let mut response = match plan.failure {
        Some(Failure::Unavailable) => refusal(StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        Some(Failure::Unauthorized) => refusal(StatusCode::UNAUTHORIZED, "the key was revoked"),
        Some(Failure::RateLimit) => return too_many(Duration::from_millis(200)),
        Some(Failure::Hangs) => {
            sleep(FOREVER).await;
            refusal(StatusCode::GATEWAY_TIMEOUT, "too late")
        }
        _ if request.stream => {
            let with_usage = request.stream_options.is_some_and(|options| options.include_usage);
            stream(plan, answer, with_usage)
        }
        _ => {
            sleep(plan.first_token + plan.token * plan.words.len() as u32).await;
            Json(answer.whole(&plan.words.concat(), plan.finish_reason, &plan.usage)).into_response()
        }
    };
    say_remaining(&mut response, remaining);
    response
}

/// Sends a word at a time, then the reason for the end and, if it was asked for, the usage.
fn stream(plan: Plan, answer: Answer, with_usage: bool) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        // An error says that the client is gone.
        let _ = send_words(plan, answer, with_usage, sender).await;
    });
    let frames = ReceiverStream::new(receiver).map(|event| Ok::<_, Infallible>(Frame::data(Bytes::from(event))));
    let body = Body::new(StreamBody::new(frames));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn send_words(
    plan: Plan,
    answer: Answer,
    with_usage: bool,
    sender: mpsc::Sender<String>,
) -> Result<(), mpsc::error::SendError<String>> {
    let breaks_at = plan.words.len() / 2;
    for (index, word) in plan.words.iter().enumerate() {
        sleep(if index == 0 { plan.first_token } else { plan.token }).await;
        if index == breaks_at && plan.failure == Some(Failure::Breaks) {
            let error = error(StatusCode::INTERNAL_SERVER_ERROR, "the model was restarted");
            return sender.send(event(&error)).await;
        }
        let delta =
            if index == 0 { json!({ "role": "assistant", "content": word }) } else { json!({ "content": word }) };
        sender.send(event(&answer.chunk(&delta, None))).await?;
    }
    sender.send(event(&answer.chunk(&json!({}), Some(plan.finish_reason)))).await?;
    if with_usage {
        sender.send(event(&answer.usage(&plan.usage))).await?;
    }
    sender.send(event(&"[DONE]")).await
}

fn event(data: &impl Display) -> String {
    format!("data: {data}\n\n")
}

fn too_many(wait: Duration) -> Response {
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, "too many requests");
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, (wait.as_secs_f64().ceil() as u64).into());
    headers.insert("retry-after-ms", (wait.as_millis() as u64 + 1).into());
    say_remaining(&mut response, (0, 0));
    response
}

fn say_remaining(response: &mut Response, (requests, tokens): (u32, u32)) {
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-remaining-requests", requests.into());
    headers.insert("x-ratelimit-remaining-tokens", tokens.into());
}
