//! Zeroed memory of which only the touched pages are resident.

use core::ptr::NonNull;

/// The unit in which memory becomes resident; a row of a block fills one.
pub(in crate::store) const PAGE: usize = 4096;

/// Reserves `bytes` of zeroed memory at a multiple of [`PAGE`], never to be freed.
///
/// `None` when the process can have no more memory.
pub(in crate::store) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
    imp::reserve(bytes)
}

/// Takes `bytes` of zeroed memory, at least one, until it is [given back](unmap). Where the system has pages to give, they are its own,
/// and huge ones where those are usual.
///
/// `None` when the process can have no more memory.
#[cfg(not(quipu_loom))]
pub(in crate::store) fn map(bytes: usize) -> Option<NonNull<u8>> {
    imp::map(bytes, 0)
}

/// Gives memory back.
///
/// # Safety
/// It was [taken](map) with this number of bytes, and nobody uses it any more.
#[cfg(not(quipu_loom))]
pub(in crate::store) unsafe fn unmap(memory: NonNull<u8>, bytes: usize) {
    // SAFETY: passed on.
    unsafe { imp::unmap(memory, bytes) };
}

/// Gives back pages of reserved memory, which stays reserved, and zero where it was. Does nothing where the system cannot
/// promise that.
///
/// # Safety
/// The memory was reserved here, begins at a multiple of [`PAGE`], and holds nothing but zeros, or what is not read any more.
pub(in crate::store) unsafe fn discard(memory: NonNull<u8>, bytes: usize) {
    #[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
    // SAFETY: private anonymous memory of ours, which reads as zero after this. A refusal costs only memory.
    unsafe {
        libc::madvise(memory.as_ptr().cast(), bytes, libc::MADV_DONTNEED);
    }
    #[cfg(not(all(any(target_os = "linux", target_os = "android"), not(miri))))]
    let _ = (memory, bytes);
}

#[cfg(all(unix, not(miri)))]
mod imp {
    use core::ptr::NonNull;

    /// Sets no swap aside for pages that may never be touched. Other systems lack the flag or do not need it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const NO_RESERVE: libc::c_int = libc::MAP_NORESERVE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const NO_RESERVE: libc::c_int = 0;

    pub(in crate::store) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
        let memory = map(bytes, NO_RESERVE)?;
        // One touched cell would otherwise make 2 MiB resident where transparent huge pages are always on.
        #[cfg(any(target_os = "linux", target_os = "android"))]
        // SAFETY: the range was mapped above; the advice changes no contents, and a refusal costs only memory.
        unsafe {
            libc::madvise(memory.as_ptr().cast(), bytes, libc::MADV_NOHUGEPAGE);
        }
        Some(memory)
    }

    pub(in crate::store) fn map(bytes: usize, flags: libc::c_int) -> Option<NonNull<u8>> {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // Private, so that a forked child counts on in a copy of its own.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | flags;
        // SAFETY: a new anonymous mapping touches no memory that exists.
        let memory = unsafe { libc::mmap(core::ptr::null_mut(), bytes, access, flags, -1, 0) };
        if memory == libc::MAP_FAILED { None } else { NonNull::new(memory.cast()) }
    }

    /// # Safety
    /// The memory was [mapped](map) with this number of bytes, and nobody uses it any more.
    #[cfg(not(quipu_loom))]
    pub(in crate::store) unsafe fn unmap(memory: NonNull<u8>, bytes: usize) {
        // SAFETY: passed on. It fails only for a part of a mapping, if there are too many mappings.
        unsafe { libc::munmap(memory.as_ptr().cast(), bytes) };
    }
}

#[cfg(not(all(unix, not(miri))))]
mod imp {
    use super::PAGE;
    use core::alloc::Layout;
    use core::ptr::NonNull;

    pub(in crate::store) fn reserve(bytes: usize) -> Option<NonNull<u8>> {
        // Aligned by hand: an allocator asked for a large alignment writes every page to zero it.
        let layout = Layout::array::<u8>(bytes + PAGE).ok()?;
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })?;
        let to_boundary = memory.as_ptr().align_offset(PAGE);
        // SAFETY: less than one page further, of which there is one more than asked for.
        Some(unsafe { memory.add(to_boundary) })
    }

    #[cfg(not(quipu_loom))]
    pub(in crate::store) fn map(bytes: usize, _flags: u32) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(bytes, 8).ok()?;
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) })
    }

    /// # Safety
    /// The memory was [mapped](map) with this number of bytes, and nobody uses it any more.
    #[cfg(not(quipu_loom))]
    pub(in crate::store) unsafe fn unmap(memory: NonNull<u8>, bytes: usize) {
        let layout = Layout::from_size_align(bytes, 8).expect("this layout was allocated");
        // SAFETY: allocated in `map` with the same layout.
        unsafe { std::alloc::dealloc(memory.as_ptr(), layout) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zero_and_aligned() {
        let memory = reserve(3 * PAGE).unwrap();
        assert_eq!(memory.as_ptr().align_offset(PAGE), 0);
        for byte in [0, PAGE - 1, PAGE, 3 * PAGE - 1] {
            // SAFETY: inside the reservation.
            let byte = unsafe { memory.add(byte) };
            // SAFETY: as above.
            assert_eq!(unsafe { byte.read() }, 0);
        }
    }

    #[test]
    fn memory_that_was_given_back_is_there() {
        let memory = reserve(3 * PAGE).unwrap();
        for byte in [PAGE - 1, PAGE, 2 * PAGE] {
            // SAFETY: inside the reservation.
            let byte = unsafe { memory.add(byte) };
            // SAFETY: as above.
            unsafe { byte.write(1) };
        }
        // SAFETY: one page in the middle, which is not used.
        let middle = unsafe { memory.add(PAGE) };
        // SAFETY: as above.
        unsafe { discard(middle, PAGE) };
        let read = |byte| {
            // SAFETY: inside the reservation.
            let byte = unsafe { memory.add(byte) };
            // SAFETY: as above.
            unsafe { byte.read() }
        };
        assert_eq!([read(PAGE - 1), read(2 * PAGE)], [1, 1]);
        assert_eq!(read(PAGE), u8::from(cfg!(any(miri, not(any(target_os = "linux", target_os = "android"))))));
    }
}
