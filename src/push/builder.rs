//! Settings of a gateway.

use super::about::About;
use super::client::Client;
use super::error::{GatewayError, shown};
use super::path::{base64, push_label};
#[cfg(feature = "push-https")]
use super::tls::Tls;
use super::turn::Turns;
use super::{Gateway, Shared};
use crate::guard::CircuitBreaker;
use crate::model::check_label_name;
use crate::{RegisterError, Registry};
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// What stands for no limit: a longer time could not be added to the clock's.
const MAX_TIME: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Headers that say how a request is to be read.
const FRAMING: [HeaderName; 9] =
    [CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// Settings for a [`Gateway`]; made by [`Gateway::builder`]. Times of more than a year are a year.
///
/// ```
/// use std::time::Duration;
/// use quipu::{Registry, push::Gateway};
///
/// let gateway = Gateway::builder(Registry::new(), "http://pushgateway:9091", "backup")
///     .registry(quipu::global().clone())
///     .grouping("instance", "db-1")
///     .interval(Duration::from_secs(15))
///     .timeout(Duration::from_secs(5))
///     .header("X-Scope-OrgID", "ops")
///     .basic_auth("backup", "secret")
///     .build()?;
/// # Ok::<(), quipu::push::GatewayError>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is pushed before `build`, and a push"]
pub struct GatewayBuilder {
    registries: Vec<Registry>,
    url: String,
    job: String,
    grouping: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    credentials: Option<(String, String)>,
    interval: Duration,
    timeout: Duration,
}

impl GatewayBuilder {
    pub(super) fn new(registry: Registry, url: String, job: String) -> Self {
        Self {
            registries: vec![registry],
            url,
            job,
            grouping: Vec::new(),
            headers: Vec::new(),
            credentials: None,
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
        }
    }

    /// Pushes another registry as well, as one with the first; see [`Scrape::of`](crate::export::Scrape::of). The first has the metrics
    /// about pushes.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registries.push(registry);
        self
    }

    /// Adds a label to the group. Any value will do: slashes, emptiness and all of Unicode reach the gateway.
    pub fn grouping(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        self.grouping.push((label.into(), value.into()));
        self
    }

    /// The time between two pushes of [`Gateway::start`], give or take a tenth by chance; 60 s unless it is set.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval.min(MAX_TIME);
        self
    }

    /// How long a push may take, from the call to the answer; 10 s unless it is set. Collectors have half of what the wait for an earlier push
    /// has left.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(MAX_TIME);
        self
    }

    /// Sends a header with each request, in place of another one of that name.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends user and password with each request, as basic authentication. Neither is ever logged.
    pub fn basic_auth(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Checks all that was set, and registers the metrics about pushes. Sends nothing yet.
    ///
    /// # Errors
    /// When a setting makes no sense; see [`GatewayError`].
    pub fn build(self) -> Result<Gateway, GatewayError> {
        let zero =
            [("interval", self.interval), ("timeout", self.timeout)].into_iter().find(|(_, time)| time.is_zero());
        if let Some((setting, _)) = zero {
            return Err(GatewayError::Zero { setting });
        }
        let base = base(&self.url)?;
        let Some(authority) = base.authority() else { return Err(GatewayError::Url { url: shown(&self.url) }) };
        let headers = self.header_map(authority.as_str())?;
        let path = self.path(base.path())?;
        let uri = format!("{}://{authority}{path}", base.scheme_str().unwrap_or("http"));
        // What the path is made of leaves nothing to refuse, but for 64 KiB of it.
        let uri: Uri = uri.parse().map_err(|_| GatewayError::Url { url: shown(&uri) })?;
        let about = About::register(&self.registries[0], authority.as_str(), &uri).map_err(GatewayError::Register)?;
        let breaker = CircuitBreaker::builder(format!("push to {authority}"))
            .window(Duration::from_secs(300))
            .min_calls(5)
            .probes(1)
            .lease(self.timeout.saturating_mul(2))
            .with_clock(self.registries[0].clock().clone())
            .build()
            .map_err(|problem| GatewayError::Register(RegisterError::Breaker { problem }))?;
        #[cfg(feature = "push-https")]
        let tls =
            (base.scheme_str() == Some("https")).then(Tls::load).transpose().map_err(GatewayError::Certificates)?;
        let client = Client::new(uri, headers, self.timeout);
        #[cfg(feature = "push-https")]
        let client = client.with_tls(tls);
        let shared = Shared {
            registries: self.registries,
            client,
            interval: self.interval,
            about,
            breaker,
            turns: Turns::new(),
        };
        Ok(Gateway { shared: Arc::new(shared) })
    }

    /// The path of the group, behind what the URL has.
    fn path(&self, base: &str) -> Result<String, GatewayError> {
        if self.job.is_empty() {
            return Err(GatewayError::Job);
        }
        let mut path = format!("{}/metrics", base.trim_end_matches('/'));
        push_label(&mut path, "job", &self.job);
        for (n, (name, value)) in self.grouping.iter().enumerate() {
            check_label_name(name).map_err(|problem| GatewayError::Label { name: name.clone(), problem })?;
            if name == "job" || self.grouping[..n].iter().any(|(before, _)| before == name) {
                return Err(GatewayError::RepeatedLabel { name: name.clone() });
            }
            push_label(&mut path, name, value);
        }
        Ok(path)
    }

    fn header_map(&self, authority: &str) -> Result<HeaderMap, GatewayError> {
        let mut headers = HeaderMap::new();
        headers
            .insert(HOST, HeaderValue::from_str(authority).map_err(|_| GatewayError::Url { url: shown(&self.url) })?);
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("quipu/", env!("CARGO_PKG_VERSION"))));
        if let Some((user, password)) = &self.credentials {
            headers.insert(AUTHORIZATION, credentials(user, password)?);
        }
        for (name, value) in &self.headers {
            let (name, value) = header(name, value)?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// The URL of a gateway.
pub(crate) fn base(url: &str) -> Result<Uri, GatewayError> {
    let none = || GatewayError::Url { url: shown(url) };
    let (_, after_scheme) = url.split_once("://").unwrap_or_default();
    if after_scheme.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        return Err(GatewayError::Credentials);
    }
    let uri: Uri = url.parse().map_err(|_| none())?;
    // The parser drops fragments.
    if url.contains('#') || uri.query().is_some() || uri.host().is_none_or(str::is_empty) {
        return Err(none());
    }
    // The parser takes any text for a port, which would be the usual one then.
    if uri.authority().is_some_and(|authority| authority.as_str() != authority.host() && authority.port_u16().is_none())
    {
        return Err(none());
    }
    match uri.scheme_str() {
        Some("http") => Ok(uri),
        #[cfg(feature = "push-https")]
        Some("https") => Ok(uri),
        #[cfg(not(feature = "push-https"))]
        Some("https") => Err(GatewayError::Https { url: shown(url) }),
        _ => Err(none()),
    }
}

/// A header that pushes may have.
pub(crate) fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), GatewayError> {
    let refused = || GatewayError::Header { name: name.to_owned() };
    let parsed: HeaderName = name.parse().map_err(|_| refused())?;
    if FRAMING.contains(&parsed) {
        return Err(refused());
    }
    Ok((parsed, secret(value).map_err(|_| refused())?))
}

/// The header of HTTP's basic authentication.
pub(crate) fn credentials(user: &str, password: &str) -> Result<HeaderValue, GatewayError> {
    if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
        return Err(GatewayError::BasicAuth);
    }
    secret(&format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))).map_err(|_| GatewayError::BasicAuth)
}

/// A value that is not shown.
fn secret(value: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Without what may be secret.
impl fmt::Debug for GatewayBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatewayBuilder")
            .field("job", &self.job)
            .field("grouping", &self.grouping)
            .finish_non_exhaustive()
    }
}
