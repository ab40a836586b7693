//! The scrape endpoint as a tower service.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use tower_service::Service;

#[cfg(feature = "page")]
use super::page::Summary;
use super::places::{Client, Place, Places};
use super::{Format, Scrape, ScrapeBody, ScrapeError, query, timeout};
use crate::{Counter, Registry};

/// Most of a scrape that is kept for a client of HTTP/1.0.
const MAX_WHOLE_BYTES: usize = 16 << 20;

/// How many such may be kept at a time: 64 MiB.
const MAX_WHOLE: usize = 4;

/// How many scrapes a network may have for each place that is free. All 50 clients of one address find one, and the last 12 places
/// are for others.
const SHARE: usize = 4;
/// Of those of HTTP/1.0 half.
const WHOLE_SHARE: usize = 1;

/// Answers GET with the text of a registry, or of several, HEAD with the same headers, and other methods with 405.
///
/// It does not look at the path: mount it where scrapers look for it.
///
/// - `?name[]=a&name[]=b` asks for the families of these names alone, percent-encoded or not: 1,000 at most, by the name of the family or of
///   any of its samples, such as `a_bucket`. Names that no family has are left out. A name that cannot be read is answered 400; other
///   parameters mean nothing.
/// - Of 64 scrapes under way ([`max_scrapes`](Self::max_scrapes)) none is hurt by more: those are answered 503, with `Retry-After`,
///   and counted in `quipu_refused_scrapes_total`.
/// - What has to be collected first may take half of the time that the scraper gives in
///   `X-Prometheus-Scrape-Timeout-Seconds`, or 5 s.
/// - HTTP/1.0 takes the end of the connection for the end of the text, and so half a scrape for a whole one. It gets the whole text at
///   once, with its length: up to 16 MiB (505 above), for up to 4 clients at a time (503 above).
///
/// # Cost
/// A clone is a few reference counts. A scrape is encoded where its body is polled, in chunks; see [`ScrapeBody`].
///
/// ```
/// let registry = quipu::Registry::new();
/// let app: axum::Router = axum::Router::new()
///     .route_service("/internal/metrics", quipu::export::ScrapeService::new(registry));
/// ```
#[derive(Clone, Debug)]
pub struct ScrapeService {
    registries: Arc<[Registry]>,
    under_way: Places,
    whole: Places,
    refused: Option<Counter>,
    /// How long a response may take.
    response: Duration,
}

impl ScrapeService {
    /// A service that scrapes `registry`.
    pub fn new(registry: Registry) -> Self {
        Self::of([registry])
    }

    /// A service that scrapes several registries as one, as [`Scrape::of`] says.
    ///
    /// ```
    /// use quipu::{Registry, export::ScrapeService};
    /// let (ours, of_a_library) = (Registry::new(), Registry::new());
    /// let service = ScrapeService::of([ours, of_a_library]);
    /// ```
    pub fn of(registries: impl IntoIterator<Item = Registry>) -> Self {
        let registries: Arc<[Registry]> = registries.into_iter().collect();
        // Nobody else can have taken the name, and a service of no registry counts nothing.
        let refused = registries.first().and_then(|registry| {
            let help =
                "Scrapes that were answered 503 because of others under way, or 505 as they are too large for HTTP/1.0.";
            registry.own_metrics().counter("refused_scrapes_total", help).register().ok()
        });
        let whole = Places::new(MAX_WHOLE, WHOLE_SHARE);
        Self { registries, under_way: Places::new(64, SHARE), whole, refused, response: Duration::MAX }
    }

    /// How many scrapes may be under way, clones of the service included; at least 1, and 64 unless it is set.
    ///
    /// A scrape is under way until its body is sent or dropped. Each takes a chunk or two of 64 KiB.
    ///
    /// ```
    /// use quipu::{Registry, export::ScrapeService};
    /// let service = ScrapeService::new(Registry::new()).max_scrapes(8);
    /// ```
    #[must_use = "it is the service with that limit"]
    pub fn max_scrapes(mut self, scrapes: usize) -> Self {
        self.under_way = Places::new(scrapes.max(1), SHARE);
        self
    }

