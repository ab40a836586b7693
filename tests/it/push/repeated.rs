//! Pushes that go on until they are stopped.

use super::{StandIn, about, builder, exposition, registry};
use quipu::Registry;
use quipu::push::PushError;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

/// Waits until so many requests have come.
#[track_caller]
fn wait_for(gateway: &StandIn, requests: usize) {
    let start = Instant::now();
    while gateway.heard().len() < requests {
        assert!(start.elapsed() < LONG, "{} of {requests} requests", gateway.heard().len());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn pushes_go_on_and_the_last_one_has_everything() {
    let (registry, gateway) = (Registry::new(), StandIn::answering(200, ""));
    let count = registry.counter("count_total", "C.").register().unwrap();
    let pushes = builder(&registry, &gateway).interval(Duration::from_millis(20)).build().unwrap();
    let pushing = pushes.start().unwrap();
    for n in 1..=5 {
        count.inc();
        wait_for(&gateway, 2 * n);
    }
    count.inc();
    pushing.stop_blocking().unwrap();
    let heard = gateway.heard();
    assert!(heard.iter().all(|request| request.method == "PUT"));
    let values: Vec<_> = heard.iter().map(|request| exposition(request).value("count_total", &[]).unwrap()).collect();
    assert!(values.is_sorted() && values.last() == Some(&6.0), "{values:?}");
    assert_eq!(about(&registry, "quipu_pushes_total", &[]), heard.len() as f64);
    // No more come.
    thread::sleep(Duration::from_millis(200));
    assert_eq!(gateway.heard().len(), heard.len());
}

#[test]
fn a_stop_does_not_wait_for_the_interval() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    let pushing = builder(&registry, &gateway).interval(100 * LONG).build().unwrap().start().unwrap();
    pushing.stop_blocking().unwrap();
    assert_eq!(gateway.heard().len(), 1);
}

/// The push that is under way and the last one have one timeout together.
#[test]
fn a_stop_has_a_deadline() {
    let gateway = StandIn::new(|_, client| {
        client.read()?;
        client.read_to_end().map(drop)
    });
    let timeout = Duration::from_secs(2);
    let set = builder(&Registry::new(), &gateway).interval(Duration::from_millis(1)).timeout(timeout);
    let pushing = set.build().unwrap().start().unwrap();
    wait_for(&gateway, 1);
    thread::sleep(timeout / 2);
    let start = Instant::now();
    let error = pushing.stop_blocking().unwrap_err();
    assert!(matches!(error, PushError::Timeout { .. }), "{error}");
    assert!((timeout / 2..timeout * 3 / 2).contains(&start.elapsed()), "{:?}", start.elapsed());
}

/// Also where a hook hangs since before the stop.
#[test]
fn a_stop_has_a_deadline_while_a_hook_hangs() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    let (entered, enters) = mpsc::channel();
    let _hook = registry.before_scrape(move || {
        let _ = entered.send(());
        thread::sleep(LONG);
    });
    let timeout = Duration::from_secs(2);
    let set = builder(&registry, &gateway).interval(Duration::from_millis(1)).timeout(timeout);
    let pushing = set.build().unwrap().start().unwrap();
    enters.recv_timeout(LONG).unwrap();
    let start = Instant::now();
    let error = pushing.stop_blocking().unwrap_err();
    assert!(matches!(error, PushError::Timeout { .. }), "{error}");
    assert!(start.elapsed() < timeout * 3 / 2, "{:?}", start.elapsed());
}

#[test]
fn after_a_failure_it_goes_on() {
    let (registry, gateway) = (
        registry(),
        StandIn::new(|n, client| {
            client.read()?;
            match n {
                0 => Ok(()),
                1 => client.answer(500, "no"),
                2 => client.answer(400, "no"),
                _ => client.answer(200, ""),
            }
        }),
    );
    let pushing = builder(&registry, &gateway).interval(Duration::from_millis(20)).build().unwrap().start().unwrap();
    wait_for(&gateway, 5);
    pushing.stop_blocking().unwrap();
    assert_eq!(about(&registry, "quipu_push_failures_total", &[]), 3.0);
}

/// An hour between two pushes is no hour without metrics because of one failure.
#[test]
fn a_failure_is_made_good_before_the_interval_is_over() {
    let (registry, gateway) = (
        registry(),
        StandIn::new(|n, client| {
            client.read()?;
            client.answer(if n == 0 { 503 } else { 200 }, "")
        }),
    );
    // The first comes within a tenth of the interval.
    let pushing = builder(&registry, &gateway).interval(Duration::from_secs(40)).build().unwrap().start().unwrap();
    wait_for(&gateway, 2);
    pushing.stop_blocking().unwrap();
}

#[test]
fn a_handle_that_is_dropped_leaves_it_going_on() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    drop(builder(&registry, &gateway).interval(Duration::from_millis(20)).build().unwrap().start().unwrap());
    wait_for(&gateway, 3);
}
