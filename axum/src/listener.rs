//! The listener that counts open connections.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use quipu::InFlightGuard;
use quipu::http::HttpMetrics;

/// Counts the connections that `listener` accepts in `http_connections_active`, from the accept until they are closed.
///
/// axum knows the client's address of its own listeners only; for `ConnectInfo<SocketAddr>` go on with `.tap_io(|_| {})` of
/// [`axum::serve::ListenerExt`].
///
/// ```no_run
/// # async fn serve(app: axum::Router, metrics: quipu::http::HttpMetrics) -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// axum::serve(quipu_axum::listener(&metrics, listener), app).await
/// # }
/// ```
pub fn listener<L: Listener>(metrics: &HttpMetrics, listener: L) -> CountedListener<L> {
    CountedListener { inner: listener, metrics: metrics.clone() }
}

/// A listener whose connections are counted while they are open; made by [`listener`](listener()).
///
/// ```
/// use quipu_axum::CountedListener;
/// use tokio::net::TcpListener;
///
/// fn counted(metrics: &quipu::http::HttpMetrics, listener: TcpListener) -> CountedListener<TcpListener> {
///     quipu_axum::listener(metrics, listener)
/// }
/// ```
#[derive(Debug)]
pub struct CountedListener<L> {
    inner: L,
    metrics: HttpMetrics,
}

impl<L: Listener> Listener for CountedListener<L> {
    type Io = CountedIo<L::Io>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (io, address) = self.inner.accept().await;
        let counted = CountedIo { inner: io, _open: self.metrics.connection() };
        (counted, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.inner.local_addr()
    }
}

/// A connection that is counted until it is dropped; what a [`CountedListener`] accepts.
///
/// ```
/// use axum::serve::Listener;
/// use quipu_axum::{CountedIo, CountedListener};
/// use tokio::net::{TcpListener, TcpStream};
///
/// async fn accept(listener: &mut CountedListener<TcpListener>) -> CountedIo<TcpStream> {
///     listener.accept().await.0
/// }
/// ```
#[derive(Debug)]
pub struct CountedIo<T> {
    inner: T,
    _open: InFlightGuard,
}

impl<T: AsyncRead + Unpin> AsyncRead for CountedIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for CountedIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