    /// For a server that breaks off responses that take longer.
    #[cfg(feature = "server")]
    pub(super) fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response = timeout;
        self
    }

    /// Answers a request. A scrape only begins if more than an eighth of the places is free, or if the client is preferred; and not if
    /// its network has too many places.
    pub(super) fn respond<B>(&self, request: &Request<B>, client: Client) -> ScrapeFuture {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return method_not_allowed();
        }
        match query::names(request.uri().query()) {
            Err(bad) => ScrapeFuture::ready(plain(StatusCode::BAD_REQUEST, format!("{bad}\n"))),
            Ok(names) if *request.method() == Method::GET => {
                let within = timeout::for_collection(request.headers(), self.response);
                let scrape = Scrape::begin(self.registries.to_vec(), names, Format::Text, within);
                self.get(request.version(), scrape, client)
            }
            Ok(_) => ScrapeFuture::ready(exposition(ScrapeBody::head())),
        }
    }

    /// Answers with the offenders of each registry.
    #[cfg(feature = "server")]
    pub(super) fn show_offenders(&self, method: &Method) -> ScrapeFuture {
        match *method {
            Method::GET | Method::HEAD => {
                let text: String = self.registries.iter().map(Registry::offenders_to_text).collect();
                ScrapeFuture::ready(plain(StatusCode::OK, text))
            }
            _ => method_not_allowed(),
        }
    }

    /// Answers with some families to somebody who looks at them.
    #[cfg(feature = "page")]
    pub(super) fn look_at<B>(&self, request: &Request<B>, names: Arc<[String]>, client: Client) -> ScrapeFuture {
        if *request.method() == Method::HEAD {
            return ScrapeFuture::ready(exposition(ScrapeBody::head()));
        }
        let within = timeout::for_collection(request.headers(), self.response);
        let scrape = Scrape::begin(self.registries.to_vec(), Some(names), Format::Text, within);
        self.get(request.version(), async { scrape.await.uncounted() }, client)
    }

    /// Answers with how the registries stand.
    #[cfg(feature = "page")]
    pub(super) fn summarize(&self, method: &Method, client: Client) -> ScrapeFuture {
        if *method == Method::HEAD {
            return ScrapeFuture::ready(Response::new(ScrapeBody::head()));
        }
        let Some(place) = self.place(client) else { return self.refuse() };
        ScrapeFuture::ready(Response::new(ScrapeBody::summary(Summary::of(&self.registries), place)))
    }

    fn place(&self, client: Client) -> Option<Place> {
        let spare = if client.is_preferred { 0 } else { self.under_way.limit() / 8 };
        self.under_way.take(client, spare)
    }

    fn refuse(&self) -> ScrapeFuture {
        self.count_refused();
        let text = "too many scrapes are under way; come again in a second\n";
        ScrapeFuture::ready(with(RETRY_AFTER, "1", plain(StatusCode::SERVICE_UNAVAILABLE, text)))
    }

    fn get(
        &self,
        version: Version,
        scrape: impl Future<Output = Scrape> + Send + 'static,
        client: Client,
    ) -> ScrapeFuture {
        let whole = if version < Version::HTTP_11 { self.whole.take(client, 0).map(Some) } else { Some(None) };
        let (Some(whole), Some(place)) = (whole, self.place(client)) else { return self.refuse() };
        match whole {
            None => ScrapeFuture(Box::pin(async { exposition(ScrapeBody::scrape(scrape.await, place)) })),
            Some(whole) => {
                let service = self.clone();
                ScrapeFuture(Box::pin(async move { service.answer_whole(scrape.await, [place, whole]).await }))
            }
        }
    }

    async fn answer_whole(&self, scrape: Scrape, places: [Place; 2]) -> Response<ScrapeBody> {
        match whole(scrape).await {
            Ok(Some(text)) => exposition(ScrapeBody::whole(text.into(), places)),
            Ok(None) => {
                self.count_refused();
                let text = "these metrics are larger than 16 MiB, which HTTP/1.0 cannot be sent in pieces; ask with HTTP/1.1\n";
                plain(StatusCode::HTTP_VERSION_NOT_SUPPORTED, text)
            }
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        }
    }

    fn count_refused(&self) {
        if let Some(refused) = &self.refused {
            refused.inc();
        }
    }
}

/// The whole text of a scrape, unless it is too large. Other tasks run between its chunks.
async fn whole(mut scrape: Scrape) -> Result<Option<Vec<u8>>, ScrapeError> {
    let (mut text, mut chunk) = (Vec::new(), Vec::new());
    while scrape.next_chunk(&mut chunk)? {
        if text.len() + chunk.len() > MAX_WHOLE_BYTES {
            return Ok(None);
        }
        text.extend_from_slice(&chunk);
        let mut has_yielded = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut has_yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
    // It may have grown to twice its size.
    text.shrink_to_fit();
    Ok(Some(text))
}

fn exposition(body: ScrapeBody) -> Response<ScrapeBody> {
    with(CONTENT_TYPE, Format::Text.content_type(), Response::new(body))
}

fn method_not_allowed() -> ScrapeFuture {
    let text = "metrics are read with GET or HEAD\n";
    ScrapeFuture::ready(with(ALLOW, "GET, HEAD", plain(StatusCode::METHOD_NOT_ALLOWED, text)))
}

/// A line of text for people.
pub(super) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<ScrapeBody> {
    let mut response = Response::new(ScrapeBody::message(text.into()));
    *response.status_mut() = status;
    with(CONTENT_TYPE, "text/plain; charset=utf-8", response)
}

fn with(name: HeaderName, value: &'static str, mut response: Response<ScrapeBody>) -> Response<ScrapeBody> {
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

/// A scrape that fails before it begins would be a response; the service itself never fails, as axum wants it.
impl<B> Service<Request<B>> for ScrapeService {
    type Response = Response<ScrapeBody>;
    type Error = Infallible;
    type Future = ScrapeFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ScrapeFuture {
        self.respond(&request, Client { network: None, is_preferred: true })
    }
}

/// The future of a response of [`ScrapeService`].
///
/// ```
/// use quipu::export::{ScrapeFuture, ScrapeService};
/// use tower::Service;
///
/// fn scrape(service: &mut ScrapeService) -> ScrapeFuture {
///     service.call(http::Request::new(()))
/// }
/// ```
pub struct ScrapeFuture(Pin<Box<dyn Future<Output = Response<ScrapeBody>> + Send>>);

impl ScrapeFuture {
    pub(super) fn ready(response: Response<ScrapeBody>) -> Self {
        Self(Box::pin(ready(response)))
    }

    /// The same, with a change to its response.
    #[cfg(feature = "page")]
    pub(super) fn map(self, change: impl FnOnce(&mut Response<ScrapeBody>) + Send + 'static) -> Self {
        Self(Box::pin(async {
            let mut response = self.0.await;
            change(&mut response);
            response
        }))
    }
}

impl Future for ScrapeFuture {
    type Output = Result<Response<ScrapeBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for ScrapeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScrapeFuture").finish_non_exhaustive()
    }
}
