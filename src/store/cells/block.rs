//! Blocks of cells, and what threads do to a cell.

use super::lane::{LaneAllocator, ROWS};
use super::prefetch::prefetch;
use crate::sync::{AtomicU64, Ordering::Relaxed, pair, pair::Pair};
use core::ops::Range;
use core::ptr::NonNull;

/// Cells among which a thread divides what it adds to a float counter, one after another. The next addition to a cell must
/// wait for the one before (3 ns); with four cells it seldom has to.
pub(crate) const STRIPES: usize = 4;

/// Cells of one row of a block.
pub(crate) const CELLS_PER_ROW: usize = if cfg!(quipu_loom) { 4 } else { 512 };

/// Cells of a block.
pub(in crate::store) const CELLS_PER_BLOCK: usize = ROWS * CELLS_PER_ROW;

#[cfg(not(quipu_loom))]
const _: () = assert!(CELLS_PER_ROW * size_of::<AtomicU64>() == super::pages::PAGE);

/// A cell of every lane: the same place in each row of one block.
///
/// Points at the cell in row 0. Blocks are never freed, so a `Cell` may be read and written for as long as the process
/// lives; whose counts it holds is for the owner of its [slot](super::slots) to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell(NonNull<AtomicU64>);

// SAFETY: a `Cell` gives access to atomics only.
unsafe impl Send for Cell {}
// SAFETY: as above.
unsafe impl Sync for Cell {}

impl Cell {
    /// Makes `count` blocks, one after another, and returns the first cell. `None` when there is no memory.
    pub(in crate::store) fn first_of_new_blocks(count: usize) -> Option<Cell> {
        #[cfg(not(quipu_loom))]
        return super::pages::reserve(count * CELLS_PER_BLOCK * size_of::<AtomicU64>())
            .map(|memory| Cell(memory.cast()));
        #[cfg(quipu_loom)]
        {
            let cells: Box<[AtomicU64]> = (0..count * CELLS_PER_BLOCK).map(|_| AtomicU64::new(0)).collect();
            Some(Cell(NonNull::from(Box::leak(cells)).cast()))
        }
    }

    /// The cell that a [`pointer`](Self::as_ptr) stands for, unless that is null.
    #[inline(always)]
    pub(in crate::store) fn from_ptr(pointer: *mut AtomicU64) -> Option<Cell> {
        NonNull::new(pointer).map(Cell)
    }

    #[inline(always)]
    pub(in crate::store) fn as_ptr(self) -> *mut AtomicU64 {
        self.0.as_ptr()
    }

    /// The cell `n` places further in the row.
    ///
    /// # Safety
    /// It lies in the same row.
    #[inline(always)]
    pub(in crate::store) unsafe fn offset(self, n: usize) -> Cell {
        // SAFETY: the caller stays in the row, which is part of one allocation.
        Cell(unsafe { self.0.add(n) })
    }

    /// The same cell `n` blocks further.
    ///
    /// # Safety
    /// That block was made together with this one.
    #[inline(always)]
    pub(in crate::store) unsafe fn in_block(self, n: usize) -> Cell {
        // SAFETY: blocks that are made together are one allocation.
        Cell(unsafe { self.0.add(n * CELLS_PER_BLOCK) })
    }

    /// The cell at a place of a slot that begins here, which may be wider than a row.
    ///
    /// # Safety
    /// It is part of the slot.
    #[inline(always)]
    pub(in crate::store) unsafe fn at_place(self, n: usize) -> Cell {
        // SAFETY: a slot that is wider than a row goes on at the start of the next block.
        let first = unsafe { self.in_block(n / CELLS_PER_ROW) };
        // SAFETY: a narrower one lies in one row, and a wider one begins at the start of a row.
        unsafe { first.offset(n % CELLS_PER_ROW) }
    }

    /// How many cells further than `first` this one lies in memory, if it does not lie before it.
    pub(in crate::store) fn distance_from(self, first: Cell) -> Option<usize> {
        self.0.addr().get().checked_sub(first.0.addr().get()).map(|bytes| bytes / size_of::<AtomicU64>())
    }

