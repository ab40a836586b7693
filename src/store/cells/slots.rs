//! Slots: which cells of the blocks belong to which series.

use crate::store::cells::block::{CELLS_PER_ROW, Cell, STRIPES};
use crate::store::cells::lane::LaneAllocator;
use crate::sync::{Mutex, lock};
use core::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// What a series keeps in its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SlotLayout {
    /// One number in one cell.
    Number,
    /// A sum of floats, spread over [`STRIPES`] cells.
    Stripes,
    /// This many pairs of a sum and a count, side by side.
    Pairs(usize),
}

impl SlotLayout {
    pub(in crate::store) fn cells(self) -> usize {
        match self {
            SlotLayout::Number => 1,
            SlotLayout::Stripes => STRIPES,
            SlotLayout::Pairs(pairs) => 2 * pairs,
        }
    }
}

#[cfg(not(quipu_loom))]
const _: () = assert!(2 * (crate::model::MAX_BOUNDS + 1) <= CELLS_PER_ROW, "the pairs of any histogram fit a row");

/// Hands out cells, block after block, and takes them back.
#[derive(Debug)]
pub(crate) struct Allocator(Mutex<Free>);

#[derive(Debug)]
struct Free {
    /// The untouched rest of the newest block.
    rest: Option<(Cell, usize)>,
    /// Freed slots, by what they held: those of pairs are aligned, others perhaps not. The lowest goes first, so that series
    /// that are made one after another have their cells in runs.
    slots: BTreeMap<SlotLayout, BinaryHeap<Reverse<Cell>>>,
}

impl Allocator {
    #[cfg(not(quipu_loom))]
    const fn new() -> Allocator {
        Allocator(Mutex::new(Free { rest: None, slots: BTreeMap::new() }))
    }

    #[cfg(quipu_loom)]
    pub(crate) fn new() -> Allocator {
        Allocator(Mutex::new(Free { rest: None, slots: BTreeMap::new() }))
    }

    /// Takes a slot whose cells are all zero.
    pub(crate) fn take(&self, form: SlotLayout) -> Cell {
        let mut free = lock(&self.0);
        match free.slots.get_mut(&form).and_then(BinaryHeap::pop) {
            Some(Reverse(cell)) => cell,
            None => free.cut(form),
        }
    }

    /// Takes a slot back.
    ///
    /// S4: the caller is the last that can write the slot. Every handle owns a share of its series, and the series gives its
    /// slot back when the last share is gone; the reference count orders their writes before the zeroes written here.
    pub(crate) fn give_back(&self, cell: Cell, form: SlotLayout, lanes: &LaneAllocator) {
        match form {
            SlotLayout::Number | SlotLayout::Stripes => (0..form.cells()).for_each(|n| {
                // SAFETY: the slot has this many cells in one row.
                unsafe { cell.offset(n) }.clear(lanes);
            }),
            SlotLayout::Pairs(pairs) => (0..pairs).for_each(|n| {
                // SAFETY: the slot has this many pairs in one row.
                let pair = unsafe { cell.offset(2 * n) };
                // SAFETY: as above, it is a pair; the caller is the only one to write it.
                unsafe { pair.clear_pair(lanes) };
            }),
        }
        lock(&self.0).slots.entry(form).or_default().push(Reverse(cell));
    }
}

impl Free {
    /// Cuts a slot from the newest block.
    fn cut(&mut self, form: SlotLayout) -> Cell {
        let cells = form.cells();
        assert!(cells <= CELLS_PER_ROW, "registration admits no series that is wider than a row");
        if matches!(form, SlotLayout::Pairs(_)) && self.rest.is_some_and(|(cell, _)| !cell.is_aligned_for_pair()) {
            self.set_aside(1);
        }
        if let Some((_, left)) = self.rest
            && left < cells
        {
            self.set_aside(left);
        }
        let (cell, left) = self.rest.unwrap_or_else(|| (Cell::first_of_new_block(), CELLS_PER_ROW));
        // SAFETY: `cells` is at most `left`, which is what remains of the row; the rest is dropped when it is none.
        self.rest = (left > cells).then(|| (unsafe { cell.offset(cells) }, left - cells));
        cell
    }

    /// Leaves the next cells to series of one cell.
    fn set_aside(&mut self, count: usize) {
        let Some((cell, left)) = self.rest else { return };
        // SAFETY: `count` is at most `left`, which is what remains of the row.
        let singles = (0..count).map(|n| Reverse(unsafe { cell.offset(n) }));
        self.slots.entry(SlotLayout::Number).or_default().extend(singles);
        // SAFETY: as above; the rest is dropped when it is none.
        self.rest = (left > count).then(|| (unsafe { cell.offset(count) }, left - count));
    }
}

/// The slots of a process.
#[cfg(not(quipu_loom))]
pub(crate) static SLOTS: Allocator = Allocator::new();

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;
    use crate::store::cells::lane::LANES;

    #[test]
    fn freed_slots_come_back_in_the_order_of_their_addresses() {
        for form in [SlotLayout::Number, SlotLayout::Pairs(3)] {
            let slots = Allocator::new();
            let cells: Vec<Cell> = (0..20).map(|_| slots.take(form)).collect();
            (0..20).for_each(|n| slots.give_back(cells[7 * n % 20], form, &LANES));
            assert_eq!((0..20).map(|_| slots.take(form)).collect::<Vec<_>>(), cells);
        }
    }
}
