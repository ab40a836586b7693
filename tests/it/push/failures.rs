//! Gateways that fail in every way, and what a push says of it.

use super::{StandIn, about, builder, exposition, failures, registry};
use quipu::Registry;
use quipu::clock::ManualClock;
use quipu::collect::{CollectError, Collector, Declaration, Samples};
use quipu::push::{Gateway, PushError, Stage};
use std::net::TcpListener;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_secs(1);

/// Times of tests that are not about time.
const LONG: Duration = Duration::from_secs(60);

/// A registry whose text fills all buffers between here and the gateway.
fn large() -> Registry {
    let registry = Registry::builder().unlimited().build().unwrap();
    let many = registry.counter("many_total", "M.").labels(["n"]).register().unwrap();
    let filling = "x".repeat(16_000);
    (0..1_000).for_each(|n| many.with([&*format!("{n}{filling}")]).inc());
    assert!(registry.to_text().len() > 16_000_000);
    registry
}

#[track_caller]
fn refusal(status: u16, text: &'static str) -> (u16, String, String) {
    let (registry, gateway) = (registry(), StandIn::answering(status, text));
    let error = builder(&registry, &gateway).build().unwrap().push_blocking().unwrap_err();
    assert_eq!(failures(&registry, "status"), 1.0);
    assert_eq!(gateway.heard().len(), 1, "tried again");
    let message = error.to_string();
    assert!(message.starts_with(&gateway.url()), "{message}");
    let PushError::Status { status, text, .. } = error else { panic!("{error}") };
    (status, text, message)
}

#[test]
fn a_refusal_says_what_the_gateway_says() {
    let why = "pushed metrics are invalid or inconsistent with existing metrics: collected metric \"a\" twice\n";
    let (status, text, message) = refusal(400, why);
    assert_eq!((status, &*text), (400, why.trim()));
    assert!(message.ends_with(&format!("/metrics/job/backup answered 400: {}", why.trim())), "{message}");
    assert_eq!(refusal(500, "a\r\n\x1b[31mb\u{85}c").1, "a   [31mb c");
    assert_eq!(refusal(503, "").1, "");
    assert!(refusal(401, "").2.contains("`basic_auth`"));
    assert!(refusal(404, "").2.contains("`/metrics`"));
}

