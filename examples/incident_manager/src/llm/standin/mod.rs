//! A stand-in for a model, inside the process: it takes time, counts tokens, limits rates, and fails as its profile says.

mod limit;
mod plan;

use std::convert::Infallible;
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

use self::limit::Limits;
use self::plan::{Failure, Plan};
use super::wire::{Answer, Choice, Problem, Request, Text};
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
        return problem(StatusCode::UNAUTHORIZED, "who are you?");
    }
    let Ok(request) = serde_json::from_slice::<Request<'_>>(&body) else {
        return problem(StatusCode::BAD_REQUEST, "this is no request");
    };
    let remaining = match model.limits.take(&request.model) {
        Ok(remaining) => remaining,
        Err(wait) => return too_many(wait),
    };
    let plan = {
        let mut rng = model.rng.lock().unwrap_or_else(PoisonError::into_inner);
        Plan::new(&request, request.model == model.first_model, &model.profile, &mut rng)
    };
    let mut response = match plan.failure {
        Some(Failure::Unavailable) => problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
        Some(Failure::Unauthorized) => problem(StatusCode::UNAUTHORIZED, "the key was revoked"),
        Some(Failure::RateLimit) => too_many(Duration::from_millis(200)),
        Some(Failure::Hangs) => {
            sleep(FOREVER).await;
            problem(StatusCode::GATEWAY_TIMEOUT, "too late")
        }
        _ if request.stream => stream(plan, request.stream_options.is_some_and(|options| options.include_usage)),
        _ => whole(plan).await,
    };
    say_remaining(&mut response, remaining);
    response
}

async fn whole(plan: Plan) -> Response {
    sleep(plan.first_token + plan.token * plan.words.len() as u32).await;
    let message = Some(Text { content: Some(plan.words.concat()) });
    let choice = Choice { message, finish_reason: Some(plan.finish_reason.to_owned()), ..Choice::default() };
    Json(Answer { choices: vec![choice], usage: Some(plan.usage), error: None }).into_response()
}

/// Sends a word at a time, then the reason for the end and, if it was asked for, the usage.
fn stream(plan: Plan, with_usage: bool) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        // An error says that the client is gone.
        let _ = send_words(plan, with_usage, sender).await;
    });
    let frames = ReceiverStream::new(receiver).map(|event| Ok::<_, Infallible>(Frame::data(Bytes::from(event))));
    let body = Body::new(StreamBody::new(frames));
    ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
}

async fn send_words(
    plan: Plan,
    with_usage: bool,
    sender: mpsc::Sender<Vec<u8>>,
) -> Result<(), mpsc::error::SendError<Vec<u8>>> {
    let breaks_at = plan.words.len() / 2;
    for (index, word) in plan.words.iter().enumerate() {
        sleep(if index == 0 { plan.first_token } else { plan.token }).await;
        if index == breaks_at && plan.failure == Some(Failure::Breaks) {
            let error = Some(Problem { message: "the model was restarted".to_owned() });
            return sender.send(event(&Answer { error, ..Answer::default() })).await;
        }
        let delta = Some(Text { content: Some(word.clone()) });
        sender
            .send(event(&Answer { choices: vec![Choice { delta, ..Choice::default() }], ..Answer::default() }))
            .await?;
    }
    let end = Choice {
        delta: Some(Text::default()),
        finish_reason: Some(plan.finish_reason.to_owned()),
        ..Choice::default()
    };
    sender.send(event(&Answer { choices: vec![end], ..Answer::default() })).await?;
    if with_usage {
        sender.send(event(&Answer { usage: Some(plan.usage), ..Answer::default() })).await?;
    }
    sender.send(b"data: [DONE]\n\n".to_vec()).await
}

fn event(answer: &Answer) -> Vec<u8> {
    let json = serde_json::to_string(answer).expect("texts and numbers can be written");
    format!("data: {json}\n\n").into_bytes()
}

fn problem(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error": { "message": message } }))).into_response()
}

fn too_many(wait: Duration) -> Response {
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "too many requests");
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
