//! Lanes: which row of every block belongs to which thread.

use crate::sync::{AtomicU64, AtomicUsize, Ordering, array_of, shared_static};

/// Rows of a block: one for each lane, after a row 0 that nobody writes, so that a lane's distance from it is never 0.
///
/// An odd number: with a power of two, the pages of all blocks compete for the same sets of the processor's TLB.
pub(crate) const ROWS: usize = if cfg!(quipu_loom) {
    3
} else if cfg!(test) {
    // The tests of the store fill all lanes with threads.
    81
} else {
    257
};

/// Words of a bitmap of the lanes.
const WORDS: usize = (ROWS - 1).div_ceil(u64::BITS as usize);

/// The lanes of a process: who owns which, and how many were ever owned.
#[derive(Debug)]
pub(crate) struct LaneAllocator {
    /// Bit `row - 1` is set while a thread owns the row.
    taken: [AtomicU64; WORDS],
    /// The highest row that was ever owned.
    highest: AtomicUsize,
    /// Threads that ever recorded without a lane.
    without: AtomicU64,
}

impl LaneAllocator {
    #[cfg(not(quipu_loom))]
    const fn new() -> LaneAllocator {
        LaneAllocator {
            taken: array_of![AtomicU64::new(0); WORDS],
            highest: AtomicUsize::new(0),
            without: AtomicU64::new(0),
        }
    }

    #[cfg(quipu_loom)]
    pub(crate) fn new() -> LaneAllocator {
        LaneAllocator {
            taken: array_of![AtomicU64::new(0); WORDS],
            highest: AtomicUsize::new(0),
            without: AtomicU64::new(0),
        }
    }

    /// Takes the lowest free row for the calling thread, if it is one of the first `most`. Lock-free.
    pub(crate) fn claim(&self, most: usize) -> Option<usize> {
        let most = most.min(ROWS - 1);
        self.taken.iter().enumerate().find_map(|(n, word)| {
            let before = n * u64::BITS as usize;
            let row = before + claim_bit(word, most.saturating_sub(before).min(u64::BITS as usize))? + 1;
            self.highest.fetch_max(row, Ordering::Relaxed);
            Some(row)
        })
    }

    /// Gives a row back, with the values in it.
    pub(crate) fn release(&self, row: usize) {
        let bit = row - 1;
        // Release pairs with the Acquire in `claim_bit`.
        self.taken[bit / u64::BITS as usize].fetch_and(!(1 << (bit % u64::BITS as usize)), Ordering::Release);
    }

    /// Frees all rows but `row`, or all when it is 0, with the values in them (S3). For the child of a fork, in which the threads
    /// that owned them do not exist.
    pub(in crate::store) fn keep_only(&self, row: usize) {
        for (n, word) in self.taken.iter().enumerate() {
            let kept = row.checked_sub(1 + n * u64::BITS as usize).and_then(|bit| 1u64.checked_shl(bit as u32));
            word.fetch_and(kept.unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// The rows that any thread can have written.
    #[inline]
    pub(crate) fn rows(&self) -> core::ops::Range<usize> {
        1..self.highest.load(Ordering::Relaxed) + 1
    }

    /// Counts a thread that has found no lane.
    pub(crate) fn count_without(&self) {
        self.without.fetch_add(1, Ordering::Relaxed);
    }

    /// The threads that ever recorded without a lane.
    pub(crate) fn without(&self) -> u64 {
        self.without.load(Ordering::Relaxed)
    }
}

/// Sets the lowest of the first `bits` bits that is not set, and returns its place.
fn claim_bit(word: &AtomicU64, bits: usize) -> Option<usize> {
    let mut taken = word.load(Ordering::Relaxed);
    loop {
        let bit = taken.trailing_ones() as usize;
        if bit >= bits {
            return None;
        }
        // Acquire pairs with the Release in `release`: what the last owner wrote is the new owner's to go on from.
        match word.compare_exchange_weak(taken, taken | 1 << bit, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => return Some(bit),
            Err(current) => taken = current,
        }
    }
}

shared_static! {
    /// One allocator serves every registry of the process.
    pub(crate) static LANES: LaneAllocator = LaneAllocator::new();
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;

    #[test]
    fn s3_a_child_has_all_rows_but_its_own_to_give() {
        for row in 0..ROWS {
            let lanes = LaneAllocator::new();
            while lanes.claim(ROWS).is_some() {}
            lanes.keep_only(row);
            let claimed: Vec<usize> = core::iter::from_fn(|| lanes.claim(ROWS)).collect();
            assert_eq!(claimed, (1..ROWS).filter(|n| *n != row).collect::<Vec<_>>());
        }
    }
}
