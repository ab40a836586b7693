//! Memory for series: pieces of a multiple of eight bytes, without the 8 to 23 bytes that a general allocator adds to each.
//!
//! A series of three labels takes about 100 bytes, and there can be a million. Pieces are cut from slabs of 16 KiB, each of which
//! has pieces of one size at a time. A slab of which no piece is in use goes back to the system, and serves any size later; its
//! address stays reserved.

use crate::store::cells::pages;
use crate::sync::{Mutex, lock};
use core::alloc::Layout;
use core::ptr::NonNull;

/// Pieces are multiples of this.
const UNIT: usize = 8;

const MIN: usize = 32;

/// The largest piece of a slab. Larger ones, of series with long labels, come from the general allocator.
const MAX: usize = 1024;

/// The most that a piece can be aligned to.
const MAX_ALIGN: usize = 16;

/// Of a slab, which is aligned to it: a piece finds the start of its slab by its address.
const SLAB: usize = 16 * 1024;

/// Slabs that are reserved together. Only what is used of them is resident.
const SLABS: usize = 64;

/// The pieces of a process.
pub(in crate::store) static POOL: Pool = Pool::new();

/// Hands out pieces of slabs, and takes them back.
pub(in crate::store) struct Pool(Mutex<Slabs>);

struct Slabs {
    /// All slabs, by their numbers.
    all: Vec<Slab>,
    /// Those with a free piece, by the size of their pieces in units. The lowest number goes first: series that are made one after
    /// another, and read one after another by every scrape, then lie one after another.
    partial: [Bits; MAX / UNIT + 1],
    /// Those that are not resident.
    absent: Bits,
    /// One that is empty and was not given back yet: so that a series that comes and goes does not take two system calls.
    empty: Option<usize>,
}

/// The start of a slab, by which all of its region can be reached. Used under the lock only.
#[derive(Clone, Copy)]
struct Slab(NonNull<Header>);

// SAFETY: whoever has the lock uses it.
unsafe impl Send for Slab {}

/// The start of a slab that is in use. Its pieces follow.
struct Header {
    number: u32,
    /// Pieces in use.
    used: u16,
    /// The size of a piece.
    size: u16,
    /// Bit `n` is set while piece `n` is free.
    free: Bitmap,
}

type Bitmap = [u64; SLAB / MIN / u64::BITS as usize];

/// Where the first piece is.
const FIRST: usize = size_of::<Header>().next_multiple_of(MAX_ALIGN);

/// The size of the piece for a layout, if a slab has such.
fn piece_size(layout: Layout) -> Option<usize> {
    let size = layout.size().max(MIN).next_multiple_of(layout.align().max(UNIT));
    (size <= MAX && layout.align() <= MAX_ALIGN).then_some(size)
}

impl Pool {
    const fn new() -> Pool {
        Pool(Mutex::new(Slabs {
            all: Vec::new(),
            partial: [const { Bits(Vec::new()) }; MAX / UNIT + 1],
            absent: Bits(Vec::new()),
            empty: None,
        }))
    }

    /// A piece for `layout`, which is not empty. `None` when the process can have no more memory.
    pub(in crate::store) fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        match piece_size(layout) {
            Some(size) => lock(&self.0).take(size),
            // SAFETY: the caller's layout is not empty.
            None => NonNull::new(unsafe { std::alloc::alloc(layout) }),
        }
    }

    /// Takes a piece back.
    ///
    /// # Safety
    /// It came from [`allocate`](Self::allocate) with the same layout, and is not used any more.
    pub(in crate::store) unsafe fn free(&self, piece: NonNull<u8>, layout: Layout) {
        match piece_size(layout) {
            // SAFETY: passed on.
            Some(_) => unsafe { lock(&self.0).give_back(piece) },
            // SAFETY: passed on; a layout of this size was passed to the general allocator.
            None => unsafe { std::alloc::dealloc(piece.as_ptr(), layout) },
        }
    }
}

impl Slabs {
    /// The free piece of this size that is lowest in the order of slabs.
    fn take(&mut self, size: usize) -> Option<NonNull<u8>> {
        let number = match self.partial[size / UNIT].first() {
            Some(number) => number,
            None => self.put_to_use(size)?,
        };
        let slab = self.all[number];
        // SAFETY: a slab in use has a header, and this is the lock's holder.
        let header = unsafe { slab.header() };
        let piece = header.take();
        if usize::from(header.used) == pieces(size) {
            self.partial[size / UNIT].set(number, false);
        }
        // SAFETY: inside the slab: it has as many pieces.
        Some(unsafe { slab.0.cast::<u8>().add(FIRST + piece * size) })
    }

