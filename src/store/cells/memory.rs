//! Memory that may not be there: allocations that fail instead of ending the process.

use core::alloc::Layout;
use core::ptr::NonNull;

/// The process can have no more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct NoMemory;

impl From<std::collections::TryReserveError> for NoMemory {
    fn from(_: std::collections::TryReserveError) -> Self {
        NoMemory
    }
}

/// As `Box::new`.
pub(in crate::store) fn try_box<T>(value: T) -> Result<Box<T>, NoMemory> {
    const { assert!(size_of::<T>() > 0) };
    // SAFETY: the layout is not empty.
    let memory = NonNull::new(unsafe { std::alloc::alloc(Layout::new::<T>()) }).ok_or(NoMemory)?.cast::<T>();
    // SAFETY: just allocated for a value of this type.
    unsafe { memory.write(value) };
    // SAFETY: allocated with the layout of the value, which was written.
    Ok(unsafe { Box::from_raw(memory.as_ptr()) })
}

/// A type whose zero bytes are a value.
///
/// # Safety
/// They are one, and it need not be dropped.
pub(in crate::store) unsafe trait Zeroed: Sized {
    /// That value: to loom, an atomic is more than its bytes.
    #[cfg(quipu_loom)]
    fn new() -> Self;
}

// SAFETY: null is a pointer.
unsafe impl Zeroed for crate::sync::AtomicPtr<()> {
    #[cfg(quipu_loom)]
    fn new() -> Self {
        crate::sync::AtomicPtr::new(core::ptr::null_mut())
    }
}

#[cfg(not(quipu_loom))]
pub(in crate::store) use plain::{Slice, from_raw, into_raw, zeroed};

#[cfg(not(quipu_loom))]
mod plain {
    use super::{NoMemory, Zeroed};
    use crate::store::cells::pages;
    use core::alloc::Layout;
    use core::ops::Deref;
    use core::ptr::NonNull;

    /// A slice that began as zeros, and owns its memory.
    #[derive(Debug)]
    pub(in crate::store) struct Slice<T> {
        start: NonNull<T>,
        len: usize,
        /// Where the allocation begins.
        memory: NonNull<u8>,
    }

    /// Asked for a larger alignment, the allocator would write all of the memory to zero it.
    const ALIGN: usize = 8;

    /// A slice of so many bytes has pages of its own. An allocator may keep a piece of that size when it is freed, and what is
    /// freed after a storm of series shall go back to the system.
    const OWN_PAGES: usize = 128 << 10;

    fn layout<T>(len: usize) -> Option<Layout> {
        const { assert!(size_of::<T>() > 0) };
        // Zeros are found at any place of what was allocated with this much more.
        let more = if align_of::<T>() > ALIGN { align_of::<T>() } else { 0 };
        let bytes = len.checked_mul(size_of::<T>())?.checked_add(more)?;
        Layout::from_size_align(bytes, ALIGN).ok()
    }

    /// A slice of this many zeros, at least one. Takes about the same time however long it is: of a long one, the pages become
    /// resident (and zero) when they are first used.
    pub(in crate::store) fn zeroed<T: Zeroed>(len: usize) -> Result<Slice<T>, NoMemory> {
        assert!(len > 0);
        let layout = layout::<T>(len).ok_or(NoMemory)?;
        let memory = if layout.size() >= OWN_PAGES {
            pages::map(layout.size())
        } else {
            // SAFETY: the layout is not empty.
            NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
        };
        let memory = memory.ok_or(NoMemory)?;
        // SAFETY: less than the alignment further, and the layout has room for that; nothing further if that is no more than
        // the layout's own.
        let start = unsafe { memory.add(memory.as_ptr().align_offset(align_of::<T>())) }.cast();
        Ok(Slice { start, len, memory })
    }

