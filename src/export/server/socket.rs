//! The connection of a client that may be slow, silent or gone.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::table::Seat;

/// How much of a response may wait in the system for a client that does not take it, about, beside so many open connections; the
/// system's own limit is some MiB. Together that is 64 MiB at most: the connection that is the n-th now had n beside it or more. What
/// is under way to the client does not count, so a distant client is served about as fast as without.
#[cfg(any(target_os = "linux", target_os = "android", test))]
pub(super) fn max_unsent_bytes(open: usize) -> u32 {
    ((10 << 20) / open.max(1)).clamp(24 << 10, 2 << 20) as u32
}

/// How often it is looked whether a client has gone that closed its side first.
const PAUSE: Duration = Duration::from_millis(50);

/// A stream that tells its place in the table what comes and goes, and resets the connection if a response is unfinished at its end.
pub(super) struct Socket {
    stream: TcpStream,
    seat: Arc<Seat>,
    /// Until it is looked again whether the client has gone.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, seat: Arc<Seat>) -> Self {
        // The end of a scrape is a packet of a few bytes; nothing comes after it that it could wait for. Without the
        // option a scrape takes longer, and that is all.
        let _ = stream.set_nodelay(true);
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(max_unsent_bytes(seat.open_connections()));
        Self { stream, seat, pause: None }
    }

    /// Waits until the client has taken all, as far as the system tells: what was closed before would wait in the system, out of the
    /// reach of every limit. What the client still sends is dropped.
    fn poll_taken(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(pause) = &mut self.pause {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            let mut bytes = [0; 1024];
            let mut buffer = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            if read.is_ok() && !buffer.filled().is_empty() {
                continue;
            }
            // A client may have closed its side before it has read ours. Linux names no peer when both have come to their ends.
            let is_linux = cfg!(any(target_os = "linux", target_os = "android"));
            if read.is_err() || !is_linux || self.stream.peer_addr().is_err() {
                return Poll::Ready(());
            }
            self.pause = Some(Box::pin(sleep(PAUSE)));
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.seat.breaks_off() {
            // Frees what the client has not read, and does not look like the end of a response.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.seat.heard();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.seat.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.seat.is_closing() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.seat.closes();
        }
        self.poll_taken(cx).map(Ok)
    }
}
