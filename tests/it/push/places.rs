//! Where a push may be made: in any runtime, in none, while others are under way, and at the end of a job.

use super::{StandIn, builder, exposition, registry};
use quipu::Registry;
use quipu::collect::{CollectError, Collector, Declaration, Samples};
use quipu::push::{PushError, Stage};
use std::panic::catch_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::Builder;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn in_any_runtime() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    let pushes = builder(&registry, &gateway).timeout(LONG).build().unwrap();
    let everything = async || {
        pushes.push().await.unwrap();
        pushes.add().await.unwrap();
        pushes.delete().await.unwrap();
        // These block, and panic nowhere.
        pushes.push_blocking().unwrap();
        drop(pushes.push_on_drop());
        let pushing = pushes.start().unwrap();
        pushing.stop().await.unwrap();
        pushes.start().unwrap().stop_blocking().unwrap();
    };
    // Without timers and sockets, and with them.
    Builder::new_current_thread().build().unwrap().block_on(everything());
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(everything());
}

#[test]
fn without_a_runtime() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    let pushes = builder(&registry, &gateway).build().unwrap();
    let mut push = pin!(pushes.push());
    while push.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        thread::yield_now();
    }
    assert_eq!(gateway.heard().len(), 1);
}

#[test]
fn one_is_under_way_at_a_time_and_each_has_what_was_recorded_before_it() {
    let under_way = AtomicUsize::new(0);
    let registry = Registry::new();
    let count = registry.counter("count_total", "C.").register().unwrap();
    let gateway = StandIn::new(move |_, client| {
        assert_eq!(under_way.fetch_add(1, Ordering::SeqCst), 0);
        client.read()?;
        thread::yield_now();
        under_way.fetch_sub(1, Ordering::SeqCst);
        client.answer(200, "")
    });
    let pushes = builder(&registry, &gateway).timeout(LONG).build().unwrap();
    let start = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..5 {
                    count.inc();
                    let before = count.value();
                    pushes.push_blocking().unwrap();
                    let last = exposition(gateway.heard().last().unwrap()).value("count_total", &[]).unwrap();
                    assert!(last >= before as f64, "{last} {before}");
                }
            });
        }
    });
    assert_eq!(gateway.heard().len(), 40);
    (0..40).for_each(|_| gateway.ended().unwrap());
}

#[test]
fn who_waits_for_another_push_waits_no_longer_than_its_timeout() {
    let gateway = StandIn::new(|_, client| {
        client.read()?;
        client.read_to_end().map(drop)
    });
    let timeout = Duration::from_secs(3);
    let pushes = builder(&registry(), &gateway).timeout(timeout).build().unwrap();
    let first = thread::spawn({
        let pushes = pushes.clone();
        move || pushes.push_blocking().unwrap_err()
    });
    while gateway.heard().is_empty() {
        thread::yield_now();
    }
    // Begun later, these wait until the first gives up; then one of them is sent, with the rest of its time.
    let start = Instant::now();
    let second = pushes.push_blocking().unwrap_err();
    // No second one after the wait.
    assert!((timeout..timeout * 7 / 4).contains(&start.elapsed()), "{:?}", start.elapsed());
    let first = first.join().unwrap();
    assert!(matches!(first, PushError::Timeout { stage: Stage::Answer, .. }), "{first}");
    assert!(matches!(second, PushError::Timeout { .. }), "{second}");
}

/// Hangs from its second call on.
struct HangsLater(usize);

impl Collector for HangsLater {
    fn declare(&self, families: &mut Declaration) {
        families.gauge("lost", "L.");
    }

    fn collect(&mut self, _: &mut Samples) -> Result<(), CollectError> {
        self.0 += 1;
        if self.0 > 1 {
            thread::sleep(LONG);
        }
        Ok(())
    }
}

/// Half of the whole time would leave none to send.
#[test]
fn who_has_waited_gives_collectors_half_of_the_rest() {
    let timeout = Duration::from_secs(8);
    let gateway = StandIn::new(move |n, client| {
        client.read()?;
        if n == 0 {
            thread::sleep(timeout * 5 / 8);
        }
        client.answer(200, "")
    });
    let registry = registry();
    registry.collect(HangsLater(0)).unwrap();
    let pushes = builder(&registry, &gateway).timeout(timeout).build().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| pushes.push_blocking().unwrap());
        while gateway.heard().is_empty() {
            thread::yield_now();
        }
        let start = Instant::now();
        pushes.push_blocking().unwrap();
        // Five eighths to wait, and half of three eighths for the collector.
        assert!(start.elapsed() >= timeout * 3 / 4, "{:?}", start.elapsed());
    });
}

#[test]
fn a_push_that_is_dropped_is_broken_off_and_lets_others_go() {
    let gateway = StandIn::new(|n, client| {
        client.read()?;
        if n == 0 { client.read_to_end().map(drop) } else { client.answer(200, "") }
    });
    let pushes = builder(&registry(), &gateway).timeout(10 * LONG).build().unwrap();
    {
        let mut push = pin!(pushes.push());
        while gateway.heard().is_empty() {
            assert!(push.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            thread::yield_now();
        }
    }
    // Long before its time is over.
    gateway.ended().unwrap();
    pushes.push_blocking().unwrap();
}

#[test]
fn a_job_pushes_at_its_end_however_it_ends() {
    let gateway = Arc::new(StandIn::answering(200, ""));
    let job = |fate: fn() -> Result<(), &'static str>| {
        let registry = Registry::new();
        let steps = registry.counter("steps_total", "S.").register().unwrap();
        let pushes = builder(&registry, &gateway).build().unwrap();
        let _push = pushes.push_on_drop();
        steps.inc();
        fate()?;
        steps.inc();
        Ok::<(), &'static str>(())
    };
    let last = || exposition(gateway.heard().last().unwrap()).value("steps_total", &[]);
    job(|| Ok(())).unwrap();
    assert_eq!(last(), Some(2.0));
    job(|| Err("no")).unwrap_err();
    assert_eq!(last(), Some(1.0));
    catch_unwind(std::panic::AssertUnwindSafe(|| job(|| panic!("as a test")))).unwrap_err();
    assert_eq!((gateway.heard().len(), last()), (3, Some(1.0)));
}