    /// The cell in a lane, `lane` being the distance in cells from row 0.
    #[inline(always)]
    fn at(&self, lane: usize) -> &AtomicU64 {
        // SAFETY: blocks are zeroed, made of atomics, and never freed.
        unsafe { &*self.pointer(lane) }
    }

    /// As [`at`](Self::at), with leave to go on to the next cell: a pair is two.
    #[inline(always)]
    fn pointer(&self, lane: usize) -> *const AtomicU64 {
        // SAFETY: lanes are multiples of a row below the number of rows, so this stays inside the block.
        unsafe { self.0.add(lane) }.as_ptr()
    }

    /// Adds, as the thread that owns `lane` (S1: no other thread writes there, so no read-modify-write is needed).
    #[inline(always)]
    pub(crate) fn add_in(&self, lane: usize, n: u64) {
        let cell = self.at(lane);
        cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// The value in a lane.
    #[inline(always)]
    pub(in crate::store) fn load_in(&self, lane: usize) -> u64 {
        self.at(lane).load(Relaxed)
    }

    /// Replaces the value, as the thread that owns `lane`.
    #[inline(always)]
    pub(in crate::store) fn store_in(&self, lane: usize, value: u64) {
        self.at(lane).store(value, Relaxed);
    }

    /// Adds a float, as the thread that owns `lane`.
    #[inline(always)]
    pub(crate) fn add_float_in(&self, lane: usize, n: f64) {
        let cell = self.at(lane);
        cell.store((f64::from_bits(cell.load(Relaxed)) + n).to_bits(), Relaxed);
    }

    /// The value in one row.
    #[inline(always)]
    pub(in crate::store) fn get(&self, row: usize) -> u64 {
        self.at(row * CELLS_PER_ROW).load(Relaxed)
    }

    /// Sum over the rows of `lanes`, modulo 2^64.
    pub(crate) fn sum(&self, lanes: &LaneAllocator) -> u64 {
        lanes.rows().fold(0, |sum, row| sum.wrapping_add(self.get(row)))
    }

    /// As [`observe_in`](Self::observe_in), on the fast path.
    ///
    /// # Safety
    /// This cell and the next are a pair of a slot, and [`pair::is_quick`].
    #[inline(always)]
    pub(crate) unsafe fn observe_quick_in(&self, lane: usize, value: f64) {
        // SAFETY: a pair of a slot is aligned and inside the row; only the owner writes the lane (S1).
        unsafe { pair::observe_quick(self.pointer(lane), value) }
    }

    /// Adds one observation to the pair at `lane`, as the thread that owns it.
    ///
    /// # Safety
    /// This cell and the next are a pair of a slot.
    pub(crate) unsafe fn observe_in(&self, lane: usize, value: f64) {
        // SAFETY: a pair of a slot is aligned and inside the row; only the owner writes the lane (S1).
        unsafe { pair::observe_owned(self.pointer(lane), value) }
    }

    /// Reads the pair in one row.
    ///
    /// # Safety
    /// This cell and the next are a pair of a slot.
    #[inline(always)]
    pub(in crate::store) unsafe fn get_pair(&self, row: usize) -> Pair {
        // SAFETY: a pair of a slot is aligned and inside the row.
        unsafe { pair::load(self.pointer(row * CELLS_PER_ROW)) }
    }

    /// Zeroes the cell in every row, leaving rows that are zero untouched (and so not resident).
    ///
    /// Only for an owner that no other thread writes beside (S4).
    pub(in crate::store) fn clear(&self, lanes: &LaneAllocator) {
        for row in lanes.rows() {
            if self.get(row) != 0 {
                self.at(row * CELLS_PER_ROW).store(0, Relaxed);
            }
        }
    }

    /// As [`clear`](Self::clear), for a pair.
    ///
    /// # Safety
    /// This cell and the next are a pair of a slot.
    pub(in crate::store) unsafe fn clear_pair(&self, lanes: &LaneAllocator) {
        for row in lanes.rows() {
            // SAFETY: passed on.
            let old = unsafe { self.get_pair(row) };
            if old.count != 0 {
                // SAFETY: a pair of a slot is aligned and inside the row; the caller is its only writer.
                unsafe { pair::clear(self.pointer(row * CELLS_PER_ROW)) };
            }
        }
    }

    /// Gives back the memory of `count` blocks, of which this is the first cell and which hold only zeros.
    #[cfg(not(quipu_loom))]
    pub(in crate::store) fn discard_blocks(self, count: usize) {
        // SAFETY: blocks are reserved there and page-aligned; these are zero, and nobody writes them.
        unsafe { super::pages::discard(self.0.cast(), count * CELLS_PER_BLOCK * size_of::<AtomicU64>()) };
    }

    #[cfg(quipu_loom)]
    pub(in crate::store) fn discard_blocks(self, _count: usize) {}
}

/// Runs of cells that lie side by side in one row.
impl Cell {
    /// Whether this is the cell `n` places after `first`. Both begin a slot, so they are in row 0; with `n` below the length
    /// of a row, they are in that of the same block.
    #[inline(always)]
    pub(in crate::store) fn follows(self, first: Cell, n: usize) -> bool {
        self.0.as_ptr() == first.0.as_ptr().wrapping_add(n)
    }

