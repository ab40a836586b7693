//! How the server listens, and what it does about connections that it cannot accept.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep_until};

use super::table::{Admission, Seat, Table};
use crate::Counter;

/// Connections that may wait to be accepted. When there are more, the system drops their first packets, and they come back a second
/// later, or three.
const BACKLOG: u32 = 4096;

/// How many silent connections go when there are no file descriptors.
const FREED: usize = 8;

const WARNING_INTERVAL: Duration = Duration::from_secs(1);

/// Listens on the first of the addresses that can be taken.
pub(super) fn listen(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<TcpListener> {
    let mut error = io::Error::new(ErrorKind::InvalidInput, "could not resolve to any address");
    for address in addresses {
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(this) => error = this,
        }
    }
    Err(error)
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // As the standard library has it: a port whose last owner has just gone can be taken again. On Windows it would mean more.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections and finds places for them.
#[derive(Debug)]
pub(super) struct Acceptor {
    listener: TcpListener,
    errors: Counter,
    evicted: Counter,
    /// The pause after an error, and its end.
    pause: Duration,
    resume: Instant,
    /// A connection that has no place yet.
    waiting: Option<(TcpStream, SocketAddr)>,
    last_warning: Option<Instant>,
}

impl Acceptor {
    pub(super) fn new(listener: TcpListener, errors: Counter, evicted: Counter, pause: Duration) -> Self {
        Self { listener, errors, evicted, pause, resume: Instant::now(), waiting: None, last_warning: None }
    }

    /// The next connection that has a place. Nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self, table: &Arc<Table>) -> (TcpStream, Seat) {
        loop {
            let (stream, address) = match self.waiting.take() {
                Some(waiting) => waiting,
                None => self.accept(table).await,
            };
            match table.admit(address) {
                Admission::Seat(seat, instead) => {
                    self.evicted.inc_by(u64::from(instead));
                    return (stream, seat);
                }
                Admission::Refused => {
                    self.evicted.inc();
                    let _ = stream.set_zero_linger();
                }
                Admission::At(silent_since) => {
                    self.waiting = Some((stream, address));
                    sleep_until(silent_since + table.grace()).await;
                }
                Admission::Later => {
                    self.waiting = Some((stream, address));
                    table.change().await;
                }
            }
        }
    }

    async fn accept(&mut self, table: &Table) -> (TcpStream, SocketAddr) {
        loop {
            sleep_until(self.resume).await;
            let error = match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) => error,
            };
            self.errors.inc();
            // A client that has gone already took its place in the backlog along; any other error stays.
            if error.kind() != ErrorKind::ConnectionAborted {
                // Most often for want of file descriptors, and each of these has one.
                self.evicted.inc_by(table.end_silent(FREED) as u64);
                self.resume = Instant::now() + self.pause;
                self.warn(&error);
            }
        }
    }

    fn warn(&mut self, error: &io::Error) {
        let now = Instant::now();
        if self.last_warning.is_some_and(|last| now < last + WARNING_INTERVAL) {
            return;
        }
        self.last_warning = Some(now);
        #[cfg(feature = "tracing")]
        tracing::warn!(%error, errors = self.errors.value(), "the scrape server cannot accept connections");
        #[cfg(not(feature = "tracing"))]
        let _ = error;
    }
}
