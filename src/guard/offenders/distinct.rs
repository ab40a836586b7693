//! About how many different values have come: HyperLogLog, in registers that threads raise without a lock.

use super::try_array;
use crate::sync::{AtomicU8, Ordering};

/// Bits of a hash that choose a register. With 2,048 of them, two of three estimates are within 2.3 %.
const BITS: u32 = 11;
const REGISTERS: usize = 1 << BITS;

/// Bits of a hash that are left to be counted.
const LEFT: usize = (u64::BITS - BITS) as usize;

/// None where there was no memory for it.
#[derive(Debug)]
pub(super) struct Distinct(Option<Box<[AtomicU8; REGISTERS]>>);

impl Distinct {
    pub(super) fn new() -> Self {
        Self(try_array(|| AtomicU8::new(0)))
    }

    /// Mostly one load: a register is raised about ten times in all.
    #[inline]
    pub(super) fn add(&self, hash: u64) {
        // The hash of a lookup is a good one, but perhaps not in each of its bits.
        let mixed = mix(hash);
        let Some(registers) = &self.0 else { return };
        let register = &registers[mixed as usize % REGISTERS];
        // The lowest bit that is one, of those that are left, counted from one.
        let rank = (mixed >> BITS | 1 << LEFT).trailing_zeros() as u8 + 1;
        if register.load(Ordering::Relaxed) < rank {
            register.fetch_max(rank, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.0.as_deref().map_or(0, size_of_val)
    }

    /// The estimate of O. Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), which is good for few
    /// values as well as for many. (Without its term for registers that are as high as can be, which takes 2^60 values.)
    pub(super) fn estimate(&self) -> u64 {
        let mut counts = [0.0; LEFT + 2];
        for register in self.0.as_deref().into_iter().flatten() {
            counts[register.load(Ordering::Relaxed) as usize] += 1.0;
        }
        let registers = REGISTERS as f64;
        let sum = counts[1..].iter().rev().fold(0.0, |sum, count| 0.5 * (sum + count));
        let estimate =
            registers * registers / (2.0 * core::f64::consts::LN_2 * (sum + registers * sigma(counts[0] / registers)));
        estimate.round() as u64
    }
}

/// The share of registers that are zero, x + x^2 + 2 x^4 + 4 x^8 + …: infinite when all are.
fn sigma(mut x: f64) -> f64 {
    let (mut sum, mut factor) = (x, 1.0);
    loop {
        x *= x;
        let last = sum;
        sum += x * factor;
        factor += factor;
        if sum == last || sum.is_infinite() {
            return sum;
        }
    }
}

/// MurmurHash3's finalizer.
fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_mixed_as_by_murmurhash3() {
        assert_eq!([0, 1, 2].map(mix), [0, 0xb456_bcfc_34c2_cb2c, 0x3abf_2a20_6506_83e7]);
        assert_eq!(mix(0x0123_4567_89ab_cdef), 0x87cb_fbfe_8902_2cea);
    }

    #[test]
    fn estimates_few_and_many() {
        let distinct = Distinct::new();
        assert_eq!(distinct.estimate(), 0);
        let mut added = 0;
        for many in [1, 2, 10, 100, 1_000, 10_000, 100_000, 1_000_000] {
            // Hashes that differ in few bits are the hardest.
            (added..many).for_each(|n| distinct.add(n << 20));
            (0..many.min(10)).for_each(|n| distinct.add(n << 20));
            added = many;
            let error = distinct.estimate() as f64 / many as f64 - 1.0;
            // Four standard errors.
            assert!(error.abs() < 0.092, "{many}: {error}");
        }
    }
}
