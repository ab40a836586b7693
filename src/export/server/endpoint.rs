//! What is served, and where.

use bytes::Bytes;
use http::header::{HOST, LOCATION};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version};
use hyper::body::Incoming;

#[cfg(feature = "page")]
use super::super::page;
use super::super::places::Client;
use super::super::query::decoded;
use super::super::service::{ScrapeFuture, ScrapeService, plain};

/// Whether something can be served at this path.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.contains(|char: char| char.is_control() || matches!(char, '?' | '#' | ' '))
}

/// A service at some paths.
#[derive(Debug)]
pub(super) struct Endpoint {
    service: ScrapeService,
    paths: Vec<String>,
    /// Where offenders are shown.
    offenders_path: Option<String>,
    /// Whether there is a page for people.
    #[cfg(feature = "page")]
    has_page: bool,
    not_found: Bytes,
}

impl Endpoint {
    pub(super) fn new(service: ScrapeService, paths: Vec<String>, offenders_path: Option<String>) -> Self {
        let not_found = format!("metrics are at {}\n", paths.join(", ")).into();
        Self {
            service,
            paths,
            offenders_path,
            #[cfg(feature = "page")]
            has_page: false,
            not_found,
        }
    }

    /// The same, with a page for people.
    #[cfg(feature = "page")]
    pub(super) fn with_page(self, has_page: bool) -> Self {
        Self { has_page, ..self }
    }

    /// Answers a request; as to `client`, see [`ScrapeService::respond`].
    pub(super) fn respond(&self, request: &Request<Incoming>, client: Client) -> ScrapeFuture {
        if !has_valid_host(request.version(), request.headers()) {
            let text = "a request has one valid Host header (RFC 9112, 3.2)\n";
            return ScrapeFuture::ready(plain(StatusCode::BAD_REQUEST, text));
        }
        if self.has(request.uri().path()) {
            return self.service.respond(request, client);
        }
        if self.offenders_path.as_deref() == Some(request.uri().path()) {
            return self.service.show_offenders(request.method());
        }
        #[cfg(feature = "page")]
        if self.has_page
            && let Some(response) = page::respond(&self.service, request.uri().path(), request, client)
        {
            return response;
        }
        let Some(path) = decoded(request.uri().path()) else {
            return self.not_found();
        };
        if self.has(&path) {
            return self.service.respond(request, client);
        }
        self.redirect(&cleaned(&path), request.uri())
    }

    fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|served| served == path)
    }

    /// Only to a path that is served: a location made of what the client wrote could lead to another host.
    fn redirect(&self, path: &str, asked: &Uri) -> ScrapeFuture {
        if !self.has(path) {
            return self.not_found();
        }
        let location = match asked.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let Ok(location) = HeaderValue::try_from(location) else {
            return self.not_found();
        };
        let mut response = plain(StatusCode::MOVED_PERMANENTLY, self.not_found.clone());
        response.headers_mut().insert(LOCATION, location);
        ScrapeFuture::ready(response)
    }

    fn not_found(&self) -> ScrapeFuture {
        ScrapeFuture::ready(plain(StatusCode::NOT_FOUND, self.not_found.clone()))
    }
}

/// RFC 9112, 3.2: HTTP/1.1 has exactly one `Host`, older versions may have one. It may be empty.
fn has_valid_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => host.is_empty() || is_authority(host),
        _ => false,
    }
}

fn is_authority(host: &HeaderValue) -> bool {
    let authority = Authority::try_from(host.as_bytes());
    authority.is_ok_and(|authority| !authority.as_str().contains('@'))
}

/// The path without empty segments, `.` and `..`, as Go's servers have it.
fn cleaned(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    format!("/{}{end}", segments.join("/"))
}
