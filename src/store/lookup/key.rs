//! Label values as keys: hashed and compared inline.
//!
//! A mispredicted branch costs half a lookup, so branches depend only on what the values of one label tend to have in common:
//! whether they are short (below 8 bytes), or fit two or four overlapping words.
//!
//! The fast path makes no calls: a call clobbers the vector registers and most others, and everything live across it would
//! be spilled.

use crate::store::lookup::pattern::{MOST, Pattern};
use crate::store::lookup::vector::Vector;
use crate::store::lookup::words::{self, ShortStr};
#[cfg(not(quipu_loom))]
use crate::sync::{AtomicU64, OnceLock, Ordering, get_or_init};
use core::mem::MaybeUninit;
#[cfg(not(quipu_loom))]
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The most labels that take the quick way.
pub(in crate::store) const QUICK: usize = 4;

/// The longest value that does, so that the sum of their lengths fits 16 bits.
const LONGEST: usize = 0x3fff;

/// Repeats the body for each label. Not a loop: the compiler does not unroll one with a long body, and then keeps its
/// variables in memory.
macro_rules! for_each_label {
    ($n:ident < $count:ident $body:block) => {
        const { assert!($count <= 4) };
        for_each_label!(@ $n = 0; $count $body);
        for_each_label!(@ $n = 1; $count $body);
        for_each_label!(@ $n = 2; $count $body);
        for_each_label!(@ $n = 3; $count $body);
    };
    (@ $n:ident = $value:literal; $count:ident $body:block) => {
        if $value < $count {
            let $n: usize = $value;
            $body
        }
    };
}

pub(in crate::store) use for_each_label;

/// Stands in place of the lengths where they do not fit, or where a value has to be escaped.
pub(in crate::store) const SPELLED: u64 = u64::MAX;

/// Secret words that keep an attacker from choosing label values that collide. All families of a process have the same.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Seeds {
    values: [[u64; 2]; QUICK],
}

/// Few label values, prepared to be looked up.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Key<'a, const N: usize> {
    values: [&'a str; N],
    /// All of them written. (The compiler does not see that, and would first fill them with something.)
    patterns: [MaybeUninit<Pattern>; N],
    pub(in crate::store) lengths: u64,
    pub(in crate::store) hash: u64,
}

/// A value that is put in place of others.
#[derive(Clone, Debug)]
pub(in crate::store) struct Replacement {
    pub(in crate::store) text: Arc<str>,
    /// What a key has of it; `None` if it is too long for one.
    pattern: Option<Pattern>,
    /// Its hash as each label's value, as it is joined with those of the others.
    hashes: [u64; QUICK],
}

impl Replacement {
    pub(in crate::store) fn new(text: Arc<str>) -> Replacement {
        let seeds = Seeds::of_process();
        let pattern = seeds.part_of(0, &text, MOST, |bytes| Some(ShortStr::new(bytes))).map(|(pattern, _)| pattern);
        let hashes = core::array::from_fn(|n| seeds.part(n, &text));
        Replacement { text, pattern, hashes }
    }
}

/// The seeds of the process, once they are chosen. As atomics, so that a lookup reads them without asking whether they are.
#[cfg(not(quipu_loom))]
static SEEDS: [[AtomicU64; 2]; QUICK] = [const { [const { AtomicU64::new(0) }; 2] }; QUICK];

#[cfg(not(quipu_loom))]
impl Seeds {
    /// Those of the process, chosen at the first call.
    pub(in crate::store) fn of_process() -> Seeds {
        static CHOICE: OnceLock<()> = OnceLock::new();
        get_or_init(&CHOICE, || {
            let seeds = Seeds::random();
            for (word, seed) in SEEDS.as_flattened().iter().zip(seeds.values.as_flattened()) {
                word.store(*seed, Ordering::Relaxed);
            }
        });
        Seeds::chosen()
    }

    /// Those of the process, for a thread that has called [`of_process`](Self::of_process) before.
    #[inline(always)]
    pub(in crate::store) fn chosen() -> Seeds {
        Seeds { values: SEEDS.each_ref().map(|pair| pair.each_ref().map(|word| word.load(Ordering::Relaxed))) }
    }

    fn random() -> Seeds {
        let source = RandomState::new();
        // Odd, so that no bit of a word is lost.
        let seed = |n: usize| source.hash_one(n) | 1;
        Seeds { values: core::array::from_fn(|n| core::array::from_fn(|m| seed(2 * n + m))) }
    }
}

