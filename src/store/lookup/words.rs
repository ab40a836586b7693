//! Strings as words: read inline, because for strings this short a call costs more than the work it does.

#[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable)))]
use crate::store::cells::pages::PAGE;

/// A string of less than eight bytes, in the high bytes of a word.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct ShortStr {
    /// The last byte is the highest. Zeros below the first.
    pub(in crate::store) high: u64,
    /// How many bits are below the first byte.
    pub(in crate::store) rest: u64,
}

impl ShortStr {
    #[inline(always)]
    pub(in crate::store) fn new(bytes: &[u8]) -> ShortStr {
        Self::quick(bytes).unwrap_or_else(|| Self::of_word(put_together(bytes), bytes.len()))
    }

    /// As [`new`](Self::new), without a call; `None` when it takes one.
    #[inline(always)]
    pub(in crate::store) fn quick(bytes: &[u8]) -> Option<ShortStr> {
        debug_assert!(bytes.len() < 8);
        if bytes.is_empty() {
            return Some(ShortStr { high: 0, rest: 64 });
        }
        Some(Self::of_word(eight_from(bytes)?, bytes.len()))
    }

    /// With the string, which is not empty, in the low bytes of the word, and anything above them.
    #[inline(always)]
    fn of_word(word: u64, len: usize) -> ShortStr {
        // 64 - 8 * len, which the compiler would work out twice, in two ways.
        let rest = 8 * (len as u64 ^ 7) + 8;
        ShortStr { high: word.wrapping_shl(rest as u32), rest }
    }

    /// The string in the low bytes of a word, zeros behind its last.
    #[inline(always)]
    pub(in crate::store) fn word(self) -> u64 {
        // An empty one is zero anyway.
        self.high.wrapping_shr(self.rest as u32)
    }
}

/// The string, which is not empty, in the low bytes of a word, with any bytes in the rest; `None` when it takes a call.
///
/// One load, where the bytes behind the string are in the same page and so can be read: to put a word together from only
/// those of the string takes ten instructions more, or a branch on its length, which nobody can guess.
#[cfg(all(target_arch = "x86_64", not(miri), not(quipu_portable)))]
#[inline(always)]
fn eight_from(bytes: &[u8]) -> Option<u64> {
    // In the last eight bytes of a page.
    if (bytes.as_ptr() as usize + 8) & (PAGE - 8) == 0 {
        return None;
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
    Some(word)
}

#[cfg(not(all(target_arch = "x86_64", not(miri), not(quipu_portable))))]
#[inline(always)]
fn eight_from(bytes: &[u8]) -> Option<u64> {
    Some(put_together(bytes))
}

/// The string, of one to seven bytes, in the low bytes of a word, zeros above them. By loads that overlap.
#[cfg_attr(all(target_arch = "x86_64", not(miri), not(quipu_portable)), cold, inline(never))]
#[cfg_attr(not(all(target_arch = "x86_64", not(miri), not(quipu_portable))), inline(always))]
fn put_together(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (len - 4));
    }
    [0, len / 2, len - 1].into_iter().fold(0, |word, n| word | u64::from(bytes[n]) << (8 * n))
}

/// The first eight bytes.
#[inline(always)]
pub(in crate::store) fn first(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The last eight bytes.
#[inline(always)]
pub(in crate::store) fn last(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |word| u64::from_le_bytes(*word))
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
                assert_eq!(ShortStr::new(bytes).word(), u64::from_le_bytes(expected), "{len} bytes at {start}");
            }
        }
    }

    /// Behind this page nothing can be read.
    #[test]
    #[cfg(all(unix, not(miri)))]
    fn a_short_string_at_the_end_of_memory_is_read() {
        let pages = crate::store::cells::pages::reserve(2 * 4096).unwrap();
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
            assert_eq!(ShortStr::new(bytes).word(), 0x78_7878_7878_7878 & ((1 << (8 * len)) - 1));
        }
    }
}
