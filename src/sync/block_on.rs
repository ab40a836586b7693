//! Futures on a thread that has no runtime.

use core::pin::pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future on this thread until it ends, or until nobody has `patience` any more: `None`.
pub(crate) fn block_on<F: Future>(future: F, patience: impl Fn() -> Option<Duration>) -> Option<F::Output> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(output);
        }
        thread::park_timeout(patience()?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::future::{pending, poll_fn};

    #[test]
    fn a_future_that_another_thread_wakes_ends() {
        let mut polls = 0;
        let future = poll_fn(|context| {
            polls += 1;
            let waker = context.waker().clone();
            thread::spawn(move || waker.wake());
            if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
        });
        assert_eq!(block_on(future, || Some(Duration::from_secs(60))), Some(3));
    }

    #[test]
    fn a_future_that_never_ends_is_given_up() {
        assert_eq!(block_on(pending::<()>(), || None), None);
    }
}
