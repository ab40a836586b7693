//! Timers, and the clock that tests set.

use crate::read;
use quipu::clock::ManualClock;
use quipu::{Histogram, Registry};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// A clock, and a histogram that goes by it.
fn manual() -> (ManualClock, Histogram) {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    (clock, registry.histogram("a_seconds", "A.").register().unwrap())
}

#[track_caller]
fn assert_recorded(seconds: &Histogram, count: u64, sum: f64) {
    let snapshot = seconds.snapshot();
    assert_eq!((snapshot.count(), snapshot.sum()), (count, sum));
}

#[test]
fn a_timer_records_once_however_it_ends() {
    let (clock, seconds) = manual();
    let timer = seconds.start_timer();
    clock.advance(Duration::from_millis(300));
    assert_eq!(timer.stop(), Duration::from_millis(300));
    assert_recorded(&seconds, 1, 0.3);

    {
        let _timer = seconds.start_timer();
        clock.advance(SECOND);
    }
    assert_recorded(&seconds, 2, 1.3);

    let timer = seconds.start_timer();
    clock.advance(SECOND);
    timer.discard();
    assert_recorded(&seconds, 2, 1.3);

    let timer = seconds.start_timer();
    clock.advance(2 * SECOND);
    thread::spawn(move || drop(timer)).join().unwrap();
    assert_recorded(&seconds, 3, 3.3);
}

#[test]
fn a_call_is_timed_also_when_it_panics() {
    let (clock, seconds) = manual();
    let work = || {
        clock.advance(SECOND);
        7
    };
    assert_eq!(seconds.time(work), 7);
    assert_recorded(&seconds, 1, 1.0);
    let panicking = || {
        seconds.time(|| {
            clock.advance(SECOND);
            panic!("as planned")
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(panicking)).is_err());
    assert_recorded(&seconds, 2, 2.0);
}

#[test]
fn a_future_is_timed_from_its_first_poll_to_its_end() {
    let (clock, seconds) = manual();
    let context = &mut Context::from_waker(Waker::noop());
    let mut polls = 0;
    let work = poll_fn(|_| {
        clock.advance(SECOND);
        polls += 1;
        if polls < 3 { Poll::Pending } else { Poll::Ready(polls) }
    });
    let mut timed = pin!(seconds.time_future(work));
    clock.advance(50 * SECOND);
    assert!(timed.as_mut().poll(context).is_pending());
    clock.advance(10 * SECOND);
    assert!(timed.as_mut().poll(context).is_pending());
    assert_recorded(&seconds, 0, 0.0);
    assert_eq!(timed.as_mut().poll(context), Poll::Ready(3));
    assert_recorded(&seconds, 1, 13.0);
    // Which nobody should do, and which some futures take.
    assert_eq!(timed.as_mut().poll(context), Poll::Ready(4));
    assert_recorded(&seconds, 1, 13.0);
}

#[test]
fn a_future_that_is_dropped_records_the_time_until_then() {
    let (clock, seconds) = manual();
    drop(seconds.time_future(pending::<()>()));
    assert_recorded(&seconds, 0, 0.0);
    let mut timed = Box::pin(seconds.time_future(pending::<()>()));
    assert!(timed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    clock.advance(SECOND);
    drop(timed);
    assert_recorded(&seconds, 1, 1.0);
}

#[test]
fn a_timed_future_is_not_much_larger_than_its_own() {
    let (_, seconds) = manual();
    let work = async {
        let room = [0_u8; 1000];
        pending::<()>().await;
        room
    };
    let size = size_of_val(&work);
    assert!(size_of_val(&seconds.time_future(work)) <= size + 64);
}

#[test]
fn without_a_manual_clock_timers_tell_the_real_time() {
    let registry = Registry::new();
    let seconds = registry.histogram("a_seconds", "A.").register().unwrap();
    let start = Instant::now();
    // Long enough for the quick clock to be calibrated.
    while start.elapsed() < Duration::from_millis(200) {
        seconds.time(|| thread::sleep(Duration::from_millis(12)));
    }
    let (sum, elapsed) = (seconds.snapshot().sum(), start.elapsed().as_secs_f64());
    let least = 0.012 * seconds.snapshot().count() as f64;
    assert!(0.99 * least <= sum && sum <= 1.01 * elapsed, "{least} {sum} {elapsed}");
}

#[test]
fn a_manual_clock_tells_gauges_the_time_too() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let last = registry.gauge("last_timestamp_seconds", "Last.").register().unwrap();
    clock.clone().advance(1_500 * SECOND + SECOND / 4);
    last.set_to_current_time();
    assert_eq!(read(&registry).value("last_timestamp_seconds", &[]), Some(1_500.25));
}
