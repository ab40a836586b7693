//! One call of what the macros time.

use super::future::Body;
use super::site::{Handles, Site};
use crate::LabelValue;
use crate::clock::Moment;
use crate::registry::LabelBuffer;
use core::borrow::Borrow;
use std::thread::panicking;

/// A call: records when it is dropped.
#[doc(hidden)]
#[derive(Debug)]
#[must_use]
pub struct Call<const N: usize, H: Borrow<Handles>> {
    site: &'static Site<N>,
    handles: H,
    start: Moment,
    /// Whether its code runs, so that a panic that comes now is its own.
    is_running: bool,
}

impl<const N: usize, H: Borrow<Handles>> Call<N, H> {
    #[inline]
    pub(super) fn new(site: &'static Site<N>, handles: H) -> Self {
        let start = handles.borrow().seconds.clock().now();
        Call { site, handles, start, is_running: !panicking() }
    }

    /// Runs the body of an `async fn`, which can be dropped while it waits: by a panic of another, say.
    #[inline]
    pub fn run<F>(&mut self, body: F) -> Body<'_, F> {
        Body::new(&mut self.is_running, body)
    }

    /// It has a result.
    #[inline]
    pub fn finish(mut self, is_error: bool) {
        self.is_running = false;
        if is_error && let Some(errors) = &self.handles.borrow().errors {
            errors.inc();
        }
    }

    /// It has a result; an error has a class.
    #[inline]
    pub fn finish_classified<C: LabelValue>(mut self, class: Option<C>) {
        self.is_running = false;
        let seconds = &self.handles.borrow().seconds;
        if let Some(classes) = C::VALUES {
            self.site.make_classes(seconds, classes);
        }
        if let Some(class) = class {
            self.site.count_class(seconds, class.as_label(&mut LabelBuffer::new()));
        }
    }
}

impl<const N: usize, H: Borrow<Handles>> Drop for Call<N, H> {
    #[inline]
    fn drop(&mut self) {
        let handles = self.handles.borrow();
        handles.seconds.observe(handles.seconds.clock().seconds_since(self.start));
        if let Some(calls) = &handles.calls {
            calls.inc();
        }
        if self.site.spec.errors.is_some() && self.is_running && panicking() {
            self.site.count_panic(handles);
        }
    }
}

/// Calls a closure that may give away what it has captured.
#[doc(hidden)]
#[inline(always)]
pub fn once<R>(call: impl FnOnce() -> R) -> R {
    call()
}

/// The class of an error, if there is one; lets the compiler know the type of a closure's argument.
#[doc(hidden)]
#[inline(always)]
pub fn classify<'e, T, E, C: LabelValue>(result: &'e Result<T, E>, classify: impl FnOnce(&'e E) -> C) -> Option<C> {
    result.as_ref().err().map(classify)
}
