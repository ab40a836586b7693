//! Short strings as words: read and compared inline, because for strings this short a call costs more than its work.

#[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable)))]
use super::pages::PAGE;

/// A string of less than eight bytes as a word: its first byte in the lowest, zeros behind its last.
#[inline(always)]
pub(super) fn short(bytes: &[u8]) -> u64 {
    debug_assert!(bytes.len() < 8);
    if bytes.is_empty() {
        return 0;
    }
    let rest = 64 - 8 * bytes.len() as u32;
    eight_from(bytes).wrapping_shl(rest).wrapping_shr(rest)
}

/// The string, which is not empty, in the low bytes of a word, with any bytes in the rest.
///
/// One load, where the bytes behind the string are in the same page and so can be read: to put a word together from only
/// those of the string takes ten instructions more, or a branch on its length, which nobody can guess.
#[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable)))]
#[inline(always)]
fn eight_from(bytes: &[u8]) -> u64 {
    if bytes.as_ptr() as usize % PAGE > PAGE - 8 {
        return put_together(bytes);
    }
    let word;
    // Assembly, because the language has no way to read bytes that belong to nobody, or to somebody who writes them meanwhile.
    // SAFETY: the first byte can be read, so its page can. Whatever stands behind the string, the caller leaves away.
    unsafe {
        core::arch::asm!(
            "mov {word}, [{start}]",
            word = out(reg) word,
            start = in(reg) bytes.as_ptr(),
            options(pure, readonly, nostack, preserves_flags)
        );
    }
    word
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(quipu_portable))))]
fn eight_from(bytes: &[u8]) -> u64 {
    put_together(bytes)
}

#[cold]
#[inline(never)]
fn put_together(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// The first eight bytes.
#[inline(always)]
pub(super) fn first(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The last eight bytes.
#[inline(always)]
pub(super) fn last(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// Whether two strings of the same length, of at least eight bytes, are the same.
#[inline(always)]
pub(super) fn is_same(a: &[u8], b: &[u8]) -> bool {
    match b.len() {
        ..=16 => (first(a) ^ first(b)) | (last(a) ^ last(b)) == 0,
        17..=32 => a.first_chunk::<16>() == b.first_chunk::<16>() && a.last_chunk::<16>() == b.last_chunk::<16>(),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_string_is_its_bytes_wherever_it_lies() {
        let page: Vec<u8> = (0..3 * 4096).map(|n| (n % 251) as u8 + 1).collect();
        for len in 0..8 {
            // Around the ends of the pages in it, which strings may cross.
            for start in 0..page.len() - 8 {
                let bytes = &page[start..start + len];
                let mut expected = [0; 8];
                expected[..len].copy_from_slice(bytes);
                assert_eq!(short(bytes), u64::from_le_bytes(expected), "{len} bytes at {start}");
            }
        }
    }

    /// Behind this page nothing can be read.
    #[test]
    #[cfg(all(unix, not(miri)))]
    fn a_short_string_at_the_end_of_memory_is_read() {
        let pages = crate::store::pages::reserve(2 * 4096);
        // SAFETY: the second page is this test's.
        let second = unsafe { pages.add(4096) };
        // SAFETY: as above.
        assert_eq!(unsafe { libc::munmap(second.as_ptr().cast(), 4096) }, 0);
        for len in 0..8 {
            // SAFETY: in the first page.
            let start = unsafe { second.sub(len) };
            // SAFETY: the first page is this test's.
            unsafe { start.write_bytes(b'x', len) };
            // SAFETY: as above.
            let bytes = unsafe { core::slice::from_raw_parts(start.as_ptr(), len) };
            assert_eq!(short(bytes), 0x78_7878_7878_7878 & ((1 << (8 * len)) - 1));
        }
    }
}
