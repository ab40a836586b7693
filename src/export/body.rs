//! The body of a scrape: encoded as fast as the client takes it.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::places::Place;
use super::scrape::CHUNK_CAPACITY;
use super::{Scrape, ScrapeError};

/// A chunk of at least this many bytes is work that others should not have to wait behind.
pub(super) const LARGE_CHUNK: usize = 32 * 1024;

/// The body of a response of [`ScrapeService`](super::ScrapeService).
///
/// It encodes one chunk of about 64 KiB when it is polled, and the next when it is polled again: its memory is that of the
/// chunks the server has not sent yet, however many series there are. Between large chunks it lets other tasks run. When a
/// scrape is broken off, the body ends with its error, and the server cannot end the response cleanly either; nor can it when
/// the body is dropped before its end.
///
/// ```
/// use http_body_util::BodyExt;
/// use quipu::export::{ScrapeBody, ScrapeError};
///
/// async fn read(body: ScrapeBody) -> Result<Vec<u8>, ScrapeError> {
///     Ok(body.collect().await?.to_bytes().into())
/// }
/// ```
pub struct ScrapeBody(Content);

enum Content {
    Scrape(Box<Encoder>),
    /// A whole scrape, which takes its places until it was sent.
    Whole {
        text: Bytes,
        _places: [Place; 2],
    },
    /// What is made in pieces, and takes its place until the last.
    #[cfg(feature = "page")]
    Summary {
        summary: super::page::Summary,
        _place: Place,
    },
    /// Nothing, of a length that is not told: HEAD must not say that a scrape has no bytes.
    Head,
    Message(Bytes),
}

impl ScrapeBody {
    pub(super) fn scrape(scrape: Scrape, place: Place) -> Self {
        Self(Content::Scrape(Box::new(Encoder { scrape, rest: false, _place: place })))
    }

    pub(super) fn whole(text: Bytes, places: [Place; 2]) -> Self {
        Self(Content::Whole { text, _places: places })
    }

    #[cfg(feature = "page")]
    pub(super) fn summary(summary: super::page::Summary, place: Place) -> Self {
        Self(Content::Summary { summary, _place: place })
    }

    pub(super) fn head() -> Self {
        Self(Content::Head)
    }

    #[cfg(feature = "server")]
    pub(super) fn is_scrape(&self) -> bool {
        matches!(self.0, Content::Scrape(_) | Content::Whole { .. })
    }

    pub(super) fn message(text: Bytes) -> Self {
        Self(Content::Message(text))
    }
}

impl Body for ScrapeBody {
    type Data = Bytes;
    type Error = ScrapeError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ScrapeError>>> {
        let data = match &mut self.0 {
            Content::Scrape(encoder) => ready!(encoder.poll_chunk(cx)),
            #[cfg(feature = "page")]
            Content::Summary { summary, .. } => summary.next().map(Ok),
            Content::Head => None,
            // In pieces, so that the body lives, and with it the places, until the client has read most of it.
            Content::Whole { text, .. } | Content::Message(text) => {
                let piece = text.split_to(text.len().min(CHUNK_CAPACITY));
                (!piece.is_empty()).then_some(Ok(piece))
            }
        };
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Head => true,
            Content::Whole { text, .. } | Content::Message(text) => text.is_empty(),
            Content::Scrape(_) => false,
            #[cfg(feature = "page")]
            Content::Summary { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole { text, .. } | Content::Message(text) => SizeHint::with_exact(text.len() as u64),
            Content::Scrape(_) | Content::Head => SizeHint::default(),
            #[cfg(feature = "page")]
            Content::Summary { .. } => SizeHint::default(),
        }
    }
}

impl fmt::Debug for ScrapeBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScrapeBody").finish_non_exhaustive()
    }
}

struct Encoder {
    scrape: Scrape,
    rest: bool,
    _place: Place,
}

impl Encoder {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, ScrapeError>>> {
        if mem::take(&mut self.rest) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let chunk = self.scrape.next_bytes().transpose();
        self.rest = matches!(&chunk, Some(Ok(chunk)) if chunk.len() >= LARGE_CHUNK);
        Poll::Ready(chunk)
    }
}