    /// Adds the cells from this one on, over `rows`, to the sums.
    ///
    /// # Safety
    /// There are as many cells as sums in one row.
    #[inline(always)]
    pub(in crate::store) unsafe fn sum_run<T: Copy>(
        self,
        rows: Range<usize>,
        sums: &mut [T],
        add: impl Fn(T, u64) -> T,
    ) {
        let len = sums.len();
        // SAFETY: the caller stays in the row; cells are atomics, and never freed.
        let row = |row| unsafe { core::slice::from_raw_parts(self.pointer(row * CELLS_PER_ROW), len) };
        // Most rows of a process with many threads are zero here: their threads never recorded into these series.
        let (mut written, mut count) = ([0u16; ROWS], 0);
        for n in rows {
            written[count] = n as u16;
            count += usize::from(!are_zero(row(n)));
        }
        let rows = || written[..count].iter().map(|n| row(usize::from(*n)));
        let (eights, rest) = sums.as_chunks_mut::<8>();
        let whole = 8 * eights.len();
        for (n, eight) in eights.iter_mut().enumerate() {
            // A cache line's worth, so that the sums stay in registers while the rows go by.
            *eight = rows().fold(*eight, |sums, cells| {
                let cells = &cells[8 * n..][..8];
                core::array::from_fn(|n| add(sums[n], cells[n].load(Relaxed)))
            });
        }
        for (n, sum) in (whole..).zip(rest) {
            *sum = rows().fold(*sum, |sum, cells| add(sum, cells[n].load(Relaxed)));
        }
    }

    /// Adds the pairs in `row` from this one on to the sums. Whether the row seems to be written there.
    ///
    /// # Safety
    /// There are as many pairs as sums in one row, side by side.
    pub(in crate::store) unsafe fn add_run_of_pairs(self, row: usize, sums: &mut [Pair]) -> bool {
        // SAFETY: pairs of a slot are aligned; the caller stays in the row.
        unsafe { pair::add_run(self.pointer(row * CELLS_PER_ROW), sums) }
    }

    /// Asks for the memory of `len` cells from this one on, in `row`.
    pub(in crate::store) fn prefetch(self, row: usize, len: usize) {
        const LINE: usize = 64 / size_of::<AtomicU64>();
        for n in (0..len).step_by(LINE) {
            prefetch(self.pointer(row * CELLS_PER_ROW).wrapping_add(n));
        }
    }
}

/// Whether all cells are zero. By eights, because LLVM does not unroll loops over atomics.
#[inline(always)]
fn are_zero(cells: &[AtomicU64]) -> bool {
    let any = |cells: &[AtomicU64]| cells.iter().fold(0, |any, cell| any | cell.load(Relaxed)) != 0;
    let (eights, rest) = cells.as_chunks::<8>();
    !eights.iter().any(|cells| any(cells)) && !any(rest)
}
