//! A server with an OpenAI-compatible API that is not the stand-in.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::service::{Service, database, eventually};

const ANSWER: &str = r#"{"choices": [{"message": {"content": " security\n"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 30, "completion_tokens": 2}}"#;
const EVENTS: &str = "data: {\"choices\": [{\"delta\": {\"role\": \"assistant\", \"content\": \"\"}}]}\n\n\
    data: {\"choices\": [{\"delta\": {\"content\": \"Look \"}}]}\n\n\
    data: {\"choices\": [{\"delta\": {\"content\": \"at it.\"}}]}\n\n\
    data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"length\"}]}\n\n\
    data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 40, \"completion_tokens\": 5}}\n\n\
    data: [DONE]\n\n";

/// An answer: its status and its body.
pub(crate) type Answer = (&'static str, &'static str);

pub(crate) const OVERLOADED: Answer = ("503 Service Unavailable", "{}");

/// Starts a server that answers a request as it is told; with `None` it never does. Returns its URL.
pub(crate) fn start(answer: impl Fn(&Value) -> Option<Answer> + Clone + Send + 'static) -> String {
    let address = listen(move |stream| drop(serve(stream, &answer)));
    format!("http://{address}")
}

/// The same over TLS.
fn start_with_tls(answer: impl Fn(&Value) -> Option<Answer> + Clone + Send + 'static) -> String {
    let certificate = CertificateDer::from_pem_slice(include_bytes!("tls/certificate.pem")).unwrap();
    let key = PrivatePkcs8KeyDer::from(&include_bytes!("tls/key.der")[..]);
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key.into());
    let config = Arc::new(config.unwrap());
    let address = listen(move |stream| {
        let connection = ServerConnection::new(config.clone()).unwrap();
        drop(serve(StreamOwned::new(connection, stream), &answer));
    });
    format!("https://{address}")
}

/// Serves each connection on a thread of its own, until the process ends.
fn listen(serve: impl Fn(TcpStream) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// What a model says that works.
pub(crate) fn right(request: &Value) -> Answer {
    ("200 OK", if request["stream"] == true { EVENTS } else { ANSWER })
}

fn serve(stream: impl Read + Write, answer: impl Fn(&Value) -> Option<Answer>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let start = head.len();
        reader.read_line(&mut head)?;
        let line = head[start..].to_ascii_lowercase();
        length = line.strip_prefix("content-length:").map_or(length, |length| length.trim().parse().unwrap());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let is_right = head.starts_with("POST /v1/chat/completions ") && head.contains("authorization: Bearer secret\r\n");
    let answer = if is_right { answer(&serde_json::from_slice(&body)?) } else { Some(("400 Bad Request", "{}")) };
    let Some((status, text)) = answer else {
        // Until the client gives up.
        reader.read_line(&mut head)?;
        return Ok(());
    };
    let (stream, length) = (reader.get_mut(), text.len());
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}")?;
    stream.flush()
}

#[test]
fn another_model_answers_when_the_first_does_not() {
    let server = start(|request| Some(if request["model"] == "a" { OVERLOADED } else { right(request) }));
    let service = Service::start_with_model(&database("model"), &server);
    let id = service.create("P4", "other", "cost");
    let path = format!("/v1/incidents/{id}/findings");
    let wanted = json!({
        "duplicate_of": null, "correlated_with": null, "classified_as": "security", "summary": "Look at it.",
        "escalated_to": null,
    });
    eventually(|| service.get(&path).json(), wanted, "findings");
    for (series, value) in [
        (r#"llm_requests_total{provider="custom",model="a",operation="enrichment",status="error"}"#, 1.0),
        (r#"llm_requests_total{provider="custom",model="b",operation="enrichment",status="success"}"#, 1.0),
        (r#"llm_errors_total{provider="custom",model="a",error_type="service_unavailable"}"#, 2.0),
        (r#"llm_tokens_total{provider="custom",model="b",token_type="prompt"}"#, 70.0),
        (r#"llm_tokens_total{provider="custom",model="b",token_type="completion"}"#, 7.0),
        (r#"llm_finish_reasons_total{provider="custom",model="b",reason="length"}"#, 1.0),
        (r#"llm_time_to_first_token_seconds_count{provider="custom",model="b",operation="enrichment"}"#, 1.0),
        (r#"llm_unpriced_requests_total{provider="custom",model="b"}"#, 2.0),
        (r#"llm_fallbacks_total{from="a",to="b",outcome="success"}"#, 2.0),
    ] {
        eventually(|| service.value(series), Some(value), series);
    }
}

#[test]
fn a_model_is_asked_over_tls() {
    let server = start_with_tls(|request| Some(right(request)));
    let service = Service::start_with_model(&database("model-tls"), &server);
    let id = service.create("P4", "other", "cost");
    let path = format!("/v1/incidents/{id}/findings");
    eventually(|| service.get(&path).json()["summary"] == "Look at it.", true, "findings");
}
