//! A body whose bytes are counted as they pass.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Counts bytes, and records when it is dropped.
pub(super) trait Meter {
    fn passed(&mut self, bytes: usize);

    /// The body has ended by itself.
    #[inline]
    fn ended(&mut self) {}

    /// The body could not be sent to its end.
    fn failed(&mut self) {}
}

pin_project! {
    /// Counts the data frames, and drops the meter when the body has ended or has failed. Frames, size hint and errors are
    /// those of the body inside.
    pub(super) struct Metered<B, M> {
        #[pin]
        pub(super) inner: B,
        pub(super) meter: Option<M>,
    }
}

impl<B: Body, M: Meter> Body for Metered<B, M> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        // Frames are large: looked at where they are, they need not be moved.
        let frame = this.inner.as_mut().poll_frame(cx);
        let Some(meter) = this.meter else { return frame };
        let is_over = match &frame {
            Poll::Pending => false,
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    meter.passed(data.remaining());
                }
                // Who knows that it was the last one does not ask again.
                let has_ended = this.inner.is_end_stream();
                if has_ended {
                    meter.ended();
                }
                has_ended
            }
            Poll::Ready(Some(Err(_))) => {
                meter.failed();
                true
            }
            Poll::Ready(None) => {
                meter.ended();
                true
            }
        };
        if is_over {
            *this.meter = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
