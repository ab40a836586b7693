//! The stand-in answers as OpenAI's API does, read by a client that shares no code with it.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::*;

/// Asks a stand-in of its own, with this part of failures; returns the status and the body.
async fn ask(failures: f64, key: &str, request: &Value) -> (u16, String) {
    let profile = LlmProfile {
        first_token_ms: 0..1,
        token_ms: 0..1,
        requests_per_second: 1,
        failures,
        first_model_failures: failures,
    };
    let stand_in = StandIn::bind(profile, "gpt-4o", Rng::with_seed(7)).await.unwrap();
    let address = stand_in.address().unwrap();
    let serving = tokio::spawn(stand_in.serve(std::future::pending()));
    let body = request.to_string();
    let head = format!("authorization: Bearer {key}\r\ncontent-length: {}\r\n", body.len());
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).unwrap();
        // Of HTTP/1.0, an answer ends with its connection and is not cut into chunks.
        write!(stream, "POST /v1/chat/completions HTTP/1.0\r\n{head}\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    serving.abort();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn request(stream: bool) -> Value {
    let messages = json!([{ "role": "user", "content": "Personal data in a completion" }]);
    json!({ "model": "gpt-4o", "messages": messages, "stream": stream, "stream_options": { "include_usage": stream } })
}

/// The fields that each object has; returns its choices and its usage.
fn object(answer: &Value, object: &str) -> (Value, Value) {
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"), "{answer}");
    assert!(answer["created"].as_u64().unwrap() > 1_700_000_000, "{answer}");
    assert_eq!((&answer["object"], &answer["model"]), (&json!(object), &json!("gpt-4o")));
    (answer["choices"].clone(), answer["usage"].clone())
}

fn check_usage(usage: &Value) {
    let tokens = |name: &str| usage[name].as_u64().unwrap_or_else(|| panic!("{name}: {usage}"));
    assert!(tokens("prompt_tokens") > 0 && tokens("completion_tokens") > 0);
    assert_eq!(tokens("total_tokens"), tokens("prompt_tokens") + tokens("completion_tokens"));
    assert!(usage["prompt_tokens_details"]["cached_tokens"].as_u64() <= Some(tokens("prompt_tokens")));
    assert!(usage["completion_tokens_details"]["reasoning_tokens"].as_u64() < Some(tokens("completion_tokens")));
}

#[tokio::test]
async fn a_whole_answer_has_all_fields() {
    let (status, body) = ask(0.0, KEY, &request(false)).await;
    assert_eq!(status, 200, "{body}");
    let (choices, usage) = object(&serde_json::from_str(&body).unwrap(), "chat.completion");
    let message = json!({ "role": "assistant", "content": "compliance", "refusal": null });
    assert_eq!(choices, json!([{ "index": 0, "message": message, "logprobs": null, "finish_reason": "stop" }]));
    check_usage(&usage);
}

#[tokio::test]
async fn a_stream_ends_with_its_usage() {
    let (status, body) = ask(0.0, KEY, &request(true)).await;
    assert_eq!(status, 200, "{body}");
    let mut events: Vec<&str> =
        body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap()).collect();
    assert_eq!(events.pop(), Some("[DONE]"));
    let chunks: Vec<Value> = events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"]));
    let [words @ .., end, last] = &*chunks else { panic!("{chunks:?}") };
    let (choices, usage) = object(last, "chat.completion.chunk");
    assert_eq!(choices, json!([]));
    check_usage(&usage);
    let (choices, usage) = object(end, "chat.completion.chunk");
    assert_eq!(choices, json!([{ "index": 0, "delta": {}, "logprobs": null, "finish_reason": "stop" }]));
    assert_eq!(usage, Value::Null);
    assert_eq!(words[0]["choices"][0]["delta"]["role"], "assistant");
    let text = words.iter().map(|chunk| {
        let (choices, usage) = object(chunk, "chat.completion.chunk");
        assert_eq!((&choices[0]["finish_reason"], &usage), (&Value::Null, &Value::Null));
        choices[0]["delta"]["content"].as_str().unwrap().to_owned()
    });
    assert!(text.collect::<String>().ends_with("call its support."));
}

#[tokio::test]
async fn a_stream_without_usage_has_none() {
    let mut request = request(true);
    request["stream_options"] = Value::Null;
    let (_, body) = ask(0.0, KEY, &request).await;
    assert!(!body.contains("total_tokens"), "{body}");
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
}

#[tokio::test]
async fn a_refusal_has_a_type() {
    let no_request = json!({ "model": 7 });
    for (failures, key, request, status, error_type, code) in [
        (0.0, "another", request(false), 401, "invalid_request_error", json!("invalid_api_key")),
        (0.0, KEY, no_request, 400, "invalid_request_error", Value::Null),
        (1.0, KEY, request(false), 503, "server_error", Value::Null),
    ] {
        let (answered, body) = ask(failures, key, &request).await;
        assert_eq!(answered, status, "{body}");
        let error = &serde_json::from_str::<Value>(&body).unwrap()["error"];
        assert!(error["message"].is_string(), "{body}");
        assert_eq!((&error["type"], &error["code"], &error["param"]), (&json!(error_type), &code, &Value::Null));
    }
    let too_many = answer::error(StatusCode::TOO_MANY_REQUESTS, "too many requests");
    assert_eq!(
        (&too_many["error"]["type"], &too_many["error"]["code"]),
        (&json!("requests"), &json!("rate_limit_exceeded"))
    );
}
