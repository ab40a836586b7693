//! Settings of the scrape server.

use std::fmt::Debug;
use std::io;
use std::net;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};

use super::endpoint::{Endpoint, is_path};
use super::error::CannotServe;
use super::listen::{Acceptor, listen};
use super::{Server, ServerHandle, handle};
use crate::Registry;
use crate::export::ScrapeService;
#[cfg(feature = "page")]
use crate::export::page;

/// Settings for a [`Server`]; made by [`Server::builder`]. Times of more than a year are a year, so that `Duration::MAX` is as good as no
/// limit.
///
/// ```
/// use std::time::Duration;
/// use quipu::{Registry, export::Server};
///
/// let (ours, of_a_library) = (Registry::new(), Registry::new());
/// let server = Server::builder(ours)
///     .registry(of_a_library)
///     .path("/internal/metrics")
///     .max_connections(64)
///     .max_connections_per_address(16)
///     .max_scrapes(16)
///     .header_timeout(Duration::from_secs(2))
///     .idle_timeout(Duration::from_secs(90))
///     .response_timeout(Duration::from_secs(10))
///     .stop_timeout(Duration::from_secs(2))
///     .serve("127.0.0.1:0")?; // or `.bind(…).await?` inside tokio
/// server.stop();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is served before `serve`, or `bind` and `Server::serve`"]
pub struct ServerBuilder {
    registries: Vec<Registry>,
    paths: Vec<String>,
    offenders_path: Option<String>,
    scrapes: Option<usize>,
    #[cfg(feature = "page")]
    has_page: bool,
    pub(super) limits: Limits,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) connections_per_address: usize,
    /// How long a connection is silent before it may have to go for another. So a client that is 100 ms away comes to ask, and
    /// clients that come back at once cost some thousand connections a second.
    pub(super) grace: Duration,
    /// How long a whole request may take, from the opening of the connection or the first byte of a further one on.
    pub(super) header: Duration,
    /// How long a connection may be silent between two requests.
    pub(super) idle: Duration,
    /// How long a response may take, from its request on.
    pub(super) response: Duration,
    /// The pause after a connection that could not be accepted.
    pub(super) accept: Duration,
    /// How long a stop waits for the scrapes in flight.
    pub(super) stop: Duration,
}

pub(super) const LIMITS: Limits = Limits {
    connections: 512,
    connections_per_address: 256,
    grace: Duration::from_millis(100),
    header: Duration::from_secs(5),
    idle: Duration::from_secs(30),
    response: Duration::from_secs(60),
    accept: Duration::from_millis(100),
    stop: Duration::from_secs(10),
};

