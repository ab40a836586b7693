//! Items that wait.

use core::fmt;
use core::time::Duration;
use quipu::clock::{Clock, Moment};
use quipu::registry::ScrapeHook;
use quipu::{Counter, Gauge, InFlightGauge, Registry};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// How many items wait in a queue, and for how long. A clone is another handle to the same.
///
/// It is no queue itself: it wraps what goes through one, whatever that is, and its wrapper knows when it goes in and out.
/// So items that are dropped in a queue which is closed do not wait any more either; they count as not processed.
///
/// # Cost
/// A short lock at both ends, and a reading of the clock: about 40 ns each. 48 bytes of memory for each item that waits; it is kept, so that nothing
/// more is allocated while the queue is no longer than it has been.
///
/// ```
/// use quipu_catalog::jobs::{Jobs, QueueName};
///
/// # let registry = quipu::Registry::new();
/// let jobs = Jobs::register(&registry)?;
/// let queue = jobs.queue(QueueName::HighPriority);
/// let waiting = queue.put("incident 7");
/// assert_eq!(queue.depth(), 1);
/// assert_eq!(waiting.take(), "incident 7");
/// assert_eq!((queue.depth(), queue.oldest_age()), (0, None));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Queue(Arc<Inner>);

struct Inner {
    depth: InFlightGauge,
    processed: Option<Counter>,
    clock: Clock,
    waiting: Mutex<Waiting>,
    /// Shows the age at each scrape.
    age: OnceLock<ScrapeHook>,
}

/// The items in the order in which they came, by number. Those that are gone stay among the others until they are the first, or as
/// many as those that wait.
#[derive(Default)]
struct Waiting {
    next: u64,
    /// How many wait.
    count: usize,
    /// When they came; `None` if they are gone.
    since: VecDeque<(u64, Option<Moment>)>,
}

/// So many may be gone without being looked for.
const FEW: usize = 64;

impl Waiting {
    fn put(&mut self, now: Moment) -> u64 {
        let number = self.next;
        self.next += 1;
        self.count += 1;
        self.since.push_back((number, Some(now)));
        number
    }

    fn take(&mut self, number: u64) {
        let Ok(at) = self.since.binary_search_by_key(&number, |(number, _)| *number) else { return };
        self.since[at].1 = None;
        self.count -= 1;
        while let Some((_, None)) = self.since.front() {
            self.since.pop_front();
        }
        if self.since.len() > FEW + 2 * self.count {
            self.since.retain(|(_, since)| since.is_some());
        }
    }

    fn oldest(&self) -> Option<Moment> {
        self.since.front()?.1
    }
}

impl Queue {
    pub(crate) fn new(clock: &Clock, depth: InFlightGauge, processed: Option<Counter>) -> Queue {
        Queue(Arc::new(Inner {
            depth,
            processed,
            clock: clock.clone(),
            waiting: Mutex::default(),
            age: OnceLock::new(),
        }))
    }

    /// Sets this gauge to the age of the oldest item at each scrape, for as long as there is a handle to the queue.
    pub(crate) fn show_age(&self, registry: &Registry, gauge: Gauge) {
        let queue = Arc::downgrade(&self.0);
        let hook = registry.before_scrape(move || {
            if let Some(queue) = queue.upgrade() {
                gauge.set_duration(queue.oldest_age().unwrap_or_default());
            }
        });
        let _ = self.0.age.set(hook);
    }

    /// An item begins to wait. Send the wrapper through the queue.
    pub fn put<T>(&self, item: T) -> Queued<T> {
        let number = self.0.waiting().put(self.0.clock.now());
        self.0.depth.inc();
        Queued { item, ticket: Ticket { queue: self.clone(), number, is_processed: false } }
    }

    /// How many items wait now.
    pub fn depth(&self) -> u64 {
        self.0.waiting().count as u64
    }

    /// How long the oldest item has waited; `None` if none waits.
    pub fn oldest_age(&self) -> Option<Duration> {
        self.0.oldest_age()
    }
}

impl Inner {
    fn oldest_age(&self) -> Option<Duration> {
        let oldest = self.waiting().oldest()?;
        Some(Duration::from_secs_f64(self.clock.seconds_since(oldest)))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("depth", &self.depth.value()).finish_non_exhaustive()
    }
}

/// An item that waits in a queue. Made by [`Queue::put`], which says what is recorded.
///
/// ```
/// # let registry = quipu::Registry::new();
/// # let jobs = quipu_catalog::jobs::Jobs::register(&registry)?;
/// # let queue = jobs.queue(quipu_catalog::jobs::QueueName::Standard);
/// let (sender, receiver) = std::sync::mpsc::channel();
/// sender.send(queue.put(7)).unwrap();
/// drop(receiver); // closed while an item waits
/// assert_eq!(queue.depth(), 0);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "an item that is dropped does not wait any more"]
pub struct Queued<T> {
    item: T,
    ticket: Ticket,
}

assert_small!(Queued<()>);

impl<T> Queued<T> {
    /// Takes the item out, to be processed.
    pub fn take(mut self) -> T {
        self.ticket.is_processed = true;
        self.item
    }

    /// The item, which goes on waiting.
    pub fn item(&self) -> &T {
        &self.item
    }
}

struct Ticket {
    queue: Queue,
    number: u64,
    is_processed: bool,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let Inner { depth, processed, .. } = &*self.queue.0;
        if let (true, Some(processed)) = (self.is_processed, processed) {
            processed.inc();
        }
        self.queue.0.waiting().take(self.number);
        depth.dec();
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quipu::Registry;

    /// One that nobody takes out does not keep what came after it.
    #[test]
    fn memory_is_for_those_that_wait() {
        let clock = Registry::new().clock().clone();
        let mut waiting = Waiting::default();
        let first = waiting.put(clock.now());
        for _ in 0..100_000 {
            let numbers = [(); 3].map(|()| waiting.put(clock.now()));
            numbers.into_iter().rev().for_each(|number| waiting.take(number));
        }
        assert!(waiting.since.capacity() <= 4 * FEW, "{}", waiting.since.capacity());
        assert_eq!((waiting.count, waiting.oldest().is_some()), (1, true));
        waiting.take(first);
        assert_eq!((waiting.count, waiting.oldest().is_some(), waiting.since.len()), (0, false, 0));
    }
}
