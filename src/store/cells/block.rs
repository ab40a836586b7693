//! Blocks of cells, and what threads do to a cell.

use crate::store::cells::lane::{LaneAllocator, ROWS};
#[cfg(not(quipu_loom))]
use crate::store::cells::prefetch::prefetch;
use crate::sync::{AtomicU64, Ordering::Relaxed, pair, pair::Pair};
#[cfg(not(quipu_loom))]
use core::ops::Range;
use core::ptr::NonNull;

/// Cells among which a thread divides what it adds to a float counter, one after another. The next addition to a cell must
/// wait for the one before (3 ns); with four cells it seldom has to.
pub(crate) const STRIPES: usize = 4;

/// Cells of one row of a block.
pub(crate) const CELLS_PER_ROW: usize = if cfg!(quipu_loom) { 4 } else { 512 };

#[cfg(not(quipu_loom))]
const _: () = assert!(CELLS_PER_ROW * size_of::<AtomicU64>() == crate::store::cells::pages::PAGE);

/// A cell of every lane: the same place in each row of one block.
///
/// Points at the cell in row 0. Blocks are never freed, so a `Cell` may be read and written for as long as the process
/// lives; whose counts it holds is for the owner of its slot to know (see [`Slot`](crate::store::cells::slots::Slot)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cell(NonNull<AtomicU64>);

// SAFETY: a `Cell` gives access to atomics only.
unsafe impl Send for Cell {}
// SAFETY: as above.
unsafe impl Sync for Cell {}

impl Cell {
    /// Makes a new block and returns its first cell.
    pub(in crate::store) fn first_of_new_block() -> Cell {
        #[cfg(not(quipu_loom))]
        let memory = {
            let layout = core::alloc::Layout::new::<[[AtomicU64; CELLS_PER_ROW]; ROWS]>();
            let memory = crate::store::cells::pages::reserve(layout.size());
            memory.unwrap_or_else(|| std::alloc::handle_alloc_error(layout)).cast()
        };
        #[cfg(quipu_loom)]
        let memory = {
            let cells: Box<[AtomicU64]> = (0..ROWS * CELLS_PER_ROW).map(|_| AtomicU64::new(0)).collect();
            NonNull::from(Box::leak(cells)).cast()
        };
        Cell(memory)
    }

    /// The cell `n` places further in the row.
    ///
    /// # Safety
    /// It lies in the same row.
    pub(in crate::store) unsafe fn offset(self, n: usize) -> Cell {
        // SAFETY: the caller stays in the row, which is part of one allocation.
        Cell(unsafe { self.0.add(n) })
    }

    /// Whether the cell and its successor can be a pair.
    pub(in crate::store) fn is_aligned_for_pair(self) -> bool {
        cfg!(quipu_loom) || self.0.as_ptr().align_offset(2 * size_of::<AtomicU64>()) == 0
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

    /// Adds in row 0, which any thread may write.
    #[inline]
    pub(crate) fn add_shared(&self, n: u64) {
        self.at(0).fetch_add(n, Relaxed);
    }

    /// Adds a float, as the thread that owns `lane`.
    #[inline(always)]
    pub(crate) fn add_float_in(&self, lane: usize, n: f64) {
        let cell = self.at(lane);
        cell.store((f64::from_bits(cell.load(Relaxed)) + n).to_bits(), Relaxed);
    }

    /// Adds a float in row 0. Lock-free: a thread retries only when another one has added.
    #[inline]
    pub(crate) fn add_float_shared(&self, n: f64) {
        let cell = self.at(0);
        let mut old = cell.load(Relaxed);
        while let Err(current) = cell.compare_exchange_weak(old, (f64::from_bits(old) + n).to_bits(), Relaxed, Relaxed)
        {
            old = current;
        }
    }

    /// Replaces the float in row 0 as long as `is_replaced` says so of it.
    #[inline]
    pub(crate) fn set_shared_if(&self, value: f64, is_replaced: impl Fn(f64) -> bool) {
        let cell = self.at(0);
        let mut old = cell.load(Relaxed);
        while is_replaced(f64::from_bits(old))
            && let Err(current) = cell.compare_exchange_weak(old, value.to_bits(), Relaxed, Relaxed)
        {
            old = current;
        }
    }

    /// Replaces the value in row 0.
    #[inline(always)]
    pub(crate) fn set_shared(&self, bits: u64) {
        self.at(0).store(bits, Relaxed);
    }

    /// The value in row 0.
    #[inline(always)]
    pub(crate) fn get_shared(&self) -> u64 {
        self.at(0).load(Relaxed)
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

    /// As [`observe_in`](Self::observe_in), in the quick way.
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

    /// Adds one observation to the pair in row 0.
    ///
    /// # Safety
    /// This cell and the next are a pair of a slot.
    pub(crate) unsafe fn observe_shared(&self, value: f64) {
        // SAFETY: a pair of a slot is aligned and inside the row; row 0 is written by this function alone.
        unsafe { pair::observe_shared(self.pointer(0), value) }
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
    /// Only for an owner that no other thread writes beside: see [`Slot`](crate::store::cells::slots::Slot).
    pub(in crate::store) fn clear(&self, lanes: &LaneAllocator) {
        for row in 0..lanes.rows().end {
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
        for row in 0..lanes.rows().end {
            // SAFETY: passed on.
            let old = unsafe { self.get_pair(row) };
            if old.count != 0 {
                // SAFETY: a pair of a slot is aligned and inside the row; the caller is its only writer.
                unsafe { pair::clear(self.pointer(row * CELLS_PER_ROW)) };
            }
        }
    }
}

/// Runs of cells that lie side by side in one row.
#[cfg(not(quipu_loom))]
impl Cell {
    /// Whether this is the cell `n` places after `first`. Both begin a slot, so they are in row 0; with `n` below the length
    /// of a row, they are in that of the same block.
    #[inline(always)]
    pub(in crate::store) fn follows(self, first: Cell, n: usize) -> bool {
        self.0.as_ptr() == first.0.as_ptr().wrapping_add(n)
    }

    /// Replaces the sums by those of the cells from this one on, over `rows`.
    ///
    /// # Safety
    /// There are as many cells as sums in one row.
    #[inline(always)]
    pub(in crate::store) unsafe fn sum_run<T: Copy + Default>(
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
            *eight = rows().fold([T::default(); 8], |sums, cells| {
                let cells = &cells[8 * n..][..8];
                core::array::from_fn(|n| add(sums[n], cells[n].load(Relaxed)))
            });
        }
        for (n, sum) in (whole..).zip(rest) {
            *sum = rows().fold(T::default(), |sum, cells| add(sum, cells[n].load(Relaxed)));
        }
    }

    /// Replaces the sums by the pairs in `row` from this one on. Whether the row is written there.
    ///
    /// # Safety
    /// There are as many pairs as sums in one row, side by side.
    pub(in crate::store) unsafe fn copy_run_of_pairs(self, row: usize, sums: &mut [Pair]) -> bool {
        // SAFETY: pairs of a slot are aligned; the caller stays in the row.
        unsafe { pair::copy_run(self.pointer(row * CELLS_PER_ROW), sums) }
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
#[cfg(not(quipu_loom))]
#[inline(always)]
fn are_zero(cells: &[AtomicU64]) -> bool {
    let any = |cells: &[AtomicU64]| cells.iter().fold(0, |any, cell| any | cell.load(Relaxed)) != 0;
    let (eights, rest) = cells.as_chunks::<8>();
    !eights.iter().any(|cells| any(cells)) && !any(rest)
}
