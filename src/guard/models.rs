//! Models: loom runs each of them in the orders that its threads can take.

use super::breaker::{BreakerState, CircuitBreaker, Permit};
use super::offenders::Ring;
use crate::clock::ManualClock;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::time::Duration;

/// A sample that is taken out is one that was put in, whole, and is taken out once.
#[test]
fn loom_samples_are_whole() {
    loom::model(|| {
        let ring = Arc::new(Ring::new());
        let writers = [(1, "one"), (2, "two"), (3, "three")].map(|(hash, value)| {
            let ring = ring.clone();
            thread::spawn(move || ring.push(hash, value))
        });
        let drain = |ring: &Ring| {
            let mut samples = Vec::new();
            ring.drain(|hash, text| {
                assert_eq!(text.as_str(), ["", "one", "two", "three"][hash as usize]);
                samples.push(hash);
            });
            samples
        };
        let mut samples = drain(&ring);
        writers.into_iter().for_each(|writer| writer.join().expect("the thread did not panic"));
        samples.extend(drain(&ring));
        samples.sort_unstable();
        samples.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
        assert!(!samples.is_empty());
    });
}

/// One probe, and a late permit from before that; half-open as soon as it is asked.
fn cooled_down() -> (CircuitBreaker, Permit, ManualClock) {
    let clock = ManualClock::new();
    let builder = CircuitBreaker::builder("api").min_calls(1).jitter(0.0).probes(1);
    let breaker = builder.clock(&clock).build().expect("good settings");
    let late = breaker.try_acquire().expect("it is closed");
    breaker.try_acquire().expect("it is closed").failure();
    clock.advance(Duration::from_secs(30));
    (breaker, late, clock)
}

/// However threads meet, and whatever comes late, there is one probe at a time; and when it was dropped, room for another.
#[test]
fn loom_half_open_has_no_more_probes_than_it_may() {
    loom::model(|| {
        let (breaker, late, _clock) = cooled_down();
        let under_way = Arc::new(AtomicUsize::new(0));
        let callers = [(); 2].map(|()| {
            let (breaker, under_way) = (breaker.clone(), under_way.clone());
            thread::spawn(move || {
                if let Ok(probe) = breaker.try_acquire() {
                    assert_eq!(under_way.fetch_add(1, Ordering::Relaxed), 0);
                    under_way.fetch_sub(1, Ordering::Relaxed);
                    drop(probe);
                }
            })
        });
        drop(late);
        callers.into_iter().for_each(|caller| caller.join().expect("the thread did not panic"));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.try_acquire().expect("there is room for a probe").success();
        assert_eq!(breaker.state(), BreakerState::Closed);
    });
}
