//! Offenders as users meet them: as text, as a metric, at a path of the server, and in the log.

use crate::alone::alone;
use crate::warnings::Warnings;
use quipu::clock::ManualClock;
use quipu::export::Server;
use quipu::{Counter, Family, LabelNames, Registry};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A family with room for one tenant.
fn logins(registry: &Registry) -> Family<Counter, LabelNames<2>> {
    let logins = registry.counter("logins_total", "Logins.").labels(["tenant", "result"]);
    let logins = logins.max_values("tenant", 1).register().unwrap();
    logins.with(["good", "ok"]).inc();
    logins
}

#[test]
fn are_named_by_family_and_label_with_the_most_frequent_first() {
    let registry = Registry::new();
    let logins = logins(&registry);
    assert_eq!(registry.offenders_to_text(), "");
    for (tenant, times) in [("mallory\n", 3), ("trudy", 1)] {
        (0..times).for_each(|_| logins.with([tenant, "failed"]).inc());
    }
    let expected = "logins_total: `tenant` had about 2 values beyond a limit; in 4 samples:\n  75.0 % \"mallory\\n\"\n  25.0 % \"trudy\"\n";
    assert_eq!(registry.offenders_to_text(), expected);
    assert_eq!(registry.offenders_to_text(), expected);
}

#[test]
fn are_counted_without_their_values() {
    let registry = Registry::new();
    let logins = logins(&registry);
    let values =
        || registry.snapshot().value("quipu_overflowed_values", &[("family", "logins_total"), ("label", "tenant")]);
    assert_eq!(values(), None);
    (0..10_000).for_each(|n| logins.with([&format!("mallory-{n}"), "failed"]).inc());
    let about = values().unwrap();
    assert!((about / 1e4 - 1.0).abs() < 0.1, "{about}");
    let text = registry.to_text();
    assert!(!text.contains("mallory"), "{text}");
    assert!(registry.unregister("logins_total"));
    assert_eq!(values(), None);
}

/// The status and the body of a response.
fn ask(address: SocketAddr, method: &str, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

#[test]
fn are_served_at_a_path_if_that_is_wanted() {
    let registry = Registry::new();
    logins(&registry).with(["mallory", "failed"]).inc();
    let server = Server::builder(registry.clone()).offenders_path("/debug/offenders").serve("127.0.0.1:0").unwrap();
    let (status, body) = ask(server.local_addr(), "GET", "/debug/offenders");
    assert_eq!((&*status, body), ("200", registry.offenders_to_text()));
    assert_eq!(ask(server.local_addr(), "HEAD", "/debug/offenders"), ("200".to_owned(), String::new()));
    assert_eq!(ask(server.local_addr(), "POST", "/debug/offenders").0, "405");
    assert_eq!(ask(server.local_addr(), "GET", "/metrics").0, "200");
    server.stop();
    let server = Server::builder(registry).serve("127.0.0.1:0").unwrap();
    assert_eq!(ask(server.local_addr(), "GET", "/debug/offenders").0, "404");
    server.stop();
    assert!(Server::builder(Registry::new()).offenders_path("debug").serve("127.0.0.1:0").is_err());
    let error =
        Server::builder(Registry::new()).offenders_path("/metrics").serve("127.0.0.1:0").unwrap_err().to_string();
    assert!(error.starts_with("cannot serve metrics at the path \"/metrics\": offenders are there; "), "{error}");
}

/// The warnings that come meanwhile.
fn warnings(work: impl FnOnce()) -> Vec<String> {
    let warnings = Warnings::default();
    tracing::subscriber::with_default(warnings.clone(), work);
    warnings.messages()
}

#[test]
fn are_one_line_of_the_log_in_a_minute() {
    // Another thread that comes to the same line of the log first, and listens to none, can hide it.
    alone("offenders::are_one_line_of_the_log_in_a_minute", || {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let logins = logins(&registry);
        let scrape = || {
            registry.to_text();
        };
        let comes = |tenant: &str| {
            warnings(|| {
                logins.with([tenant, "failed"]).inc();
                scrape();
            })
        };
        assert_eq!(
            comes("mallory"),
            [r#"`logins_total`: label values came beyond a limit: about 1 of `tenant`, such as "mallory""#]
        );
        assert_eq!(comes("mallory"), [""; 0]);
        clock.advance(Duration::from_secs(60));
        assert_eq!(warnings(scrape), [""; 0]);
        let line =
            r#"`logins_total`: label values came beyond a limit: about 2 of `tenant`, such as "mallory", "trudy""#;
        assert_eq!(comes("trudy"), [line]);
    });
}

#[test]
fn what_record_safe_catches_is_one_line_of_the_log_in_a_minute() {
    // Another thread that comes to the same line of the log first, and listens to none, can hide it.
    alone("offenders::what_record_safe_catches_is_one_line_of_the_log_in_a_minute", || {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let fails = || warnings(|| assert!(!registry.record_safe(|| Err::<(), _>("down"))));
        let line = "a closure given to `record_safe` failed: down; others that fail within a minute are only counted";
        assert_eq!([fails(), fails()], [vec![line.to_owned()], vec![]]);
        clock.advance(Duration::from_secs(60));
        assert_eq!(fails(), [line]);
    });
}