/// In models all runs must be alike, and the hashes of some values the same: of short ones, all that end in the same bit.
#[cfg(quipu_loom)]
impl Seeds {
    pub(in crate::store) fn of_process() -> Seeds {
        Seeds::chosen()
    }

    pub(in crate::store) fn chosen() -> Seeds {
        Seeds { values: [[1 << 63; 2]; QUICK] }
    }
}

impl Seeds {
    /// At most [`QUICK`] values as a key, if their lengths fit.
    pub(in crate::store) fn key<'a, const N: usize>(&self, values: [&'a str; N]) -> Option<Key<'a, N>> {
        self.key_of(values, LONGEST, |bytes| Some(ShortStr::new(bytes)))
    }

    /// As [`key`](Self::key), without a call; `None` also when it takes one.
    #[inline(always)]
    pub(in crate::store) fn quick_key<'a, const N: usize>(&self, values: [&'a str; N]) -> Option<Key<'a, N>> {
        self.key_of(values, MOST, ShortStr::quick)
    }

    #[inline(always)]
    fn key_of<'a, const N: usize>(
        &self,
        values: [&'a str; N],
        longest: usize,
        short: impl Fn(&'a [u8]) -> Option<ShortStr>,
    ) -> Option<Key<'a, N>> {
        let (mut patterns, mut lengths, mut joined) = ([MaybeUninit::uninit(); N], 0, 0);
        for_each_label!(n < N {
            let (pattern, hash) = self.part_of(n, values[n], longest, &short)?;
            patterns[n].write(pattern);
            lengths |= pack(values[n], n);
            joined ^= hash;
        });
        joined ^= lengths;
        Some(Key { values, patterns, lengths, hash: finish(joined) })
    }

    /// The `n`th value prepared, and its hash.
    #[inline(always)]
    fn part_of<'a>(
        &self,
        n: usize,
        value: &'a str,
        longest: usize,
        short: impl Fn(&'a [u8]) -> Option<ShortStr>,
    ) -> Option<(Pattern, u64)> {
        let (bytes, seeds) = (value.as_bytes(), &self.values[n]);
        let (pattern, hash) = match bytes.len() {
            ..8 => {
                let short = short(bytes)?;
                (Pattern::short(short), hash_short(short, seeds))
            }
            // SAFETY: of this length.
            8..=16 => (unsafe { Pattern::two_words(bytes) }, hash_two_words(bytes, seeds)),
            // SAFETY: of this length.
            len if len <= longest => (unsafe { Pattern::ends(bytes) }, hash_long(bytes, seeds)),
            _ => return None,
        };
        Some((pattern, turned(hash, n)))
    }

    /// The hash of the `n`th value alone.
    pub(in crate::store) fn hash_of(&self, n: usize, value: &str) -> u64 {
        let n = n % QUICK;
        hash_of_part(self.part(n, value), value, n)
    }

    /// The hash of the `n`th of few values as it is joined with those of the others.
    #[inline(always)]
    pub(in crate::store) fn part(&self, n: usize, value: &str) -> u64 {
        let (bytes, seeds) = (value.as_bytes(), &self.values[n]);
        let hash = match bytes.len() {
            ..8 => hash_short(ShortStr::new(bytes), seeds),
            8..=16 => hash_two_words(bytes, seeds),
            _ => hash_long(bytes, seeds),
        };
        turned(hash, n)
    }

    /// The hash of any number of values; that of their key when they are few.
    pub(in crate::store) fn hash<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> u64 {
        let mut hash = 0;
        for (n, value) in values.into_iter().enumerate() {
            let n = n % QUICK;
            if n == 0 {
                hash = finish(hash);
            }
            hash ^= pack(value, n) ^ self.part(n, value);
        }
        finish(hash)
    }
}

/// The hash of the `n`th value as it is joined with the others: turned, so that the same bits of two values' hashes do not meet.
#[inline(always)]
fn turned(hash: u64, n: usize) -> u64 {
    hash.rotate_left(16 * n as u32)
}

/// Makes the high bits of the hash, which choose the place in an index, depend on all bits. (Otherwise, when two methods have
/// the same high bits, all paths collide that have both.) The factor need not be secret, as the hash is.
#[inline(always)]
fn finish(hash: u64) -> u64 {
    hash.wrapping_mul(FACTOR)
}

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// What was [finished](finish), by the inverse of the odd factor.
#[inline(always)]
fn unfinish(hash: u64) -> u64 {
    const INVERSE: u64 = 0xf1de_83e1_9937_733d;
    const { assert!(FACTOR.wrapping_mul(INVERSE) == 1) };
    hash.wrapping_mul(INVERSE)
}