#[test]
fn a_redirect_is_not_followed_and_says_where_it_leads() {
    let (registry, other) = (registry(), StandIn::answering(200, ""));
    let to = format!("{}/metrics", other.url());
    let location = to.replace("://", "://me:secret@");
    let gateway = StandIn::new(move |_, client| {
        client.read()?;
        client.write(&format!("HTTP/1.1 307 Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
    });
    let error = builder(&registry, &gateway).build().unwrap().push_blocking().unwrap_err();
    let message = error.to_string();
    assert!(message.contains("307") && message.contains("not followed"), "{message}");
    assert!(message.contains(&to["http://".len()..]) && !message.contains("secret"), "{message}");
    assert_eq!(other.heard().len(), 0);
}

/// The answer comes before the body is read, and the rest of the body is not read at all.
#[test]
fn a_refusal_of_what_is_too_large_is_heard_while_it_is_sent() {
    let (registry, gateway) = (
        large(),
        StandIn::new(|_, client| {
            client.read_head()?;
            client.answer(413, "too large")?;
            // A server that drops what it does not read lets the client hear why.
            client.read_to_end().map(drop)
        }),
    );
    let error = builder(&registry, &gateway).timeout(LONG).build().unwrap().push_blocking().unwrap_err();
    let message = error.to_string();
    assert!(message.contains("413") && message.ends_with("too large"), "{message}");
    assert!(message.contains("fewer series"), "{message}");
}

#[test]
fn a_gateway_that_never_answers_costs_the_timeout() {
    let gateway = StandIn::new(|_, client| {
        client.read()?;
        client.read_to_end().map(drop)
    });
    let registry = registry();
    let pushes = builder(&registry, &gateway).timeout(SHORT).build().unwrap();
    let start = Instant::now();
    let error = pushes.push_blocking().unwrap_err();
    assert!((SHORT..LONG / 4).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert!(matches!(error, PushError::Timeout { stage: Stage::Answer, after: SHORT, .. }), "{error}");
    assert!(error.to_string().ends_with("there was no answer after 1s"), "{error}");
    assert_eq!(failures(&registry, "timeout"), 1.0);
    // The connection is closed.
    gateway.ended().unwrap();
}

/// One that does not even read: the push waits with what the buffers between hold, and the scrape waits with it.
#[test]
fn a_gateway_that_does_not_read_costs_the_timeout() {
    let gateway = StandIn::new(|_, client| {
        client.read_head()?;
        thread::sleep(LONG);
        Ok(())
    });
    let error = builder(&large(), &gateway).timeout(2 * SHORT).build().unwrap().push_blocking().unwrap_err();
    assert!(matches!(error, PushError::Timeout { stage: Stage::Answer, .. }), "{error}");
}

#[test]
fn a_slow_gateway_gets_all_of_it() {
    let gateway = StandIn::new(|_, client| {
        thread::sleep(SHORT);
        client.read()?;
        for piece in ["HTTP/1.1 2", "00 OK\r\nContent-", "Length: 0\r\n\r\n"] {
            thread::sleep(SHORT / 3);
            client.write(piece)?;
        }
        Ok(())
    });
    let registry = registry();
    builder(&registry, &gateway).timeout(LONG).build().unwrap().push_blocking().unwrap();
    assert_eq!(exposition(&gateway.heard()[0]).order(), crate::read(&registry).order());
}

#[test]
fn a_connection_that_ends_before_the_answer_is_an_error() {
    for part in ["", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Le", "220 smtp.example.org ESMTP\r\n"] {
        let gateway = StandIn::new(|_, client| {
            client.read()?;
            client.write(part)
        });
        let registry = registry();
        let error = builder(&registry, &gateway).build().unwrap().push_blocking().unwrap_err();
        assert!(matches!(error, PushError::Broken { .. }), "{part:?}: {error}");
        assert_eq!(failures(&registry, "broken"), 1.0);
    }
    let gateway = StandIn::new(|_, client| client.read_head().map(drop));
    let error = builder(&large(), &gateway).timeout(LONG).build().unwrap().push_blocking().unwrap_err();
    assert!(matches!(error, PushError::Broken { .. }), "{error}");
}

/// A success is one as soon as it is said; of a refusal, the beginning is enough.
#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    for status in [200, 500] {
        let gateway = StandIn::new(move |_, client| {
            client.read()?;
            client.write(&format!("HTTP/1.1 {status} So\r\nTransfer-Encoding: chunked\r\n\r\n"))?;
            loop {
                client.write("10\r\n0123456789abcdef\r\n")?;
            }
        });
        let result = builder(&registry(), &gateway).timeout(LONG).build().unwrap().push_blocking();
        match result {
            Ok(()) => assert_eq!(status, 200),
            Err(PushError::Status { status: 500, text, .. }) => assert_eq!(text, "0123456789abcdef".repeat(128)),
            Err(error) => panic!("{error}"),
        }
        assert!(gateway.ended().is_err(), "the connection was not closed");
    }
}

/// Half of the metrics may be there, or none.
#[test]
fn a_success_before_all_was_sent_is_none() {
    let gateway = StandIn::new(|_, client| {
        client.read_head()?;
        client.answer(200, "")?;
        thread::sleep(LONG);
        Ok(())
    });
    let error = builder(&large(), &gateway).timeout(LONG).build().unwrap().push_blocking().unwrap_err();
    assert!(matches!(error, PushError::Broken { .. }), "{error}");
    assert!(error.to_string().ends_with("it was accepted before all of it was sent"), "{error}");
}

/// What comes byte by byte does not move the deadline.
#[test]
fn an_answer_that_dribbles_costs_the_timeout() {
    let dribble = |start: &'static str| {
        StandIn::new(move |_, client| {
            client.read()?;
            client.write(start)?;
            loop {
                client.write("a")?;
                thread::sleep(SHORT / 20);
            }
        })
    };
    let push = |gateway: StandIn| {
        let start = Instant::now();
        let error = builder(&registry(), &gateway).timeout(SHORT).build().unwrap().push_blocking().unwrap_err();
        assert!((SHORT..LONG / 4).contains(&start.elapsed()), "{:?}", start.elapsed());
        assert!(gateway.ended().is_err(), "the connection was not closed");
        error
    };
    let error = push(dribble("HTTP/1.1 200 OK\r\nX: "));
    assert!(matches!(error, PushError::Timeout { stage: Stage::Answer, .. }), "{error}");
    let error = push(dribble("HTTP/1.1 500 So\r\nContent-Length: 1000000\r\n\r\n"));
    assert!(matches!(&error, PushError::Status { status: 500, text, .. } if text.starts_with("aa")), "{error}");
}

