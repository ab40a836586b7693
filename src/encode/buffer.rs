//! The buffer that lines are written into.
//!
//! Lines are short and come by the million, so a call to `memcpy` for each of their parts would be most of their cost. Parts are
//! copied in blocks whose size the compiler knows, which takes a few moves. The one contract of all that is here: such a copy may
//! write up to [`BEYOND`] bytes beyond the end of its part, where there is always room, and what comes next overwrites them.
//!
//! [`Buffer`] owns the bytes. [`Line`] writes one short line into it (or the short end of a long one), and [`Block`] keeps what many lines
//! have in common in the form that a line copies quickest. They are not one type: a line must be no more than two
//! registers, and a block must have a size that the compiler knows.

/// How far a copy may write beyond the end of its part.
const BEYOND: usize = 128;

/// The longest text that a [`Line`] takes.
pub(super) const SHORT: usize = 255;

const _: () = assert!((SHORT + 1).is_power_of_two(), "lengths and places are masked by it");

/// The longest part of it, other than blocks.
pub(super) const SHORT_PART: usize = 128;

/// Room that a line takes.
const ROOM: usize = SHORT + 1 + BEYOND;

/// A vector that is as long as its room, and cut to what was written at the end.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// Overwrites `bytes` from the start, with room for `len` bytes, and memory for `capacity`.
    pub(super) fn with_room(mut bytes: Vec<u8>, len: usize, capacity: usize) -> Buffer {
        bytes.reserve_exact(capacity.saturating_sub(bytes.len()));
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Buffer { bytes, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What was written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }

    /// The room behind what was written: enough for lines that begin before `end`, and for at least one.
    #[inline(always)]
    pub(super) fn room_to(&mut self, end: usize) -> &mut [u8] {
        let end = end.max(self.len + 1) - 1 + ROOM;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.len..end]
    }

    /// Says that so much was written there.
    #[inline(always)]
    pub(super) fn advance(&mut self, len: usize) {
        self.len += len;
    }

    /// Writes a line of any length: these parts, and then what `write_rest` writes, which is short. Not inlined, so that the fast
    /// path keeps its registers.
    #[cold]
    #[inline(never)]
    pub(super) fn put_line(&mut self, parts: &[&[u8]], write_rest: impl FnOnce(&mut Line<'_>)) {
        for part in parts {
            let end = self.len + part.len();
            if self.bytes.len() < end {
                self.bytes.resize(end, 0);
            }
            self.bytes[self.len..end].copy_from_slice(part);
            self.len = end;
        }
        if let Some(mut line) = Line::new(self.room_to(self.len)) {
            write_rest(&mut line);
            let written = line.end();
            self.advance(written);
        }
    }
}

/// Room for a short line: the compiler sees that no block can lie outside of it. Nothing is called, so that all that the loop
/// over the lines needs stays in registers.
///
/// What is put is at most [`SHORT`] bytes long, and no part but a block is longer than [`SHORT_PART`].
#[derive(Debug)]
pub(super) struct Line<'a> {
    bytes: &'a mut [u8; ROOM],
    at: usize,
}

impl Line<'_> {
    /// The start of `bytes`, if there is enough room.
    #[inline(always)]
    pub(super) fn new(bytes: &mut [u8]) -> Option<Line<'_>> {
        Some(Line { bytes: bytes.first_chunk_mut()?, at: 0 })
    }

    /// Ends the line with a line feed. Returns its length.
    #[inline(always)]
    pub(super) fn end(mut self) -> usize {
        self.put_array(b"\n");
        // So that the compiler knows that the next one's room begins in this one's.
        self.at & SHORT
    }

    /// Writes the first `len` of `bytes`, and perhaps the others after them.
    #[inline(always)]
    pub(super) fn put_part<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        const { assert!(N <= BEYOND) };
        debug_assert!(len <= N && self.at + len <= SHORT);
        self.bytes[self.at & SHORT..][..N].copy_from_slice(bytes);
        self.at += len;
    }

    #[inline(always)]
    pub(super) fn put_array<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.put_part(bytes, N);
    }

    /// Writes what a block holds.
    #[inline(always)]
    pub(super) fn put_block<const N: usize, const PIECES: usize>(&mut self, block: &Block<N, PIECES>) {
        let mut left = block.len;
        for piece in &block.pieces {
            self.put_part(piece, left.min(N));
            if left <= N {
                return;
            }
            left -= N;
        }
    }

    /// Writes `bytes`, whose length the compiler does not know: blocks from the start and from the end, which may overlap.
    #[inline(always)]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        debug_assert!(len <= SHORT_PART);
        let (Some(start), Some(end)) = (bytes.first_chunk::<32>(), bytes.last_chunk::<32>()) else {
            return self.put_few(bytes);
        };
        match (bytes.first_chunk::<64>(), bytes[..len - 32].last_chunk::<32>()) {
            (Some(start), Some(before_end)) => {
                self.put_part(start, len - 64);
                self.put_array(before_end);
            }
            _ => self.put_part(start, len - 32),
        }
        self.put_array(end);
    }

    /// As [`put`](Self::put), for less than 32 bytes.
    #[inline(always)]
    fn put_few(&mut self, bytes: &[u8]) {
        // As numbers: LLVM would make one copy of all these, by a call since the size varies.
        if let (Some(start), Some(end)) = (bytes.first_chunk(), bytes.last_chunk()) {
            self.put_part(&u128::from_ne_bytes(*start).to_ne_bytes(), bytes.len() - 16);
            self.put_array(&u128::from_ne_bytes(*end).to_ne_bytes());
        } else if let (Some(start), Some(end)) = (bytes.first_chunk(), bytes.last_chunk()) {
            self.put_part(&u64::from_ne_bytes(*start).to_ne_bytes(), bytes.len() - 8);
            self.put_array(&u64::from_ne_bytes(*end).to_ne_bytes());
        } else {
            bytes.iter().for_each(|byte| self.put_array(&[*byte]));
        }
    }
}

