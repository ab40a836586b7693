//! Slots in the lanes: which cells of the blocks belong to which series.
//!
//! A block holds slots of one layout. When the last of them is given back, the block's memory goes back to the system, and the
//! block is free for any layout.
//!
//! Slots are taken while threads record, so nothing is allocated then: blocks are reserved ahead, by [`prepare`](LaneSlots::prepare).

use super::block::{CELLS_PER_BLOCK, CELLS_PER_ROW, Cell, STRIPES};
use super::lane::{LaneAllocator, ROWS};
use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Mutex, Ordering, lock, shared_static, try_lock};

/// What a series keeps in its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotLayout {
    /// One number, which all threads share for good: what is set, and what goes up and down.
    Shared,
    /// One number.
    Number,
    /// A sum of floats, in the lanes spread over [`STRIPES`] cells.
    Stripes,
    /// This many pairs of a sum and a count, side by side.
    Pairs(usize),
}

impl SlotLayout {
    /// Cells of the slot that all threads share.
    pub(in crate::store) const fn shared_cells(self) -> usize {
        match self {
            SlotLayout::Shared | SlotLayout::Number | SlotLayout::Stripes => 1,
            SlotLayout::Pairs(pairs) => 2 * pairs,
        }
    }

    /// Cells of a slot in each lane.
    pub(in crate::store) const fn lane_cells(self) -> usize {
        match self {
            SlotLayout::Shared => 0,
            SlotLayout::Number => 1,
            SlotLayout::Stripes => STRIPES,
            SlotLayout::Pairs(pairs) => 2 * pairs,
        }
    }

    /// Slots of one block. One that is wider than a row has the block to itself.
    const fn slots_per_block(self) -> usize {
        match CELLS_PER_ROW / self.lane_cells() {
            0 => 1,
            slots => slots,
        }
    }

    /// Layouts of which several slots may be in one block have a class each; wider ones share the last.
    const fn class(self) -> usize {
        match self {
            SlotLayout::Shared | SlotLayout::Number => 0,
            SlotLayout::Stripes => 1,
            SlotLayout::Pairs(pairs) if pairs < CELLS_PER_ROW / 2 => 1 + pairs,
            SlotLayout::Pairs(_) => CLASSES - 1,
        }
    }

    /// Blocks side by side that a slot needs.
    const fn blocks(self) -> usize {
        self.lane_cells().div_ceil(CELLS_PER_ROW)
    }
}

/// Bytes of the lanes' memory unless another limit is set: what 60 threads need for 140,000 counters, or for 5,700
/// histograms of twelve buckets, that are all hot.
#[cfg(not(quipu_loom))]
const DEFAULT_LIMIT: usize = 64 << 20;

const ROW_BYTES: usize = CELLS_PER_ROW * size_of::<u64>();

/// Blocks that are reserved at once, at least.
const BLOCKS_AT_ONCE: usize = if cfg!(any(miri, quipu_loom, target_pointer_width = "32")) { 2 } else { 64 };

/// Hands out slots in the lanes, and takes them back.
#[derive(Debug)]
pub(crate) struct LaneSlots {
    blocks: Mutex<Blocks>,
    /// Blocks that hold a slot.
    used: AtomicUsize,
    /// The most bytes that lanes may take.
    limit: AtomicUsize,
    /// Whether few blocks are left that hold none.
    is_low: AtomicBool,
}

#[derive(Debug)]
struct Blocks {
    arenas: Vec<Arena>,
    /// Those of all arenas, one after another.
    blocks: Vec<Block>,
    /// Blocks before this one are not free.
    first_free: usize,
    /// How many blocks side by side were looked for in vain.
    missing: usize,
    /// For each [class](SlotLayout::class) of layouts, blocks before this one have no room for it.
    first_with_room: [usize; CLASSES],
}

/// [Classes](SlotLayout::class) of layouts.
const CLASSES: usize = CELLS_PER_ROW / 2 + 2;

/// Blocks that were reserved together.
#[derive(Debug)]
struct Arena {
    first: Cell,
    /// The number of its first block among all.
    start: usize,
}

/// A block, or the part of a wider slot that lies in it.
#[derive(Clone, Debug)]
struct Block {
    /// `None` when it is free.
    layout: Option<SlotLayout>,
    taken: [u64; CELLS_PER_ROW.div_ceil(64)],
}

impl Block {
    const FREE: Block = Block { layout: None, taken: [0; CELLS_PER_ROW.div_ceil(64)] };

    /// Takes the first slot that is left.
    fn take(&mut self, layout: SlotLayout) -> Option<usize> {
        let (word, bits) = self.taken.iter_mut().enumerate().find(|(_, bits)| **bits != u64::MAX)?;
        let slot = word * 64 + bits.trailing_ones() as usize;
        if slot >= layout.slots_per_block() {
            return None;
        }
        *bits |= 1 << (slot % 64);
        Some(slot)
    }

