//! A list that only grows: readers take no lock, and what is in it never moves.

use crate::sync::{OnceLock, get_or_init};

/// A singly linked list to look things up in. Made for the few values a route has: finding one is a walk.
pub(crate) struct AppendList<T>(OnceLock<Box<Node<T>>>);

struct Node<T> {
    value: T,
    next: AppendList<T>,
}

impl<T> AppendList<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The first value that `wanted` accepts.
    #[cfg(feature = "grpc")]
    #[inline]
    pub(crate) fn find(&self, wanted: impl Fn(&T) -> bool) -> Option<&T> {
        let mut node = self.0.get();
        while let Some(Node { value, next }) = node.map(|node| &**node) {
            if wanted(value) {
                return Some(value);
            }
            node = next.0.get();
        }
        None
    }

    /// The first value that `wanted` accepts; when there is none, the one that `make` makes, which `wanted` must accept.
    #[inline]
    pub(crate) fn find_or_insert(&self, wanted: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> &T {
        let mut list = self;
        let mut make = Some(make);
        loop {
            // When two threads meet at the end of the list, one appends; the other looks at what it appended and walks on.
            let node = get_or_init(&list.0, || {
                let make = make.take().expect("`wanted` accepts what `make` made");
                Box::new(Node { value: make(), next: Self::new() })
            });
            if wanted(&node.value) {
                return &node.value;
            }
            list = &node.next;
        }
    }
}

/// Lists of what has a name, by [`hash`] of the name.
pub(crate) struct ListsByHash<T>([AppendList<T>; LISTS]);

/// A power of two.
const LISTS: usize = 64;

impl<T> ListsByHash<T> {
    pub(crate) const fn new() -> Self {
        Self([const { AppendList::new() }; LISTS])
    }

    #[inline]
    pub(crate) fn list(&self, hash: u64) -> &AppendList<T> {
        &self.0[place(hash)]
    }
}

#[inline]
fn place(hash: u64) -> usize {
    (hash >> (u64::BITS - LISTS.ilog2())) as usize
}

/// For names that come from the program and not from its clients: a hash that is quick and has no secret will do.
#[inline]
pub(crate) fn hash(name: &str) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let bytes = name.as_bytes();
    let add = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let add_chunk = |hash, chunk: &[u8; 8]| add(hash, u64::from_le_bytes(*chunk));
    let hash = bytes.as_chunks().0.iter().fold(bytes.len() as u64, add_chunk);
    // What is behind the last whole word goes in with bytes before it: one load in place of a loop.
    match bytes.last_chunk() {
        Some(last) => add_chunk(hash, last),
        None => bytes.iter().fold(hash, |hash, &byte| add(hash, u64::from(byte))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_value_is_made_once_however_many_threads_ask_for_it() {
        let list = AppendList::new();
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (list, made) = (&list, &made);
                scope.spawn(move || {
                    for i in 0..100 {
                        let wanted = (i + thread * 25) % 100;
                        let found = list.find_or_insert(
                            |&value| value == wanted,
                            || {
                                made.fetch_add(1, Ordering::Relaxed);
                                wanted
                            },
                        );
                        assert_eq!(*found, wanted);
                    }
                });
            }
        });
        assert_eq!(made.into_inner(), 100);
    }

    #[test]
    fn values_do_not_move() {
        let list = AppendList::new();
        let first = std::ptr::from_ref(list.find_or_insert(|&v| v == 0, || 0));
        for i in 1..50 {
            list.find_or_insert(|&v| v == i, || i);
        }
        assert_eq!(first, std::ptr::from_ref(list.find_or_insert(|&v| v == 0, || 0)));
    }

    fn place_of(name: &str) -> usize {
        place(hash(name))
    }

    #[test]
    fn patterns_spread_over_the_lists() {
        let mut filled = [0; LISTS];
        for resource in ["incidents", "users", "teams", "playbooks", "alerts"] {
            for tail in ["", "/", "/{id}", "/{id}/events", "/{id}/notes/{note}"] {
                filled[place_of(&format!("/v1/{resource}{tail}"))] += 1;
            }
        }
        assert_eq!(filled.iter().sum::<u32>(), 25);
        assert!(filled.iter().max() <= Some(&3), "{filled:?}");
    }

    #[test]
    fn names_of_every_length_spread_over_the_lists() {
        let name = |length: usize| "/".repeat(length);
        let filled: std::collections::BTreeSet<_> = (0..40).map(|length| place_of(&name(length))).collect();
        assert!(filled.len() > 20, "{filled:?}");
        let spread = |names: [&str; 4]| names.map(place_of).iter().collect::<std::collections::BTreeSet<_>>().len();
        assert!(spread(["/a", "/b", "/c", "/d"]) > 2);
        assert!(spread(["/v1/teams/a", "/v1/teams/b", "/v1/teams/c", "/v1/teams/d"]) > 2);
    }
}
