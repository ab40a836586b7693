//! The buffer that lines are written into.
//!
//! Lines are short and come by the million, so a call to `memcpy` for each of their parts would be most of their cost. Parts are
//! copied in blocks whose size the compiler knows, which takes a few moves. Such a copy may write beyond the part's end:
//! what comes next overwrites that.

/// A byte string kept in a block of `N` bytes, so that it is copied as one. A longer one is kept elsewhere, and copied slowly.
#[derive(Debug)]
pub(super) struct Block<const N: usize> {
    bytes: [u8; N],
    len: usize,
    long: Vec<u8>,
}

impl<const N: usize> Default for Block<N> {
    fn default() -> Self {
        Block { bytes: [0; N], len: 0, long: Vec::new() }
    }
}

impl<const N: usize> Block<N> {
    /// Replaces the string by `parts`, one after another.
    pub(super) fn set(&mut self, parts: &[&[u8]]) {
        self.len = parts.iter().map(|part| part.len()).sum();
        self.long.clear();
        if self.len > N {
            parts.iter().for_each(|part| self.long.extend_from_slice(part));
            return;
        }
        let mut at = 0;
        for part in parts {
            self.bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        if self.len <= N { &self.bytes[..self.len] } else { &self.long }
    }
}

/// A vector that is as long as its room, and cut to what was written at the end.
#[derive(Debug)]
pub(super) struct Out<'a> {
    buffer: &'a mut Vec<u8>,
    len: usize,
}

impl<'a> Out<'a> {
    /// Overwrites `buffer` from its start.
    pub(super) fn new(buffer: &'a mut Vec<u8>) -> Out<'a> {
        Out { buffer, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn finish(self) {
        self.buffer.truncate(self.len);
    }

    /// Lets `write` write at most `len` bytes.
    #[inline(always)]
    pub(super) fn write(&mut self, len: usize, write: impl FnOnce(&mut Room<'_>)) {
        let end = self.len + len + Room::BEYOND;
        if self.buffer.len() < end {
            self.grow(end);
        }
        let mut room = Room { bytes: &mut self.buffer[self.len..], at: 0 };
        write(&mut room);
        self.len += room.at;
    }

    #[cold]
    fn grow(&mut self, end: usize) {
        self.buffer.resize(end.max(super::CHUNK + super::CHUNK / 8), 0);
    }
}

/// Room that was made in a buffer. A value of its own, which the compiler keeps in registers.
#[derive(Debug)]
pub(super) struct Room<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Room<'_> {
    /// How far a copy may write beyond the end of its part.
    const BEYOND: usize = 256;

    #[inline(always)]
    fn put_array_at<const N: usize>(&mut self, at: usize, bytes: &[u8; N]) {
        self.bytes[at..at + N].copy_from_slice(bytes);
    }

    #[inline(always)]
    pub(super) fn put_array<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.put_array_at(self.at, bytes);
        self.at += N;
    }

    /// Writes the first `len` of `bytes`.
    #[inline(always)]
    pub(super) fn put_part<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        debug_assert!(len <= N && N <= Self::BEYOND);
        self.put_array_at(self.at, bytes);
        self.at += len;
    }

    #[inline(always)]
    pub(super) fn put_block<const N: usize>(&mut self, block: &Block<N>) {
        const { assert!(N <= Self::BEYOND) };
        if block.len > N {
            return self.put_long(&block.long);
        }
        self.put_part(&block.bytes, block.len);
    }

    /// Copies the first `N` bytes and the last `N`, which together are all of at most twice as many.
    #[inline(always)]
    fn put_ends<const N: usize>(&mut self, bytes: &[u8]) -> bool {
        let (Some(start), Some(end)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else { return false };
        self.put_array_at(self.at, start);
        self.put_array_at(self.at + bytes.len() - N, end);
        self.at += bytes.len();
        true
    }

    /// Writes text of any length, quickly from 16 to 128 bytes.
    #[inline(always)]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > 128 {
            return self.put_long(bytes);
        }
        if !self.put_ends::<64>(bytes) && !self.put_ends::<32>(bytes) && !self.put_ends::<16>(bytes) {
            self.put_short(bytes);
        }
    }

    /// Writes text of at most 32 bytes.
    #[inline(always)]
    pub(super) fn put_short(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= 32);
        if !self.put_ends::<16>(bytes)
            && !self.put_ends::<8>(bytes)
            && !self.put_ends::<4>(bytes)
            && !self.put_ends::<2>(bytes)
            && let [byte] = bytes
        {
            self.put_array(&[*byte]);
        }
    }

    #[inline(never)]
    fn put_long(&mut self, bytes: &[u8]) {
        self.bytes[self.at..][..bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_every_length_arrive_whole() {
        let bytes: Vec<u8> = (1..=255).cycle().take(400).collect();
        for len in 0..400 {
            let part = &bytes[..len];
            let mut block = Block::<64>::default();
            block.set(&[&part[..len / 3], &part[len / 3..]]);
            assert_eq!(block.as_slice(), part);
            let mut buffer = vec![0xff; 3];
            let mut out = Out::new(&mut buffer);
            out.write(2 * len + 1, |room| {
                room.put(part);
                room.put_block(&block);
                room.put_array(b"!");
            });
            if len <= 32 {
                out.write(len, |room| room.put_short(part));
            }
            out.finish();
            let short = if len <= 32 { part } else { &[] };
            assert_eq!(buffer, [part, part, b"!", short].concat(), "{len}");
        }
    }
}
