//! One call of what the macros time.

use super::site::{Handles, Site};
use crate::clock::Moment;
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
    /// Whether it has come to its end, with a result.
    is_finished: bool,
}

impl<const N: usize, H: Borrow<Handles>> Call<N, H> {
    #[inline]
    pub(super) fn new(site: &'static Site<N>, handles: H) -> Self {
        let start = handles.borrow().seconds.clock().now();
        Call { site, handles, start, is_finished: false }
    }

    /// It has a result.
    #[inline]
    pub fn finish(mut self, is_error: bool) {
        self.is_finished = true;
        if is_error && let Some(errors) = &self.handles.borrow().errors {
            errors.inc();
        }
    }

    /// It has an error of this class as a result.
    pub fn fail(mut self, class: &str) {
        self.is_finished = true;
        self.site.count_class(&self.handles.borrow().seconds, class);
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
        if self.site.spec.errors.is_some() && !self.is_finished && panicking() {
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

/// The class of an error; lets the compiler know the type of a closure's argument.
#[doc(hidden)]
#[inline(always)]
pub fn classify<'e, E, C>(error: &'e E, classify: impl FnOnce(&'e E) -> C) -> C {
    classify(error)
}
