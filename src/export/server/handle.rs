//! The scrape server for programs without an async main.

use std::fmt::Debug;
use std::future::pending;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::error::CannotServe;
use super::listen::listen;
use super::{Server, ServerBuilder};
use crate::Registry;

/// Serves `registry` at `http://<address>/metrics` from a thread of its own.
///
/// Returns as soon as the address is taken. The thread serves until [`ServerHandle::stop`] or the end of the program;
/// what it serves, and how it defends itself, is said at [`Server`].
///
/// # Errors
///
/// If the address cannot be resolved or taken, as [`Server::bind`] says, or the thread cannot be started.
///
/// ```
/// use quipu::Registry;
///
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let registry = Registry::new();
///     let jobs = registry.counter("jobs_total", "Jobs finished.").register()?;
///     let server = quipu::export::serve("127.0.0.1:0", registry)?;
///     println!("http://{}/metrics", server.local_addr());
///     jobs.inc();
///     Ok(())
/// }
/// ```
pub fn serve(address: impl ToSocketAddrs + Debug, registry: Registry) -> io::Result<ServerHandle> {
    Server::builder(registry).serve(address)
}

pub(super) fn start(builder: ServerBuilder, address: &(impl ToSocketAddrs + Debug)) -> io::Result<ServerHandle> {
    let addresses = address.to_socket_addrs().map_err(|error| CannotServe::on(address, error))?;
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let server = {
        let _entered = runtime.enter();
        builder.listen(listen(addresses).map_err(|error| CannotServe::on(address, error))?, address)?
    };
    let address = server.local_addr();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async {
        // A handle that was dropped cannot ask any more.
        if stopped.await.is_err() {
            pending().await
        }
    };
    let thread = thread::Builder::new()
        .name("quipu-scrape".to_owned())
        .spawn(move || runtime.block_on(server.serve(shutdown)))?;
    Ok(ServerHandle { address, stop, thread })
}

/// A scrape server that runs in a thread of its own; made by [`serve`] or [`ServerBuilder::serve`].
///
/// Dropping the handle leaves the server running, as dropping a thread's handle leaves the thread.
#[derive(Debug)]
pub struct ServerHandle {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl ServerHandle {
    /// The address the server listens on: with the port it was given, if it was bound to port 0.
    ///
    /// ```
    /// let server = quipu::export::serve("127.0.0.1:0", quipu::Registry::new())?;
    /// assert_ne!(server.local_addr().port(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets the scrapes in flight finish, and gives the port back.
    ///
    /// Blocks the thread while they do, for 10 s at most unless [`stop_timeout`](ServerBuilder::stop_timeout) says otherwise; in async code call it through `spawn_blocking`.
    ///
    /// ```
    /// let server = quipu::export::serve("127.0.0.1:0", quipu::Registry::new())?;
    /// let address = server.local_addr();
    /// server.stop();
    /// assert!(std::net::TcpStream::connect(address).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn stop(self) {
        // Sending and joining fail only if the thread has ended already.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }

    /// Blocks for as long as the server runs, which is until the end of the program.
    ///
    /// The last line of a program that has nothing else to do:
    ///
    /// ```no_run
    /// let server = quipu::export::serve("127.0.0.1:9090", quipu::Registry::new())?;
    /// server.join();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn join(self) {
        let _stop = self.stop;
        let _ = self.thread.join();
    }
}