/// The hash of a value alone, of which this is the part of the hash of a key.
#[inline(always)]
pub(in crate::store) fn hash_of_part(part: u64, value: &str, n: usize) -> u64 {
    finish(part ^ pack(value, n))
}

/// Hash of a value of less than eight bytes.
///
/// Different words have different products with an odd number, which is secret. But a difference in the last of seven bytes
/// reaches the highest 16 bits of the product only. Joined in the same place, two labels with such values would have 65,536
/// hashes between them; that is why each label's hash is [turned] by another number of bits.
#[inline(always)]
fn hash_short(value: ShortStr, seeds: &[u64; 2]) -> u64 {
    value.word().wrapping_mul(seeds[0])
}

/// Hash of a value of eight to sixteen bytes.
#[inline(always)]
fn hash_two_words(bytes: &[u8], seeds: &[u64; 2]) -> u64 {
    let [low, high] = multiply(words::first(bytes) ^ seeds[0], words::last(bytes).wrapping_add(seeds[1]));
    low ^ high
}

/// Hash of a longer value.
#[inline(always)]
fn hash_long(bytes: &[u8], seeds: &[u64; 2]) -> u64 {
    let state = match bytes.len() {
        ..=32 => seeds[0],
        33..=MOST => hash_parts(&bytes[16..], &bytes[..bytes.len() - 16], [seeds[0], seeds[1]]),
        _ => hash_between(bytes, seeds),
    };
    hash_parts(bytes, bytes, [state, seeds[1]])
}

/// Hash of the sixteen bytes that begin the one, and those that end the other.
#[inline(always)]
fn hash_parts(start: &[u8], end: &[u8], [a, b]: [u64; 2]) -> u64 {
    // Sums here and `^` there: of four alike the compiler makes vectors, which are slower here. And two products are not joined
    // half by half, because the same ones would cancel.
    let outer = multiply(words::first(start) ^ a, words::last(end).wrapping_add(b));
    let inner = multiply(words::first(&start[8..]).wrapping_add(a), words::last(&end[..end.len() - 8]) ^ b);
    outer[0].wrapping_add(inner[1]) ^ outer[1].wrapping_sub(inner[0])
}

/// Hash of what is between the first sixteen bytes and the last.
#[inline(never)]
fn hash_between(bytes: &[u8], seeds: &[u64; 2]) -> u64 {
    (16..bytes.len() - 16).step_by(16).fold(seeds[0], |state, at| {
        let [low, high] =
            multiply(words::first(&bytes[at..]) ^ state, words::first(&bytes[at + 8..]).wrapping_add(seeds[1]));
        low ^ high
    })
}

impl<'a, const N: usize> Key<'a, N> {
    /// The key with another value in place of those that have a [part](Seeds::part); none is hashed. `None` when the value is too
    /// long for a key.
    #[inline(always)]
    pub(in crate::store) fn replaced(mut self, parts: &[Option<u64>; N], other: &'a Replacement) -> Option<Self> {
        let pattern = other.pattern?;
        let mut joined = unfinish(self.hash);
        for_each_label!(n < N {
            if let Some(part) = parts[n] {
                let lengths = pack(self.values[n], n) ^ pack(&other.text, n);
                joined ^= part ^ other.hashes[n] ^ lengths;
                self.lengths ^= lengths;
                self.values[n] = &other.text;
                self.patterns[n].write(pattern);
            }
        });
        self.hash = finish(joined);
        Some(self)
    }

    #[inline(always)]
    pub(in crate::store) fn values(&self) -> &[&'a str; N] {
        &self.values
    }

    /// Whether the values stand in a text, each after its separator.
    ///
    /// # Safety
    /// `text` points at a text with these separators and with values of the lengths of the key; eight readable bytes stand
    /// before it.
    #[inline(always)]
    pub(in crate::store) unsafe fn matches_at(&self, mut text: *const u8, separators: &[usize; QUICK]) -> bool {
        let mut difference = Vector::zero();
        for_each_label!(n < N {
            if let Some(before) = n.checked_sub(1) {
                // SAFETY: in the caller's text stand the value before, of this length, and this separator.
                text = unsafe { text.add(self.values[before].len() + separators[n]) };
            }
            // SAFETY: written by `key_of`, by the function for this length.
            let pattern = unsafe { self.patterns[n].assume_init() };
            // SAFETY: the caller's text has the value's length here, and before it more than eight bytes.
            difference = difference | unsafe { pattern.difference(self.values[n].as_bytes(), text) };
        });
        difference.is_zero()
    }
}

