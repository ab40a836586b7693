//! A client of the API, to a base URL.

use std::fmt;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use quipu_catalog::llm::{ErrorType, Resource, Usage};
use tokio::time::{Instant, timeout_at};

use super::error::LlmError;
use super::sse::Events;
use super::wire::{self, Answer};

/// The most that is read of an answer.
const MAX_ANSWER: usize = 1024 * 1024;

const WANTED: &str = "give a URL such as https://api.openai.com or http://127.0.0.1:11434";

/// The longest that a server may put a job off: one that says never is asked again.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Where a model is, and how it is asked.
#[derive(Clone)]
pub(crate) struct Settings {
    /// What stands before `/chat/completions`, with its `/v1` or without.
    pub(crate) base: String,
    pub(crate) key: Option<String>,
    /// How long a call may take, with its retry.
    pub(crate) within: Duration,
    /// What it is called where it is counted.
    pub(crate) provider: &'static str,
}

/// All but the key.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { base, within, provider, .. } = self;
        f.debug_struct("Settings")
            .field("base", base)
            .field("within", within)
            .field("provider", provider)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct Client {
    http: Http,
    uri: Uri,
    settings: Settings,
}

/// Two clients: only one needs the certificates of the system.
#[derive(Debug)]
enum Http {
    Plain(legacy::Client<HttpConnector, Full<Bytes>>),
    Tls(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Http {
    fn new(scheme: Option<&str>) -> Result<Http, String> {
        let builder = legacy::Client::builder(TokioExecutor::new());
        match scheme {
            Some("http") => Ok(Http::Plain(builder.build_http())),
            Some("https") => {
                let trusted = HttpsConnectorBuilder::new().with_native_roots();
                let trusted =
                    trusted.map_err(|error| format!("no certificates to trust ({error}); install ca-certificates"))?;
                Ok(Http::Tls(builder.build(trusted.https_only().enable_http1().build())))
            }
            _ => Err(WANTED.to_owned()),
        }
    }

    fn request(&self, request: Request<Full<Bytes>>) -> legacy::ResponseFuture {
        match self {
            Http::Plain(client) => client.request(request),
            Http::Tls(client) => client.request(request),
        }
    }
}

/// What a model is asked.
#[derive(Debug)]
pub(super) struct Prompt<'a> {
    pub(super) model: &'a str,
    pub(super) system: &'a str,
    pub(super) user: &'a str,
    /// Whether the answer comes in pieces.
    pub(super) is_streamed: bool,
}

/// What it answers.
#[derive(Debug, Default)]
pub(super) struct Completion {
    pub(super) text: String,
    /// What it says of its tokens; a server need not.
    pub(super) usage: Option<Usage>,
    pub(super) finish_reason: Option<String>,
}

/// What is told while an answer, or a refusal, is not whole yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sign {
    /// More text of a streamed answer.
    Token,
    /// What is left of a rate limit.
    Left(Resource, u64),
}

/// The headers that tell what is left.
const LEFT: [(&str, Resource); 2] =
    [("x-ratelimit-remaining-requests", Resource::Requests), ("x-ratelimit-remaining-tokens", Resource::Tokens)];

impl Client {
    /// # Errors
    /// When the base is no URL that can be called.
    pub(crate) fn new(settings: Settings) -> Result<Client, String> {
        if settings.base.contains('@') {
            // Not repeated here: it is printed.
            return Err("a URL with a user or a password is not taken; give the key in LLM_API_KEY".to_owned());
        }
        let base = settings.base.trim_end_matches('/');
        let text = format!("{}/v1/chat/completions", base.strip_suffix("/v1").unwrap_or(base));
        let uri: Uri = text.parse().map_err(|error| format!("{text}: {error}; {WANTED}"))?;
        if has_bad_port(&uri) {
            // The client would call port 80 or 443.
            return Err(format!("{text}: the port is no number from 1 to 65535; {WANTED}"));
        }
        if settings.key.as_deref().is_some_and(|key| HeaderValue::from_str(key).is_err()) {
            return Err("the key in LLM_API_KEY has a line break, or another character that no key has".to_owned());
        }
        let http = Http::new(uri.scheme_str()).map_err(|error| format!("{text}: {error}"))?;
        Ok(Client { http, uri, settings })
    }

