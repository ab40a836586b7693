//! The buffer that lines are written into.
//!
//! Lines are short and come by the million, so a call to `memcpy` for each of their parts would be most of their cost. Parts are
//! copied in blocks whose size the compiler knows, which takes a few moves. Such a copy may write beyond the part's end:
//! what comes next overwrites that.

/// A byte string kept in pieces of `N` bytes, of which as many are copied as it takes, and also as a whole, to be copied
/// slowly.
#[derive(Debug)]
pub(super) struct Block<const N: usize, const PIECES: usize> {
    pieces: [[u8; N]; PIECES],
    len: usize,
    long: Vec<u8>,
}

impl<const N: usize, const PIECES: usize> Default for Block<N, PIECES> {
    fn default() -> Self {
        Block { pieces: [[0; N]; PIECES], len: 0, long: Vec::new() }
    }
}

impl<const N: usize, const PIECES: usize> Block<N, PIECES> {
    /// Replaces the string by `parts`, one after another.
    pub(super) fn set(&mut self, parts: &[&[u8]]) {
        self.long = parts.concat();
        self.len = self.long.len();
        if let Some(bytes) = self.pieces.as_flattened_mut().get_mut(..self.len) {
            bytes.copy_from_slice(&self.long);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether the pieces hold all of the string.
    pub(super) fn fits(&self) -> bool {
        self.len <= N * PIECES
    }
}

/// What several lines begin with, a head and labels, put together quickly if they are short.
#[derive(Debug)]
pub(super) struct Start {
    bytes: [u8; ROOM],
    len: usize,
    /// One that is not short; else empty.
    long: Vec<u8>,
}

impl Default for Start {
    fn default() -> Self {
        Start { bytes: [0; ROOM], len: 0, long: Vec::new() }
    }
}

impl Start {
    /// Replaces it. Only a short one is good for a [`Short`].
    #[inline(always)]
    pub(super) fn set<const N: usize, const PIECES: usize>(
        &mut self,
        is_short: bool,
        head: &Block<N, PIECES>,
        labels: &str,
    ) {
        self.long.clear();
        if is_short {
            let mut short = Short { bytes: &mut self.bytes, at: 0 };
            short.put_block(head);
            short.put(labels.as_bytes());
            self.len = short.at;
        } else {
            self.long.extend_from_slice(&head.long);
            self.long.extend_from_slice(labels.as_bytes());
        }
    }

    fn as_slice(&self) -> &[u8] {
        if self.long.is_empty() { &self.bytes[..self.len] } else { &self.long }
    }
}

/// A vector that is as long as its room, and cut to what was written at the end.
#[derive(Debug, Default)]
pub(super) struct Out {
    bytes: Vec<u8>,
    len: usize,
}

impl Out {
    /// Overwrites `bytes` from the start.
    pub(super) fn new(bytes: Vec<u8>) -> Out {
        Out { bytes, len: 0 }
    }

    /// As [`new`](Self::new), with room for `len` bytes, and memory for `capacity`.
    pub(super) fn with_room(mut bytes: Vec<u8>, len: usize, capacity: usize) -> Out {
        bytes.reserve_exact(capacity.saturating_sub(bytes.len()));
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Out { bytes, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// What was written.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }

    /// The room behind what was written: enough for short texts that begin before `end`, and for at least one.
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

    /// Lets any `text` write itself, at most `max_len` bytes. Not inlined, so that the quick way keeps its registers.
    #[cold]
    #[inline(never)]
    pub(super) fn write(&mut self, max_len: usize, text: impl Write) {
        let end = self.len + max_len + BEYOND;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let mut long = Long { bytes: &mut self.bytes[self.len..], at: 0 };
        text.write_to(&mut long);
        self.len += long.at;
    }
}

/// How far a copy may write beyond the end of its part.
const BEYOND: usize = 128;

/// Room that a short text takes.
const ROOM: usize = SHORT + 1 + BEYOND;

/// A text that can write itself to a short place and to one of any size.
pub(super) trait Write {
    fn write_to(self, out: &mut impl Put);
}

/// A place to put parts of a text.
pub(super) trait Put {
    /// Writes the first `len` of `bytes`, and perhaps the others after them.
    fn put_part<const N: usize>(&mut self, bytes: &[u8; N], len: usize);

    /// Writes the string of a block.
    fn put_block<const N: usize, const PIECES: usize>(&mut self, block: &Block<N, PIECES>);

    /// Writes a start.
    fn put_start(&mut self, start: &Start);

    /// Writes `bytes`, whose length the compiler does not know.
    fn put(&mut self, bytes: &[u8]);

    #[inline(always)]
    fn put_array<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.put_part(bytes, N);
    }
}

/// The longest text that is written the quick way.
pub(super) const SHORT: usize = 255;

const _: () = assert!((SHORT + 1).is_power_of_two(), "lengths and places are masked by it");

/// The longest part of it, other than blocks.
pub(super) const SHORT_PART: usize = 128;

/// The longest start of it.
pub(super) const SHORT_START: usize = 192;

/// Room for a short text: the compiler sees that no block can lie outside of it. Nothing is called, so that all that the loop
/// over the lines needs stays in registers.
#[derive(Debug)]
pub(super) struct Short<'a> {
    bytes: &'a mut [u8; ROOM],
    at: usize,
}

impl Short<'_> {
    /// The start of `bytes`, if there is enough room.
    #[inline(always)]
    pub(super) fn new(bytes: &mut [u8]) -> Option<Short<'_>> {
        Some(Short { bytes: bytes.first_chunk_mut()?, at: 0 })
    }

