//! One collector: its calls one after another, and the scrapes that wait for them.
//!
//! A scrape begins a call or joins the one that is under way. It waits until the call has ended, or until it has lasted as long as
//! the scrape is willing to wait: for a call that hangs, only the first scrape waits. Whoever gets no new values gets those of the
//! last good call, once.

use super::about::About;
use super::declaration::Declared;
use super::samples::{Refused, Samples};
use super::{guarded, pool, wake};
use crate::clock::nanoseconds;
use crate::guard::{CircuitBreaker, Permit};
use crate::model::FamilySnapshot;
use crate::registry::{Collected, Collecting};
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
    /// Until when anybody waits for it.
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
}

impl Call {
    fn new(now: u64, until: u64, permit: Permit) -> Call {
        let progress = Progress { permit: Some(permit), ..Progress::default() };
        Call { asked: now, until: AtomicU64::new(until), progress: Mutex::new(progress) }
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
                    self.about.failed(failure);
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

    /// Nobody waits for the call any more, or one scrape does not.
    fn is_late(&self, call: &Call) -> Families {
        let mut state = lock(&self.state);
        let mut progress = lock(&call.progress);
        if progress.late.is_none() {
            progress.late = Some(mem::take(&mut state.last));
            if let Some(permit) = progress.permit.take() {
                permit.failure();
            }
            self.about.up(false);
            self.about.failed(Failure::Timeout);
            self.about.took(progress.begun.map_or(0.0, |begun| seconds(begun, nanoseconds())));
        }
        progress.late.clone().unwrap_or_default()
    }

    fn begin_or_join(self: &Arc<Self>, within: Duration) -> Collecting {
        let within = self.limits.timeout.map_or(within, |timeout| timeout.min(within));
        let within = u64::try_from(within.as_nanos()).unwrap_or(u64::MAX);
        let now = nanoseconds();
        let mut state = lock(&self.state);
        let (call, is_new) = match &state.call {
            Some(call) => (call.clone(), false),
            None => {
                let Ok(permit) = self.limits.breaker.try_acquire() else {
                    self.about.up(false);
                    self.about.failed(Failure::Skipped);
                    return Box::pin(ready(mem::take(&mut state.last)));
                };
                let call = Arc::new(Call::new(now, now.saturating_add(within), permit));
                state.call = Some(call.clone());
                (call, true)
            }
        };
        drop(state);
        if is_new {
            pool::enqueue(self.clone());
        }
        let until = call.asked.saturating_add(within);
        if now >= until {
            let had_waited = lock(&call.progress).late.is_some();
            return if had_waited { nothing() } else { Box::pin(ready(self.is_late(&call))) };
        }
        call.until.fetch_max(until, Ordering::Relaxed);
        Box::pin(Waiting { slot: self.clone(), call, until, place: None, alarm: None })
    }
}

fn nothing() -> Collecting {
    Box::pin(ready(Vec::new()))
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

/// A scrape that waits for a call.
struct Waiting {
    slot: Arc<Slot>,
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
        let mut progress = lock(&self.call.progress);
        if let Some(families) = &progress.ended {
            return Poll::Ready(families.clone());
        }
        let place = progress.next_waiting;
        progress.next_waiting += 1;
        progress.waiting.push((place, context.waker().clone()));
        drop(progress);
        self.place = Some(place);
        if nanoseconds() < self.until {
            self.alarm = pool::wake_at(self.until, context.waker().clone());
            if self.alarm.is_some() {
                return Poll::Pending;
            }
        }
        self.stop_waiting();
        Poll::Ready(self.slot.is_late(&self.call))
    }
}

impl Waiting {
    fn stop_waiting(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            pool::cancel(alarm);
        }
        if let Some(place) = self.place.take() {
            lock(&self.call.progress).waiting.retain(|(other, _)| *other != place);
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
        if pool::is_worker() { nothing() } else { self.0.begin_or_join(within) }
    }

    fn removed(&self) {
        self.0.about.remove();
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        pool::leave();
    }
}
