//! One collector: its calls one after another, and the scrapes that wait for them.
//!
//! A scrape begins a call or joins the one that is under way. It waits until the call has ended, or until it has lasted as long as
//! the scrape is willing to wait: for a call that hangs, only the first scrape waits.
//!
//! A call is *late* when it has lasted as long as the collector may take, which no scrape has a say in. Then it counts as failed. Of a
//! call that has failed, scrapes show the values of the last good one, once. A scrape that gives up earlier shows them too, and changes
//! nothing: neither for others nor for itself.

use super::about::About;
use super::declaration::Declared;
use super::samples::{Refused, Samples};
use super::{discard, guarded, pool, wake};
use crate::clock::nanoseconds;
use crate::guard::{CircuitBreaker, Permit};
use crate::model::FamilySnapshot;
use crate::registry::{Collected, Collecting, CollectorStatus, PATIENCE};
use crate::sync::{AtomicU64, Mutex, Ordering, lock};
use core::fmt;
use core::future::ready;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::sync::Arc;

/// What a call yielded.
type Families = Vec<Arc<FamilySnapshot>>;

/// Calls a collector of some kind.
pub(super) trait Work: Send {
    fn call(&mut self, samples: &mut Samples, call: &Call) -> Result<(), Failure>;
}

/// Why a call yielded nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It said so.
    Error,
    Panic,
    Timeout,
    /// It yielded too many series.
    Limit,
    /// Its breaker was open.
    Skipped,
    /// There was no thread to run it.
    Thread,
}

impl Failure {
    /// The word for it in a label.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Failure::Error => "error",
            Failure::Panic => "panic",
            Failure::Timeout => "timeout",
            Failure::Limit => "limit",
            Failure::Skipped => "skipped",
            Failure::Thread => "thread",
        }
    }
}

/// What the registry, the pool and the scrapes that wait share of a collector.
pub(super) struct Slot {
    declared: Arc<[Declared]>,
    limits: Limits,
    about: About,
    state: Mutex<State>,
}

/// What a collector may take.
pub(super) struct Limits {
    pub(super) max_series: usize,
    pub(super) timeout: Option<Duration>,
    pub(super) breaker: CircuitBreaker,
}

struct State {
    /// `None` while a worker has it.
    work: Option<Box<dyn Work>>,
    /// The call that has not ended.
    call: Option<Arc<Call>>,
    /// What the last good call yielded, until it was shown in place of newer values.
    last: Families,
}

/// A call that scrapes wait for.
pub(super) struct Call {
    /// When it was asked for.
    asked: u64,
    /// From when on it is late.
    due: u64,
    /// Until when anybody waits for it, and at least until it is late.
    until: AtomicU64,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Tells the breaker how it ended: by itself, or too late.
    permit: Option<Permit>,
    /// When it began.
    begun: Option<u64>,
    /// What scrapes show that have waited to its end.
    ended: Option<Families>,
    /// What those show that have waited in vain.
    late: Option<Families>,
    waiting: Vec<(u64, Waker)>,
    next_waiting: u64,
    /// What the collector said when it failed.
    message: Option<String>,
}

impl Call {
    fn new(asked: u64, due: u64, permit: Permit) -> Call {
        let progress = Progress { permit: Some(permit), ..Progress::default() };
        Call { asked, due, until: AtomicU64::new(due), progress: Mutex::new(progress) }
    }

    /// Keeps what the collector says of its failure.
    pub(super) fn says(&self, message: String) {
        lock(&self.progress).message = Some(message);
    }

    /// How long somebody still waits for it, if anybody does.
    pub(super) fn patience(&self) -> Option<Duration> {
        let left = self.until.load(Ordering::Relaxed).checked_sub(nanoseconds())?;
        Some(Duration::from_nanos(left))
    }
}

impl Slot {
    pub(super) fn new(declared: Arc<[Declared]>, limits: Limits, about: About, work: Box<dyn Work>) -> Slot {
        let state = State { work: Some(work), call: None, last: Vec::new() };
        Slot { declared, limits, about, state: Mutex::new(state) }
    }

    /// Calls the collector, on a worker.
    pub(super) fn call(&self) {
        let mut state = lock(&self.state);
        let Some(call) = state.call.clone() else { return };
        let Some(mut work) = state.work.take() else { return };
        drop(state);
        let begun = nanoseconds();
        lock(&call.progress).begun = Some(begun);
        let mut samples = Samples::new(self.declared.clone(), self.limits.max_series);
        let result = guarded(|| work.call(&mut samples, &call)).unwrap_or(Err(Failure::Panic));
        let (families, refused) = samples.finish();
        let result = if refused.is_over_limit { Err(Failure::Limit) } else { result };
        self.about.took(seconds(begun, nanoseconds()));
        self.end(&call, Some(work), result.map(|()| (families, refused)));
    }

    /// Ends the call without a thread to run it.
    pub(super) fn give_up(&self) {
        let call = lock(&self.state).call.clone();
        if let Some(call) = call {
            self.end(&call, None, Err(Failure::Thread));
        }
    }

