//! The body of a push: encoded as fast as the gateway takes it.

use crate::export::{Scrape, ScrapeError};
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// A scrape, or nothing.
pub(super) struct Metrics(pub(super) Option<Box<Scrape>>);

impl Body for Metrics {
    type Data = Bytes;
    type Error = ScrapeError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ScrapeError>>> {
        let Some(scrape) = &mut self.0 else { return Poll::Ready(None) };
        Poll::Ready(scrape.next_bytes().transpose().map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}
