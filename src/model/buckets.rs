//! Bucket bounds, and the quick way from a value to its bucket.

use super::VALUE_LIMIT;
use core::fmt;
use std::sync::Arc;

/// The most bounds a histogram may have. With the `+Inf` bucket, its cells fill one page of a lane.
pub const MAX_BOUNDS: usize = 255;

/// The bounds that a histogram has unless it is given others, in seconds: a web request's.
///
/// ```
/// let registry = quipu::Registry::new();
/// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
/// assert_eq!(seconds.bounds(), quipu::model::DEFAULT_BOUNDS);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub const DEFAULT_BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Why a list of bounds was refused. Its message says what to write instead.
///
/// ```
/// use quipu::model::{BoundsError, check_bounds};
/// let error = check_bounds(&[2.0, 1.0]).unwrap_err();
/// assert!(matches!(error, BoundsError::NotAscending { at: 1, .. }));
/// ```
#[derive(Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum BoundsError {
    /// There are more than [`MAX_BOUNDS`].
    #[non_exhaustive]
    TooMany {
        /// How many there are, without `+Inf`.
        bounds: usize,
    },
    /// A bound is NaN.
    #[non_exhaustive]
    NotANumber {
        /// Its place in the list, from 0.
        at: usize,
    },
    /// A bound is `-Inf`, which no observation is below.
    #[non_exhaustive]
    NegativeInfinity {
        /// Its place in the list, from 0.
        at: usize,
    },
    /// A bound is not above the one before it.
    #[non_exhaustive]
    NotAscending {
        /// Its place in the list, from 0.
        at: usize,
        /// The bound before it.
        before: f64,
        /// The bound.
        bound: f64,
    },
}

impl fmt::Display for BoundsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BoundsError::TooMany { bounds } => {
                write!(f, "{bounds} bucket bounds are too many; each is a series of its own, give at most {MAX_BOUNDS}")
            }
            BoundsError::NotANumber { at } => write!(f, "bucket bound {at} is NaN; give a finite number"),
            BoundsError::NegativeInfinity { at } => {
                write!(f, "bucket bound {at} is -Inf; leave it out, the first bucket reaches down to it anyway")
            }
            BoundsError::NotAscending { at, before, bound } => {
                write!(
                    f,
                    "bucket bound {at} ({bound}) does not exceed the one before it ({before}); sort the bounds, each once"
                )
            }
        }
    }
}

debug_as_message!(BoundsError);

impl core::error::Error for BoundsError {}

/// The one rule for bucket bounds: finite, strictly ascending, at most [`MAX_BOUNDS`] of them.
///
/// The bucket of `+Inf` is always there. A list may end in that bound, which then changes nothing; in an empty list it is the only one.
///
/// Usable in constants, so that a bad list does not compile:
///
/// ```
/// use quipu::model::check_bounds;
/// const BOUNDS: [f64; 3] = [0.1, 0.5, 1.0];
/// const _: () = assert!(check_bounds(&BOUNDS).is_ok());
/// assert!(check_bounds(&[1.0, 0.5]).is_err());
/// ```
///
/// # Errors
/// Names the first bound that breaks the rule.
pub const fn check_bounds(bounds: &[f64]) -> Result<(), BoundsError> {
    let bounds = without_infinity(bounds);
    if bounds.len() > MAX_BOUNDS {
        return Err(BoundsError::TooMany { bounds: bounds.len() });
    }
    let mut at = 0;
    while at < bounds.len() {
        let bound = bounds[at];
        if bound.is_nan() {
            return Err(BoundsError::NotANumber { at });
        }
        if bound == f64::NEG_INFINITY {
            return Err(BoundsError::NegativeInfinity { at });
        }
        if at > 0 && bound <= bounds[at - 1] {
            return Err(BoundsError::NotAscending { at, before: bounds[at - 1], bound });
        }
        at += 1;
    }
    Ok(())
}

/// The bounds without a last one of `+Inf`.
const fn without_infinity(bounds: &[f64]) -> &[f64] {
    match bounds {
        [rest @ .., f64::INFINITY] => rest,
        _ => bounds,
    }
}

/// The one spelling of a list of bounds: without `+Inf` at its end, and with 0 for -0, which is the same bound with another text,
/// and with bits that do not sort.
pub(crate) fn normal_bounds(bounds: &[f64]) -> Vec<f64> {
    without_infinity(bounds).iter().map(|bound| bound + 0.0).collect()
}