    /// Lets `text` write itself; returns its length.
    ///
    /// It is at most [`SHORT`] bytes long, its blocks hold what was put into them, and no part is longer than [`SHORT_PART`].
    #[inline(always)]
    pub(super) fn write(mut self, text: impl Write) -> usize {
        text.write_to(&mut self);
        // So that the compiler knows that the next one's room begins in this one's.
        self.at & SHORT
    }
}

impl Put for Short<'_> {
    #[inline(always)]
    fn put_part<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        const { assert!(N <= BEYOND) };
        debug_assert!(len <= N && self.at + len <= SHORT);
        self.bytes[self.at & SHORT..][..N].copy_from_slice(bytes);
        self.at += len;
    }

    #[inline(always)]
    fn put_block<const N: usize, const PIECES: usize>(&mut self, block: &Block<N, PIECES>) {
        let mut left = block.len;
        for piece in &block.pieces {
            self.put_part(piece, left.min(N));
            if left <= N {
                return;
            }
            left -= N;
        }
    }

    #[inline(always)]
    fn put_start(&mut self, start: &Start) {
        const HALF: usize = SHORT_START / 2;
        let (first, rest) = start.bytes.split_at(HALF);
        if let (Some(first), Some(second)) = (first.first_chunk::<HALF>(), rest.first_chunk::<HALF>()) {
            self.put_part(first, start.len.min(HALF));
            if start.len > HALF {
                self.put_part(second, start.len - HALF);
            }
        }
    }

    /// Blocks from the start and from the end, which may overlap.
    #[inline(always)]
    fn put(&mut self, bytes: &[u8]) {
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
}

impl Short<'_> {
    /// As [`put`](Put::put), for less than 32 bytes.
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

/// Room of any size.
#[derive(Debug)]
struct Long<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Put for Long<'_> {
    fn put_part<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        const { assert!(N <= BEYOND) };
        debug_assert!(len <= N);
        self.bytes[self.at..][..N].copy_from_slice(bytes);
        self.at += len;
    }

    fn put_block<const N: usize, const PIECES: usize>(&mut self, block: &Block<N, PIECES>) {
        self.put(&block.long);
    }

    fn put_start(&mut self, start: &Start) {
        self.put(start.as_slice());
    }

    fn put(&mut self, bytes: &[u8]) {
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
            let mut block = Block::<32, 4>::default();
            block.set(&[&part[..self.len / 3], &part[self.len / 3..]]);
            out.put(part);
            out.put_block(&block);
            out.put_array(b"!");
        }
    }

    #[test]
    fn short_texts_arrive_whole() {
        let bytes: Vec<u8> = (1..=255).collect();
        for len in 0..SHORT_PART {
            for room in [0, SHORT + BEYOND, SHORT + BEYOND + 1, SHORT + BEYOND + 2, 1000] {
                let (mut out, mut written) = (vec![0; room], 0);
                let mut expected = Vec::new();
                while let Some(short) = Short::new(&mut out[written..]) {
                    written += short.write(Parts { bytes: &bytes, len });
                    expected.extend([&bytes[..len], &bytes[..len], b"!"].concat());
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
                let mut out = Out::with_room(Vec::new(), room, 100);
                out.room_to(written);
                out.advance(written);
                let room = out.room_to(end);
                let last = end.max(written + 1) - 1 - written;
                assert!(Short::new(&mut room[last..]).is_some(), "{written} {end}");
                assert!(Short::new(&mut room[last + 1..]).is_none(), "{written} {end}");
            }
        }
    }

    #[test]
    fn texts_of_every_length_arrive_whole() {
        let bytes: Vec<u8> = (1..=255).cycle().take(400).collect();
        for len in 0..400 {
            let part = &bytes[..len];
            let mut out = Out::new(vec![0xff; 3]);
            for _ in 0..2 {
                out.write(2 * len + 1, Parts { bytes: &bytes, len });
            }
            let once = [part, part, b"!"].concat();
            assert_eq!(out.finish(), [&once[..], &once].concat(), "{len}");
        }
    }
}