    fn end(&self, call: &Call, work: Option<Box<dyn Work>>, result: Result<(Families, Refused), Failure>) {
        let mut state = lock(&self.state);
        if let Some(work) = work {
            state.work = Some(work);
        }
        state.call = None;
        let mut progress = lock(&call.progress);
        let is_in_time = progress.late.is_none();
        if is_in_time {
            self.about.up(result.is_ok());
        }
        if let Some(permit) = progress.permit.take() {
            permit.record(&result);
        }
        let shown = match result {
            Ok((families, refused)) => {
                self.about.refused(refused);
                state.last = families.clone();
                families
            }
            Err(failure) => {
                if is_in_time {
                    self.about.failed(failure, progress.message.take());
                }
                mem::take(&mut state.last)
            }
        };
        progress.ended = Some(shown);
        let waiting = mem::take(&mut progress.waiting);
        drop(progress);
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| wake(waker));
    }

    /// What a scrape shows that waits no longer for the call.
    fn instead_of(&self, call: &Call) -> Families {
        let mut state = lock(&self.state);
        let mut progress = lock(&call.progress);
        if let Some(families) = progress.ended.as_ref().or(progress.late.as_ref()) {
            return families.clone();
        }
        let now = nanoseconds();
        if now < call.due {
            return state.last.clone();
        }
        let last = mem::take(&mut state.last);
        progress.late = Some(last.clone());
        if let Some(permit) = progress.permit.take() {
            permit.failure();
        }
        self.about.up(false);
        self.about.failed(Failure::Timeout, None);
        self.about.took(progress.begun.map_or(0.0, |begun| seconds(begun, now)));
        last
    }

    fn begin_or_join(self: &Arc<Self>, within: Duration) -> Collecting {
        let held = Held(Some(self.clone()));
        let within = self.limits.timeout.map_or(within, |timeout| timeout.min(within));
        let now = nanoseconds();
        let mut state = lock(&self.state);
        let (call, is_new) = match &state.call {
            Some(call) => (call.clone(), false),
            None => {
                let Ok(permit) = self.limits.breaker.try_acquire() else {
                    self.about.up(false);
                    self.about.failed(Failure::Skipped, None);
                    return held.and_show(mem::take(&mut state.last));
                };
                let due = after(now, self.limits.timeout.unwrap_or(PATIENCE));
                let call = Arc::new(Call::new(now, due, permit));
                state.call = Some(call.clone());
                (call, true)
            }
        };
        drop(state);
        if is_new {
            pool::enqueue(self.clone());
        }
        let until = after(call.asked, within);
        if now >= until {
            let was_shown = lock(&call.progress).late.is_some();
            return held.and_show(if was_shown { Vec::new() } else { self.instead_of(&call) });
        }
        call.until.fetch_max(until, Ordering::Relaxed);
        Box::pin(Waiting { slot: held, call, until, place: None, alarm: None })
    }
}

fn after(time: u64, duration: Duration) -> u64 {
    time.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

fn seconds(from: u64, to: u64) -> f64 {
    Duration::from_nanos(to.saturating_sub(from)).as_secs_f64()
}

impl Drop for Slot {
    fn drop(&mut self) {
        let work = lock(&self.state).work.take();
        guarded(|| drop(work));
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("about", &self.about).finish_non_exhaustive()
    }
}

/// A scrape's reference to a collector. If it is the last one, a worker drops the collector: that may take long, and scrapes may run
/// on a thread that others need.
struct Held(Option<Arc<Slot>>);

impl Held {
    /// Shows these families without waiting.
    fn and_show(self, families: Families) -> Collecting {
        Box::pin(async move {
            let _held = self;
            families
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take().and_then(Arc::into_inner) {
            // No call is under way, so the worker has nothing to do but to drop it.
            pool::enqueue(Arc::new(slot));
        }
    }
}

/// A scrape that waits for a call.
struct Waiting {
    slot: Held,
    call: Arc<Call>,
    until: u64,
    /// Its place among those that wait for the call.
    place: Option<u64>,
    alarm: Option<pool::Alarm>,
}

impl Future for Waiting {
    type Output = Families;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Families> {
        self.stop_waiting();
        // Not under the lock: wakers are code of others.
        let (waker, alarm) = (context.waker().clone(), context.waker().clone());
        let mut progress = lock(&self.call.progress);
        if let Some(families) = progress.ended.clone() {
            drop(progress);
            return Poll::Ready(families);
        }
        let place = progress.next_waiting;
        progress.next_waiting += 1;
        progress.waiting.push((place, waker));
        drop(progress);
        self.place = Some(place);
        if nanoseconds() < self.until {
            self.alarm = pool::wake_at(self.until, alarm);
            if self.alarm.is_some() {
                return Poll::Pending;
            }
        }
        self.stop_waiting();
        Poll::Ready(self.slot.0.as_ref().map_or_else(Vec::new, |slot| slot.instead_of(&self.call)))
    }
}

impl Waiting {
    fn stop_waiting(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            pool::cancel(alarm);
        }
        if let Some(place) = self.place.take() {
            let mut progress = lock(&self.call.progress);
            let waiting = &mut progress.waiting;
            let mine = waiting.iter().position(|(other, _)| *other == place).map(|at| waiting.swap_remove(at).1);
            drop(progress);
            discard(mine);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.stop_waiting();
    }
}

/// A collector, as its registry holds it.
#[derive(Debug)]
pub(super) struct Registered(Arc<Slot>);

impl Registered {
    pub(super) fn new(slot: Slot) -> Registered {
        pool::enter();
        Registered(Arc::new(slot))
    }
}

impl Collected for Registered {
    fn collect(&self, within: Duration) -> Collecting {
        // A collector that scrapes would wait for itself.
        if pool::is_worker() { Box::pin(ready(Vec::new())) } else { self.0.begin_or_join(within) }
    }

    fn removed(&self) {
        self.0.about.remove();
    }

    fn status(&self) -> CollectorStatus {
        let last = lock(&self.0.state).last.clone();
        let series = last.iter().map(|family| (family.name().to_owned(), family.series().len())).collect();
        CollectorStatus { series, ..self.0.about.status() }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        pool::leave();
    }
}