    /// Makes a slab for pieces of this size, and returns its number.
    fn put_to_use(&mut self, size: usize) -> Option<usize> {
        if self.empty.is_none() && self.absent.first().is_none() {
            self.grow()?;
        }
        self.partial[size / UNIT].reserve(self.all.len())?;
        let number = self.empty.take().or_else(|| self.absent.first())?;
        self.absent.set(number, false);
        // SAFETY: the slab is not in use, and is as large and as aligned as a header has to be.
        unsafe { self.all[number].0.write(Header::new(number, size)) };
        self.partial[size / UNIT].set(number, true);
        Some(number)
    }

    /// Reserves slabs.
    fn grow(&mut self) -> Option<()> {
        let len = self.all.len();
        self.all.try_reserve(SLABS).ok()?;
        self.absent.reserve(len + SLABS)?;
        let memory = pages::reserve((SLABS + 1) * SLAB)?;
        let to_boundary = memory.as_ptr().align_offset(SLAB);
        for n in 0..SLABS {
            // SAFETY: there is one slab more than needed, of which less is left out at the start.
            let slab = unsafe { memory.add(to_boundary + n * SLAB) };
            self.all.push(Slab(slab.cast()));
            self.absent.set(len + n, true);
        }
        Some(())
    }

    /// # Safety
    /// The piece came from [`take`](Self::take), and is not used any more.
    unsafe fn give_back(&mut self, piece: NonNull<u8>) {
        let start = piece.as_ptr().map_addr(|address| address & !(SLAB - 1));
        // SAFETY: the start of a slab, which no address below is.
        let slab = Slab(unsafe { NonNull::new_unchecked(start) }.cast());
        // SAFETY: the piece is in use, and so is its slab; this is the lock's holder.
        let header = unsafe { slab.header() };
        let (number, size) = (header.number as usize, usize::from(header.size));
        header.give_back((piece.addr().get() - start.addr() - FIRST) / size);
        let is_partial = header.used > 0;
        self.partial[size / UNIT].set(number, is_partial);
        if !is_partial && let Some(number) = self.empty.replace(number) {
            // SAFETY: no piece of this slab is in use, and its header is written anew before the next is.
            unsafe { pages::discard(self.all[number].0.cast(), SLAB) };
            self.absent.set(number, true);
        }
    }
}

impl Slab {
    /// # Safety
    /// The slab is in use, and the caller holds the lock for as long.
    unsafe fn header<'a>(mut self) -> &'a mut Header {
        // SAFETY: passed on.
        unsafe { self.0.as_mut() }
    }
}

/// The number of pieces in a slab.
fn pieces(size: usize) -> usize {
    (SLAB - FIRST) / size
}

impl Header {
    fn new(number: usize, size: usize) -> Header {
        let free = core::array::from_fn(|word| match pieces(size).saturating_sub(64 * word) {
            left @ 0..64 => (1 << left) - 1,
            _ => u64::MAX,
        });
        Header { number: number as u32, used: 0, size: size as u16, free }
    }

    /// Takes the lowest free piece; there is one.
    fn take(&mut self) -> usize {
        let (word, bits) = self.free.iter_mut().enumerate().find(|(_, bits)| **bits != 0).expect("a piece is free");
        let bit = bits.trailing_zeros() as usize;
        *bits &= *bits - 1;
        self.used += 1;
        64 * word + bit
    }

    fn give_back(&mut self, piece: usize) {
        self.free[piece / 64] |= 1 << (piece % 64);
        self.used -= 1;
    }
}

/// A set of small numbers.
struct Bits(Vec<u64>);

impl Bits {
    /// Makes room for the numbers below this.
    fn reserve(&mut self, numbers: usize) -> Option<()> {
        let words = numbers.div_ceil(64).max(self.0.len());
        self.0.try_reserve(words - self.0.len()).ok()?;
        self.0.resize(words, 0);
        Some(())
    }

    /// Takes a number in, or out.
    fn set(&mut self, number: usize, is_in: bool) {
        let (word, bit) = (&mut self.0[number / 64], 1 << (number % 64));
        *word = if is_in { *word | bit } else { *word & !bit };
    }