/// Checked bounds with a table that finds a value's bucket in one step.
///
/// The bits of positive floats sort as the floats do, so their top bits cut the range into cells, finer where floats are
/// finer. The table says for each cell which bound comes next; the cells are made so narrow that none holds two bounds, so
/// one comparison settles the rest. Lists with a bound below zero have no table, nor do those that would need more cells.
///
/// Apart from the cell itself, no load of an observation depends on another, so the processor reaches the next observation
/// before it runs out of loads that it may issue ahead of this one's store.
#[derive(Debug)]
pub(crate) struct Buckets {
    cut: Cut,
    /// For each cell, the bits of the bound that comes next; the last one is for all that lies above.
    next: [u64; Self::CELLS],
    /// For each cell, the number of bounds in cells before it; or [`UNKNOWN`](Self::UNKNOWN).
    before: [u16; Self::CELLS],
    bounds: Arc<[f64]>,
}

impl Buckets {
    const CELLS: usize = 512;

    /// More than any bucket's number.
    const UNKNOWN: u16 = u16::MAX;

    /// The bounds are as [`normal_bounds`] spells them.
    pub(crate) fn new(bounds: &[f64]) -> Result<Buckets, BoundsError> {
        check_bounds(bounds)?;
        debug_assert!(bounds.iter().all(|bound| bound.is_finite() && bound.to_bits() != (-0.0_f64).to_bits()));
        let mut buckets = Buckets {
            cut: Cut::new(0, 0),
            next: [f64::INFINITY.to_bits(); Self::CELLS],
            before: [Self::UNKNOWN; Self::CELLS],
            bounds: bounds.into(),
        };
        let mantissa = f64::MANTISSA_DIGITS - 1;
        (Cut::SHIFT_BITS..=mantissa).rev().any(|shift| buckets.tabulate(shift));
        Ok(buckets)
    }

    /// Fills the table for cells of this width, if it separates the bounds.
    fn tabulate(&mut self, shift: u32) -> bool {
        if self.bounds.first().is_some_and(|bound| *bound < 0.0) {
            return false;
        }
        let bits_of = |bound: &f64| bound.to_bits() >> shift;
        let first = self.bounds.iter().find(|bound| **bound > 0.0).map_or(0, bits_of);
        let spare = (Self::CELLS as u64 - 2).checked_sub(self.bounds.last().map_or(0, bits_of) - first);
        // Three of four spare cells are for what lies below the bounds, one for what lies above.
        let Some(base) = spare.map(|spare| first.saturating_sub(1 + spare / 4 * 3)) else { return false };
        let cut = Cut::new(shift, base);
        let cells: Vec<usize> = self.bounds.iter().map(|bound| cut.cell(bound.to_bits())).collect();
        if cells.windows(2).any(|pair| pair[0] >= pair[1]) {
            return false;
        }
        for (n, (next, before)) in self.next.iter_mut().zip(&mut self.before).enumerate() {
            let bounds_before = cells.partition_point(|of_bound| *of_bound < n);
            *before = bounds_before as u16;
            *next = self.bounds.get(bounds_before).unwrap_or(&f64::INFINITY).to_bits();
        }
        self.cut = cut;
        true
    }

    /// Leaves every value to [`search`](Self::search).
    pub(crate) fn without_table(self) -> Buckets {
        Buckets { before: [Self::UNKNOWN; Self::CELLS], ..self }
    }

    pub(crate) fn bounds(&self) -> &Arc<[f64]> {
        &self.bounds
    }

    /// The number of buckets, `+Inf` included.
    pub(crate) fn count(&self) -> usize {
        self.bounds.len() + 1
    }

    /// The bucket of a value: the first whose bound is not below it. `None` for one that is left to [`search`](Self::search),
    /// and for one that is not [summable](super::is_summable).
    #[inline(always)]
    pub(crate) fn find(&self, value: f64) -> Option<usize> {
        // Bits of floats that are not negative sort as the floats do.
        let bits = value.to_bits();
        if bits >= VALUE_LIMIT.to_bits() {
            return None;
        }
        let cell = self.cut.cell(bits).min(Self::CELLS - 1);
        let bucket = usize::from(self.before[cell]) + usize::from(self.next[cell] < bits);
        (bucket <= MAX_BOUNDS).then_some(bucket)
    }

    /// The bucket of a value that is not NaN, by halving.
    pub(crate) fn search(&self, value: f64) -> usize {
        self.bounds.partition_point(|bound| value > *bound)
    }
}

/// How bits are cut into cells: how far they are shifted, and the first cell, to which all that lies below is counted. In one
/// number, so that it is one load.
#[derive(Clone, Copy, Debug)]
struct Cut(u64);

impl Cut {
    const SHIFT_BITS: u32 = 6;

    /// The base is a cell: shifted by `shift`, 6 bits or more, it leaves room for that number below it.
    fn new(shift: u32, base: u64) -> Cut {
        Cut(base << Self::SHIFT_BITS | u64::from(shift))
    }