    /// Gives a slot back, and returns whether the block is empty.
    fn give_back(&mut self, slot: usize) -> bool {
        debug_assert_ne!(self.taken[slot / 64] & 1 << (slot % 64), 0, "a slot is given back once");
        self.taken[slot / 64] &= !(1 << (slot % 64));
        self.taken.iter().all(|bits| *bits == 0)
    }
}

impl LaneSlots {
    #[cfg(not(quipu_loom))]
    const fn new() -> LaneSlots {
        LaneSlots {
            blocks: Mutex::new(Blocks::new()),
            used: AtomicUsize::new(0),
            limit: AtomicUsize::new(DEFAULT_LIMIT),
            is_low: AtomicBool::new(true),
        }
    }

    #[cfg(quipu_loom)]
    pub(crate) fn new() -> LaneSlots {
        LaneSlots {
            blocks: Mutex::new(Blocks::new()),
            used: AtomicUsize::new(0),
            limit: AtomicUsize::new(usize::MAX),
            is_low: AtomicBool::new(true),
        }
    }

    /// Reserves blocks, if few are left. For those who may wait and allocate; without memory, nothing happens.
    pub(crate) fn prepare(&self) {
        if self.is_low.load(Ordering::Relaxed) {
            let mut blocks = lock(&self.blocks);
            let missing = core::mem::take(&mut blocks.missing);
            if missing > 0 || blocks.is_low() {
                // As many again, so that there are few arenas.
                let count = BLOCKS_AT_ONCE.max(blocks.blocks.len()).max(missing);
                blocks.reserve(count);
            }
            self.is_low.store(blocks.is_low(), Ordering::Relaxed);
        }
    }

    /// Takes a slot, whose cells are all zero, and puts it into `place`, unless one is there. Neither waits nor allocates: does
    /// nothing when another thread is here, when nothing is [prepared](Self::prepare), or when the lanes would take more
    /// memory than they may.
    pub(crate) fn try_take(&self, layout: SlotLayout, lanes: &LaneAllocator, place: &AtomicPtr<AtomicU64>) {
        let Some(mut blocks) = try_lock(&self.blocks) else { return };
        // Relaxed: written under this lock only.
        if !place.load(Ordering::Relaxed).is_null() {
            return;
        }
        let used = self.used.load(Ordering::Relaxed);
        let most = self.limit.load(Ordering::Relaxed) / (ROW_BYTES * lanes.rows().len().max(1));
        if let Some((cell, opened)) = blocks.take(layout, most.saturating_sub(used)) {
            self.used.store(used + opened, Ordering::Relaxed);
            // Release pairs with the Acquire of whoever records there: that finds the zeros of the last owner (S4).
            place.store(cell.as_ptr(), Ordering::Release);
        }
        if blocks.missing > 0 || blocks.is_low() {
            self.is_low.store(true, Ordering::Relaxed);
        }
    }

    /// Takes a slot back.
    ///
    /// S4: the caller is the last that can write the slot. Every handle owns a reference to its series, and the series gives its
    /// slot back when the last of them is gone; the reference count orders their writes before the zeroes written here.
    pub(crate) fn give_back(&self, cell: Cell, layout: SlotLayout, lanes: &LaneAllocator) {
        // SAFETY: the slot has these cells; the caller is the only one to write them.
        unsafe { clear(cell, layout, lanes) };
        let mut blocks = lock(&self.blocks);
        let freed = blocks.give_back(cell, layout);
        let used = self.used.load(Ordering::Relaxed) - freed;
        self.used.store(used, Ordering::Relaxed);
    }

    /// The most bytes that the lanes take now: of each block that holds a slot, a row for each lane that was ever used.
    pub(crate) fn bytes(&self, lanes: &LaneAllocator) -> usize {
        self.used.load(Ordering::Relaxed) * lanes.rows().len() * ROW_BYTES
    }

    /// The most bytes that lanes may take.
    pub(crate) fn limit(&self) -> usize {
        self.limit.load(Ordering::Relaxed)
    }

    pub(crate) fn set_limit(&self, bytes: usize) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// How many threads may have a lane, lest the blocks in use take more memory than they may.
    pub(crate) fn most_lanes(&self) -> usize {
        let bytes = self.used.load(Ordering::Relaxed) * ROW_BYTES;
        self.limit.load(Ordering::Relaxed).checked_div(bytes).unwrap_or(ROWS)
    }
}

impl Blocks {
    const fn new() -> Blocks {
        Blocks { arenas: Vec::new(), blocks: Vec::new(), first_free: 0, missing: 0, first_with_room: [0; CLASSES] }
    }

    fn free(&self) -> impl Iterator<Item = usize> {
        (self.first_free..self.blocks.len()).filter(|n| self.blocks[*n].layout.is_none())
    }

    fn is_low(&self) -> bool {
        self.free().nth(BLOCKS_AT_ONCE / 4).is_none()
    }

    fn reserve(&mut self, count: usize) {
        let has_room = self.arenas.try_reserve(1).and_then(|()| self.blocks.try_reserve(count)).is_ok();
        if let Some(first) = has_room.then(|| Cell::first_of_new_blocks(count)).flatten() {
            self.arenas.push(Arena { first, start: self.blocks.len() });
            self.blocks.extend(core::iter::repeat_n(Block::FREE, count));
        }
    }

