//! Label values as keys: hashed and compared inline, because for strings this short a call costs more than its work.
//!
//! A value of up to 16 bytes is two words, overlapping where it is shorter. They are loaded once, to be hashed, and compared
//! with what a series has in their place.

use std::hash::{BuildHasher, RandomState};

/// The most labels that take the quick way.
const QUICK: usize = 4;

/// Stands for lengths that do not fit one word.
pub(super) const UNUSUAL: u64 = u64::MAX;

/// Secret words that keep an attacker from choosing label values that collide.
#[derive(Debug)]
pub(super) struct Seeds([u64; 2 * QUICK + 2]);

/// A list of label values, prepared to be looked up.
#[derive(Debug)]
pub(super) struct Key<'a> {
    values: &'a [&'a str],
    words: [[u64; 2]; QUICK],
    /// Lengths of the values, 16 bits each; [`UNUSUAL`] when they do not fit.
    pub(super) lengths: u64,
    pub(super) hash: u64,
}

impl Seeds {
    pub(super) fn random() -> Seeds {
        let source = RandomState::new();
        // Odd, so that no factor is zero by itself.
        Seeds(core::array::from_fn(|n| source.hash_one(n) | 1))
    }

    /// Hashes a list of values: each word and each length counts, with its place.
    #[inline(always)]
    pub(super) fn key<'a>(&self, values: &'a [&'a str]) -> Key<'a> {
        let mut key = Key { values, words: [[0; 2]; QUICK], lengths: 0, hash: 0 };
        if values.len() > QUICK {
            key.lengths = UNUSUAL;
            key.hash = self.hash_many(values);
            return key;
        }
        let [seeds @ .., s, t] = &self.0;
        let (mut low, mut high, mut longest) = (0, 0, 0);
        for (n, value) in values.iter().enumerate() {
            let bytes = value.as_bytes();
            let [a, b] = words(bytes);
            key.words[n] = [a, b];
            key.lengths |= (bytes.len() as u64) << (16 * n);
            longest |= bytes.len();
            let product = u128::from(a ^ seeds[2 * n]) * u128::from(b ^ seeds[2 * n + 1]);
            low ^= product as u64;
            high ^= (product >> 64) as u64;
            if bytes.len() > 16 {
                low ^= self.hash_middle(bytes, n as u64);
            }
        }
        if longest >= usize::from(u16::MAX) {
            key.lengths = UNUSUAL;
        }
        key.hash = multiply(low ^ s ^ key.lengths, high ^ t);
        key
    }

    /// Hash of what lies between the first and the last eight bytes.
    #[inline]
    fn hash_middle(&self, bytes: &[u8], n: u64) -> u64 {
        let [s, t, ..] = self.0;
        words_of_middle(bytes).fold(n, |state, word| multiply(word ^ state ^ s, t))
    }

    #[cold]
    fn hash_many(&self, values: &[&str]) -> u64 {
        values.chunks(QUICK).fold(self.0[0], |state, values| multiply(state, self.key(values).hash | 1))
    }
}

impl Key<'_> {
    pub(super) fn values(&self) -> &[&str] {
        self.values
    }

    /// Whether the values stand in a text, each after its gap.
    ///
    /// # Safety
    /// `text` points at a text with these gaps and with values of the same lengths as those of the key, which are not
    /// [`UNUSUAL`]; eight readable bytes stand before it.
    #[inline(always)]
    pub(super) unsafe fn stands_in(&self, mut text: *const u8, gaps: &[usize; QUICK]) -> bool {
        for (n, value) in self.values.iter().enumerate() {
            // SAFETY: the caller's text has this gap here.
            text = unsafe { text.add(gaps[n]) };
            let bytes = value.as_bytes();
            let [a, b] = self.words[n];
            // SAFETY: the value has the same length as the key's.
            let next = unsafe { text.add(bytes.len()) };
            // SAFETY: what stands before the value, or before the text, fills up eight bytes.
            let end = unsafe { next.sub(8) }.cast::<u64>();
            // SAFETY: as above.
            let end = u64::from_le(unsafe { end.read_unaligned() });
            if bytes.len() < 8 {
                // Only as many of them as the value has; `>> 1` because none at all would be a shift by 64.
                if end >> 1 >> (63 - 8 * bytes.len()) != a {
                    return false;
                }
            } else {
                // SAFETY: the value has at least eight bytes.
                let start = u64::from_le(unsafe { text.cast::<u64>().read_unaligned() });
                if (start ^ a) | (end ^ b) != 0 {
                    return false;
                }
                if bytes.len() > 16 {
                    // SAFETY: as above.
                    let mine = unsafe { core::slice::from_raw_parts(text, bytes.len()) };
                    if !words_of_middle(mine).eq(words_of_middle(bytes)) {
                        return false;
                    }
                }
            }
            text = next;
        }
        true
    }
}