/// Lengths of values in one word, 16 bits each, if they are few and none is too long.
#[inline(always)]
pub(in crate::store) fn lengths(values: &[&str]) -> Option<u64> {
    let fit = values.len() <= QUICK && values.iter().all(|value| value.len() <= LONGEST);
    fit.then(|| values.iter().enumerate().fold(0, |lengths, (n, value)| lengths | pack(value, n)))
}

/// The length of one value in its place.
#[inline(always)]
fn pack(value: &str, n: usize) -> u64 {
    (value.len() as u64) << (16 * n)
}

/// One of the packed lengths.
#[inline(always)]
pub(in crate::store) fn length(lengths: u64, n: usize) -> usize {
    usize::from((lengths >> (16 * n)) as u16)
}

/// From the end of each value in a text to the next one, `",name="`; before the first there is nothing.
pub(in crate::store) fn separators(label_names: &[Box<str>]) -> [usize; QUICK] {
    core::array::from_fn(|n| label_names.get(n).map_or(0, |name| separator(n, name)))
}

/// Length of what stands before the `n`th value, from the end of the one before.
pub(in crate::store) fn separator(n: usize, name: &str) -> usize {
    if n == 0 { 0 } else { name.len() + 4 }
}

/// Sum of packed lengths: of the product's parts, the highest is the sum of all.
#[inline(always)]
pub(in crate::store) fn sum_of_lengths(lengths: u64) -> usize {
    const { assert!(QUICK * LONGEST < 1 << 16) };
    (lengths.wrapping_mul(0x0001_0001_0001_0001) >> 48) as usize
}

