//! A cache of answers, which forgets the oldest.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quipu_catalog::storage;

/// Remembers so many texts at most, each under a text.
#[derive(Debug)]
pub(crate) struct Cache {
    kept: Mutex<Kept>,
    capacity: usize,
    metrics: storage::Cache,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<String, String>,
    /// The keys, the oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(capacity: usize, metrics: storage::Cache) -> Cache {
        Cache { kept: Mutex::default(), capacity, metrics }
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.metrics.record(self.lock().answers.get(key).cloned())
    }

    pub(crate) fn put(&self, key: &str, answer: &str) {
        let kept = &mut *self.lock();
        match kept.answers.insert(key.to_owned(), answer.to_owned()) {
            Some(replaced) => kept.bytes = kept.bytes.saturating_sub(replaced.len()) + answer.len(),
            None => {
                kept.order.push_back(key.to_owned());
                kept.bytes += key.len() + answer.len();
            }
        }
        if kept.order.len() > self.capacity
            && let Some(oldest) = kept.order.pop_front()
            && let Some(answer) = kept.answers.remove(&oldest)
        {
            kept.bytes = kept.bytes.saturating_sub(oldest.len() + answer.len());
        }
        self.metrics.set_size_bytes(kept.bytes as u64);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let registry = quipu::Registry::new();
        let metrics = storage::Storage::register(&registry).unwrap();
        let cache = Cache::new(2, metrics.cache("answers"));
        for (key, answer) in [("a", "1"), ("b", "2"), ("b", "22"), ("c", "4444"), ("c", "333")] {
            cache.put(key, answer);
        }
        assert_eq!(cache.get("a"), None);
        assert_eq!(cache.get("c").as_deref(), Some("333"));
        let text = registry.to_text();
        for (series, value) in [("cache_hits_total", 1), ("cache_misses_total", 1), ("cache_size_bytes", 7)] {
            let line = format!("{series}{{cache_name=\"answers\"}} {value}\n");
            assert!(text.contains(&line), "{line}: {text}");
        }
    }
}