    /// Takes a slot, for which at most `most` blocks may be opened, and returns how many were.
    fn take(&mut self, layout: SlotLayout, most: usize) -> Option<(Cell, usize)> {
        if layout.blocks() == 1
            && let Some(cell) = self.take_from_opened(layout)
        {
            return Some((cell, 0));
        }
        let count = layout.blocks();
        if count > most {
            return None;
        }
        let Some(first) = self.find_free(count) else {
            self.missing = count;
            return None;
        };
        for block in &mut self.blocks[first..first + count] {
            block.layout = Some(layout);
            block.take(layout);
        }
        let first_free = self.free().next();
        self.first_free = first_free.unwrap_or(self.blocks.len());
        Some((self.cell(first, 0), count))
    }

    fn take_from_opened(&mut self, layout: SlotLayout) -> Option<Cell> {
        let class = layout.class();
        for n in self.first_with_room[class]..self.blocks.len() {
            let block = &mut self.blocks[n];
            if block.layout == Some(layout)
                && let Some(slot) = block.take(layout)
            {
                self.first_with_room[class] = n;
                return Some(self.cell(n, slot * layout.lane_cells()));
            }
        }
        None
    }

    /// The first of `count` free blocks that were reserved together, side by side.
    fn find_free(&self, count: usize) -> Option<usize> {
        let arena = |block: usize| self.arenas.partition_point(|arena| arena.start <= block);
        let is_run = |first: usize| {
            let blocks = self.blocks.get(first..first + count);
            blocks.is_some_and(|blocks| blocks.iter().all(|block| block.layout.is_none()))
                && arena(first) == arena(first + count - 1)
        };
        self.free().find(|first| is_run(*first))
    }

    /// Gives a slot back, and returns how many blocks are free now that were not.
    fn give_back(&mut self, cell: Cell, layout: SlotLayout) -> usize {
        let (first, place) = self.place(cell);
        let count = layout.blocks();
        let class = layout.class();
        self.first_with_room[class] = self.first_with_room[class].min(first);
        let slot = place / layout.lane_cells();
        if !self.blocks[first..first + count].iter_mut().all(|block| block.give_back(slot)) {
            return 0;
        }
        self.blocks[first..first + count].fill(Block::FREE);
        self.first_free = self.first_free.min(first);
        self.cell(first, 0).discard_blocks(count);
        count
    }

    /// The cell at a place of a block's row.
    fn cell(&self, block: usize, place: usize) -> Cell {
        let arena = &self.arenas[self.arenas.partition_point(|arena| arena.start <= block) - 1];
        // SAFETY: the block is of this arena.
        let first = unsafe { arena.first.in_block(block - arena.start) };
        // SAFETY: callers pass a place in the row.
        unsafe { first.offset(place) }
    }

    /// The block of a cell that was handed out, and its place in the row.
    fn place(&self, cell: Cell) -> (usize, usize) {
        let mut ends = self.arenas.iter().skip(1).map(|arena| arena.start).chain([self.blocks.len()]);
        let found = self.arenas.iter().find_map(|arena| {
            let blocks = ends.next()? - arena.start;
            let distance = cell.distance_from(arena.first).filter(|distance| *distance < blocks * CELLS_PER_BLOCK)?;
            Some((arena.start + distance / CELLS_PER_BLOCK, distance % CELLS_PER_BLOCK))
        });
        found.expect("a slot is given back to where it was taken from")
    }
}

/// Zeroes a slot in every lane.
///
/// # Safety
/// The cell begins a slot of this layout, which nobody else writes.
unsafe fn clear(cell: Cell, layout: SlotLayout, lanes: &LaneAllocator) {
    // SAFETY: passed places of the slot only.
    let nth = |n: usize| unsafe { cell.at_place(n) };
    match layout {
        SlotLayout::Pairs(pairs) => (0..pairs).for_each(|n| {
            // SAFETY: a pair of the slot, as the caller says.
            unsafe { nth(2 * n).clear_pair(lanes) };
        }),
        _ => (0..layout.lane_cells()).for_each(|n| nth(n).clear(lanes)),
    }
}

shared_static! {
    /// The slots of a process.
    pub(crate) static SLOTS: LaneSlots = LaneSlots::new();
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;

    #[test]
    fn layouts_that_take_turns_fill_the_blocks_that_they_have() {
        let layouts = [
            SlotLayout::Number,
            SlotLayout::Stripes,
            SlotLayout::Pairs(1),
            SlotLayout::Pairs(2),
            SlotLayout::Pairs(12),
            SlotLayout::Pairs(44),
        ];
        let mut blocks = Blocks::new();
        blocks.reserve(layouts.len());
        for round in 0..5 {
            let opened: usize = layouts.iter().map(|layout| blocks.take(*layout, 1).expect("there is room").1).sum();
            assert_eq!(opened, if round == 0 { layouts.len() } else { 0 });
        }
    }
}