    pub(crate) fn provider(&self) -> &'static str {
        self.settings.provider
    }

    /// When a call that begins now has to be over, whatever is tried again in it.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.settings.within
    }

    /// Asks, and says each sign of an answer.
    pub(super) async fn complete(
        &self,
        prompt: &Prompt<'_>,
        deadline: Instant,
        say: impl Fn(Sign),
    ) -> Result<Completion, LlmError> {
        timeout_at(deadline, self.exchange(prompt, say)).await.unwrap_or(Err(LlmError::Timeout))
    }

    async fn exchange(&self, prompt: &Prompt<'_>, say: impl Fn(Sign)) -> Result<Completion, LlmError> {
        let mut request = Request::post(&self.uri).header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = &self.settings.key {
            request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        }
        let request = request.body(Full::from(prompt.to_json())).map_err(unavailable)?;
        let response = self.http.request(request).await.map_err(unavailable)?;
        let (head, body) = response.into_parts();
        let mut body = Limited::new(body, MAX_ANSWER);
        for (header, resource) in LEFT {
            if let Some(left) = number(&head.headers, header) {
                say(Sign::Left(resource, left));
            }
        }
        refuse(head.status, &head.headers)?;
        let mut completion = Completion::default();
        if !prompt.is_streamed {
            let body = body.collect().await.map_err(unavailable)?.to_bytes();
            completion.add(parse(&body)?)?;
            return Ok(completion);
        }
        let mut events = Events::default();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(unavailable)?.into_data() else { continue };
            events.push(&data);
            while let Some(event) = events.next() {
                if event == b"[DONE]" {
                    return Ok(completion);
                }
                completion.add(parse(&event)?)?;
                if !completion.text.is_empty() {
                    say(Sign::Token);
                }
            }
        }
        Err(LlmError::Unavailable("the stream broke off".to_owned()))
    }
}

impl Prompt<'_> {
    fn to_json(&self) -> Vec<u8> {
        let messages = [("system", self.system), ("user", self.user)];
        let messages = messages.map(|(role, content)| wire::Message { role: role.into(), content: content.into() });
        let stream_options = self.is_streamed.then_some(wire::StreamOptions { include_usage: true });
        let request = wire::Request {
            model: self.model.into(),
            messages: messages.into(),
            stream: self.is_streamed,
            stream_options,
        };
        serde_json::to_vec(&request).expect("texts and flags can be written")
    }
}

impl Completion {
    /// Takes in a whole answer, or a piece.
    fn add(&mut self, answer: Answer) -> Result<(), LlmError> {
        if let Some(problem) = answer.error {
            let message = problem.get("message").unwrap_or(&problem);
            let message = message.as_str().map_or_else(|| message.to_string(), str::to_owned);
            return Err(LlmError::Unavailable(beginning(&message)));
        }
        self.usage = answer.usage.and_then(wire::Usage::counted).or(self.usage);
        for choice in answer.choices {
            let text = choice.message.or(choice.delta).and_then(|text| text.content);
            self.text.push_str(&text.unwrap_or_default());
            self.finish_reason = choice.finish_reason.or(self.finish_reason.take());
        }
        Ok(())
    }
}

fn has_bad_port(uri: &Uri) -> bool {
    let Some(authority) = uri.authority() else { return false };
    let after_host = authority.as_str().rsplit(']').next().unwrap_or_default();
    after_host.contains(':') && authority.port_u16().is_none_or(|port| port == 0)
}

fn refuse(status: StatusCode, headers: &HeaderMap) -> Result<(), LlmError> {
    if status == StatusCode::OK {
        return Ok(());
    }
    Err(match ErrorType::of_http_status(status.as_u16()) {
        ErrorType::RateLimit => {
            // The finer one first, which not every server sends.
            let wait = number(headers, "retry-after-ms").map(Duration::from_millis);
            let wait = wait.or_else(|| number(headers, header::RETRY_AFTER.as_str()).map(Duration::from_secs));
            LlmError::RateLimit(wait.unwrap_or(Duration::from_secs(1)).min(MAX_WAIT))
        }
        ErrorType::Authentication => LlmError::Authentication,
        ErrorType::Timeout => LlmError::Timeout,
        ErrorType::ServiceUnavailable => LlmError::Unavailable(status.to_string()),
        ErrorType::Unknown => LlmError::Refused(status),
    })
}

fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn parse(json: &[u8]) -> Result<Answer, LlmError> {
    serde_json::from_slice(json).map_err(|_| LlmError::Unreadable(beginning(&String::from_utf8_lossy(json))))
}

/// What is told of a text of the server's, which may be long.
fn beginning(text: &str) -> String {
    text.chars().take(100).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn unavailable(error: impl fmt::Display) -> LlmError {
    LlmError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_a_stream_is_an_error() {
        let mut completion = Completion::default();
        completion.add(parse(br#"{"choices": [{"delta": {"content": "So"}}]}"#).unwrap()).unwrap();
        let broken = completion.add(parse(br#"{"error": {"message": "overloaded"}}"#).unwrap());
        assert!(matches!(broken, Err(LlmError::Unavailable(what)) if what == "overloaded"));
    }

    #[test]
    fn an_error_is_one_however_it_is_written_and_told_in_short() {
        let told = |error: &str| {
            let answer = parse(format!(r#"{{"error": {error}}}"#).as_bytes()).unwrap();
            match Completion::default().add(answer) {
                Err(LlmError::Unavailable(what)) => what,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(told(r#""overloaded""#), "overloaded");
        assert_eq!(told(r#"{"code": 503}"#), r#"{"code":503}"#);
        assert_eq!(told(r#"{"message": "a\u001b[31m\nb"}"#), "a [31m b");
        assert_eq!(told(&format!(r#"{{"message": "{}"}}"#, "é".repeat(1 << 19))), "é".repeat(100));
    }

    #[test]
    fn no_server_puts_a_job_off_for_good() {
        for wait in ["99999999999", "18446744073709551615"] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, wait.parse().unwrap())]);
            let error = refuse(StatusCode::TOO_MANY_REQUESTS, &headers).unwrap_err();
            assert_eq!(error.retry_after(), Some(MAX_WAIT), "{wait}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_request_is_not_wrong_with_the_model() {
        for (status, error_type, is_an_answer) in [
            (400, ErrorType::Unknown, true),
            (404, ErrorType::Unknown, true),
            (401, ErrorType::Authentication, false),
            (408, ErrorType::Timeout, false),
            (429, ErrorType::RateLimit, false),
            (503, ErrorType::ServiceUnavailable, false),
        ] {
            let error = refuse(StatusCode::from_u16(status).unwrap(), &HeaderMap::new()).unwrap_err();
            assert_eq!((error.error_type(), error.is_an_answer()), (error_type, is_an_answer), "{status}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = Some("hunter2".to_owned());
        let settings = Settings { base: String::new(), key, within: Duration::from_secs(1), provider: "openai" };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn a_base_that_cannot_be_called_is_named() {
        let with = |base: &str| {
            Client::new(Settings {
                base: base.to_owned(),
                key: None,
                within: Duration::from_secs(1),
                provider: "openai",
            })
        };
        for base in ["", "/", "/v1", "/v1/"].map(|end| format!("http://127.0.0.1:11434{end}")) {
            assert_eq!(with(&base).unwrap().uri, "http://127.0.0.1:11434/v1/chat/completions", "{base}");
        }
        assert!(!with("http://user:hunter2@host:1").unwrap_err().contains("hunter2"));
        for wrong in
            ["ftp://api.openai.com", "localhost", "http://a b", "http://a:99999", "https://[::1]:0", "http://a:"]
        {
            let error = with(wrong).unwrap_err();
            assert!(error.contains(wrong) && error.ends_with(WANTED), "{error}");
        }
        assert!(with("http://[::1]").is_ok());
    }

    #[test]
    fn a_key_that_no_header_can_hold_is_refused_and_not_printed() {
        let key = Some("hunter2\n".to_owned());
        let base = "http://127.0.0.1:11434".to_owned();
        let settings = Settings { base, key, within: Duration::from_secs(1), provider: "openai" };
        let error = Client::new(settings).unwrap_err();
        assert!(error.contains("LLM_API_KEY") && !error.contains("hunter2"), "{error}");
    }
}
