//! Settings that make no sense are refused when the gateway is built, with what to write instead.

use super::{StandIn, builder, registry};
use quipu::Registry;
use quipu::push::{Gateway, GatewayBuilder, GatewayError};
use std::time::Duration;

#[track_caller]
fn refused(url: &str, set: impl FnOnce(GatewayBuilder) -> GatewayBuilder) -> String {
    let registry = Registry::new();
    let before = registry.describe().len();
    let error = set(Gateway::builder(registry.clone(), url, "backup")).build().unwrap_err();
    assert_eq!(registry.describe().len(), before, "something was registered");
    error.to_string()
}

#[test]
fn urls() {
    for url in [
        "",
        "pushgateway",
        "pushgateway:9091",
        "/metrics",
        "ftp://a",
        "http://",
        "http://a b",
        "http://a:",
        "http://a:b",
        "http://a:65536",
        "http://[::1]:b",
        "http://a/?b",
        "http://a/#b",
    ] {
        let message = refused(url, |builder| builder);
        assert!(message.contains(&format!("{url:?}")) && message.contains("\"http://pushgateway:9091\""), "{message}");
    }
    let message = refused("http://me:secret@pushgateway:9091/a@b", |builder| builder);
    assert!(message.contains("`basic_auth`") && !message.contains("secret"), "{message}");
    for url in [
        "me:secret@pushgateway:9091",
        "//me:secret@pushgateway",
        "http:/me:secret@pushgateway",
        "http:///me:secret@pushgateway",
        "http://me:sec/secret@pushgateway",
        "http://me:sec@secret@pushgateway/?a",
        "https://a/me:secret@pushgateway/?a",
    ] {
        let message = refused(url, |builder| builder);
        assert!(!message.contains("secret"), "{url}: {message}");
        let shows_rest = message.contains("…@pushgateway") || message.contains("`basic_auth`");
        assert!(shows_rest && message.contains("Pushgateway"), "{url}: {message}");
    }
}

#[test]
fn urls_that_are_good() {
    for url in ["http://a", "http://a:80", "http://[::1]:9091/", "http://10.0.0.1/a/@b", "HTTP://A"] {
        assert!(Gateway::builder(Registry::new(), url, "backup").build().is_ok(), "{url}");
    }
}

#[test]
fn jobs_and_labels() {
    const URL: &str = "http://pushgateway:9091";
    let no_job = Gateway::builder(Registry::new(), URL, "").build().unwrap_err();
    assert!(matches!(no_job, GatewayError::Job), "{no_job}");
    for name in ["", "a-b", "__name__", "a:b", "1a", "ä"] {
        let message = refused(URL, |builder| builder.grouping(name, "x"));
        assert!(message.contains(&format!("{name:?}")), "{message}");
    }
    let message = refused(URL, |builder| builder.grouping("job", "x"));
    assert!(message.contains("third argument"), "{message}");
    let message = refused(URL, |builder| builder.grouping("zone", "a").grouping("zone", "b"));
    assert!(message.contains("\"zone\"") && message.contains("twice"), "{message}");
}

#[test]
fn headers_and_credentials() {
    const URL: &str = "http://pushgateway:9091";
    for (name, value) in
        [("a b", "c"), ("", "c"), ("x", "a\r\nb"), ("Content-Length", "1"), ("transfer-encoding", "gzip")]
    {
        let message = refused(URL, |builder| builder.header(name, value));
        assert!(message.contains(&format!("{name:?}")), "{message}");
    }
    for (user, password) in [("a:b", "c"), ("a\n", "c"), ("a", "c\0")] {
        assert!(refused(URL, |builder| builder.basic_auth(user, password)).contains("user"));
    }
}

#[test]
fn times() {
    const URL: &str = "http://pushgateway:9091";
    assert!(refused(URL, |builder| builder.interval(Duration::ZERO)).starts_with("`interval`"));
    assert!(refused(URL, |builder| builder.timeout(Duration::ZERO)).starts_with("`timeout`"));
    let gateway = StandIn::answering(200, "");
    let endless = builder(&registry(), &gateway).interval(Duration::MAX).timeout(Duration::MAX).build().unwrap();
    endless.push_blocking().unwrap();
    endless.start().unwrap().stop_blocking().unwrap();
}

#[test]
fn secrets_are_not_shown() {
    let set = Gateway::builder(Registry::new(), "http://a", "backup").basic_auth("u", "hush").header("x", "hush");
    let shown = format!("{set:?} {:?}", set.clone().build().unwrap());
    assert!(shown.contains("backup") && !shown.contains("hush") && !shown.contains("dTpodXNo"), "{shown}");
}
