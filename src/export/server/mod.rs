//! A scrape server on a port of its own.

use std::fmt::Debug;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::ToSocketAddrs;
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::{Counter, Registry};

mod builder;
mod connection;
mod endpoint;
mod error;
mod handle;
mod listen;
mod socket;
mod table;
#[cfg(test)]
mod tests;

pub use builder::ServerBuilder;
#[cfg(feature = "config")]
pub(crate) use endpoint::is_path;
pub use handle::{ServerHandle, serve};

use builder::Limits;
use endpoint::Endpoint;
use listen::Acceptor;
use table::Table;

/// An HTTP/1 server that serves a registry at `/metrics`, and nothing else; [`Server::builder`] sets other paths, more registries
/// and other limits.
///
/// A scrape can ask for some families only, with `?name[]=…`, as [`ScrapeService`](super::ScrapeService) says. GET and HEAD; 405 for other methods and 404 for other paths. Paths are compared decoded, and one with empty or dotted segments, such
/// as `//metrics`, is redirected; HTTP/1.1 without exactly one valid `Host` is answered 400. It
/// defends itself, so that a client that is slow, silent, or wrong costs little, and no other client its scrape:
///
/// - a connection must have sent a whole request 5 s after it was opened, or after the first byte of a further request; it may
///   be idle for 30 s between two;
/// - a response must have been read 60 s after its request, or earlier if the scraper gives less time in
///   `X-Prometheus-Scrape-Timeout-Seconds`; or the connection is broken;
/// - 512 connections are open at most, 256 of one address (of IPv6, of one /64). For a new one the connection goes that has been silent
///   for longest, and for 100 ms at least, of its address if that has too many; one that is sent a scrape never does. The last eighth is for
///   clients that have read a scrape before;
/// - 64 scrapes are under way at most, and the last eighth again is for such clients; others are answered 503. An address that has some
///   gets another only if more than a quarter as many places are free: 52 of 64 in all, and 2 of the 4 of HTTP/1.0;
/// - of the responses of open connections, 64 MiB or so wait in the system for clients that do not take them, on Linux; elsewhere as much
///   as the system likes. After `Connection: close` a connection is open until the client has read all, or its time is over. What is unread
///   when an idle connection is closed, or the server stops, the system keeps beside that until it gives up;
/// - when a connection cannot be accepted, most often for want of file descriptors, up to 8 silent connections are closed, and the
///   server waits for 100 ms before it tries again. The feature `tracing` makes a warning of that, once a second.
///
/// What happens is counted in `quipu_scrape_accept_errors_total`, `quipu_late_scrape_connections_total`,
/// `quipu_evicted_scrape_connections_total` and `quipu_refused_scrapes_total`.
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
    acceptor: Acceptor,
    late: Counter,
    address: SocketAddr,
    endpoint: Arc<Endpoint>,
    limits: Limits,
}

impl Server {
    /// Settings: which paths, registries and limits.
    pub fn builder(registry: Registry) -> ServerBuilder {
        ServerBuilder::new(registry)
    }

    /// Takes the address; connections wait until [`serve`](Self::serve).
    ///
    /// # Errors
    ///
    /// If the address cannot be resolved or taken: the error names the address; the operating system's, with its number, is its
    /// [source](std::error::Error::source).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn bind(address: impl ToSocketAddrs + Debug, registry: Registry) -> io::Result<Self> {
        Self::builder(registry).bind(address).await
    }

    /// The address the server listens on: with the port it was given, if it was bound to port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` completes, then stops accepting, lets the scrapes in flight finish, and returns.
    ///
    /// What is not finished 10 s later ([`stop_timeout`](ServerBuilder::stop_timeout)) is broken off, as is everything if this future is dropped: a client never takes
    /// half a scrape for a whole one.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopping) = watch::channel(());
        let table = Table::new(self.limits);
        let mut acceptor = self.acceptor;
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            select! {
                () = &mut shutdown => break,
                Some(ended) = connections.join_next() => self.late.inc_by(u64::from(ended.unwrap_or(false))),
                (stream, seat) = acceptor.next(&table) => {
                    let seat = Arc::new(seat);
                    let serving = connection::serve(stream, Arc::clone(&seat), Arc::clone(&self.endpoint), stopping.clone());
                    seat.is_of(connections.spawn(serving));
                }
            }
        }
        drop(acceptor);
        drop(stop);
        let finished = async { while connections.join_next().await.is_some() {} };
        // Dropping the set breaks off what has not finished in time.
        let _ = timeout(self.limits.stop, finished).await;
    }
}
