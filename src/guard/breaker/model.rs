//! The state machine beside a naive model, on random traces.
//!
//! `QUIPU_BREAKER_TRACES=1000000` runs as many; `ci/traces` does.

use super::BreakerState;
use super::machine::{Lease, Machine, Outcome, Settings, Slow};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// All that has happened, written down; nothing is kept that can be found in it.
struct Model {
    settings: Settings,
    now: u64,
    state: State,
    /// Ends of calls since the breaker has closed: when, whether they failed, whether they were slow.
    ended: Vec<(u64, bool, bool)>,
}

enum State {
    /// With the calls that began in it.
    Closed { calls: BTreeSet<usize> },
    /// Until some moment between these.
    Open { earliest: u64, latest: u64 },
    /// With the probes that are under way.
    HalfOpen { since: u64, probes: BTreeSet<usize>, succeeded: u32 },
}

impl Model {
    fn new(settings: Settings) -> Self {
        Self { settings, now: 0, state: State::Closed { calls: BTreeSet::new() }, ended: Vec::new() }
    }

    fn open(&mut self, at: u64) {
        let earliest = at + self.settings.cool_down;
        let latest = earliest + (self.settings.cool_down as f64 * self.settings.jitter) as u64;
        self.state = State::Open { earliest, latest };
    }

    fn close(&mut self) {
        self.ended.clear();
        self.state = State::Closed { calls: BTreeSet::new() };
    }

    fn move_to(&mut self, now: u64) {
        self.now = self.now.max(now);
        if let State::HalfOpen { since, probes, succeeded } = &self.state
            && self.now >= since + self.settings.lease
        {
            if probes.is_empty() && *succeeded > 0 { self.close() } else { self.open(since + self.settings.lease) }
        }
    }

    /// Whether the next call is let through; `None` where chance decides.
    fn admits(&self) -> Option<bool> {
        match &self.state {
            State::Closed { .. } => Some(true),
            State::Open { earliest, .. } if self.now < *earliest => Some(false),
            State::Open { latest, .. } => (self.now >= *latest).then_some(true),
            State::HalfOpen { probes, succeeded, .. } => {
                Some(probes.len() + (*succeeded as usize) < self.settings.probes as usize)
            }
        }
    }

    fn begin(&mut self, call: usize) {
        if let State::Open { .. } = self.state {
            self.state = State::HalfOpen { since: self.now, probes: BTreeSet::new(), succeeded: 0 };
        }
        match &mut self.state {
            State::Closed { calls } => calls.insert(call),
            State::HalfOpen { probes, .. } => probes.insert(call),
            State::Open { .. } => unreachable!("it is half-open by now"),
        };
    }

    fn end(&mut self, call: usize, began: u64, outcome: Outcome) {
        let is_failure = outcome == Outcome::Failure;
        let is_slow = self.settings.slow.as_ref().is_some_and(|slow| self.now - began > slow.longer_than);
        let is_of_this_cycle = match &mut self.state {
            State::Closed { calls } => calls.remove(&call),
            State::HalfOpen { probes, .. } => probes.remove(&call),
            State::Open { .. } => false,
        };
        if !is_of_this_cycle || outcome == Outcome::Cancelled {
            return;
        }
        match &mut self.state {
            State::HalfOpen { succeeded, .. } if !is_failure && !is_slow => {
                *succeeded += 1;
                if *succeeded == self.settings.probes {
                    self.close();
                }
            }
            State::HalfOpen { .. } => self.open(self.now),
            _ => {
                self.ended.push((self.now, is_failure, is_slow));
                if self.is_bad() {
                    self.open(self.now);
                }
            }
        }
    }

    fn is_bad(&self) -> bool {
        let width = self.settings.window.div_ceil(10);
        let in_window = |&&(at, ..): &&(u64, bool, bool)| at / width + 10 > self.now / width;
        let calls: Vec<_> = self.ended.iter().filter(in_window).collect();
        let part = |bad: usize| bad as f64 / calls.len() as f64;
        let failed = part(calls.iter().filter(|(_, is_failure, _)| *is_failure).count());
        let slow = part(calls.iter().filter(|(.., is_slow)| *is_slow).count());
        calls.len() as u64 >= self.settings.min_calls
            && (failed >= self.settings.failure_rate
                || self.settings.slow.as_ref().is_some_and(|limit| slow >= limit.rate))
    }

    fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Time goes on.
    Wait(u64),
    /// The thread of the next step has read the clock so long ago.
    Late(u64),
    Begin,
    /// One of the calls under way.
    End(prop::sample::Index, Outcome),
    /// Its lease never comes back.
    Hang(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let outcome = prop_oneof![4 => Just(Outcome::Success), 4 => Just(Outcome::Failure), 1 => Just(Outcome::Cancelled)];
    let step = prop_oneof![
        4 => (0u64..40).prop_map(Step::Wait),
        1 => (0u64..20).prop_map(Step::Late),
        8 => Just(Step::Begin),
        8 => (any::<prop::sample::Index>(), outcome).prop_map(|(call, outcome)| Step::End(call, outcome)),
        1 => any::<prop::sample::Index>().prop_map(Step::Hang),
    ];
    prop::collection::vec(step, 0..60)
}

fn settings() -> impl Strategy<Value = Settings> {
    let rate = || prop::sample::select(vec![0.01, 0.25, 0.5, 1.0]);
    let slow = prop::option::of((0u64..30, rate()).prop_map(|(longer_than, rate)| Slow { longer_than, rate }));
    let jitter = prop::sample::select(vec![0.0, 0.0, 0.5, 1.0]);
    (rate(), slow, 1u64..100, 1u64..5, 0u64..60, jitter, 1u32..4, 1u64..80).prop_map(
        |(failure_rate, slow, window, min_calls, cool_down, jitter, probes, lease)| Settings {
            failure_rate,
            slow,
            window,
            min_calls,
            cool_down,
            jitter,
            probes,
            lease,
        },
    )
}

struct Call {
    number: usize,
    lease: Lease,
    began: u64,
}

/// Runs one trace. Panics where the machine and the model disagree.
fn run(settings: &Settings, seed: u64, steps: &[Step]) {
    let mut machine = Machine::new(settings.clone(), seed);
    let mut model = Model::new(settings.clone());
    let (mut time, mut lag, mut calls, mut begun, mut rejections) = (0, 0, Vec::<Call>::new(), 0, 0);
    for step in steps {
        let mut now = u64::saturating_sub(time, core::mem::take(&mut lag));
        match step {
            Step::Wait(by) => {
                time += by;
                now = time;
            }
            Step::Late(by) => lag = *by,
            Step::Begin => {
                model.move_to(now);
                let acquired = machine.acquire(now);
                assert!(model.admits().is_none_or(|admits| admits == acquired.is_ok()), "{now}: {acquired:?}");
                match acquired {
                    Ok(lease) => {
                        model.begin(begun);
                        calls.push(Call { number: begun, lease, began: model.now });
                        begun += 1;
                    }
                    Err(wait) => {
                        rejections += 1;
                        assert!(wait > 0 && wait <= 2 * settings.cool_down.max(settings.lease), "{wait}");
                    }
                }
            }
            Step::End(index, outcome) if !calls.is_empty() => {
                let call = calls.swap_remove(index.index(calls.len()));
                model.move_to(now);
                model.end(call.number, call.began, *outcome);
                machine.release(call.lease, *outcome, now);
            }
            Step::Hang(index) if !calls.is_empty() => drop(calls.swap_remove(index.index(calls.len()))),
            _ => {}
        }
        model.move_to(now);
        assert_eq!(machine.state(now), model.state(), "{now}");
        if let State::HalfOpen { since, probes, succeeded } = &model.state {
            assert!(probes.len() + *succeeded as usize <= settings.probes as usize);
            assert!(time < since + settings.lease);
        }
        assert_eq!(machine.totals().rejections, rejections);
    }
    // Whatever hangs: the lease, and then the longest cool-down, and calls get through again.
    let later = time + settings.lease + 2 * settings.cool_down;
    assert_ne!(machine.state(later), BreakerState::HalfOpen);
    assert!(machine.acquire(later).is_ok());
}

#[test]
fn the_machine_does_as_the_model_on_random_traces() {
    let traces = std::env::var("QUIPU_BREAKER_TRACES").map_or(2_000, |traces| traces.parse().expect("a number"));
    let config = ProptestConfig { cases: traces, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(settings in settings(), seed: u64, steps in steps())| run(&settings, seed, &steps));
}