/// A byte string in pieces of `N` bytes, of which as many are copied as it takes.
#[derive(Debug)]
pub(super) struct Block<const N: usize, const PIECES: usize> {
    pieces: [[u8; N]; PIECES],
    len: usize,
}

impl<const N: usize, const PIECES: usize> Default for Block<N, PIECES> {
    fn default() -> Self {
        Block { pieces: [[0; N]; PIECES], len: 0 }
    }
}

impl<const N: usize, const PIECES: usize> Block<N, PIECES> {
    /// The longest string that it can hold.
    pub(super) const CAPACITY: usize = N * PIECES;

    /// Replaces the string. One that is too long for it is left out.
    pub(super) fn set(&mut self, bytes: &[u8]) {
        if let Some(room) = self.pieces.as_flattened_mut().get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
            self.len = bytes.len();
        } else {
            self.len = 0;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

/// A block that lines begin with, and that is written as a line is.
pub(super) type Start = Block<96, 4>;

impl Start {
    /// Replaces the string by a block and a part of a line, which are not longer together than a line.
    #[inline(always)]
    pub(super) fn join<const N: usize, const PIECES: usize>(&mut self, block: &Block<N, PIECES>, part: &[u8]) {
        const { assert!(Start::CAPACITY == ROOM) };
        if let Some(mut line) = Line::new(self.pieces.as_flattened_mut()) {
            line.put_block(block);
            line.put(part);
            self.len = line.at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(line: &mut Line<'_>, part: &[u8]) {
        let (mut block, mut start) = (Block::<32, 4>::default(), Start::default());
        block.set(&part[..part.len() / 3]);
        start.join(&block, &part[part.len() / 3..]);
        line.put(&part[..part.len() / 2]);
        line.put(&part[part.len() / 2..]);
        line.put_block(&start);
    }

    #[test]
    fn short_lines_arrive_whole() {
        let bytes: Vec<u8> = (1..=255).collect();
        for len in 0..SHORT_PART {
            for room in [0, SHORT + BEYOND, SHORT + BEYOND + 1, SHORT + BEYOND + 2, 1000] {
                let (mut out, mut written) = (vec![0; room], 0);
                let mut expected = Vec::new();
                while let Some(mut line) = Line::new(&mut out[written..]) {
                    put(&mut line, &bytes[..len]);
                    written += line.end();
                    expected.extend([&bytes[..len], &bytes[..len], b"\n"].concat());
                }
                assert!(room - written < ROOM, "{room}");
                assert_eq!(out[..written], expected, "{len}");
            }
        }
    }

    #[test]
    fn there_is_room_for_all_that_begins_before_the_end_and_for_one() {
        for (written, end) in [(0, 0), (0, 1), (7, 5), (7, 7), (7, 8), (7, 900)] {
            for room in [0, 10, 2000] {
                let mut buffer = Buffer::with_room(Vec::new(), room, 100);
                buffer.room_to(written);
                buffer.advance(written);
                let room = buffer.room_to(end);
                let last = end.max(written + 1) - 1 - written;
                assert!(Line::new(&mut room[last..]).is_some(), "{written} {end}");
                assert!(Line::new(&mut room[last + 1..]).is_none(), "{written} {end}");
            }
        }
    }

    #[test]
    fn lines_of_every_length_arrive_whole() {
        let bytes: Vec<u8> = (1..=255).cycle().take(400).collect();
        for len in 0..400 {
            let (part, short) = (&bytes[..len], &bytes[..len / 4]);
            let mut buffer = Buffer::with_room(vec![0xff; 3], 0, 0);
            for _ in 0..2 {
                buffer.put_line(&[part, part], |line| put(line, short));
            }
            let once = [part, part, short, short, b"\n"].concat();
            assert_eq!(buffer.finish(), [&once[..], &once].concat(), "{len}");
        }
    }

    #[test]
    fn a_string_that_is_too_long_for_a_block_is_left_out() {
        let mut block = Block::<16, 2>::default();
        for (len, kept) in [(5, 5), (32, 32), (33, 0)] {
            block.set(&vec![b'a'; len]);
            assert_eq!(block.len(), kept);
        }
    }
}
