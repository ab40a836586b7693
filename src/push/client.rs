//! One request to the gateway, over a connection of its own.

use super::body::Metrics;
use super::error::{PushError, Stage, shown};
#[cfg(feature = "push-https")]
use super::tls::Tls;
use core::error::Error;
use core::pin::pin;
use core::time::Duration;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::client::legacy::connect::HttpConnector;
#[cfg(feature = "push-https")]
use hyper_util::rt::TokioIo;
use std::time::Instant;
use tokio::select;
use tokio::time::timeout_at;
use tower_service::Service;

use crate::export::Format;

/// So much is read of an answer that refuses.
const MAX_TEXT_BYTES: usize = 2048;

/// A group at a gateway, and how to reach it.
#[derive(Debug)]
pub(super) struct Client {
    /// With all labels of the group.
    url: String,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
    /// For `https`.
    #[cfg(feature = "push-https")]
    tls: Option<Tls>,
}

/// When a request has to be over, by the system's clock: tests may stop that of the runtime in which it was begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Instant,
    after: Duration,
}

impl Deadline {
    pub(super) fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }
}

impl Client {
    /// The URI has a scheme and an authority; headers include `Host`.
    pub(super) fn new(uri: Uri, headers: HeaderMap, timeout: Duration) -> Client {
        Client {
            url: uri.to_string(),
            uri,
            headers,
            timeout,
            #[cfg(feature = "push-https")]
            tls: None,
        }
    }

    #[cfg(feature = "push-https")]
    pub(super) fn with_tls(self, tls: Option<Tls>) -> Client {
        Client { tls, ..self }
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(super) fn deadline(&self) -> Deadline {
        Deadline { at: Instant::now() + self.timeout, after: self.timeout }
    }

    /// Sends the metrics and waits for the answer.
    pub(super) async fn send(&self, method: Method, metrics: Metrics, deadline: Deadline) -> Result<(), PushError> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        let connection = self.within(deadline, Stage::Connect, connector.call(self.uri.clone())).await?;
        let connection = connection.map_err(|error| self.unconnected(error))?;
        let request = self.request(method, metrics);
        #[cfg(feature = "push-https")]
        if let Some(tls) = &self.tls {
            let handshake = tls.connect(self.uri.host().unwrap_or_default(), connection.into_inner());
            let connection = self.within(deadline, Stage::Connect, handshake).await?;
            let connection = connection.map_err(|error| self.unconnected(error))?;
            return self.exchange(TokioIo::new(connection), request, deadline).await;
        }
        self.exchange(connection, request, deadline).await
    }

    fn request(&self, method: Method, metrics: Metrics) -> Request<Metrics> {
        let is_push = method != Method::DELETE;
        let mut request = Request::new(metrics);
        *request.method_mut() = method;
        // Without the host, as servers are asked.
        *request.uri_mut() = self.uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        *request.headers_mut() = self.headers.clone();
        if is_push {
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(Format::Text.content_type()));
        }
        request
    }

    /// Speaks HTTP over a connection, which ends with this future.
    async fn exchange(
        &self,
        io: impl Read + Write + Unpin + 'static,
        request: Request<Metrics>,
        deadline: Deadline,
    ) -> Result<(), PushError> {
        let handshake = self.within(deadline, Stage::Connect, http1::handshake(io)).await?;
        let (mut sender, connection) = handshake.map_err(|error| self.broken(error))?;
        let work = async {
            let response = self.within(deadline, Stage::Answer, sender.send_request(request)).await?;
            self.judge(response.map_err(|error| self.broken(error))?, deadline).await
        };
        let (mut work, connection) = (pin!(work), pin!(connection));
        select! {
            biased;
            result = &mut work => return result,
            // What it has received is still to be read.
            _ = connection => {}
        }
        work.await
    }

    async fn judge(&self, response: Response<Incoming>, deadline: Deadline) -> Result<(), PushError> {
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let text = match response.headers().get(LOCATION) {
            Some(location) if status.is_redirection() => shown(&printable(location.as_bytes())),
            // A text that does not end in time is as good as its beginning.
            _ => printable(&beginning(response.into_body(), deadline).await),
        };
        Err(PushError::Status { url: self.url.clone(), status: status.as_u16(), text })
    }

    /// What a future yields in time.
    pub(super) async fn within<T>(
        &self,
        deadline: Deadline,
        stage: Stage,
        future: impl Future<Output = T>,
    ) -> Result<T, PushError> {
        let late = |_| PushError::Timeout { url: self.url.clone(), stage, after: deadline.after };
        timeout_at(deadline.at.into(), future).await.map_err(late)
    }

    fn unconnected(&self, source: impl Error + Send + Sync + 'static) -> PushError {
        PushError::Connect { url: self.url.clone(), source: source.into() }
    }

    /// An answer that came before all was sent does not speak of all.
    pub(super) fn hasty(&self) -> PushError {
        PushError::Broken { url: self.url.clone(), source: "it was accepted before all of it was sent".into() }
    }

    fn broken(&self, source: hyper::Error) -> PushError {
        PushError::Broken { url: self.url.clone(), source: source.into() }
    }
}

/// The first bytes of a body, as far as they come in time.
async fn beginning(mut body: Incoming, deadline: Deadline) -> Vec<u8> {
    let mut text = Vec::new();
    let read = async {
        while text.len() < MAX_TEXT_BYTES
            && let Some(Ok(frame)) = core::future::poll_fn(|cx| pin!(&mut body).poll_frame(cx)).await
        {
            text.extend(frame.into_data().unwrap_or_default());
        }
    };
    let _ = timeout_at(deadline.at.into(), read).await;
    text.truncate(MAX_TEXT_BYTES);
    text
}

/// One line for a log, whatever the other side wrote.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
