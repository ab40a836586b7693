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
pub(in crate::store) use plain::{Slice, boxed_zeros, zeroed};

#[cfg(not(quipu_loom))]
mod plain {
    use super::{NoMemory, Zeroed};
    use core::alloc::Layout;
    use core::ops::Deref;
    use core::ptr::NonNull;

    /// A boxed slice that began as zeros.
    #[derive(Debug)]
    pub(in crate::store) struct Slice<T> {
        start: NonNull<T>,
        len: usize,
        /// Where the allocation begins.
        memory: NonNull<u8>,
    }

    /// Asked for a larger alignment, the allocator would write all of the memory to zero it.
    const ALIGN: usize = 8;

    fn layout<T>(len: usize) -> Option<Layout> {
        let bytes = len.checked_mul(size_of::<T>())?.checked_add(align_of::<T>())?;
        Layout::from_size_align(bytes, ALIGN).ok()
    }

    /// A slice of this many zeros. Takes about the same time however long it is: of a long one, the pages become resident
    /// (and zero) when they are first used.
    pub(in crate::store) fn zeroed<T: Zeroed>(len: usize) -> Result<Slice<T>, NoMemory> {
        let layout = layout::<T>(len).ok_or(NoMemory)?;
        // SAFETY: the layout is not empty, as it has room for the alignment.
        let memory = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }).ok_or(NoMemory)?;
        // SAFETY: less than the alignment further, and the layout has room for that.
        let start = unsafe { memory.add(memory.as_ptr().align_offset(align_of::<T>())) }.cast();
        Ok(Slice { start, len, memory })
    }

    /// As [`zeroed`], for types of ordinary alignment.
    pub(in crate::store) fn boxed_zeros<T: Zeroed>(len: usize) -> Result<Box<[T]>, NoMemory> {
        const { assert!(size_of::<T>() > 0 && align_of::<T>() <= ALIGN) };
        assert!(len > 0);
        let layout = Layout::array::<T>(len).map_err(|_| NoMemory)?;
        // SAFETY: the layout is not empty.
        let start = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }).ok_or(NoMemory)?.cast::<T>();
        let slice = core::ptr::slice_from_raw_parts_mut(start.as_ptr(), len);
        // SAFETY: allocated with the layout of the slice, whose values may be zero.
        Ok(unsafe { Box::from_raw(slice) })
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
            // SAFETY: allocated in `zeroed` with the same layout.
            unsafe { std::alloc::dealloc(self.memory.as_ptr(), layout) };
        }
    }
}

#[cfg(quipu_loom)]
pub(in crate::store) type Slice<T> = Box<[T]>;

#[cfg(quipu_loom)]
pub(in crate::store) fn boxed_zeros<T: Zeroed>(len: usize) -> Result<Box<[T]>, NoMemory> {
    Ok((0..len).map(|_| T::new()).collect())
}

#[cfg(quipu_loom)]
pub(in crate::store) use boxed_zeros as zeroed;

#[cfg(test)]
mod tests {
    use super::*;

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
        for len in [1, 2, 100] {
            let slice = zeroed::<Wide>(len).unwrap();
            assert_eq!((slice.len(), slice.as_ptr().align_offset(64)), (len, 0));
            assert!(slice.iter().all(|wide| wide.0 == [0; 64]));
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
