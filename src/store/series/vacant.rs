//! Which places of a list are empty.

use crate::store::cells::memory::NoMemory;

const BITS: usize = u64::BITS as usize;

/// A set of places, as bits: 1.02 bits for each place of the list, whether it is empty or not.
#[derive(Debug, Default)]
pub(crate) struct Vacant {
    /// A bit for each place.
    words: Vec<u64>,
    /// A bit for each word that is not zero.
    summary: Vec<u64>,
}

impl Vacant {
    /// Makes room for places below `len`, so that [`insert`](Self::insert) need not.
    pub(crate) fn reserve(&mut self, len: usize) -> Result<(), NoMemory> {
        for (words, bits) in [(&mut self.words, len), (&mut self.summary, len.div_ceil(BITS))] {
            let more = bits.div_ceil(BITS).saturating_sub(words.len());
            words.try_reserve(more)?;
            words.extend((0..more).map(|_| 0));
        }
        Ok(())
    }

    /// Adds a place that there is [room](Self::reserve) for.
    pub(crate) fn insert(&mut self, place: usize) {
        self.words[place / BITS] |= 1 << (place % BITS);
        self.summary[place / BITS / BITS] |= 1 << (place / BITS % BITS);
    }

    pub(crate) fn remove(&mut self, place: usize) {
        let word = place / BITS;
        self.words[word] &= !(1 << (place % BITS));
        if self.words[word] == 0 {
            self.summary[word / BITS] &= !(1 << (word % BITS));
        }
    }

    /// The lowest empty place from `from` on.
    pub(crate) fn first_from(&self, from: usize) -> Option<usize> {
        let first = first_one(self.words.get(from / BITS).copied(), from);
        first.or_else(|| {
            let after = from / BITS + 1;
            let first = first_one(self.summary.get(after / BITS).copied(), after);
            let word = first.or_else(|| {
                let n = (after / BITS + 1..self.summary.len()).find(|n| self.summary[*n] != 0)?;
                Some(n * BITS + self.summary[n].trailing_zeros() as usize)
            })?;
            Some(word * BITS + self.words[word].trailing_zeros() as usize)
        })
    }

    /// The lowest place from `from` on, and below `len`, that is not empty.
    pub(crate) fn first_filled(&self, from: usize, len: usize) -> Option<usize> {
        let words = (from / BITS..self.words.len()).map(|n| (n, !self.words[n]));
        let above = |(n, word): (usize, u64)| first_one(Some(word), from.max(n * BITS));
        words.filter_map(above).next().filter(|place| *place < len)
    }

    /// The place after the last one below `len` that is not empty.
    pub(crate) fn end_of_filled(&self, len: usize) -> usize {
        let is_vacant = |place: &usize| self.words[place / BITS] & 1 << (place % BITS) != 0;
        let mut end = len;
        while let Some(last) = end.checked_sub(1).filter(is_vacant) {
            // A whole word at once.
            end = if end.is_multiple_of(BITS) && self.words[last / BITS] == u64::MAX { end - BITS } else { last };
        }
        end
    }

    /// Forgets the places from `len` on.
    pub(crate) fn truncate(&mut self, len: usize) {
        // Those of the last word one by one, and all that follow at once, since there may be a million.
        while let Some(place) = self.first_from(len).filter(|place| place / BITS == len / BITS) {
            self.remove(place);
        }
        self.words.truncate(len.div_ceil(BITS));
        let words = self.words.len();
        self.summary.truncate(words.div_ceil(BITS));
        if let Some(last) = self.summary.last_mut().filter(|_| !words.is_multiple_of(BITS)) {
            *last &= !(u64::MAX << (words % BITS));
        }
        self.words.shrink_to_fit();
        self.summary.shrink_to_fit();
    }
}

/// The place of the lowest bit of a word that is not below that of `from`.
fn first_one(word: Option<u64>, from: usize) -> Option<usize> {
    let word = word? & u64::MAX << (from % BITS);
    (word != 0).then(|| from / BITS * BITS + word.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 64 }))]

        #[test]
        fn it_is_a_set(
            len in prop_oneof![1..200usize, 9_000..9_500usize],
            runs in prop::collection::vec((any::<prop::sample::Index>(), 1..5_000usize, any::<bool>()), 1..20),
        ) {
            let (mut vacant, mut set) = (Vacant::default(), BTreeSet::new());
            vacant.reserve(len).unwrap();
            for (from, count, is_insertion) in runs {
                let from = from.index(len);
                for place in from..len.min(from + count) {
                    if is_insertion { vacant.insert(place) } else { vacant.remove(place) }
                    if is_insertion { set.insert(place) } else { set.remove(&place) };
                }
                prop_assert_eq!(vacant.end_of_filled(len), (0..len).rev().find(|n| !set.contains(n)).map_or(0, |n| n + 1));
                for from in [0, from, from + count, len] {
                    prop_assert_eq!(vacant.first_from(from), set.range(from..).next().copied());
                    prop_assert_eq!(vacant.first_filled(from, len), (from..len).find(|n| !set.contains(n)));
                }
            }
            let half = len / 2;
            vacant.truncate(half);
            prop_assert_eq!(vacant.first_from(0), set.range(..half).next().copied());
            vacant.reserve(len).unwrap();
            prop_assert_eq!(vacant.first_from(half), None);
        }
    }
}
