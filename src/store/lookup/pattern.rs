//! Label values prepared to be compared with the text of a series.
//!
//! Vectors, because the comparison waits for the series and meanwhile occupies scheduler slots: it should be few instructions, on
//! ports that are otherwise idle, with one branch for all values.

use crate::store::lookup::vector::Vector;
use crate::store::lookup::words::ShortStr;
use core::ops::BitOr;

/// The longest value that is compared without a loop.
pub(in crate::store) const MOST: usize = 64;

/// A value to be compared with its place in a text. What its two vectors hold depends on the value's length, which whoever
/// uses it knows.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Pattern([Vector; 2]);

impl Pattern {
    #[inline(always)]
    pub(in crate::store) fn short(value: ShortStr) -> Pattern {
        Pattern([Vector::of_word(value.high), Vector::of_word(value.rest)])
    }

    /// # Safety
    /// The value has at least eight bytes, and at most sixteen.
    #[inline(always)]
    pub(in crate::store) unsafe fn two_words(value: &[u8]) -> Pattern {
        // SAFETY: passed on.
        Pattern([unsafe { two_words(value.as_ptr(), value.len()) }, Vector::zero()])
    }

    /// # Safety
    /// The value has at least sixteen bytes.
    #[inline(always)]
    pub(in crate::store) unsafe fn ends(value: &[u8]) -> Pattern {
        // SAFETY: passed on.
        Pattern(unsafe { ends(value.as_ptr(), value.len()) })
    }

    /// Zero if the bytes at a place are the pattern's value.
    ///
    /// # Safety
    /// The pattern was made of this value, by the function for its length. As many bytes can be read at the place, and eight
    /// before it.
    #[inline(always)]
    pub(in crate::store) unsafe fn difference(&self, value: &[u8], place: *const u8) -> Vector {
        let Pattern([a, b]) = *self;
        match value.len() {
            len @ ..8 => {
                // SAFETY: in the value, or before it what the caller can read.
                let last = unsafe { place.offset(len as isize - 8) };
                // SAFETY: as above, up to the value's end.
                (unsafe { Vector::of_eight(last) } ^ a).shifted_right(b)
            }
            // SAFETY: passed on.
            len @ 8..=16 => unsafe { two_words(place, len) ^ a },
            len => {
                // SAFETY: passed on.
                let [first, last] = unsafe { ends(place, len) };
                let difference = (first ^ a) | (last ^ b);
                // SAFETY: passed on.
                if len > 32 { difference | unsafe { difference_between(value, place) } } else { difference }
            }
        }
    }
}

/// Zero if the bytes between the first sixteen and the last are the same.
///
/// # Safety
/// The value has more than 32 bytes, and as many can be read at the place.
#[inline(always)]
unsafe fn difference_between(value: &[u8], place: *const u8) -> Vector {
    let at = |at| {
        // SAFETY: sixteen bytes from there are inside of both.
        let [a, b] = [value.as_ptr(), place].map(|bytes| unsafe { sixteen_at(bytes, at) });
        a ^ b
    };
    if value.len() > MOST {
        return (16..value.len() - 16).step_by(16).map(at).fold(Vector::zero(), Vector::bitor);
    }
    at(16) | at(value.len() - 32)
}

/// The first and the last eight bytes.
///
/// # Safety
/// There are as many bytes, eight at least.
#[inline(always)]
unsafe fn two_words(bytes: *const u8, len: usize) -> Vector {
    // SAFETY: passed on.
    let last = unsafe { bytes.add(len - 8) };
    // SAFETY: as above.
    let [first, last] = [bytes, last].map(|bytes| unsafe { Vector::of_eight(bytes) });
    first.with_high(last)
}

/// The first and the last sixteen bytes.
///
/// # Safety
/// There are as many bytes, sixteen at least.
#[inline(always)]
unsafe fn ends(bytes: *const u8, len: usize) -> [Vector; 2] {
    // SAFETY: passed on.
    [0, len - 16].map(|at| unsafe { sixteen_at(bytes, at) })
}

/// # Safety
/// There are sixteen bytes from there on.
#[inline(always)]
unsafe fn sixteen_at(bytes: *const u8, at: usize) -> Vector {
    // SAFETY: passed on.
    let bytes = unsafe { bytes.add(at) };
    // SAFETY: as above.
    unsafe { Vector::of_sixteen(bytes) }
}
