//! Breakers as users meet them, on a clock that stands still until it is moved.

use super::*;
use crate::clock::ManualClock;
use crate::sync::{AtomicU64, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

const SECOND: Duration = Duration::from_secs(1);

/// Opens at the first failure, for ten seconds; half-open has two probes and five seconds.
fn breaker() -> (CircuitBreaker, ManualClock) {
    let clock = ManualClock::new();
    let builder = CircuitBreaker::builder("api").min_calls(1).cool_down(10 * SECOND).jitter(0.0);
    (builder.probes(2).lease(5 * SECOND).clock(&clock).build().unwrap(), clock)
}

fn fail(breaker: &CircuitBreaker) {
    assert_eq!(breaker.call_blocking(|| Err::<(), _>("down")), Err(CallError::Failed("down")));
}

fn succeed(breaker: &CircuitBreaker) {
    assert_eq!(breaker.call_blocking(|| Ok::<_, ()>(7)), Ok(7));
}

/// One that is half-open as soon as it is asked.
fn cooled_down() -> (CircuitBreaker, ManualClock) {
    let (breaker, clock) = breaker();
    fail(&breaker);
    clock.advance(10 * SECOND);
    (breaker, clock)
}

#[test]
fn opens_rejects_and_closes_again() {
    let (breaker, clock) = breaker();
    succeed(&breaker);
    fail(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open);
    let rejected = breaker.call_blocking(|| -> Result<(), String> { unreachable!() }).unwrap_err();
    assert_eq!(rejected.to_string(), "the circuit breaker `api` rejects calls now; try again in 10 s");
    clock.advance(10 * SECOND - Duration::from_nanos(1));
    let rejected = breaker.try_acquire().unwrap_err();
    assert_eq!((rejected.breaker(), rejected.retry_after()), ("api", Duration::from_nanos(1)));
    clock.advance(Duration::from_nanos(1));
    succeed(&breaker);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    succeed(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
    let (_, totals) = breaker.observe();
    assert_eq!(totals, Totals { transitions: [1, 1, 1], rejections: 2 });
}

#[test]
fn half_open_lets_so_many_through_and_a_failure_opens_it() {
    let (breaker, _clock) = cooled_down();
    let probes = [breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
    assert_eq!(breaker.try_acquire().unwrap_err().retry_after(), 5 * SECOND);
    let [first, second] = probes;
    first.failure();
    assert_eq!(breaker.state(), BreakerState::Open);
    second.success();
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn a_probe_that_is_dropped_leaves_its_place_to_another() {
    let (breaker, _clock) = cooled_down();
    for _ in 0..10 {
        let _probes = [breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
        assert!(breaker.try_acquire().is_err());
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
}

#[test]
fn a_panic_is_a_failure() {
    let (breaker, _clock) = breaker();
    let call = || breaker.call_blocking(|| -> Result<(), ()> { panic!("as a test") });
    catch_unwind(AssertUnwindSafe(call)).unwrap_err();
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn a_probe_that_hangs_does_not_keep_it_half_open() {
    let (breaker, clock) = cooled_down();
    let hangs = breaker.try_acquire().unwrap();
    core::mem::forget(breaker.try_acquire().unwrap());
    clock.advance(5 * SECOND);
    assert_eq!(breaker.state(), BreakerState::Open);
    clock.advance(10 * SECOND);
    let probes = [breaker.try_acquire().unwrap(), breaker.try_acquire().unwrap()];
    // The late one belongs to an older cycle.
    drop(hangs);
    assert!(breaker.try_acquire().is_err());
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    probes.into_iter().for_each(Permit::success);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn probes_that_have_succeeded_are_enough_when_nobody_calls_any_more() {
    let (breaker, clock) = cooled_down();
    succeed(&breaker);
    clock.advance(5 * SECOND);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn futures_are_calls_and_one_that_is_dropped_is_cancelled() {
    let (breaker, _clock) = cooled_down();
    let polls = AtomicU64::new(0);
    let forever = || async {
        polls.fetch_add(1, Ordering::Relaxed);
        core::future::pending::<Result<(), &str>>().await
    };
    let mut context = Context::from_waker(Waker::noop());
    {
        let mut calls = [(); 3].map(|()| Box::pin(breaker.call(forever())));
        let ready = calls.each_mut().map(|call| call.as_mut().poll(&mut context).is_ready());
        assert_eq!((ready, polls.load(Ordering::Relaxed)), ([false, false, true], 2));
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let done = |result: Result<u8, &'static str>| {
        pin!(breaker.call(async move { result })).poll(&mut Context::from_waker(Waker::noop()))
    };
    assert_eq!(done(Ok(1)), core::task::Poll::Ready(Ok(1)));
    assert_eq!(done(Err("down")), core::task::Poll::Ready(Err(CallError::Failed("down"))));
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn a_future_that_panics_has_failed() {
    let (breaker, _clock) = breaker();
    let mut call = Box::pin(breaker.call(async { if true { panic!("as a test") } else { Ok::<(), ()>(()) } }));
    let mut context = Context::from_waker(Waker::noop());
    catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(&mut context).is_ready())).unwrap_err();
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn too_many_slow_calls_open_it_and_a_slow_probe_too() {
    let clock = ManualClock::new();
    let builder = CircuitBreaker::builder("api").min_calls(4).slow_calls(SECOND, 0.5).jitter(0.0);
    let breaker = builder.clock(&clock).build().unwrap();
    let call = |took: Duration| {
        let permit = breaker.try_acquire().unwrap();
        clock.advance(took);
        permit.success();
        breaker.state()
    };
    let [quick, slow] = [SECOND, SECOND + Duration::from_millis(1)];
    assert_eq!([quick, quick, slow, slow].map(call)[2..], [BreakerState::Closed, BreakerState::Open]);
    clock.advance(30 * SECOND);
    assert_eq!(call(quick), BreakerState::HalfOpen);
    assert_eq!(call(slow), BreakerState::Open);
}

#[test]
fn jitter_makes_the_cool_down_longer_by_its_part_at_most() {
    let waits: Vec<_> = (0..50)
        .map(|_| {
            let clock = ManualClock::new();
            let builder = CircuitBreaker::builder("api").min_calls(1).cool_down(100 * SECOND).jitter(0.5);
            let breaker = builder.clock(&clock).build().unwrap();
            fail(&breaker);
            breaker.try_acquire().unwrap_err().retry_after()
        })
        .collect();
    let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*least >= 100 * SECOND && *most <= 150 * SECOND, "{waits:?}");
    assert!(*most - *least > 10 * SECOND, "{waits:?}");
}

#[test]
fn settings_that_make_no_sense_are_errors_that_name_them() {
    let refused = |set: fn(CircuitBreakerBuilder) -> CircuitBreakerBuilder| {
        set(CircuitBreaker::builder("api")).build().unwrap_err().to_string()
    };
    let zero = |setting| format!("circuit breaker `api`: `{setting}` is zero; give more");
    assert_eq!(refused(|b| b.probes(0)), zero("probes"));
    assert_eq!(refused(|b| b.min_calls(0)), zero("min_calls"));
    assert_eq!(refused(|b| b.window(Duration::ZERO)), zero("window"));
    assert_eq!(refused(|b| b.lease(Duration::ZERO)), zero("lease"));
    for rate in [0.0, -0.5, 1.1, f64::NAN] {
        assert!(CircuitBreaker::builder("api").failure_rate(rate).build().is_err());
        assert!(CircuitBreaker::builder("api").slow_calls(SECOND, rate).build().is_err());
    }
    assert!(refused(|b| b.slow_calls(SECOND, 5.0)).starts_with("circuit breaker `api`: `slow_calls` is 5; "));
    let jitter = "circuit breaker `api`: `jitter` is -1; give a part of one, such as 0.1, or 0 for none";
    assert_eq!(refused(|b| b.jitter(-1.0)), jitter);
    assert!(CircuitBreaker::builder("api").failure_rate(1.0).jitter(1.0).cool_down(Duration::MAX).build().is_ok());
}

#[test]
fn the_longest_durations_are_for_ever() {
    let clock = ManualClock::new();
    let builder = CircuitBreaker::builder("api").min_calls(1).cool_down(Duration::MAX).jitter(1.0);
    let breaker = builder.window(Duration::MAX).lease(Duration::MAX).clock(&clock).build().unwrap();
    clock.advance(SECOND);
    fail(&breaker);
    clock.advance(Duration::from_secs(1 << 33));
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(breaker.try_acquire().is_err());
}

#[test]
fn a_breaker_is_of_the_settings_that_it_was_built_with() {
    let builder = || CircuitBreaker::builder("api").probes(2);
    let breaker = builder().build().unwrap();
    assert_eq!((builder().name(), breaker.name()), ("api", "api"));
    assert!(builder().is_of(&breaker));
    assert!(!builder().probes(3).is_of(&breaker));
}

#[test]
fn what_is_printed_names_the_breaker() {
    let (breaker, _clock) = breaker();
    assert_eq!(format!("{breaker:?}"), r#"CircuitBreaker { name: "api", state: Closed }"#);
    assert_eq!(format!("{:?}", breaker.try_acquire().unwrap()), r#"Permit { breaker: "api", .. }"#);
    let failed: CallError<std::num::ParseIntError> = CallError::Failed("x".parse::<u8>().unwrap_err());
    assert_eq!(failed.to_string(), "invalid digit found in string");
}

/// An error with a source.
#[derive(Debug)]
struct Failed(Rejected);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it failed")
    }
}

impl core::error::Error for Failed {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn an_error_has_the_source_of_the_call() {
    use core::error::Error;
    let (breaker, _clock) = breaker();
    fail(&breaker);
    let rejected = breaker.try_acquire().unwrap_err();
    let source = |error: CallError<Failed>| error.source().map(ToString::to_string);
    assert_eq!(source(CallError::Failed(Failed(rejected.clone()))), Some(rejected.to_string()));
    assert_eq!(source(CallError::Rejected(rejected)), None);
}
