//! A body whose bytes are counted as they pass.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Counts bytes, and records when it is dropped.
pub(super) trait Meter {
    fn passed(&mut self, bytes: usize);
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
        let this = self.project();
        // Frames are large: looked at where they are, they need not be moved.
        let frame = this.inner.poll_frame(cx);
        match &frame {
            Poll::Pending => {}
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(meter), Some(data)) = (this.meter, frame.data_ref()) {
                    meter.passed(data.remaining());
                }
            }
            Poll::Ready(Some(Err(_)) | None) => *this.meter = None,
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
