//! The threads that calls of collectors run on, the same for all registries of the process.
//!
//! *Workers* take calls from one queue. One worker is enough while calls are short; when the queue has not moved for [`GRACE`],
//! the call at hand is not, and another worker starts. So a collector that hangs costs its own thread and nobody else's time. Of
//! workers without work, one waits for more. The *watch* starts those workers and wakes scrapes at their deadlines; it runs no code
//! of collectors. Neither is there before the first call, nor for long after the last collector is gone.

use super::slot::Slot;
use super::{discard, guarded, wake};
use crate::clock::nanoseconds;
use crate::sync::{Locked, Mutex, gate, lock};
use core::cell::Cell;
use core::mem;
use core::task::Waker;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::thread::{self, Builder, Thread};

/// How long calls in the queue wait for the one at hand.
const GRACE: u64 = 2_000_000;

static POOL: Mutex<Pool> = Mutex::new(Pool {
    forks: 0,
    collectors: 0,
    queue: VecDeque::new(),
    moved: 0,
    alarms: BTreeMap::new(),
    next_alarm: 0,
    watch: None,
    idle: None,
    busy: 0,
});

struct Pool {
    /// The number of forks when the threads were started: a child has none of them.
    forks: u64,
    /// In all registries.
    collectors: usize,
    queue: VecDeque<Arc<Slot>>,
    /// When a call was last taken from the queue, or another worker started.
    moved: u64,
    /// Whom to wake at which time.
    alarms: BTreeMap<Alarm, Waker>,
    next_alarm: u64,
    watch: Option<Thread>,
    /// The worker that waits for work.
    idle: Option<Thread>,
    /// Workers that do not wait.
    busy: usize,
}

/// The time, and a number of its own.
pub(super) type Alarm = (u64, u64);

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is calling a collector.
pub(super) fn is_worker() -> bool {
    IS_WORKER.get()
}

fn pool() -> Locked<'static, Pool> {
    let mut pool = lock(&POOL);
    let forks = gate::forks();
    if pool.forks != forks {
        (pool.forks, pool.watch, pool.idle, pool.busy) = (forks, None, None, 0);
        // The threads that were woken by the alarms are not there either. To drop a waker may be to drop a scrape, which comes here.
        mem::forget(mem::take(&mut pool.alarms));
    }
    pool
}

/// A collector was registered.
pub(super) fn enter() {
    pool().collectors += 1;
}

/// A collector is gone. After the last one, the threads end.
pub(super) fn leave() {
    let mut pool = pool();
    pool.collectors -= 1;
    let threads = if pool.collectors == 0 { [pool.idle.take(), pool.watch.clone()] } else { [None, None] };
    pool.busy += usize::from(threads[0].is_some());
    drop(pool);
    threads.iter().flatten().for_each(Thread::unpark);
}

/// Has a worker call this collector soon.
pub(super) fn enqueue(slot: Arc<Slot>) {
    let mut pool = pool();
    if pool.queue.is_empty() {
        pool.moved = nanoseconds();
    }
    pool.queue.push_back(slot);
    let is_wanted = pool.busy == 0 || pool.idle.is_some();
    start(pool, is_wanted);
}

/// Wakes at this time, unless it is cancelled before. Fails if there is no thread for it.
pub(super) fn wake_at(time: u64, waker: Waker) -> Option<Alarm> {
    let mut pool = pool();
    let alarm = (time, pool.next_alarm);
    pool.next_alarm += 1;
    pool.alarms.insert(alarm, waker);
    if start(pool, false) {
        return Some(alarm);
    }
    cancel(alarm);
    None
}

pub(super) fn cancel(alarm: Alarm) {
    let waker = pool().alarms.remove(&alarm);
    // Without the lock: it is code of others.
    discard(waker);
}

/// Has the watch look at what is new, and a worker if one `is_wanted`. Returns whether there is a watch.
fn start(mut pool: Locked<'_, Pool>, is_wanted: bool) -> bool {
    let idle = if is_wanted { pool.idle.take() } else { None };
    pool.busy += usize::from(is_wanted);
    let watch = pool.watch.clone();
    drop(pool);
    if let Some(watch) = &watch {
        watch.unpark();
    }
    match idle {
        Some(worker) => worker.unpark(),
        None if is_wanted && !spawn("quipu-collect", work) => fail(),
        None => {}
    }
    watch.is_some() || spawn("quipu-watch", watch_over)
}

fn spawn(name: &str, run: fn()) -> bool {
    Builder::new().name(name.to_owned()).spawn(run).is_ok()
}

/// There is no memory for another thread. If no other worker will, nobody takes these calls.
fn fail() {
    let mut pool = pool();
    pool.busy -= 1;
    let calls = if pool.busy == 0 { mem::take(&mut pool.queue) } else { VecDeque::new() };
    drop(pool);
    calls.iter().for_each(|slot| slot.give_up());
}

fn work() {
    IS_WORKER.set(true);
    loop {
        let mut pool = pool();
        if let Some(slot) = pool.queue.pop_front() {
            pool.moved = nanoseconds();
            drop(pool);
            slot.call();
            // It may be the last reference, and drop the collector.
            guarded(|| drop(slot));
            continue;
        }
        let me = thread::current();
        pool.busy -= 1;
        if pool.idle.is_some() || pool.collectors == 0 {
            return;
        }
        pool.idle = Some(me.clone());
        drop(pool);
        while is_idle(&me) {
            thread::park();
        }
    }
}

fn is_idle(me: &Thread) -> bool {
    pool().idle.as_ref().is_some_and(|idle| idle.id() == me.id())
}

fn watch_over() {
    let me = thread::current();
    loop {
        let mut pool = pool();
        match &pool.watch {
            None => pool.watch = Some(me.clone()),
            // Two were started at a time.
            Some(watch) if watch.id() != me.id() => return,
            Some(_) => {}
        }
        let now = nanoseconds();
        let later = pool.alarms.split_off(&(now + 1, 0));
        let due = mem::replace(&mut pool.alarms, later);
        let is_stuck = !pool.queue.is_empty() && now >= pool.moved + GRACE;
        if is_stuck {
            pool.moved = now;
        }
        let next_alarm = pool.alarms.keys().next().map(|(time, _)| *time);
        let next_look = (!pool.queue.is_empty()).then_some(pool.moved + GRACE);
        let next = next_alarm.into_iter().chain(next_look).min();
        if next.is_none() && due.is_empty() && pool.collectors == 0 {
            pool.watch = None;
            return;
        }
        if is_stuck {
            start(pool, true);
        } else {
            drop(pool);
        }
        due.into_values().for_each(wake);
        match next {
            Some(time) => thread::park_timeout(Duration::from_nanos(time.saturating_sub(now))),
            None => thread::park(),
        }
    }
}
