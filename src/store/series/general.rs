//! Memory for series in models: of the general allocator.

use core::alloc::Layout;
use core::ptr::NonNull;

pub(in crate::store) static POOL: Pool = Pool;

pub(in crate::store) struct Pool;

impl Pool {
    /// Memory for `layout`, which is not empty.
    pub(in crate::store) fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: the caller's layout is not empty.
        NonNull::new(unsafe { std::alloc::alloc(layout) })
    }

    /// Takes it back.
    ///
    /// # Safety
    /// It came from [`allocate`](Self::allocate) with the same layout, and is not used any more.
    pub(in crate::store) unsafe fn free(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: passed on.
        unsafe { std::alloc::dealloc(memory.as_ptr(), layout) }
    }
}
