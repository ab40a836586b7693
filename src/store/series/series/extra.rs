//! What only few series have: the window of a summary.

use super::Series;
use crate::sync::Ordering;
use core::any::Any;
use core::ptr;

/// A value of a type that its user knows. Boxed again, so that a pointer to it is one word.
pub(crate) type Extra = Box<dyn Any + Send + Sync>;

impl Series {
    /// What was attached to the series.
    pub(crate) fn extra(&self) -> Option<&Extra> {
        // Acquire pairs with the Release in `attach`.
        let extra = self.header().extra.load(Ordering::Acquire);
        // SAFETY: null, or attached, and freed with the series only.
        unsafe { extra.as_ref() }
    }

    /// Attaches something to the series, which is freed with it, unless something is there.
    pub(crate) fn attach(&self, extra: Extra) -> &Extra {
        let new = Box::into_raw(Box::new(extra));
        // Release pairs with the Acquire in `extra`, and Acquire with the Release of whoever was first.
        match self.header().extra.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Acquire) {
            // SAFETY: attached now, and freed with the series only.
            Ok(_) => unsafe { &*new },
            Err(first) => {
                // SAFETY: nobody else has it.
                drop(unsafe { Box::from_raw(new) });
                // SAFETY: attached by another thread, and freed with the series only.
                unsafe { &*first }
            }
        }
    }
}
