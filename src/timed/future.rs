//! The asynchronous forms of a timer and of a timed function.

use super::Timer;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use pin_project_lite::pin_project;
use std::thread::panicking;

pin_project! {
    /// A future that is being timed. Made by [`Histogram::time_future`](crate::Histogram::time_future), which says what is
    /// recorded.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Timed<F> {
        timer: Timer,
        // One that is polled again does not begin again.
        is_ready: bool,
        #[pin]
        future: F,
    }
}

impl<F> Timed<F> {
    pub(super) fn new(timer: Timer, future: F) -> Timed<F> {
        Timed { timer, is_ready: false, future }
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !*this.is_ready {
            this.timer.start();
        }
        let output = ready!(this.future.poll(context));
        *this.is_ready = true;
        this.timer.record();
        Poll::Ready(output)
    }
}

pin_project! {
    /// The body of an `async fn` that is timed: tells its call when it runs, and when it waits.
    #[doc(hidden)]
    #[derive(Debug)]
    #[must_use = "futures do nothing unless they are awaited"]
    pub struct Body<'c, F> {
        is_running: &'c mut bool,
        #[pin]
        body: F,
    }
}

impl<'c, F> Body<'c, F> {
    pub(super) fn new(is_running: &'c mut bool, body: F) -> Self {
        Body { is_running, body }
    }
}

impl<F: Future> Future for Body<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        **this.is_running = !panicking();
        let output = this.body.poll(context);
        **this.is_running = output.is_ready();
        output
    }
}
