//! The body of a scrape: encoded as fast as the client takes it, in buffers that are used again.

use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Scrape;

/// A body of at least this many bytes is a chunk that others should not have to wait behind.
pub(super) const LARGE_CHUNK: usize = 32 * 1024;

/// The body of a response of [`ScrapeService`](super::ScrapeService).
///
/// It encodes one chunk of about 64 KiB when it is polled, and the next when it is polled again, so that its memory is
/// that of the chunks the server has not sent yet, however many series there are. Between large chunks it lets other
/// tasks run. It cannot fail; dropped before its end, it leaves a response that the server cannot end cleanly.
pub struct ScrapeBody(Content);

enum Content {
    Scrape(Encoder),
    /// Says as little of its length as a scrape does, so that HEAD is answered with the headers of GET.
    Head,
    Message(&'static str),
}

impl ScrapeBody {
    pub(super) fn scrape(scrape: Scrape) -> Self {
        Self(Content::Scrape(Encoder {
            scrape,
            spare: Spare::default(),
            rest: false,
        }))
    }

    pub(super) fn head() -> Self {
        Self(Content::Head)
    }

    pub(super) fn message(text: &'static str) -> Self {
        Self(Content::Message(text))
    }
}

impl Body for ScrapeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = match &mut self.0 {
            Content::Scrape(encoder) => match encoder.poll_chunk(cx) {
                Poll::Ready(chunk) => chunk,
                Poll::Pending => return Poll::Pending,
            },
            Content::Head => None,
            Content::Message(text) => match mem::take(text) {
                "" => None,
                text => Some(Bytes::from_static(text.as_bytes())),
            },
        };
        Poll::Ready(data.map(|data| Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Content::Message(""))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Message(text) => SizeHint::with_exact(text.len() as u64),
            Content::Scrape(_) | Content::Head => SizeHint::default(),
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
    spare: Spare,
    rest: bool,
}

impl Encoder {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if mem::take(&mut self.rest) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut data = self.spare.take();
        if !self.scrape.next_chunk(&mut data) {
            return Poll::Ready(None);
        }
        self.rest = data.len() >= LARGE_CHUNK;
        let chunk = Chunk {
            data,
            home: self.spare.clone(),
        };
        Poll::Ready(Some(Bytes::from_owner(chunk)))
    }
}

/// A buffer that has been sent and waits for the next chunk.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Vec<u8>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, buffer: Vec<u8>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = buffer;
    }
}

/// A chunk on its way to the socket; its buffer comes home when the last of it has been sent.
struct Chunk {
    data: Vec<u8>,
    home: Spare,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.home.put(mem::take(&mut self.data));
    }
}
