//! Connections of clients, as a stream.

use std::io;

use tokio::net::{TcpListener, TcpStream};
use tokio_stream::Stream;
use tonic::transport::server::TcpIncoming;

/// Small answers go out at once.
pub(crate) fn incoming(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}
