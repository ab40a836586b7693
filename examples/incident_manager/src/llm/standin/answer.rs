//! What the stand-in answers, as OpenAI's API does: <https://platform.openai.com/docs/api-reference/chat>.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::plan::Usage;

/// What is the same in all pieces of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    id: String,
    created: u64,
    model: String,
}

impl Answer {
    pub(super) fn new(model: &str, number: u64) -> Answer {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Answer { id: format!("chatcmpl-{number:016x}"), created, model: model.to_owned() }
    }

    /// A whole answer.
    pub(super) fn whole(&self, text: &str, finish_reason: &str, usage: &Usage) -> Value {
        let message = json!({ "role": "assistant", "content": text, "refusal": null });
        let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason });
        self.object("chat.completion", json!([choice]), usage.to_json())
    }

    /// A piece of an answer: a delta, and at the end the reason for it.
    pub(super) fn chunk(&self, delta: &Value, finish_reason: Option<&str>) -> Value {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
        self.object("chat.completion.chunk", json!([choice]), Value::Null)
    }

    /// The last piece, for who has asked for it.
    pub(super) fn usage(&self, usage: &Usage) -> Value {
        self.object("chat.completion.chunk", json!([]), usage.to_json())
    }

    fn object(&self, object: &str, choices: Value, usage: Value) -> Value {
        let Answer { id, created, model } = self;
        json!({ "id": id, "object": object, "created": created, "model": model, "choices": choices, "usage": usage })
    }
}

impl Usage {
    fn to_json(&self) -> Value {
        let Usage { prompt, completion, cached, reasoning } = self;
        json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": { "cached_tokens": cached },
            "completion_tokens_details": { "reasoning_tokens": reasoning },
        })
    }
}

/// What a refusal says, or the end of a stream that breaks off.
pub(super) fn error(status: StatusCode, message: &str) -> Value {
    let (error_type, code) = match status {
        StatusCode::UNAUTHORIZED => ("invalid_request_error", Some("invalid_api_key")),
        StatusCode::TOO_MANY_REQUESTS => ("requests", Some("rate_limit_exceeded")),
        status if status.is_server_error() => ("server_error", None),
        _ => ("invalid_request_error", None),
    };
    json!({ "error": { "message": message, "type": error_type, "param": null, "code": code } })
}

pub(super) fn refusal(status: StatusCode, message: &str) -> Response {
    (status, Json(error(status, message))).into_response()
}
