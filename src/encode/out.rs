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
        self.long.clear();
        parts.iter().for_each(|part| self.long.extend_from_slice(part));
        self.len = self.long.len();
        if let Some(bytes) = self.bytes.get_mut(..self.len) {
            bytes.copy_from_slice(&self.long);
        }
    }
}

impl<const N: usize> Block<N> {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.long
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

    /// As [`new`](Self::new), with room for `len` bytes.
    pub(super) fn with_room(buffer: &'a mut Vec<u8>, len: usize) -> Out<'a> {
        if buffer.len() < len {
            buffer.resize(len, 0);
        }
        Out { buffer, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn finish(self) {
        self.buffer.truncate(self.len);
    }

    /// Lets `text` write itself, at most `max_len` bytes.
    #[inline(always)]
    pub(super) fn write(&mut self, max_len: usize, text: impl Write) {
        match self.buffer.get_mut(self.len..).and_then(|room| room.first_chunk_mut()) {
            Some(bytes) if max_len <= LINE => {
                let mut line = Line { bytes, at: 0 };
                text.write_to(&mut line);
                self.len += line.at;
            }
            _ => self.write_at_length(max_len, text),
        }
    }

    /// As [`write`](Self::write), for what is long or finds little room. Not inlined, so that the quick way keeps its
    /// registers.
    #[cold]
    #[inline(never)]
    fn write_at_length(&mut self, max_len: usize, text: impl Write) {
        let end = self.len + max_len.max(LINE + 1) + BEYOND;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        let mut room = Room { bytes: &mut self.buffer[self.len..], at: 0 };
        text.write_to(&mut room);
        self.len += room.at;
    }
}

/// How far a copy may write beyond the end of its part.
const BEYOND: usize = 256;

/// A text that can write itself to a short line and to a room of any size.
pub(super) trait Write {
    fn write_to(self, out: &mut impl Put);
}

/// A place to put parts of a text.
pub(super) trait Put {
    /// Writes the first `len` of `bytes`, and perhaps the others after them.
    fn put_part<const N: usize>(&mut self, bytes: &[u8; N], len: usize);

    /// Writes exactly `bytes`, by a call.
    fn put_slice(&mut self, bytes: &[u8]);

    #[inline(always)]
    fn put_array<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.put_part(bytes, N);
    }

    #[inline(always)]
    fn put_block<const N: usize>(&mut self, block: &Block<N>) {
        match block.bytes.first_chunk::<96>() {
            Some(bytes) if block.len <= 96 => self.put_part(bytes, block.len),
            _ if block.len <= N => self.put_part(&block.bytes, block.len),
            _ => self.put_slice(&block.long),
        }
    }

    /// Writes `bytes`, quickly from 16 to 128 of them: blocks from the start and from the end, which may overlap.
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        match (bytes.first_chunk::<32>(), bytes.last_chunk::<32>()) {
            (Some(start), Some(end)) if len <= 128 => {
                match (bytes.first_chunk::<64>(), bytes[..len - 32].last_chunk::<32>()) {
                    (Some(start), Some(before_end)) => {
                        self.put_part(start, len - 64);
                        self.put_array(before_end);
                    }
                    _ => self.put_part(start, len - 32),
                }
                self.put_array(end);
            }
            _ => self.put_others(bytes),
        }
    }

    /// As [`put`](Self::put), for less than 32 bytes or more than 128.
    #[inline(always)]
    fn put_others(&mut self, bytes: &[u8]) {
        match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(start), Some(end)) if bytes.len() < 32 => {
                // As numbers: LLVM would make one copy of these and the ones above, by a call since the size varies.
                let [start, end] = [start, end].map(|bytes| u128::from_ne_bytes(*bytes));
                self.put_part(&start.to_ne_bytes(), bytes.len() - 16);
                self.put_array(&end.to_ne_bytes());
            }
            _ => self.put_slice(bytes),
        }
    }
}

/// The longest line that takes the quick way.
const LINE: usize = 255;

/// Room for a line of at most [`LINE`] bytes: the compiler sees that no block can lie outside of it.
#[derive(Debug)]
struct Line<'a> {
    bytes: &'a mut [u8; LINE + 1 + BEYOND],
    at: usize,
}

impl Put for Line<'_> {
    #[inline(always)]
    fn put_part<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        const { assert!(N <= BEYOND) };
        debug_assert!(len <= N && self.at + len <= LINE);
        self.bytes[self.at & LINE..][..N].copy_from_slice(bytes);
        self.at += len;
    }

    #[inline(always)]
    fn put_slice(&mut self, bytes: &[u8]) {
        self.bytes[self.at & LINE..][..bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

/// Room of any size.
#[derive(Debug)]
struct Room<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Put for Room<'_> {
    fn put_part<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        const { assert!(N <= BEYOND) };
        debug_assert!(len <= N);
        self.bytes[self.at..][..N].copy_from_slice(bytes);
        self.at += len;
    }

    fn put_slice(&mut self, bytes: &[u8]) {
        self.bytes[self.at..][..bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Parts<'a> {
        bytes: &'a [u8],
        len: usize,
    }

    impl Write for Parts<'_> {
        fn write_to(self, out: &mut impl Put) {
            let part = &self.bytes[..self.len];
            let mut block = Block::<64>::default();
            block.set(&[&part[..self.len / 3], &part[self.len / 3..]]);
            out.put_slice(part);
            out.put(part);
            out.put_block(&block);
            out.put_array(b"!");
        }
    }

    #[test]
    fn parts_of_every_length_arrive_whole() {
        let bytes: Vec<u8> = (1..=255).cycle().take(400).collect();
        for len in 0..400 {
            let part = &bytes[..len];
            let mut buffer = vec![0xff; 3];
            let mut out = Out::new(&mut buffer);
            for _ in 0..2 {
                out.write(3 * len + 1, Parts { bytes: &bytes, len });
            }
            out.finish();
            let once = [part, part, part, b"!"].concat();
            assert_eq!(buffer, [&once[..], &once].concat(), "{len}");
        }
    }
}
