//! The asynchronous form of a timer.

use super::Timer;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use pin_project_lite::pin_project;

pin_project! {
    /// A future that is being timed. Made by [`Histogram::time_future`](crate::Histogram::time_future), which says what is
    /// recorded.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timed<F> {
        timer: Timer,
        #[pin]
        future: F,
    }
}

impl<F> Timed<F> {
    pub(super) fn new(timer: Timer, future: F) -> Timed<F> {
        Timed { timer, future }
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.timer.start();
        let output = ready!(this.future.poll(context));
        this.timer.record();
        Poll::Ready(output)
    }
}
