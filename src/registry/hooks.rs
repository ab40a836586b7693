//! What is to run before a registry is read.

use super::registry::Registry;
use super::safe::guarded;
use crate::sync::{Mutex, lock};
use core::cell::Cell;
use core::fmt;
use std::sync::{Arc, Weak};

thread_local! {
    /// Whether this thread is running hooks, of whatever registry.
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
}

type Hook = dyn Fn() + Send + Sync;

/// What runs before a scrape, in the order in which it came; each has a number of its own.
#[derive(Default)]
struct Numbered {
    next: u64,
    hooks: Vec<(u64, Arc<Hook>)>,
}

#[derive(Default)]
pub(super) struct Hooks(Arc<Mutex<Numbered>>);

impl Hooks {
    fn add(&self, hook: Arc<Hook>) -> ScrapeHook {
        let mut all = lock(&self.0);
        let number = all.next;
        all.next += 1;
        all.hooks.push((number, hook));
        ScrapeHook { hooks: Arc::downgrade(&self.0), number }
    }

    /// Runs all of them, without a lock: each may register metrics. One that scrapes would run itself without end, so it runs none.
    pub(super) fn run(&self) {
        if IS_RUNNING.replace(true) {
            return;
        }
        let hooks = lock(&self.0).hooks.clone();
        for (_, hook) in hooks {
            // The last reference may be this one: what the hook owns is dropped in here too.
            guarded(move || hook());
        }
        IS_RUNNING.set(false);
    }
}

/// Keeps what [`Registry::before_scrape`] was given; when this is dropped, it runs no more.
///
/// ```
/// let registry = quipu::Registry::new();
/// let scrapes = registry.gauge("scrapes", "Scrapes.").register()?;
/// let hook = registry.before_scrape({
///     let scrapes = scrapes.clone();
///     move || scrapes.inc()
/// });
/// registry.to_text();
/// drop(hook);
/// registry.to_text();
/// assert_eq!(scrapes.value(), 1.0);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "the closure runs until this is dropped; keep it, or call `keep`"]
pub struct ScrapeHook {
    hooks: Weak<Mutex<Numbered>>,
    number: u64,
}

impl ScrapeHook {
    /// Lets the closure run for as long as the registry lives.
    pub fn keep(mut self) {
        self.hooks = Weak::new();
    }
}

impl Drop for ScrapeHook {
    fn drop(&mut self) {
        let Some(hooks) = self.hooks.upgrade() else { return };
        let mut all = lock(&hooks);
        let at = all.hooks.iter().position(|(number, _)| *number == self.number);
        let hook = at.map(|at| all.hooks.remove(at));
        // Dropping it runs code of others.
        drop(all);
        drop(hook);
    }
}

impl fmt::Debug for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.hooks.iter().map(|(number, _)| number)).finish()
    }
}

impl Registry {
    /// Runs `update` at the beginning of each scrape and of each [`snapshot`](Registry::snapshot), before collectors are asked: to
    /// set gauges whose values only grow old, such as the age of what waits longest. It runs until the returned
    /// [`ScrapeHook`] is dropped. It must not keep a clone of the registry.
    ///
    /// A scrape waits for it, on the thread that asks for the scrape. What may take longer than some loads and stores is for a
    /// [collector](crate::collect), which has a thread and a deadline. A scrape inside of `update` runs nothing of this kind. A panic ends this run of `update` alone; the process's
    /// panic hook sees it. In a [disabled](Registry::disabled) registry it never runs.
    ///
    /// ```
    /// let clock = quipu::clock::ManualClock::new();
    /// let registry = quipu::Registry::builder().clock(&clock).build()?;
    /// let age = registry.gauge("cache_age_seconds", "Age of the cache.").register()?;
    /// let (clock_of_registry, filled) = (registry.clock().clone(), registry.clock().now());
    /// let _hook = registry.before_scrape(move || age.set(clock_of_registry.seconds_since(filled)));
    ///
    /// clock.advance(std::time::Duration::from_secs(90));
    /// assert!(registry.to_text().contains("\ncache_age_seconds 90\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn before_scrape(&self, update: impl Fn() + Send + Sync + 'static) -> ScrapeHook {
        if self.is_disabled() {
            return ScrapeHook { hooks: Weak::new(), number: 0 };
        }
        self.hooks().add(Arc::new(update))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Snapshot;
    use crate::registry::{Gather, PATIENCE, collect};
    use crate::sync::block_on::block_on;

    #[test]
    fn one_that_scrapes_runs_once() {
        let registries = [Registry::new(), Registry::new()];
        let runs = registries.each_ref().map(|registry| registry.gauge("runs", "R.").register().unwrap());
        for (n, registry) in registries.iter().enumerate() {
            let (run, other) = (runs[n].clone(), registries[1 - n].clone());
            registry
                .before_scrape(move || {
                    run.inc();
                    other.to_text();
                })
                .keep();
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
        let count = || {
            let runs = runs.clone();
            move || runs.inc()
        };
        registry.before_scrape(count()).keep();
        let _panics = registry.before_scrape(|| panic!("of a test"));
        let third = registry.before_scrape(count());
        assert!(registry.to_text().contains("\nruns 2\n"));
        assert_eq!(registry.snapshot().value("runs", &[]), Some(4.0));
        drop(third);
        assert_eq!(registry.snapshot().value("runs", &[]), Some(5.0));
    }

    /// What it owns is code of others as well, and may go while it runs.
    #[test]
    fn one_that_is_dropped_while_it_runs_and_panics_then_does_no_harm() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("of a test");
            }
        }
        let registry = Registry::new();
        let own = Arc::new(Mutex::new(None));
        let hook = registry.before_scrape({
            let (own, bomb) = (own.clone(), Bomb);
            move || {
                let _ = &bomb;
                drop(lock(&own).take());
            }
        });
        *lock(&own) = Some(hook);
        let runs = registry.gauge("runs", "R.").register().unwrap();
        registry
            .before_scrape({
                let runs = runs.clone();
                move || runs.inc()
            })
            .keep();
        registry.to_text();
        registry.to_text();
        assert_eq!(runs.value(), 2.0);
    }

    /// What one registers is in the same scrape; and of several handles to a registry, one is enough.
    #[test]
    fn they_run_once_before_all_else_of_a_scrape() {
        let registry = Registry::new();
        let runs = registry.gauge("runs", "R.").register().unwrap();
        let _hook = registry.before_scrape({
            let registry = registry.clone();
            move || {
                runs.inc();
                registry.gauge("late", "L.").register().unwrap().set(1.0);
            }
        });
        let read =
            block_on(collect(vec![registry.clone(), registry.without_namespace()], None, PATIENCE), || None).unwrap();
        let mut snapshot = Snapshot::default();
        Gather::new(read).step(&mut snapshot);
        assert_eq!(["runs", "late"].map(|name| snapshot.value(name, &[])), [Some(1.0); 2]);
    }
}
