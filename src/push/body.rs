//! The body of a push: encoded as fast as the gateway takes it.

use crate::export::{Scrape, ScrapeError};
use core::pin::Pin;
use core::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::oneshot;

/// A scrape, or nothing.
pub(super) struct Metrics(Option<Box<Sending>>);

struct Sending {
    scrape: Scrape,
    sent: oneshot::Sender<Scrape>,
}

impl Metrics {
    pub(super) fn none() -> Metrics {
        Metrics(None)
    }

    /// A scrape, which comes back when all of it was taken.
    pub(super) fn of(scrape: Scrape) -> (Metrics, oneshot::Receiver<Scrape>) {
        let (sent, receiver) = oneshot::channel();
        (Metrics(Some(Box::new(Sending { scrape: scrape.uncounted(), sent }))), receiver)
    }
}

impl Body for Metrics {
    type Data = Bytes;
    type Error = ScrapeError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ScrapeError>>> {
        let Some(sending) = &mut self.0 else { return Poll::Ready(None) };
        let chunk = sending.scrape.next_bytes().transpose();
        if chunk.is_none()
            && let Some(sending) = self.0.take()
        {
            // Who does not wait for it any more has heard of a failure.
            let _ = sending.sent.send(sending.scrape);
        }
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.is_none() { SizeHint::with_exact(0) } else { SizeHint::default() }
    }
}
