//! Samples on their way from lookups, which neither wait nor allocate, to whoever looks at them.

use super::try_array;
use crate::sync::{AtomicU64, Ordering, array_of};

/// So many samples at once.
const SLOTS: usize = if cfg!(quipu_loom) { 2 } else { 256 };

/// Bytes of a value that are kept, as words.
const WORDS: usize = 6;
pub(in crate::guard) const TEXT: usize = 8 * WORDS;

/// A value, of which only the beginning may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::guard) struct Text {
    bytes: [u8; TEXT],
    len: u8,
    pub(in crate::guard) is_cut: bool,
}

impl Text {
    pub(super) fn new(value: &str) -> Text {
        let mut len = value.len().min(TEXT);
        while !value.is_char_boundary(len) {
            len -= 1;
        }
        let mut bytes = [0; TEXT];
        bytes[..len].copy_from_slice(&value.as_bytes()[..len]);
        Text { bytes, len: len as u8, is_cut: len < value.len() }
    }

    pub(in crate::guard) fn as_str(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len.into()]).unwrap_or_default()
    }
}

/// A place for a sample, one cache line.
#[repr(align(64))]
#[derive(Debug)]
struct Slot {
    /// [`EMPTY`], [`TAKEN`], or [`FULL`] with the text's length and whether it is cut.
    state: AtomicU64,
    hash: AtomicU64,
    text: [AtomicU64; WORDS],
}

const EMPTY: u64 = 0;
/// Someone writes it.
const TAKEN: u64 = 1;
const FULL: u64 = 1 << 63;
const CUT: u64 = 1 << 62;

/// Takes samples until it is full, and again when it was emptied. Without slots where there was no memory for them.
#[derive(Debug)]
pub(in crate::guard) struct Ring {
    slots: Option<Box<[Slot; SLOTS]>>,
    /// The slot to write next; if that is not empty, none is.
    next: AtomicU64,
}

impl Ring {
    pub(in crate::guard) fn new() -> Ring {
        let slot = || Slot {
            state: AtomicU64::new(EMPTY),
            hash: AtomicU64::new(0),
            text: array_of![AtomicU64::new(0); WORDS],
        };
        Ring { slots: try_array(slot), next: AtomicU64::new(0) }
    }

    #[cfg(test)]
    pub(in crate::guard) fn size(&self) -> usize {
        self.slots.as_deref().map_or(0, size_of_val)
    }

    fn slot(&self, number: u64) -> Option<&Slot> {
        self.slots.as_ref().map(|slots| &slots[number as usize % SLOTS])
    }

    /// Puts a sample in, if there is room. Two loads if there is none.
    #[inline]
    pub(in crate::guard) fn push(&self, hash: u64, value: &str) {
        let next = self.next.load(Ordering::Relaxed);
        if let Some(slot) = self.slot(next)
            && slot.state.load(Ordering::Relaxed) == EMPTY
        {
            self.write(slot, next, hash, value);
        }
    }

    #[cold]
    fn write(&self, slot: &Slot, number: u64, hash: u64, value: &str) {
        // Acquire pairs with the Release that empties the slot: who did that has read all of it.
        let taken = slot.state.compare_exchange(EMPTY, TAKEN, Ordering::Acquire, Ordering::Relaxed);
        if taken.is_err() {
            return;
        }
        self.next.store(number.wrapping_add(1), Ordering::Relaxed);
        let text = Text::new(value);
        slot.hash.store(hash, Ordering::Relaxed);
        for (word, bytes) in slot.text.iter().zip(text.bytes.as_chunks().0) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        let state = FULL | if text.is_cut { CUT } else { 0 } | u64::from(text.len);
        slot.state.store(state, Ordering::Release); // pairs with the Acquire in `drain`
    }

    /// Takes out what is in it. For one caller at a time.
    pub(in crate::guard) fn drain(&self, mut take: impl FnMut(u64, Text)) {
        for slot in self.slots.as_deref().into_iter().flatten() {
            // Acquire pairs with the Release in `write`.
            let state = slot.state.load(Ordering::Acquire);
            if state & FULL == 0 {
                continue;
            }
            let mut bytes = [0; TEXT];
            for (word, bytes) in slot.text.iter().zip(bytes.as_chunks_mut().0) {
                *bytes = word.load(Ordering::Relaxed).to_le_bytes();
            }
            let hash = slot.hash.load(Ordering::Relaxed);
            slot.state.store(EMPTY, Ordering::Release); // pairs with the Acquire in `write`
            take(hash, Text { bytes, len: state as u8, is_cut: state & CUT != 0 });
        }
        // After a fork, nobody may be there to finish a slot, nor to have gone on to the next one.
        let next = self.next.load(Ordering::Relaxed);
        if self.slot(next).is_some_and(|slot| slot.state.load(Ordering::Relaxed) == TAKEN) {
            self.next.store(next.wrapping_add(1), Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;
    use crate::sync::AtomicBool;

    fn drained(ring: &Ring) -> Vec<(u64, String, bool)> {
        let mut samples = Vec::new();
        ring.drain(|hash, text| samples.push((hash, text.as_str().to_owned(), text.is_cut)));
        samples
    }

    #[test]
    fn takes_samples_until_it_is_full_and_again_when_emptied() {
        let ring = Ring::new();
        for round in 0..3 {
            (0..SLOTS as u64 + 10).for_each(|n| ring.push(n, &(n + round).to_string()));
            let mut samples = drained(&ring);
            samples.sort();
            let expected: Vec<_> = (0..SLOTS as u64).map(|n| (n, (n + round).to_string(), false)).collect();
            assert_eq!(samples, expected);
            assert_eq!(drained(&ring), []);
            // The next round begins in another slot.
            ring.push(0, "");
            assert_eq!(drained(&ring), [(0, String::new(), false)]);
        }
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let ring = Ring::new();
        let whole = "x".repeat(TEXT);
        let cases = [(whole.clone(), &whole, false), (whole.clone() + "y", &whole, true)];
        for (value, kept, is_cut) in cases {
            ring.push(1, &value);
            assert_eq!(drained(&ring), [(1, kept.clone(), is_cut)]);
        }
        ring.push(2, &("x".repeat(TEXT - 1) + "é"));
        assert_eq!(drained(&ring), [(2, "x".repeat(TEXT - 1), true)]);
    }

    #[test]
    fn a_slot_that_nobody_finishes_costs_itself_alone() {
        let ring = Ring::new();
        ring.slot(0).unwrap().state.store(TAKEN, Ordering::Relaxed);
        ring.push(1, "lost");
        assert_eq!(drained(&ring), []);
        (0..SLOTS as u64).for_each(|n| ring.push(n, ""));
        assert_eq!(drained(&ring).len(), SLOTS - 1);
    }

    #[test]
    fn samples_of_many_threads_are_whole() {
        let (ring, is_over) = (Ring::new(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for thread in 1..=3 {
                let (ring, is_over) = (&ring, &is_over);
                scope.spawn(move || {
                    for n in (0..).step_by(thread).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                        ring.push(n, &n.to_string().repeat(3));
                    }
                });
            }
            let (mut seen, mut is_whole) = (0, true);
            while seen < 20 * SLOTS && is_whole {
                ring.drain(|hash, text| {
                    is_whole &= text.as_str() == hash.to_string().repeat(3);
                    seen += 1;
                });
            }
            // Before it may panic: the threads would go on.
            is_over.store(true, Ordering::Relaxed);
            assert!(is_whole);
        });
    }
}
