//! A scrape server on a port of its own.

use std::fmt::Debug;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::body::LARGE_CHUNK;
use crate::{Counter, Registry};

mod builder;
mod endpoint;
mod error;
mod handle;
mod socket;
#[cfg(test)]
mod tests;

pub use builder::ServerBuilder;
pub use handle::{ServerHandle, serve};

use builder::Limits;
use endpoint::Endpoint;
use socket::Socket;

/// An HTTP/1 server that serves a registry at `/metrics`, and nothing else; [`Server::builder`] sets other paths, more registries
/// and other limits.
///
/// GET and HEAD; 405 for other methods and 404 for other paths. Paths are compared decoded, and one with empty or dotted segments, such
/// as `//metrics`, is redirected; HTTP/1.1 without exactly one valid `Host` is answered 400. It defends itself, so that neither a slow client nor a
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
    endpoint: Arc<Endpoint>,
    limits: Limits,
    accept_errors: Counter,
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
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            select! {
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                stream = self.accept(), if connections.len() < self.limits.connections => {
                    let endpoint = Arc::clone(&self.endpoint);
                    connections.spawn(connection(stream, endpoint, self.limits, stopping.clone()));
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
                    self.accept_errors.inc();
                    // A client that has gone already took its place in the backlog along; any other error stays.
                    if error.kind() != ErrorKind::ConnectionAborted {
                        sleep(self.limits.accept).await;
                    }
                }
            }
        }
    }
}

async fn connection(stream: TcpStream, endpoint: Arc<Endpoint>, limits: Limits, mut stopping: watch::Receiver<()>) {
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.request)
            // A client may close its side once it has asked.
            .half_close(true)
            .max_buf_size(LARGE_CHUNK)
            .serve_connection(
                TokioIo::new(Socket::new(stream, limits.response)),
                service_fn(|request| endpoint.respond(&request)),
            )
    );
    select! {
        _ = &mut connection => return,
        _ = stopping.changed() => connection.as_mut().graceful_shutdown(),
    }
    // An error is the client's affair: it went away, was too slow, or did not speak HTTP.
    let _ = connection.await;
}