/// The product's two halves. Every bit of the factors has its part in them.
#[inline(always)]
fn multiply(a: u64, b: u64) -> [u64; 2] {
    let product = u128::from(a) * u128::from(b);
    [product as u64, (product >> 64) as u64]
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::array;
    use std::collections::HashSet;

    /// Every length to 70 (Miri has less time), and each with every single byte changed.
    fn variants() -> impl Iterator<Item = String> {
        let lengths: Vec<usize> = if cfg!(miri) { vec![0, 1, 3, 7, 8, 17] } else { (0..70).collect() };
        lengths.into_iter().flat_map(|len| {
            let base: String = (0..len).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
            let changed = (0..len).map({
                let base = base.clone();
                move |at| format!("{}!{}", &base[..at], &base[at + 1..])
            });
            std::iter::once(base.clone()).chain(changed)
        })
    }

    #[test]
    fn a_key_matches_its_own_text_only() {
        let seeds = Seeds::of_process();
        let names = ["a", "bc"].map(Box::from);
        let all: Vec<String> = variants().collect();
        for mine in &all {
            let text = format!("8 before{mine}\",bc=\"z");
            for other in all.iter().filter(|other| other.len() == mine.len()) {
                for last in ["z", "y"] {
                    let values = [&**other, last];
                    let key = seeds.key(values).unwrap();
                    // SAFETY: the lengths agree, and eight bytes stand before.
                    let matches = unsafe { key.matches_at(text.as_ptr().wrapping_add(8), &separators(&names)) };
                    assert_eq!(matches, mine == other && last == "z", "{values:?} in {text}");
                }
            }
        }
    }

    #[test]
    fn every_byte_and_every_border_changes_the_hash() {
        let seeds = Seeds::of_process();
        let (mut hashes, mut keys) = (HashSet::new(), HashSet::new());
        for value in variants() {
            let cut = value.len() / 2;
            let many = [&*value, "", "", "", "x"];
            for list in [&[&*value][..], &[&value[..cut], &value[cut..]], &["", &value], &[&value, ""], &many, &["é\0"]]
            {
                // A set is only asked for as many as it has.
                hashes.insert((list.len(), seeds.hash(list.iter().copied())));
                keys.insert(list.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
            }
        }
        assert!(hashes.len() >= keys.len() - 1, "{} hashes of {} keys", hashes.len(), keys.len());
    }

    #[test]
    fn a_key_has_the_hash_of_its_values() {
        let seeds = Seeds::of_process();
        let long = "x".repeat(LONGEST + 1);
        for value in variants() {
            assert_eq!(seeds.key([&value]).unwrap().hash, seeds.hash([&*value]));
            let quick = seeds.quick_key([&value, "b"]);
            let is_quick = value.len() <= MOST && (value.len() >= 8 || ShortStr::quick(value.as_bytes()).is_some());
            assert_eq!(quick.map(|key| key.hash), is_quick.then(|| seeds.hash([&*value, "b"])));
            let four = [&*value, "", "b", &value];
            let key = seeds.key(four).unwrap();
            assert_eq!(key.hash, seeds.hash(four));
            let hash = (0..4).map(|n| unfinish(seeds.hash_of(n, four[n]))).fold(0, |joined, hash| joined ^ hash);
            assert_eq!(finish(hash), key.hash);
        }
        assert_eq!(seeds.key(["", &long[1..]]).unwrap().hash, seeds.hash(["", &long[1..]]));
        assert!(seeds.key(["a", &long]).is_none());
    }

    #[test]
    fn a_key_with_a_value_replaced_is_the_key_of_its_values() {
        let seeds = Seeds::of_process();
        for (value, other) in variants().zip(variants().skip(30)) {
            for n in 0..3 {
                let mut values = ["GET", &*value, "twelve bytes"];
                let key = seeds.key(values).unwrap();
                let parts = array::from_fn(|label| (label == n).then(|| seeds.part(n, values[n])));
                let replacement = Replacement::new((&*other).into());
                let replaced = key.replaced(&parts, &replacement);
                values[n] = &other;
                let fresh = seeds.key(values).unwrap();
                let Some(replaced) = replaced else {
                    assert!(other.len() > MOST);
                    continue;
                };
                assert_eq!((replaced.hash, replaced.lengths, replaced.values), (fresh.hash, fresh.lengths, values));
                let names = ["a", "b", "c"].map(Box::from);
                let text = format!("8 before{}\",b=\"{}\",c=\"{}", values[0], values[1], values[2]);
                // SAFETY: the lengths agree, and eight bytes stand before.
                assert!(unsafe { replaced.matches_at(text.as_ptr().wrapping_add(8), &separators(&names)) });
            }
        }
    }

    /// A difference in the last of seven bytes reaches only 16 bits.
    #[test]
    #[cfg_attr(miri, ignore = "too many hashes for Miri")]
    fn the_last_bytes_of_two_labels_do_not_meet() {
        let seeds = Seeds::of_process();
        let values: Vec<String> = (0..120u8).map(|last| format!("abcdef{}", char::from(last))).collect();
        for first in [0, 1] {
            let mut hashes = HashSet::new();
            for (a, b) in values.iter().flat_map(|a| values.iter().map(move |b| (a, b))) {
                let mut key = ["GET", "200", "x"];
                (key[first], key[first + 1]) = (a, b);
                hashes.insert(seeds.hash(key));
            }
            assert_eq!(hashes.len(), values.len().pow(2), "labels {first} and {}", first + 1);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "only arithmetic")]
    fn lengths_are_told_from_one_another_and_summed() {
        let mut found = HashSet::from([SPELLED]);
        let values = [0, 1, 300, LONGEST].map(|len| "x".repeat(len));
        for n in 0..values.len().pow(QUICK as u32) {
            let values: [&str; QUICK] = array::from_fn(|label| &*values[n / values.len().pow(label as u32) % 4]);
            let packed = lengths(&values).unwrap();
            assert!(found.insert(packed), "{packed:x}");
            assert_eq!(sum_of_lengths(packed), values.concat().len());
            assert!(values.iter().enumerate().all(|(n, value)| length(packed, n) == value.len()));
        }
        assert_eq!(found.len(), 257);
    }

    #[test]
    #[cfg_attr(miri, ignore = "too many hashes for Miri")]
    fn the_bits_for_group_and_tag_spread() {
        let seeds = Seeds::of_process();
        let (mut high, mut next) = ([0; 64], [0; 1 << 12]);
        for n in 0..64_000 {
            let hash = seeds.key(["GET", &format!("/v1/incidents/{n}"), "200"]).unwrap().hash;
            high[(hash >> 58) as usize] += 1;
            next[(hash >> 46 & 0xfff) as usize] += 1;
        }
        assert!(high.iter().all(|count| (800..1200).contains(count)), "{high:?}");
        // 15.6 on average.
        assert!(next.iter().all(|count| *count < 45), "{next:?}");
    }
}