/// From the end of each value in a text to the next one, `",name="`; before the first there is nothing.
pub(super) fn gaps(label_names: &[Box<str>]) -> [usize; QUICK] {
    core::array::from_fn(|n| label_names.get(n).map_or(0, |name| gap(n, name)))
}

/// Length of what stands before the `n`th value, from the end of the one before.
pub(super) fn gap(n: usize, name: &str) -> usize {
    if n == 0 { 0 } else { name.len() + 4 }
}

/// Sum of packed lengths.
#[inline(always)]
pub(super) fn sum_of_lengths(lengths: u64) -> usize {
    let pairs = (lengths & 0xffff_0000_ffff) + (lengths >> 16 & 0xffff_0000_ffff);
    ((pairs + (pairs >> 32)) & 0xffff_ffff) as usize
}

/// The product's two halves, folded: every bit of it depends on every bit of the factors.
#[inline(always)]
fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// The first and the last eight bytes; of less than eight, all and nothing.
#[inline(always)]
fn words(bytes: &[u8]) -> [u64; 2] {
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(start), Some(end)) => [u64::from_le_bytes(*start), u64::from_le_bytes(*end)],
        _ => [word_below_8(bytes), 0],
    }
}

/// At most seven bytes as a word. Where two loads overlap, they agree.
#[inline(always)]
fn word_below_8(bytes: &[u8]) -> u64 {
    if let (Some(start), Some(end)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u32::from_le_bytes(*start)) | u64::from(u32::from_le_bytes(*end)) << (8 * (bytes.len() - 4))
    } else if let (Some(start), Some(end)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u16::from_le_bytes(*start)) | u64::from(u16::from_le_bytes(*end)) << (8 * (bytes.len() - 2))
    } else {
        bytes.first().copied().map_or(0, u64::from)
    }
}

/// Words that cover what lies between the first and the last eight of more than 16 bytes.
#[inline(always)]
fn words_of_middle(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes[8..].as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Every length to 70 (Miri has less time), and each with every single byte changed.
    fn variants() -> impl Iterator<Item = String> {
        let lengths = if cfg!(miri) { 0..20usize } else { 0..70 };
        lengths.flat_map(|len| {
            let base: String = (0..len).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
            let changed = (0..len).map({
                let base = base.clone();
                move |at| format!("{}!{}", &base[..at], &base[at + 1..])
            });
            std::iter::once(base.clone()).chain(changed)
        })
    }

    #[test]
    fn a_key_stands_in_its_own_text_only() {
        let seeds = Seeds::random();
        let names = ["a", "bc"].map(Box::from);
        let all: Vec<String> = variants().collect();
        for mine in &all {
            let text = format!("8 before{mine}\",bc=\"z");
            for other in all.iter().filter(|other| other.len() == mine.len()) {
                for last in ["z", "y"] {
                    let values = [&**other, last];
                    // SAFETY: the lengths agree, and eight bytes stand before.
                    let stands = unsafe { seeds.key(&values).stands_in(text.as_ptr().wrapping_add(8), &gaps(&names)) };
                    assert_eq!(stands, mine == other && last == "z", "{values:?} in {text}");
                }
            }
        }
    }

    #[test]
    fn every_byte_and_every_border_changes_the_hash() {
        let seeds = Seeds::random();
        let (mut hashes, mut keys) = (HashSet::new(), HashSet::new());
        for value in variants() {
            let cut = value.len() / 2;
            let many = [&*value, "", "", "", "x"];
            for list in [&[&*value][..], &[&value[..cut], &value[cut..]], &["", &value], &[&value, ""], &many, &["é\0"]]
            {
                hashes.insert(seeds.key(list).hash);
                keys.insert(list.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
            }
        }
        // A list and the same one with empty strings at its end have one hash, but a family does not have both.
        let lists = keys.iter().filter(|list| list.len() == 1).count();
        assert!(hashes.len() >= keys.len() - lists - 1, "{} hashes of {} keys", hashes.len(), keys.len());
    }

    #[test]
    #[cfg_attr(miri, ignore = "too many hashes for Miri")]
    fn high_and_low_bits_spread() {
        let seeds = Seeds::random();
        let (mut high, mut low) = ([0; 64], [0; 64]);
        for n in 0..64_000 {
            let hash = seeds.key(&["GET", &format!("/v1/incidents/{n}"), "200"]).hash;
            high[(hash >> 58) as usize] += 1;
            low[(hash & 63) as usize] += 1;
        }
        for count in high.iter().chain(&low) {
            assert!((800..1200).contains(count), "{high:?} {low:?}");
        }
    }
}
