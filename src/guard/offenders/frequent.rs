//! The most frequent of any number of values, in fixed memory.

use super::ring::Text;

/// So many values are counted at a time.
const COUNTED: usize = 320;

/// Counts of the values that come most often (Misra and Gries, 1982).
///
/// When there are too many, the median of the counts is taken from each, and those that are left with nothing go. That takes as
/// much from half of them at least, so no count is short by more than one of 160 of all that has come, and every value that is
/// more than that is among them.
#[derive(Debug)]
pub(super) struct Frequent {
    /// In the order of their hashes. A table of hashes would take twice the memory.
    counts: Vec<Count>,
    added: u64,
}

/// A value, and how often it has come at least.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count {
    hash: u64,
    pub(super) text: Text,
    pub(super) at_least: u64,
}

impl Frequent {
    pub(super) fn new() -> Frequent {
        Frequent { counts: Vec::with_capacity(COUNTED + 1), added: 0 }
    }

    pub(super) fn add(&mut self, hash: u64, text: Text) {
        self.added += 1;
        match self.counts.binary_search_by_key(&hash, |count| count.hash) {
            Ok(place) => self.counts[place].at_least += 1,
            Err(place) => self.counts.insert(place, Count { hash, text, at_least: 1 }),
        }
        if self.counts.len() > COUNTED {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        let mut counts: Vec<u64> = self.counts.iter().map(|count| count.at_least).collect();
        let middle = counts.len() / 2;
        let median = *counts.select_nth_unstable(middle).1;
        self.counts.retain_mut(|count| {
            count.at_least = count.at_least.saturating_sub(median);
            count.at_least > 0
        });
    }

    /// How many have come, of all values.
    pub(super) fn added(&self) -> u64 {
        self.added
    }

    /// The `most` that have come most often, the most frequent first.
    pub(super) fn top(&self, most: usize) -> Vec<Count> {
        let mut counts = self.counts.clone();
        // Of those that are as frequent, always in one order.
        counts.sort_by(|a, b| b.at_least.cmp(&a.at_least).then_with(|| a.text.as_str().cmp(b.text.as_str())));
        counts.truncate(most);
        counts
    }

    /// Bytes of its memory.
    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.counts.capacity() * size_of::<Count>()
    }
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;

    /// Adds values, each with its number as text, so often.
    fn add(frequent: &mut Frequent, values: core::ops::Range<usize>, times: usize) {
        for n in values {
            (0..times).for_each(|_| frequent.add(n as u64, Text::new(&n.to_string())));
        }
    }

    fn counts(frequent: &Frequent) -> Vec<u64> {
        frequent.top(usize::MAX).iter().map(|count| count.at_least).collect()
    }

    #[test]
    fn as_many_as_there_is_room_for_are_counted_exactly() {
        let mut frequent = Frequent::new();
        add(&mut frequent, 0..COUNTED, 1);
        add(&mut frequent, 0..COUNTED, 1);
        assert_eq!((counts(&frequent), frequent.added()), (vec![2; COUNTED], 2 * COUNTED as u64));
        assert_eq!(frequent.top(1)[0].text.as_str(), "0");
    }

    #[test]
    fn one_more_takes_the_median_from_each() {
        let mut frequent = Frequent::new();
        add(&mut frequent, 0..10, 7);
        add(&mut frequent, 10..COUNTED - 20, 2);
        add(&mut frequent, COUNTED - 20..COUNTED + 1, 1);
        assert_eq!(counts(&frequent), [5; 10]);
        assert_eq!(frequent.added(), 70 + 2 * (COUNTED as u64 - 30) + 21);
    }
}
