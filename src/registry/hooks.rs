//! What is to run before a registry is read.

use super::registry::Registry;
use super::safe::guarded;
use crate::sync::{Mutex, lock};
use std::cell::Cell;
use std::sync::Arc;

thread_local! {
    /// Whether this thread is running hooks, of whatever registry.
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
}

type Hook = dyn Fn() + Send + Sync;

/// In the order in which they came.
#[derive(Default)]
pub(super) struct Hooks(Mutex<Vec<Arc<Hook>>>);

impl Hooks {
    /// Runs all of them, without a lock: each may register metrics. One that scrapes would run itself without end, so it runs none.
    pub(super) fn run(&self) {
        if IS_RUNNING.replace(true) {
            return;
        }
        let hooks = lock(&self.0).clone();
        for hook in hooks {
            guarded(|| hook());
        }
        IS_RUNNING.set(false);
    }
}

impl Registry {
    /// Runs `update` at the beginning of each scrape and of each [`snapshot`](Registry::snapshot), on the thread that asks for it: to
    /// set gauges whose values only grow old, such as the age of what waits longest. The registry keeps it for as long as it
    /// lives, so it must not keep a clone of the registry.
    ///
    /// A scrape waits for it. What may take longer than some loads and stores is for a [collector](crate::collect), which has a
    /// thread and a deadline. A scrape inside of `update` runs nothing of that kind. A panic ends this run of `update` alone; the process's panic hook sees it. A
    /// [disabled](Registry::disabled) registry drops `update`.
    ///
    /// ```
    /// let clock = quipu::clock::ManualClock::new();
    /// let registry = quipu::Registry::builder().clock(&clock).build()?;
    /// let age = registry.gauge("cache_age_seconds", "Age of the cache.").register()?;
    /// let (clock_of_registry, filled) = (registry.clock().clone(), registry.clock().now());
    /// registry.before_scrape(move || age.set(clock_of_registry.seconds_since(filled)));
    ///
    /// clock.advance(std::time::Duration::from_secs(90));
    /// assert!(registry.to_text().contains("\ncache_age_seconds 90\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn before_scrape(&self, update: impl Fn() + Send + Sync + 'static) {
        if !self.is_disabled() {
            lock(&self.hooks().0).push(Arc::new(update));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_scrapes_runs_once() {
        let registries = [Registry::new(), Registry::new()];
        let runs = registries.each_ref().map(|registry| registry.gauge("runs", "R.").register().unwrap());
        for (n, registry) in registries.iter().enumerate() {
            let (run, other) = (runs[n].clone(), registries[1 - n].clone());
            registry.before_scrape(move || {
                run.inc();
                other.to_text();
            });
        }
        for _ in 0..2 {
            registries[0].to_text();
        }
        assert_eq!(runs.each_ref().map(|runs| runs.value()), [2.0, 0.0]);
        registries[1].snapshot();
        assert_eq!(runs.each_ref().map(|runs| runs.value()), [2.0, 1.0]);
    }

    #[test]
    fn one_that_panics_is_one_that_did_nothing() {
        let registry = Registry::new();
        let runs = registry.gauge("runs", "R.").register().unwrap();
        let gauge = runs.clone();
        registry.before_scrape(move || gauge.inc());
        registry.before_scrape(|| panic!("of a test"));
        let gauge = runs.clone();
        registry.before_scrape(move || gauge.inc());
        assert!(registry.to_text().contains("\nruns 2\n"));
        assert_eq!(registry.snapshot().value("runs", &[]), Some(4.0));
    }
}