    fn first(&self) -> Option<usize> {
        let (word, bits) = self.0.iter().enumerate().find(|(_, bits)| **bits != 0)?;
        Some(64 * word + bits.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Pool {
        /// Slabs that are resident.
        fn resident(&self) -> usize {
            let slabs = lock(&self.0);
            slabs.all.len() - slabs.absent.0.iter().map(|bits| bits.count_ones() as usize).sum::<usize>()
        }

        fn allocate_all(&self, layouts: impl Iterator<Item = Layout>) -> Vec<(NonNull<u8>, Layout)> {
            layouts.map(|layout| (self.allocate(layout).unwrap(), layout)).collect()
        }

        fn free_all(&self, pieces: impl IntoIterator<Item = (NonNull<u8>, Layout)>) {
            for (piece, layout) in pieces {
                // SAFETY: tests free what they allocated, once.
                unsafe { self.free(piece, layout) };
            }
        }
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Slabs that are full of pieces of this size, but for the last.
    fn slabs_for(count: usize, size: usize) -> usize {
        count.div_ceil(pieces(size))
    }

    const MANY: usize = if cfg!(miri) { 600 } else { 20_000 };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

        /// Against a list of what is in use: no two pieces overlap, and all are as aligned as they have to be.
        #[test]
        fn pieces_are_apart(
            steps in prop::collection::vec(
                (1..1200usize, prop_oneof![Just(8usize), Just(16)], any::<prop::sample::Index>(), prop::bool::weighted(0.6)),
                1..if cfg!(miri) { 60 } else { 600 },
            ),
        ) {
            static POOL: Pool = Pool::new();
            let mut used: Vec<(NonNull<u8>, Layout, u8)> = Vec::new();
            for (n, (size, align, which, is_taking)) in steps.into_iter().enumerate() {
                if is_taking || used.is_empty() {
                    let (layout, mark) = (layout(size, align), n as u8);
                    let piece = POOL.allocate(layout).unwrap();
                    let range = |piece: NonNull<u8>, layout: Layout| piece.addr().get()..piece.addr().get() + layout.size();
                    let mine = range(piece, layout);
                    prop_assert_eq!(mine.start % align, 0);
                    for (other, layout, _) in &used {
                        let other = range(*other, *layout);
                        prop_assert!(mine.end <= other.start || other.end <= mine.start);
                    }
                    // SAFETY: the piece has this many bytes.
                    unsafe { piece.write_bytes(mark, size) };
                    used.push((piece, layout, mark));
                } else {
                    let (piece, layout, mark) = used.swap_remove(which.index(used.len()));
                    // SAFETY: written when it was taken.
                    let bytes = unsafe { core::slice::from_raw_parts(piece.as_ptr(), layout.size()) };
                    prop_assert!(bytes.iter().all(|byte| *byte == mark));
                    POOL.free_all([(piece, layout)]);
                }
            }
            POOL.free_all(used.into_iter().map(|(piece, layout, _)| (piece, layout)));
            // No piece is lost: the slab that is kept, and no other.
            prop_assert!(POOL.resident() <= 1);
        }
    }

    #[test]
    fn freed_pieces_come_back_in_the_order_of_their_creation() {
        static POOL: Pool = Pool::new();
        let layout = layout(88, UNIT);
        let pieces: Vec<_> = POOL.allocate_all((0..MANY).map(|_| layout));
        POOL.free_all((0..MANY).filter(|n| n % 7 != 0).map(|n| pieces[n]));
        let again = POOL.allocate_all((0..MANY).filter(|n| n % 7 != 0).map(|_| layout));
        let before: Vec<_> = (0..MANY).filter(|n| n % 7 != 0).map(|n| pieces[n]).collect();
        assert!(again == before);
        POOL.free_all((0..MANY).map(|n| pieces[n]));
    }

    #[test]
    fn slabs_of_one_size_serve_another() {
        static POOL: Pool = Pool::new();
        for size in (40..=520).step_by(40) {
            let pieces = POOL.allocate_all((0..MANY).map(|_| layout(size, UNIT)));
            assert!(POOL.resident() <= slabs_for(MANY, size) + 1, "{size}");
            // In another order, in which each comes once, as 7 does not divide their number.
            POOL.free_all((0..MANY).map(|n| pieces[n * 7 % MANY]));
            assert!(POOL.resident() <= 1, "{size}");
        }
        assert!(lock(&POOL.0).all.len() <= slabs_for(MANY, 520).next_multiple_of(SLABS));
    }

    #[test]
    fn a_few_that_stay_keep_no_more_than_their_slabs() {
        static POOL: Pool = Pool::new();
        let pieces = POOL.allocate_all((0..MANY).map(|_| layout(96, UNIT)));
        let stays = |n: &usize| n.is_multiple_of(MANY / 10);
        POOL.free_all((0..MANY).filter(|n| !stays(n)).map(|n| pieces[n]));
        assert!(POOL.resident() <= 11, "{}", POOL.resident());
        POOL.free_all((0..MANY).filter(stays).map(|n| pieces[n]));
        assert!(POOL.resident() <= 1);
    }

    #[test]
    fn a_piece_that_comes_and_goes_keeps_its_slab() {
        static POOL: Pool = Pool::new();
        let first = POOL.allocate(layout(64, UNIT)).unwrap();
        POOL.free_all([(first, layout(64, UNIT))]);
        assert_eq!((POOL.resident(), POOL.allocate(layout(64, UNIT))), (1, Some(first)));
        POOL.free_all([(first, layout(64, UNIT))]);
    }
}
