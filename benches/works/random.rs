//! The same random numbers in every run, made beforehand.

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `0..limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// More than a branch predictor can learn by heart.
const LEN: usize = 1 << 14;

/// What an operation works on at each position, over and over.
#[derive(Debug)]
pub(crate) struct Cycle<T>(Box<[T; LEN]>);

impl<T: Copy + std::fmt::Debug> Cycle<T> {
    pub(crate) fn new(mut pick: impl FnMut(&mut Random) -> T) -> Self {
        let mut random = Random(42);
        let all: Vec<T> = (0..LEN).map(|_| pick(&mut random)).collect();
        Self(all.into_boxed_slice().try_into().expect("it has this length"))
    }

    #[inline]
    pub(crate) fn at(&self, position: usize) -> T {
        self.0[position % LEN]
    }
}