    #[inline(always)]
    fn cell(self, bits: u64) -> usize {
        bits.wrapping_shr(self.0 as u32).saturating_sub(self.0 >> Self::SHIFT_BITS) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(bounds: &[f64], value: f64) -> usize {
        bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len())
    }

    fn check(bounds: &[f64]) {
        let buckets = Buckets::new(bounds).unwrap();
        for &bound in bounds {
            for value in [bound, bound.next_down(), bound.next_up(), -bound, bound * 1.5, bound / 1.5] {
                assert_eq!(buckets.search(value), naive(bounds, value), "{value} in {bounds:?}");
                assert_eq!(
                    buckets.find(value).unwrap_or(buckets.search(value)),
                    naive(bounds, value),
                    "{value} in {bounds:?}"
                );
            }
        }
        for value in [0.0, -0.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE, 5e-324, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(
                buckets.find(value).unwrap_or(buckets.search(value)),
                naive(bounds, value),
                "{value} in {bounds:?}"
            );
        }
    }

    #[test]
    fn usual_bounds_have_a_table() {
        let linear: Vec<f64> = (1..=128).map(f64::from).collect();
        let exponential: Vec<f64> = (0..64).map(|n| 2f64.powi(n - 20)).collect();
        let with_zero = [0.0, 1.0, 10.0, 100.0];
        check(&[0.0, 1.39e-309, 1.53e-308]);
        for bounds in [&DEFAULT_BOUNDS[..], &linear, &exponential, &with_zero, &[60.0, 300.0, 86400.0], &[0.0], &[]] {
            assert!(Buckets::new(bounds).unwrap().find(1.0).is_some(), "{bounds:?}");
            check(bounds);
        }
    }

    #[test]
    fn bounds_without_a_table_are_searched() {
        let close = [1.0, 1.0f64.next_up(), 1e300];
        let negative = [-10.0, -1.0, 0.0, 1.0];
        for bounds in [&close[..], &negative, &[-1.0]] {
            assert!(Buckets::new(bounds).unwrap().find(1.0).is_none(), "{bounds:?}");
            check(bounds);
        }
    }

    #[test]
    fn infinity_at_the_end_changes_nothing() {
        for bounds in [&[][..], &[1.0], &[-1.0, 1.0]] {
            let with_infinity = [bounds, &[f64::INFINITY]].concat();
            assert_eq!(check_bounds(&with_infinity), Ok(()));
            assert_eq!(normal_bounds(&with_infinity), bounds);
        }
        let most: Vec<f64> = (0..MAX_BOUNDS as u32).map(f64::from).chain([f64::INFINITY]).collect();
        assert_eq!(check_bounds(&most), Ok(()));
    }

    #[test]
    fn bad_bounds_are_named() {
        let refused = |bounds: &[f64]| Buckets::new(bounds).unwrap_err();
        assert_eq!(refused(&vec![1.0; 10_000]), BoundsError::TooMany { bounds: 10_000 });
        assert_eq!(refused(&[1.0, f64::NAN]), BoundsError::NotANumber { at: 1 });
        let infinite = refused(&[f64::NEG_INFINITY, 1.0]);
        assert_eq!(infinite, BoundsError::NegativeInfinity { at: 0 });
        assert!(infinite.to_string().contains("0 is -Inf; leave it out, the first bucket reaches down"), "{infinite}");
        let early = BoundsError::NotAscending { at: 1, before: f64::INFINITY, bound: 1.0 };
        assert_eq!(refused(&[f64::INFINITY, 1.0]), early);
        let twice = BoundsError::NotAscending { at: 1, before: f64::INFINITY, bound: f64::INFINITY };
        assert_eq!(check_bounds(&[f64::INFINITY, f64::INFINITY, f64::INFINITY]), Err(twice));
        assert_eq!(refused(&[1.0, 1.0]), BoundsError::NotAscending { at: 1, before: 1.0, bound: 1.0 });
        assert_eq!(refused(&[2.0, 1.0]), BoundsError::NotAscending { at: 1, before: 2.0, bound: 1.0 });
        let most: Vec<f64> = (0..MAX_BOUNDS as u32).map(f64::from).collect();
        check(&most);
        assert_eq!(Buckets::new(&DEFAULT_BOUNDS).unwrap().find(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn finds_what_a_linear_search_finds(
            mut bounds in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO | prop::num::f64::SUBNORMAL, 0..80),
            values in prop::collection::vec(prop::num::f64::ANY, 100),
        ) {
            bounds.iter_mut().for_each(|bound| *bound += 0.0);
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            let buckets = Buckets::new(&bounds).unwrap();
            for value in values.into_iter().filter(|value| !value.is_nan()) {
                let found = buckets.find(value).unwrap_or(buckets.search(value));
                prop_assert_eq!(found, naive(&bounds, value), "{}", value);
            }
        }
    }
}
