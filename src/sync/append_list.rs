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
}
