//! What needs a process for itself.

use super::{StandIn, about, builder, failures, registry};
use crate::alone::alone;
use crate::warnings::Warnings;
use quipu::Registry;
use quipu::clock::ManualClock;
use quipu::push::{PushError, Stage};
use std::thread;
use std::time::Duration;

#[test]
#[cfg(target_os = "linux")]
fn a_push_without_a_thread_is_counted_and_logged() {
    alone("push::alone::a_push_without_a_thread_is_counted_and_logged", || {
        let warnings = Warnings::default();
        tracing::subscriber::set_global_default(warnings.clone()).unwrap();
        let (registry, gateway) = (registry(), StandIn::answering(200, ""));
        let pushes = builder(&registry, &gateway).build().unwrap();
        [libc::SYS_clone3, libc::SYS_clone].into_iter().for_each(crate::memory::refuse);
        let error = pushes.push_blocking().unwrap_err();
        assert!(matches!(error, PushError::Thread(_)), "{error}");
        drop(pushes.push_on_drop());
        assert_eq!(failures(&registry, "thread"), 2.0);
        assert_eq!(about(&registry, "quipu_pushes_total", &[]), 2.0);
        let [message] = &warnings.messages()[..] else { panic!("{:?}", warnings.messages()) };
        assert!(message.starts_with("a push of metrics failed: cannot push, for want of a thread: "), "{message}");
    });
}

#[test]
fn of_many_failures_one_a_minute_is_logged() {
    alone("push::alone::of_many_failures_one_a_minute_is_logged", || {
        let warnings = Warnings::default();
        tracing::subscriber::set_global_default(warnings.clone()).unwrap();
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let gateway = StandIn::answering(400, "no");
        let pushes = builder(&registry, &gateway).build().unwrap();
        let logged = |advance| {
            clock.advance(Duration::from_secs(advance));
            (0..3).for_each(|_| drop(pushes.push_blocking().unwrap_err()));
            warnings.messages().len()
        };
        assert_eq!([0, 59, 1, 59, 600].map(logged), [1, 1, 2, 2, 3]);
        let message = &warnings.messages()[0];
        assert!(message.contains("answered 400: no; others that fail within a minute are only counted"), "{message}");
        assert_eq!(failures(&registry, "status"), 15.0);
        assert_eq!(about(&registry, "quipu_pushes_total", &[]), 15.0);
    });
}

/// The child has neither the thread that pushes at the fork, nor that of pushes at an interval.
#[test]
#[cfg(unix)]
fn a_child_pushes_though_its_parent_was_pushing() {
    use crate::fork::{ends_well, fork};

    alone("push::alone::a_child_pushes_though_its_parent_was_pushing", || {
        let gateway = StandIn::new(|n, client| {
            client.read()?;
            if n == 0 { client.read_to_end().map(drop) } else { client.answer(200, "") }
        });
        let timeout = Duration::from_secs(10);
        let set = builder(&registry(), &gateway).timeout(timeout).interval(1_000 * timeout);
        let pushes = set.build().unwrap();
        let mut pushing = Some(pushes.start().unwrap());
        let push = thread::spawn({
            let pushes = pushes.clone();
            move || pushes.push_blocking().unwrap_err()
        });
        while gateway.heard().is_empty() {
            thread::yield_now();
        }
        let child = fork(|| {
            pushes.push_blocking().unwrap();
            drop(pushes.push_on_drop());
            let error = pushing.take().unwrap().stop_blocking().unwrap_err();
            assert!(matches!(error, PushError::Thread(_)), "{error}");
        });
        assert!(ends_well(child), "the child has failed");
        assert_eq!(gateway.heard().len(), 3);
        let error = push.join().unwrap();
        assert!(matches!(error, PushError::Timeout { stage: Stage::Answer, .. }), "{error}");
    });
}
