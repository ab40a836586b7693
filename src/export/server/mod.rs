//! A scrape server on a port of its own.

use std::error::Error;
use std::fmt::{self, Debug};
use std::future::{Future, ready};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::body::LARGE_CHUNK;
use super::service::plain;
use super::{ScrapeBody, ScrapeService};
use crate::{Counter, Registry};

mod handle;
mod socket;
#[cfg(test)]
mod tests;

pub use handle::{ServerHandle, serve};

use socket::Socket;

/// An HTTP/1 server that serves one registry at `/metrics`, and nothing else.
///
/// GET and HEAD; 405 for other methods and 404 for other paths. It defends itself, so that neither a slow client nor a
/// silent one costs more than one connection for a while:
///
/// - a request must have arrived 30 s after the connection was opened or the last response was sent, or the connection is
///   closed;
/// - a response must have been read 60 s after the client first made the server wait, or the connection is broken;
/// - 512 connections are open at most; more wait in the backlog of the operating system;
/// - when a connection cannot be accepted, most often for want of file descriptors, the server waits for 100 ms before it
///   tries again, and counts it in `quipu_scrape_accept_errors_total`.
///
/// # Cost
/// 10 to 25 ns a line, and the copy into the socket. Memory: 20 KB per connection, and a chunk or two of 64 KiB more while
/// it is being sent a scrape.
///
/// ```no_run
/// # async fn run() -> std::io::Result<()> {
/// let registry = quipu::Registry::new();
/// let server = quipu::export::Server::bind("127.0.0.1:9090", registry).await?;
/// server.serve(async { tokio::signal::ctrl_c().await.unwrap() }).await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    service: ScrapeService,
    limits: Limits,
    accept_errors: Option<Counter>,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    /// How long a connection may take to send a whole request, idle time included.
    request: Duration,
    /// How long a client may take to read a response, from the first time it makes the server wait.
    response: Duration,
    /// The pause after a connection that could not be accepted.
    accept: Duration,
    /// How long a stop waits for the scrapes in flight.
    stop: Duration,
}

const LIMITS: Limits = Limits {
    connections: 512,
    request: Duration::from_secs(30),
    response: Duration::from_secs(60),
    accept: Duration::from_millis(100),
    stop: Duration::from_secs(10),
};

impl Server {
    /// Takes the address; connections wait until [`serve`](Self::serve).
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved or taken. The error names the address; the operating system's, with its number, is its
    /// [source](Error::source).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn bind(address: impl ToSocketAddrs + Debug, registry: Registry) -> io::Result<Self> {
        let listener = TcpListener::bind(&address).await.map_err(|error| cannot_serve(&address, error))?;
        Self::new(listener, registry)
    }

    fn new(listener: TcpListener, registry: Registry) -> io::Result<Self> {
        let accept_errors = registry
            .own_metrics()
            .counter("scrape_accept_errors_total", "Connections that the scrape server could not accept.")
            .register();
        Ok(Self {
            address: listener.local_addr()?,
            listener,
            service: ScrapeService::new(registry),
            limits: LIMITS,
            // A name that is taken is no reason not to serve.
            accept_errors: accept_errors.ok(),
        })
    }

    /// The address the server listens on: with the port it was given, if it was bound to port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, then stops accepting, lets the scrapes in flight finish, and returns.
    ///
    /// What is not finished 10 s later is broken off, as is everything if this future is dropped: a client never takes
    /// half a scrape for a whole one.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopping) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                stream = self.accept(), if connections.len() < self.limits.connections => {
                    let service = self.service.clone();
                    connections.spawn(connection(stream, service, self.limits, stopping.clone()));
                }
            }
        }
        drop(self.listener);
        drop(stop);
        let finished = async { while connections.join_next().await.is_some() {} };
        // Dropping the set breaks off what has not finished in time.
        let _ = timeout(self.limits.stop, finished).await;
    }

    async fn accept(&self) -> TcpStream {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    if let Some(errors) = &self.accept_errors {
                        errors.inc();
                    }
                    // A client that has gone already took its place in the backlog along; any other error stays.
                    if error.kind() != ErrorKind::ConnectionAborted {
                        sleep(self.limits.accept).await;
                    }
                }
            }
        }
    }
}

/// The error of the operating system does not name the address.
struct CannotServe {
    address: String,
    source: io::Error,
}

fn cannot_serve(address: &impl Debug, source: io::Error) -> io::Error {
    // With quotes if it is a string.
    let address = format!("{address:?}").trim_matches('"').to_owned();
    io::Error::new(source.kind(), CannotServe { address, source })
}

impl fmt::Display for CannotServe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CannotServe { address, source } = self;
        let advice = match source.kind() {
            ErrorKind::InvalidInput => "; write HOST:PORT, such as 127.0.0.1:9090",
            _ => "",
        };
        write!(f, "cannot serve metrics on {address}: {source}{advice}")
    }
}

// As the message, for what `unwrap` prints.
impl fmt::Debug for CannotServe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for CannotServe {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

async fn connection(stream: TcpStream, service: ScrapeService, limits: Limits, mut stopping: watch::Receiver<()>) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.request)
            .max_buf_size(LARGE_CHUNK)
            .serve_connection(
                TokioIo::new(Socket::new(stream, limits.response)),
                service_fn(|request| ready(Ok::<_, hyper::Error>(respond(&service, &request)))),
            )
    );
    select! {
        _ = &mut connection => return,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    // An error is the client's affair: it went away, was too slow, or did not speak HTTP.
    let _ = connection.await;
}

fn respond(service: &ScrapeService, request: &Request<Incoming>) -> Response<ScrapeBody> {
    match request.uri().path() {
        "/metrics" => service.respond(request.method()),
        _ => plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n"),
    }
}
