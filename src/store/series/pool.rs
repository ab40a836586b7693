//! Memory for series: pieces of a multiple of eight bytes, without the 8 to 23 bytes that a general allocator adds to each.
//!
//! A series of three labels takes about 90 bytes, and there can be a million. Freed pieces wait for the next series of
//! their size; the slabs they are cut from are never freed.

use crate::sync::{Mutex, lock};
use core::alloc::Layout;
use core::cmp::Reverse;
use core::ptr::NonNull;
use std::collections::BinaryHeap;

/// Pieces are multiples of this, and aligned to it.
const UNIT: usize = 8;

/// The largest piece of a slab. Larger ones, of series with long labels, come from the general allocator.
const MAX: usize = 512;

const SLAB: usize = 32 * 1024;

/// The pieces of a process.
pub(in crate::store) static POOL: Pool = Pool::new();

/// Hands out pieces of slabs, and takes them back.
pub(in crate::store) struct Pool(Mutex<Free>);

struct Free {
    /// Freed pieces, by their size in units. The lowest goes first: series that are made one after another, and read one after
    /// another by every scrape, then lie one after another.
    pieces: [BinaryHeap<Reverse<Piece>>; MAX / UNIT + 1],
    /// What is left of the newest slab, in bytes.
    rest: Option<(Piece, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece(NonNull<u8>);

// SAFETY: a free piece belongs to nobody.
unsafe impl Send for Piece {}

impl Pool {
    const fn new() -> Pool {
        Pool(Mutex::new(Free { pieces: [const { BinaryHeap::new() }; MAX / UNIT + 1], rest: None }))
    }

    /// A piece for `layout`, which is aligned to at most eight bytes. Aborts when the process can have no more memory.
    pub(in crate::store) fn allocate(&self, layout: Layout) -> NonNull<u8> {
        debug_assert!(layout.align() <= UNIT);
        let size = layout.size().next_multiple_of(UNIT);
        if size > MAX {
            return general(layout);
        }
        let mut free = lock(&self.0);
        match free.pieces[size / UNIT].pop() {
            Some(Reverse(piece)) => piece.0,
            None => free.cut(size),
        }
    }

    /// Takes a piece back.
    ///
    /// # Safety
    /// It came from [`allocate`](Self::allocate) with the same layout, and is not used any more.
    pub(in crate::store) unsafe fn free(&self, piece: NonNull<u8>, layout: Layout) {
        let size = layout.size().next_multiple_of(UNIT);
        if size > MAX {
            // SAFETY: passed on; a layout of this size was passed to `general`.
            return unsafe { std::alloc::dealloc(piece.as_ptr(), layout) };
        }
        lock(&self.0).pieces[size / UNIT].push(Reverse(Piece(piece)));
    }
}

impl Free {
    fn cut(&mut self, size: usize) -> NonNull<u8> {
        let (piece, left) = match self.rest {
            Some((piece, left)) if left >= size => (piece, left),
            rest => {
                if let Some((piece, left)) = rest.filter(|(_, left)| *left >= UNIT) {
                    self.pieces[left / UNIT].push(Reverse(piece));
                }
                let slab = Layout::from_size_align(SLAB, UNIT).expect("a slab is a small power of two");
                (Piece(general(slab)), SLAB)
            }
        };
        // SAFETY: `size` is at most `left`, which is inside the slab.
        self.rest = Some((Piece(unsafe { piece.0.add(size) }), left - size));
        piece.0
    }
}

fn general(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout here is empty.
    NonNull::new(unsafe { std::alloc::alloc(layout) }).unwrap_or_else(|| std::alloc::handle_alloc_error(layout))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn pieces_do_not_overlap_and_come_back() {
        let pool = Pool::new();
        let mut held: HashMap<NonNull<u8>, (Layout, u8)> = HashMap::new();
        for n in 0..2000usize {
            let layout = Layout::from_size_align(1 + n * 37 % 700, UNIT).unwrap();
            let (piece, mark) = (pool.allocate(layout), n as u8);
            // SAFETY: the piece has this many bytes.
            unsafe { piece.write_bytes(mark, layout.size()) };
            assert!(held.insert(piece, (layout, mark)).is_none(), "a piece was handed out twice");
            if n % 3 == 0 {
                let (&piece, &(layout, mark)) = held.iter().next().unwrap();
                held.remove(&piece);
                // SAFETY: written above.
                let bytes = unsafe { core::slice::from_raw_parts(piece.as_ptr(), layout.size()) };
                assert!(bytes.iter().all(|byte| *byte == mark), "another piece was written into this one");
                // SAFETY: allocated above with this layout.
                unsafe { pool.free(piece, layout) };
            }
        }
        for (piece, (layout, _)) in held {
            // SAFETY: allocated above with this layout.
            unsafe { pool.free(piece, layout) };
        }
    }

    #[test]
    fn freed_pieces_come_back_in_the_order_of_their_addresses() {
        let pool = Pool::new();
        let layout = Layout::from_size_align(88, UNIT).unwrap();
        let pieces: Vec<NonNull<u8>> = (0..20).map(|_| pool.allocate(layout)).collect();
        for n in 0..20 {
            // SAFETY: allocated above with this layout.
            unsafe { pool.free(pieces[7 * n % 20], layout) };
        }
        assert_eq!((0..20).map(|_| pool.allocate(layout)).collect::<Vec<_>>(), pieces);
    }
}
