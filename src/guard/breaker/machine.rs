//! The state machine of a circuit breaker. Time is an argument: nanoseconds since some beginning.
//!
//! Each state that is entered begins a *cycle*. A lease belongs to the cycle that gave it, and means nothing to any other.

use super::window::Window;

/// What a breaker does with calls.
///
/// Its number is what the gauge `circuit_breaker_state` shows.
///
/// ```
/// use quipu::guard::{BreakerState, CircuitBreaker};
/// let breaker = CircuitBreaker::builder("openai").build()?;
/// assert_eq!(breaker.state(), BreakerState::Closed);
/// assert_eq!(BreakerState::HalfOpen as u8, 2);
/// # Ok::<(), quipu::guard::BreakerError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It lets all calls through, and watches them.
    Closed = 0,
    /// It rejects all calls, until the cool-down is over.
    Open = 1,
    /// It lets a few calls through, to see whether they succeed.
    HalfOpen = 2,
}

/// Times are in nanoseconds, rates are parts of one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Settings {
    pub(super) failure_rate: f64,
    pub(super) slow: Option<Slow>,
    pub(super) window: u64,
    pub(super) min_calls: u64,
    pub(super) cool_down: u64,
    pub(super) jitter: f64,
    pub(super) probes: u32,
    pub(super) lease: u64,
}

/// Which calls are slow, and how many of them are too many.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slow {
    pub(super) longer_than: u64,
    pub(super) rate: f64,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Success,
    Failure,
    /// Nobody knows: it was given up, and tells nothing about the other side.
    Cancelled,
}

/// The right to one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    cycle: u64,
    start: u64,
}

/// What has happened since the breaker was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Entries into each state, by its number.
    pub(crate) transitions: [u64; 3],
    pub(crate) rejections: u64,
}

#[derive(Debug)]
pub(super) struct Machine {
    settings: Settings,
    phase: Phase,
    cycle: u64,
    /// The last time that it was told: readings of different threads may come in another order.
    now: u64,
    window: Window,
    /// The state of the random numbers for the jitter.
    random: u64,
    totals: Totals,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open { until: u64 },
    HalfOpen { until: u64, under_way: u32, succeeded: u32 },
}

impl Machine {
    pub(super) fn new(settings: Settings, seed: u64) -> Self {
        let window = Window::new(settings.window);
        Self { settings, phase: Phase::Closed, cycle: 0, now: 0, window, random: seed, totals: Totals::default() }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn state(&mut self, now: u64) -> BreakerState {
        self.tick(now);
        match self.phase {
            Phase::Closed => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// A lease, or how long it takes at most until it is worth while to ask again.
    pub(super) fn acquire(&mut self, now: u64) -> Result<Lease, u64> {
        self.tick(now);
        if let Phase::Open { until } = self.phase
            && self.now >= until
        {
            let until = self.now.saturating_add(self.settings.lease);
            self.enter(BreakerState::HalfOpen, Phase::HalfOpen { until, under_way: 0, succeeded: 0 });
        }
        let until = match &mut self.phase {
            Phase::Closed => return Ok(self.lease()),
            Phase::HalfOpen { under_way, succeeded, .. } if *under_way + *succeeded < self.settings.probes => {
                *under_way += 1;
                return Ok(self.lease());
            }
            Phase::HalfOpen { until, .. } | Phase::Open { until } => *until,
        };
        self.totals.rejections += 1;
        Err(until - self.now)
    }

    /// Takes a lease back. One of an older cycle frees nothing in this one, and says nothing about it.
    pub(super) fn release(&mut self, lease: Lease, outcome: Outcome, now: u64) {
        self.tick(now);
        if lease.cycle != self.cycle {
            return;
        }
        let is_failure = outcome == Outcome::Failure;
        let took = self.now - lease.start;
        let is_slow = self.settings.slow.as_ref().is_some_and(|slow| took > slow.longer_than);
        match &mut self.phase {
            Phase::Closed if outcome != Outcome::Cancelled => {
                let tally = self.window.add(self.now, is_failure, is_slow);
                let exceeds = |bad: u64, rate: f64| bad as f64 >= rate * tally.calls as f64;
                let is_too_slow = self.settings.slow.as_ref().is_some_and(|slow| exceeds(tally.slow, slow.rate));
                let is_bad = exceeds(tally.failures, self.settings.failure_rate) || is_too_slow;
                if tally.calls >= self.settings.min_calls && is_bad {
                    self.open(self.now);
                }
            }
            // Unless it is cancelled, when only the lease comes back.
            Phase::HalfOpen { under_way, succeeded, .. } => {
                *under_way -= 1;
                match outcome {
                    Outcome::Cancelled => {}
                    _ if is_failure || is_slow => self.open(self.now),
                    _ => {
                        *succeeded += 1;
                        if *succeeded == self.settings.probes {
                            self.close();
                        }
                    }
                }
            }
            // Open gives no leases.
            Phase::Closed | Phase::Open { .. } => {}
        }
    }

    fn lease(&self) -> Lease {
        Lease { cycle: self.cycle, start: self.now }
    }

    /// Leaves half-open when its time is over, as of that moment. Probes that are still under way are taken to hang; without
    /// any, those that have succeeded are enough.
    fn tick(&mut self, now: u64) {
        self.now = self.now.max(now);
        match self.phase {
            Phase::HalfOpen { until, under_way: 0, succeeded: 1.. } if self.now >= until => self.close(),
            Phase::HalfOpen { until, .. } if self.now >= until => self.open(until),
            _ => {}
        }
    }

    fn close(&mut self) {
        self.window.clear();
        self.enter(BreakerState::Closed, Phase::Closed);
    }

    fn open(&mut self, at: u64) {
        let extra = self.settings.cool_down as f64 * self.settings.jitter * self.random();
        let until = at.saturating_add(self.settings.cool_down).saturating_add(extra as u64);
        self.enter(BreakerState::Open, Phase::Open { until });
    }

    fn enter(&mut self, state: BreakerState, phase: Phase) {
        self.totals.transitions[state as usize] += 1;
        self.cycle += 1;
        self.phase = phase;
    }

    /// A number from zero to below one: splitmix64.
    fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(all(test, not(quipu_loom)))]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_are_those_of_splitmix64() {
        let settings = Settings {
            failure_rate: 1.0,
            slow: None,
            window: 1,
            min_calls: 1,
            cool_down: 1,
            jitter: 0.0,
            probes: 1,
            lease: 1,
        };
        let mut machine = Machine::new(settings, 0);
        for expected in [0xe220_a839_7b1d_cdaf_u64, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f] {
            assert_eq!(machine.random(), (expected >> 11) as f64 / (1u64 << 53) as f64);
        }
    }
}