    /// Leaves the memory of a slice to [`from_raw`].
    pub(in crate::store) fn into_raw<T>(slice: Slice<T>) -> *mut T {
        const { assert!(align_of::<T>() <= ALIGN, "the memory begins where the slice does") };
        let start = slice.start.as_ptr();
        core::mem::forget(slice);
        start
    }

    /// A slice as it was.
    ///
    /// # Safety
    /// `start` came from [`into_raw`], of a slice of this length that nobody else has made again.
    pub(in crate::store) unsafe fn from_raw<T>(start: *mut T, len: usize) -> Slice<T> {
        // SAFETY: a slice has no null for its start.
        let start = unsafe { NonNull::new_unchecked(start) };
        Slice { start, len, memory: start.cast() }
    }

    impl<T> Deref for Slice<T> {
        type Target = [T];

        #[inline(always)]
        fn deref(&self) -> &[T] {
            // SAFETY: there are this many values, which began as zeros.
            unsafe { core::slice::from_raw_parts(self.start.as_ptr(), self.len) }
        }
    }

    impl<T> Drop for Slice<T> {
        fn drop(&mut self) {
            let layout = layout::<T>(self.len).expect("this layout was allocated");
            if layout.size() >= OWN_PAGES {
                // SAFETY: mapped in `zeroed` with the same layout; nobody has the slice any more.
                unsafe { pages::unmap(self.memory, layout.size()) };
            } else {
                // SAFETY: allocated in `zeroed` with the same layout.
                unsafe { std::alloc::dealloc(self.memory.as_ptr(), layout) };
            }
        }
    }
}

#[cfg(quipu_loom)]
pub(in crate::store) use model::{Slice, from_raw, into_raw, zeroed};

#[cfg(quipu_loom)]
mod model {
    use super::{NoMemory, Zeroed};

    pub(in crate::store) type Slice<T> = Box<[T]>;

    pub(in crate::store) fn zeroed<T: Zeroed>(len: usize) -> Result<Slice<T>, NoMemory> {
        Ok((0..len).map(|_| T::new()).collect())
    }

    pub(in crate::store) fn into_raw<T>(slice: Slice<T>) -> *mut T {
        Box::into_raw(slice).cast()
    }

    /// # Safety
    /// `start` came from [`into_raw`], of a slice of this length that nobody else has made again.
    pub(in crate::store) unsafe fn from_raw<T>(start: *mut T, len: usize) -> Slice<T> {
        // SAFETY: passed on.
        unsafe { Box::from_raw(core::ptr::slice_from_raw_parts_mut(start, len)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{AtomicPtr, Ordering};

    #[derive(Debug)]
    #[repr(align(64))]
    struct Wide([u8; 64]);

    // SAFETY: bytes.
    unsafe impl Zeroed for Wide {
        #[cfg(quipu_loom)]
        fn new() -> Self {
            Wide([0; 64])
        }
    }

    #[test]
    fn a_slice_is_zero_and_aligned() {
        for len in [1, 2, 100, 2047, 2048] {
            let slice = zeroed::<Wide>(len).unwrap();
            assert_eq!((slice.len(), slice.as_ptr().align_offset(64)), (len, 0));
            assert!(slice.iter().all(|wide| wide.0 == [0; 64]));
        }
    }

    #[test]
    fn a_slice_can_be_left_and_taken_up() {
        for len in [1, 100, 1 << 14] {
            let start = into_raw(zeroed::<AtomicPtr<()>>(len).unwrap());
            // SAFETY: left just now.
            let slice = unsafe { from_raw(start, len) };
            assert!(slice.len() == len && slice.iter().all(|place| place.load(Ordering::Relaxed).is_null()));
        }
    }

    #[test]
    #[cfg(not(quipu_loom))]
    fn what_is_too_large_is_refused() {
        assert_eq!(zeroed::<Wide>(usize::MAX / 2).unwrap_err(), NoMemory);
        #[cfg(target_pointer_width = "64")]
        assert_eq!(zeroed::<Wide>(1 << 50).unwrap_err(), NoMemory);
    }
}