/// What stands for no limit: a longer time could not be added to the clock's.
const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl ServerBuilder {
    pub(super) fn new(registry: Registry) -> Self {
        Self {
            registries: vec![registry],
            paths: Vec::new(),
            offenders_path: None,
            scrapes: None,
            #[cfg(feature = "page")]
            has_page: false,
            limits: LIMITS,
        }
    }

    /// Serves one more registry, as [`ScrapeService::of`] says.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registries.push(registry);
        self
    }

    /// Serves at this path and not at `/metrics`. Called again, at each of the paths.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.paths.push(path.into());
        self
    }

    /// Serves [`Registry::offenders_to_text`] at this path: the label values that came beyond a limit, as clients sent them. Unless it is set,
    /// nowhere.
    ///
    /// ```no_run
    /// let server = quipu::export::Server::builder(quipu::Registry::new()).offenders_path("/debug/offenders");
    /// server.serve("127.0.0.1:9090")?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn offenders_path(mut self, path: impl Into<String>) -> Self {
        self.offenders_path = Some(path.into());
        self
    }

    /// Serves a page for people at `/`: all families with their history of the last minutes, rates, percentiles and heat maps, what comes beyond
    /// limits, circuit breakers and collectors. The [guide](crate::guide::page) shows it.
    ///
    /// Nothing of it comes from elsewhere. It asks for what is on screen only, at paths beside its own (`/values`, `/summary.json` and
    /// those of its files, such as `/page.js`), and for nothing while nobody looks. It shows label values as clients sent them, to all
    /// who reach the port.
    ///
    /// # Cost
    /// A scrape of the families on screen, of 10,000 samples at most, every two seconds for each browser; and every five seconds a walk over
    /// the list of families, without their series.
    ///
    /// ```
    /// let server = quipu::export::Server::builder(quipu::Registry::new()).page().serve("127.0.0.1:0")?;
    /// println!("open http://{}/", server.local_addr());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[cfg(feature = "page")]
    pub fn page(mut self) -> Self {
        self.has_page = true;
        self
    }

    /// How many connections may be open, at least 1; 512 unless it is set. For a new one, the one that was silent for longest is closed.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections.max(1);
        self
    }

    /// How many connections of one address may be open, at least 1; 256 unless it is set. The addresses of an IPv6 network (/64) count as
    /// one. Raise it where all scrapers come through one proxy.
    pub fn max_connections_per_address(mut self, connections: usize) -> Self {
        self.limits.connections_per_address = connections.max(1);
        self
    }

    /// How many scrapes may be under way, as [`ScrapeService::max_scrapes`] says; 64 unless it is set. The last eighth is for clients that
    /// have read a scrape before, and of 5 or more one address gets four fifths at most, counted as
    /// [`max_connections_per_address`](Self::max_connections_per_address) counts. Raise it where all scrapers come through one proxy.
    pub fn max_scrapes(mut self, scrapes: usize) -> Self {
        self.scrapes = Some(scrapes);
        self
    }

    /// How long a client may take to send a whole request, from the opening of the connection on, or from the first byte of a further
    /// request; 5 s unless it is set.
    pub fn header_timeout(mut self, timeout: Duration) -> Self {
        self.limits.header = timeout.min(MAX_TIMEOUT);
        self
    }

    /// How long a connection may be idle after a response; 30 s unless it is set.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.limits.idle = timeout.min(MAX_TIMEOUT);
        self
    }

    /// How long a response may take, from its request to the last byte that is written; 60 s unless it is set. A scraper that says in
    /// `X-Prometheus-Scrape-Timeout-Seconds` that it waits for less time is not served for longer. Collectors have half of it.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.limits.response = timeout.min(MAX_TIMEOUT);
        self
    }

    /// How long a stop waits for the scrapes in flight; 10 s unless it is set.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.limits.stop = timeout.min(MAX_TIMEOUT);
        self
    }

    /// Takes the address; connections wait until [`Server::serve`].
    ///
    /// # Errors
    /// As [`Server::bind`], and if a path is none or has something else.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn bind(self, address: impl ToSocketAddrs + Debug) -> io::Result<Server> {
        let listener = match lookup_host(&address).await {
            Ok(addresses) => listen(addresses),
            Err(error) => Err(error),
        };
        self.listen(listener.map_err(|error| CannotServe::on(&address, error))?, &address)
    }

    /// Serves from a thread of its own, as [`serve`](super::serve) does.
    ///
    /// # Errors
    /// As [`serve`](super::serve), and if a path is none or has something else.
    pub fn serve(self, address: impl net::ToSocketAddrs + Debug) -> io::Result<ServerHandle> {
        handle::start(self, &address)
    }

    pub(super) fn listen(self, listener: TcpListener, address: &impl Debug) -> io::Result<Server> {
        let mut paths = self.paths;
        if paths.is_empty() {
            paths.push("/metrics".to_owned());
        }
        if let Some(path) = paths.iter().chain(&self.offenders_path).find(|path| !is_path(path)) {
            return Err(CannotServe::at(path));
        }
        if let Some(path) = self.offenders_path.as_ref().filter(|path| paths.contains(path)) {
            return Err(CannotServe::beside(path, "offenders are"));
        }
        #[cfg(feature = "page")]
        if let Some(path) = paths.iter().chain(&self.offenders_path).find(|path| self.has_page && page::is_at(path)) {
            return Err(CannotServe::beside(path, "the page is"));
        }
        let counter = |name, help| {
            let counter = self.registries[0].own_metrics().counter(name, help).register();
            counter.map_err(|error| CannotServe::on(address, io::Error::other(error)))
        };
        let errors = counter("scrape_accept_errors_total", "Connections that the scrape server could not accept.")?;
        let help =
            "Connections that the scrape server closed as a request, or the reading of a response, took too long.";
        let late = counter("late_scrape_connections_total", help)?;
        let help = "Connections that the scrape server closed for want of places: silent ones for others, or new ones at once.";
        let evicted = counter("evicted_scrape_connections_total", help)?;
        let mut service = ScrapeService::of(self.registries).response_timeout(self.limits.response);
        if let Some(scrapes) = self.scrapes {
            service = service.max_scrapes(scrapes);
        }
        let endpoint = Endpoint::new(service, paths, self.offenders_path);
        #[cfg(feature = "page")]
        let endpoint = endpoint.with_page(self.has_page);
        let address = listener.local_addr()?;
        let acceptor = Acceptor::new(listener, errors, evicted, self.limits.accept);
        Ok(Server { acceptor, late, address, endpoint: Arc::new(endpoint), limits: self.limits })
    }
}
