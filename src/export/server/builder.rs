//! Settings of the scrape server.

use std::fmt::Debug;
use std::io;
use std::net;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, ToSocketAddrs};

use super::endpoint::Endpoint;
use super::error::CannotServe;
use super::{Server, ServerHandle, handle};
use crate::Registry;
use crate::export::ScrapeService;

/// Settings for a [`Server`]; made by [`Server::builder`].
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
///     .max_scrapes(16)
///     .request_timeout(Duration::from_secs(5))
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
    scrapes: Option<usize>,
    limits: Limits,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connections: usize,
    /// How long a connection may take to send a whole request, idle time included.
    pub(super) request: Duration,
    /// How long a client may take to read a response, from the first time it makes the server wait.
    pub(super) response: Duration,
    /// The pause after a connection that could not be accepted.
    pub(super) accept: Duration,
    /// How long a stop waits for the scrapes in flight.
    pub(super) stop: Duration,
}

pub(super) const LIMITS: Limits = Limits {
    connections: 512,
    request: Duration::from_secs(30),
    response: Duration::from_secs(60),
    accept: Duration::from_millis(100),
    stop: Duration::from_secs(10),
};

impl ServerBuilder {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registries: vec![registry], paths: Vec::new(), scrapes: None, limits: LIMITS }
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

    /// How many connections may be open, at least 1; 512 unless it is set. More wait in the backlog of the operating system.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.limits.connections = connections.max(1);
        self
    }

    /// How many scrapes may be under way, as [`ScrapeService::max_scrapes`] says; 64 unless it is set.
    pub fn max_scrapes(mut self, scrapes: usize) -> Self {
        self.scrapes = Some(scrapes);
        self
    }

    /// How long a connection may take to send a whole request, idle time included; 30 s unless it is set.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.limits.request = timeout;
        self
    }

    /// How long a client may take to read a response, from the first time it makes the server wait; 60 s unless it is set.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.limits.response = timeout;
        self
    }

    /// How long a stop waits for the scrapes in flight; 10 s unless it is set.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.limits.stop = timeout;
        self
    }

    /// Takes the address; connections wait until [`Server::serve`].
    ///
    /// # Errors
    /// As [`Server::bind`], and if a path is none.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn bind(self, address: impl ToSocketAddrs + Debug) -> io::Result<Server> {
        let listener = TcpListener::bind(&address).await.map_err(|error| CannotServe::on(&address, error))?;
        self.listen(listener, &address)
    }

    /// Serves from a thread of its own, as [`serve`](super::serve) does.
    ///
    /// # Errors
    /// As [`serve`](super::serve), and if a path is none.
    pub fn serve(self, address: impl net::ToSocketAddrs + Debug) -> io::Result<ServerHandle> {
        handle::start(self, &address)
    }

    pub(super) fn listen(self, listener: TcpListener, address: &impl Debug) -> io::Result<Server> {
        let mut paths = self.paths;
        if paths.is_empty() {
            paths.push("/metrics".to_owned());
        }
        let is_path = |path: &str| path.starts_with('/') && !path.contains(['?', '#', ' ']);
        if let Some(path) = paths.iter().find(|path| !is_path(path)) {
            return Err(CannotServe::at(path));
        }
        let accept_errors = self.registries[0]
            .own_metrics()
            .counter("scrape_accept_errors_total", "Connections that the scrape server could not accept.")
            .register()
            .map_err(|error| CannotServe::on(address, io::Error::other(error)))?;
        let mut service = ScrapeService::of(self.registries);
        if let Some(scrapes) = self.scrapes {
            service = service.max_scrapes(scrapes);
        }
        let endpoint = Endpoint::new(service, paths);
        let address = listener.local_addr()?;
        Ok(Server { listener, address, endpoint: Arc::new(endpoint), limits: self.limits, accept_errors })
    }
}