/// Answers that are none yet, without end.
#[test]
fn a_gateway_that_keeps_announcing_an_answer_costs_the_timeout() {
    let gateway = StandIn::new(|_, client| {
        client.read()?;
        loop {
            client.write("HTTP/1.1 100 Continue\r\n\r\n")?;
        }
    });
    let error = builder(&registry(), &gateway).timeout(SHORT).build().unwrap().push_blocking().unwrap_err();
    assert!(matches!(error, PushError::Timeout { stage: Stage::Answer, .. }), "{error}");
}

#[test]
fn a_head_without_end_is_not_read_to_its_end() {
    let gateway = StandIn::new(|_, client| {
        client.read()?;
        client.write("HTTP/1.1 200 OK\r\n")?;
        loop {
            client.write("X-Header: 0123456789abcdef\r\n")?;
        }
    });
    let error = builder(&registry(), &gateway).timeout(LONG).build().unwrap().push_blocking().unwrap_err();
    assert!(matches!(error, PushError::Broken { .. }), "{error}");
}

/// A refusal whose text does not come in time is a refusal nevertheless.
#[test]
fn a_text_that_does_not_come_is_not_waited_for() {
    let gateway = StandIn::new(|_, client| {
        client.read()?;
        client.write("HTTP/1.1 500 So\r\nContent-Length: 100\r\n\r\nthe begin")?;
        client.read_to_end().map(drop)
    });
    let error = builder(&registry(), &gateway).timeout(SHORT).build().unwrap().push_blocking().unwrap_err();
    assert!(matches!(&error, PushError::Status { status: 500, text, .. } if text == "the begin"), "{error}");
}

#[test]
fn who_cannot_be_reached_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, why) in [(format!("http://{free}"), "refused"), ("http://gateway.invalid:9091".to_owned(), "lookup")] {
        let registry = registry();
        let error = Gateway::builder(registry.clone(), &*url, "backup").timeout(LONG).build().unwrap().push_blocking();
        let error = error.unwrap_err();
        assert!(matches!(error, PushError::Connect { .. }), "{error}");
        let message = error.to_string();
        assert!(message.starts_with(&format!("cannot connect to {url}/metrics/job/backup: ")), "{message}");
        assert!(message.contains(why), "{message}");
        assert_eq!(failures(&registry, "connect"), 1.0);
    }
}

/// A server without TLS, or one that nobody vouches for, is none that is pushed to.
#[test]
fn who_does_not_speak_tls_is_not_pushed_to() {
    let gateway = StandIn::new(|_, client| {
        client.read_line()?;
        client.answer(200, "")
    });
    let registry = registry();
    let url = format!("https://{}", gateway.address);
    let error = Gateway::builder(registry.clone(), &*url, "backup").timeout(LONG).build().unwrap().push_blocking();
    let error = error.unwrap_err();
    assert!(matches!(error, PushError::Connect { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("cannot connect to {url}/metrics")), "{error}");
    assert_eq!(failures(&registry, "connect"), 1.0);
}

struct Panics;

impl Collector for Panics {
    fn declare(&self, families: &mut Declaration) {
        families.gauge("lost", "L.");
    }

    fn collect(&mut self, _: &mut Samples) -> Result<(), CollectError> {
        panic!("as a test")
    }
}

#[test]
fn a_panic_in_a_collector_costs_its_own_metrics_only() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    registry.collect(Panics).unwrap();
    let _hook = registry.before_scrape(|| panic!("as a test"));
    builder(&registry, &gateway).build().unwrap().push_blocking().unwrap();
    let pushed = exposition(&gateway.heard()[0]);
    assert_eq!(pushed.value("jobs_total", &[("queue", "mail \"a\"\\\n")]), Some(3.0));
    assert!(pushed.family("lost").is_none_or(|lost| lost.samples.is_empty()));
}

