//! The page for people: what a browser shows of the registries that the server exposes.
//!
//! It is static: HTML, a style and modules of JavaScript, each at a path of its own beside `/`, so that a strict policy lets nothing else
//! run. What it shows comes from `summary.json` and from `values`, which is a scrape of the families that are on screen.

mod json;
mod summary;

pub(super) use summary::Summary;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use std::time::{SystemTime, UNIX_EPOCH};

use super::places::Client;
use super::service::{ScrapeFuture, ScrapeService, plain};
use super::{ScrapeBody, query};

/// The page loads what this server has, and nothing else; and it stands in no other page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// When the values were read, in seconds since 1970: the time of a response's arrival would be that of the network, too.
const TIME: HeaderName = HeaderName::from_static("quipu-time");

const SUMMARY: &str = "/summary.json";
const VALUES: &str = "/values";

/// A file of the page.
struct Resource {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

macro_rules! resources {
    ($($path:literal $file:literal $content_type:literal)*) => {
        [$(Resource { path: $path, content_type: $content_type, content: include_str!($file) }),*]
    };
}

static RESOURCES: [Resource; 14] = resources! {
    "/" "page.html" "text/html; charset=utf-8"
    "/icon.svg" "icon.svg" "image/svg+xml"
    "/page.css" "page.css" "text/css; charset=utf-8"
    "/page.js" "page.js" "text/javascript; charset=utf-8"
    "/app.js" "app.js" "text/javascript; charset=utf-8"
    "/chart.js" "chart.js" "text/javascript; charset=utf-8"
    "/family.js" "family.js" "text/javascript; charset=utf-8"
    "/format.js" "format.js" "text/javascript; charset=utf-8"
    "/graphs.js" "graphs.js" "text/javascript; charset=utf-8"
    "/history.js" "history.js" "text/javascript; charset=utf-8"
    "/limits.js" "limits.js" "text/javascript; charset=utf-8"
    "/list.js" "list.js" "text/javascript; charset=utf-8"
    "/promql.js" "promql.js" "text/javascript; charset=utf-8"
    "/tables.js" "tables.js" "text/javascript; charset=utf-8"
};

/// Whether the page has something at this path.
pub(crate) fn is_at(path: &str) -> bool {
    path == SUMMARY || path == VALUES || RESOURCES.iter().any(|resource| resource.path == path)
}

/// Answers a request for what the page has at this path, if it is anything.
pub(super) fn respond<B>(
    service: &ScrapeService,
    path: &str,
    request: &Request<B>,
    client: Client,
) -> Option<ScrapeFuture> {
    is_at(path).then(|| answer(service, path, request, client).map(protect))
}

fn answer<B>(service: &ScrapeService, path: &str, request: &Request<B>, client: Client) -> ScrapeFuture {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "the page is read with GET or HEAD\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return ScrapeFuture::ready(response);
    }
    let resource = RESOURCES.iter().find(|resource| resource.path == path);
    match (path, resource) {
        (_, Some(resource)) => ScrapeFuture::ready(resource.response(request.method())),
        (SUMMARY, _) => service.summarize(request.method(), client).map(|response| {
            response.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }),
        _ => values(service, request, client),
    }
}

/// A scrape of the families that the page names, which no series is taken to have been exposed by: idle ones expire when a scraper has
/// read them, and this page is none.
fn values<B>(service: &ScrapeService, request: &Request<B>, client: Client) -> ScrapeFuture {
    let names = match query::names(request.uri().query()) {
        Ok(Some(names)) => names,
        Ok(None) => {
            let text =
                "values are shown of the families that name[] asks for; all metrics are where scrapers read them\n";
            return ScrapeFuture::ready(plain(StatusCode::BAD_REQUEST, text));
        }
        Err(bad) => return ScrapeFuture::ready(plain(StatusCode::BAD_REQUEST, format!("{bad}\n"))),
    };
    service.look_at(request, names, client).map(|response| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = format!("{}.{:03}", now / 1000, now % 1000);
        response.headers_mut().extend(HeaderValue::try_from(now).ok().map(|now| (TIME, now)));
    })
}

impl Resource {
    fn response(&self, method: &Method) -> Response<ScrapeBody> {
        let body = match *method {
            Method::HEAD => ScrapeBody::head(),
            _ => ScrapeBody::message(Bytes::from_static(self.content.as_bytes())),
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        response
    }
}

/// What a browser is told of all that it is answered: to guess nothing, to keep nothing, and to give it to no other page.
fn protect(response: &mut Response<ScrapeBody>) {
    let headers = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
        (CORP, "same-origin"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
}