#[test]
fn after_five_failures_the_gateway_is_left_alone_for_a_while() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let gateway = StandIn::new(|n, client| {
        client.read()?;
        client.answer(if n < 5 { 503 } else { 200 }, "")
    });
    let pushes = builder(&registry, &gateway).build().unwrap();
    for _ in 0..5 {
        assert!(matches!(pushes.push_blocking(), Err(PushError::Status { status: 503, .. })));
    }
    let error = pushes.push_blocking().unwrap_err();
    assert!(matches!(error, PushError::Rejected(_)), "{error}");
    assert_eq!(gateway.heard().len(), 5);
    assert_eq!(failures(&registry, "skipped"), 1.0);
    assert_eq!(about(&registry, "quipu_pushes_total", &[]), 6.0);
    // A last one is tried always, and says nothing to the breaker.
    drop(pushes.push_on_drop());
    assert_eq!(gateway.heard().len(), 6);
    assert!(matches!(pushes.push_blocking(), Err(PushError::Rejected(_))));
    clock.advance(Duration::from_secs(33));
    pushes.push_blocking().unwrap();
    pushes.push_blocking().unwrap();
}

/// Failures among successes open it as well, when they are half.
#[test]
fn half_of_the_requests_are_enough_failures() {
    let clock = ManualClock::new();
    let registry = Registry::builder().clock(&clock).build().unwrap();
    let gateway = StandIn::new(|n, client| {
        client.read()?;
        client.answer(if n < 3 { 200 } else { 503 }, "")
    });
    let pushes = builder(&registry, &gateway).build().unwrap();
    let results = [(); 7].map(|()| pushes.push_blocking());
    assert!(matches!(&results, [Ok(()), Ok(()), Ok(()), rest @ .., Err(PushError::Rejected(_))]
        if rest.iter().all(|result| matches!(result, Err(PushError::Status { status: 503, .. })))));
}

/// A collector has a deadline of its own; a hook does not.
#[test]
fn a_hook_that_hangs_costs_the_timeout() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let _hook = registry.before_scrape(move || {
        let _ = held.lock().unwrap().recv();
    });
    let pushes = builder(&registry, &gateway).timeout(SHORT).build().unwrap();
    let timed = |push: &dyn Fn() -> Result<(), PushError>| {
        let start = Instant::now();
        let error = push().unwrap_err();
        assert!((SHORT..LONG / 2).contains(&start.elapsed()), "{:?}", start.elapsed());
        let PushError::Timeout { stage, .. } = error else { panic!("{error}") };
        stage
    };
    assert_eq!(timed(&|| pushes.push_blocking()), Stage::Collect);
    // Further ones wait for that hook, and leave no threads behind.
    assert_eq!(timed(&|| pushes.push_blocking()), Stage::Wait);
    assert_eq!(timed(&|| pushes.start().unwrap().stop_blocking()), Stage::Wait);
    drop(pushes.push_on_drop());
    assert_eq!(gateway.heard().len(), 0);
    drop(release);
    assert_eq!(failures(&registry, "timeout"), 4.0);
    builder(&registry, &gateway).build().unwrap().push_blocking().unwrap();
}

#[test]
fn refusals_that_would_come_again_open_no_breaker() {
    let (registry, gateway) = (registry(), StandIn::answering(400, "no"));
    let pushes = builder(&registry, &gateway).build().unwrap();
    for _ in 0..10 {
        assert!(matches!(pushes.push_blocking(), Err(PushError::Status { status: 400, .. })));
    }
}
