//! Pushes, as a gateway sees them that shares no code with them.

mod alone;
mod failures;
mod places;
mod repeated;
mod settings;
mod stand_in;

use crate::alone::alone;
use crate::reader;
use quipu::Registry;
use quipu::clock::ManualClock;
use quipu::model::SeriesSnapshot;
use quipu::push::{Gateway, GatewayBuilder, PushError};
use stand_in::StandIn;
use std::time::Duration;

/// A registry with something in it.
fn registry() -> Registry {
    let registry = Registry::new();
    let jobs = registry.counter("jobs_total", "Jobs.").labels(["queue"]).register().unwrap();
    jobs.with(["mail \"a\"\\\n"]).inc_by(3);
    registry.histogram("seconds", "S.").bounds([0.5, 1.0]).register().unwrap().observe(0.75);
    registry
}

fn builder(registry: &Registry, gateway: &StandIn) -> GatewayBuilder {
    Gateway::builder(registry.clone(), gateway.url(), "backup")
}

/// What was pushed, read strictly.
#[track_caller]
fn exposition(request: &stand_in::Request) -> reader::Exposition {
    reader::read(&request.body).unwrap_or_else(|error| panic!("{error}\n{}", request.body))
}

/// The value of a metric about pushes, of the one gateway.
#[track_caller]
fn about(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> f64 {
    let snapshot = registry.snapshot();
    let family = snapshot.family(name).expect(name);
    let names: Vec<_> = family.label_names().collect();
    let is_asked = |series: &&SeriesSnapshot| {
        let has = |label| names.iter().copied().zip(series.label_values()).any(|pair| pair == label);
        labels.iter().all(|label| has(*label))
    };
    family.series().iter().filter(is_asked).map(|series| series.value().unwrap()).sum()
}

fn failures(registry: &Registry, reason: &str) -> f64 {
    about(registry, "quipu_push_failures_total", &[("reason", reason)])
}

#[test]
fn what_is_pushed_is_what_a_scrape_shows() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    builder(&registry, &gateway).build().unwrap().push_blocking().unwrap();
    let [request] = &gateway.heard()[..] else { panic!("{:?}", gateway.heard()) };
    assert_eq!((&*request.method, &*request.path), ("PUT", "/metrics/job/backup"));
    assert_eq!(request.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(request.header("host"), Some(&*gateway.address.to_string()));
    assert!(request.header("user-agent").unwrap().starts_with("quipu/"));
    assert_eq!(request.header("authorization"), None);
    let pushed = exposition(request);
    assert_eq!(pushed.order(), crate::read(&registry).order());
    assert_eq!(pushed.value("jobs_total", &[("queue", "mail \"a\"\\\n")]), Some(3.0));
    assert_eq!(pushed.value("seconds_bucket", &[("le", "1")]), Some(1.0));
    assert!(pushed.samples().all(|sample| sample.timestamp.is_none()));
}

#[test]
fn each_method_is_what_the_gateway_calls_it() {
    let (registry, gateway) = (registry(), StandIn::answering(202, ""));
    let pushes = builder(&registry, &gateway).build().unwrap();
    pushes.add_blocking().unwrap();
    pushes.delete_blocking().unwrap();
    let heard = gateway.heard();
    assert_eq!(heard.iter().map(|request| &*request.method).collect::<Vec<_>>(), ["POST", "DELETE"]);
    assert_eq!(exposition(&heard[0]).order(), crate::read(&registry).order());
    let [content_type, chunks] = ["content-type", "transfer-encoding"].map(|name| heard[1].header(name));
    assert_eq!((&*heard[1].body, content_type, chunks), ("", None, None));
}

#[test]
fn labels_headers_and_the_path_of_the_url_arrive() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    let url = format!("{}/tenants/a%20b/", gateway.url());
    Gateway::builder(registry, url, "a/b")
        .grouping("instance", "db-1:9100")
        .grouping("empty", "")
        .grouping("name", "Προμηθεύς")
        .grouping("text", "a b?c#d")
        .header("X-Scope-OrgID", "ops")
        .header("user-agent", "ours")
        .basic_auth("Aladdin", "open sesame")
        .build()
        .unwrap()
        .push_blocking()
        .unwrap();
    let request = &gateway.heard()[0];
    assert_eq!(
        request.path,
        "/tenants/a%20b/metrics/job@base64/YS9i/instance/db-1:9100/empty@base64/=\
         /name@base64/zqDPgc6_zrzOt864zrXPjc-C/text/a%20b%3Fc%23d"
    );
    assert_eq!(request.header("x-scope-orgid"), Some("ops"));
    assert_eq!(request.header("user-agent"), Some("ours"));
    // RFC 7617, section 2.
    assert_eq!(request.header("authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
}

#[test]
fn many_series_arrive_whole_and_in_pieces() {
    let (registry, gateway) = (Registry::new(), StandIn::answering(200, ""));
    let many = registry.counter("many_total", "M.").labels(["n"]).unlimited().register().unwrap();
    (0..20_000_u64).for_each(|n| many.with([&*format!("series number {n}")]).inc_by(n));
    builder(&registry, &gateway).build().unwrap().push_blocking().unwrap();
    let request = &gateway.heard()[0];
    assert!(request.body.len() > 10 * 65_536, "{}", request.body.len());
    let pushed = exposition(request);
    let values = pushed.family("many_total").unwrap().samples.iter().map(|sample| sample.value);
    assert_eq!(values.sum::<f64>(), (0..20_000).sum::<u64>() as f64);
}

#[test]
fn registries_are_pushed_as_one() {
    let (registry, other, gateway) = (registry(), Registry::new(), StandIn::answering(200, ""));
    other.gauge("depth", "D.").register().unwrap().set(7.0);
    builder(&registry, &gateway).registry(other).build().unwrap().push_blocking().unwrap();
    let pushed = exposition(&gateway.heard()[0]);
    assert_eq!(pushed.value("depth", &[]), Some(7.0));
    assert!(pushed.family("jobs_total").is_some());
}

/// What no gateway has heard of stays; what one has does not stay longer than elsewhere.
#[test]
fn series_expire_only_after_a_push_that_succeeded() {
    alone("push::series_expire_only_after_a_push_that_succeeded", || {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let hour = Duration::from_secs(3600);
        let jobs = registry.counter("jobs_total", "J.").labels(["queue"]).expire_after(hour).register().unwrap();
        jobs.with(["mail"]).inc_by(3);
        let gateway = StandIn::new(|n, client| {
            client.read()?;
            client.answer(if n < 3 { 400 } else { 200 }, "")
        });
        let pushes = builder(&registry, &gateway).build().unwrap();
        let pushed = |is_accepted| {
            assert_eq!(pushes.push_blocking().is_ok(), is_accepted);
            clock.advance(hour);
            exposition(gateway.heard().last().unwrap()).value("jobs_total", &[("queue", "mail")])
        };
        assert_eq!([false, false, false, true, true].map(pushed), [Some(3.0), Some(3.0), Some(3.0), Some(3.0), None]);
    });
}

#[test]
fn pushes_are_counted() {
    let (registry, gateway) = (registry(), StandIn::answering(200, ""));
    let pushes = builder(&registry, &gateway).build().unwrap();
    assert_eq!(about(&registry, "quipu_push_last_success_timestamp_seconds", &[]), 0.0);
    let before = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    pushes.push_blocking().unwrap();
    pushes.delete_blocking().unwrap();
    let gateway = gateway.address.to_string();
    assert_eq!(about(&registry, "quipu_pushes_total", &[("gateway", &*gateway)]), 2.0);
    assert_eq!(about(&registry, "quipu_push_failures_total", &[]), 0.0);
    assert!(about(&registry, "quipu_push_duration_seconds", &[]) > 0.0);
    let last = about(&registry, "quipu_push_last_success_timestamp_seconds", &[]);
    assert!((before..before + 60.0).contains(&last), "{before} {last}");
}

/// Prometheus has it so, of labels that it sets itself.
#[test]
fn labels_about_pushes_give_way_to_global_ones() {
    let registry = Registry::builder().label("gateway", "eu").build().unwrap();
    let gateway = StandIn::answering(200, "");
    builder(&registry, &gateway).build().unwrap().push_blocking().unwrap();
    let pushed = exposition(&gateway.heard()[0]);
    let address = gateway.address.to_string();
    let labels = [("gateway", "eu"), ("exported_gateway", &*address)];
    assert_eq!(pushed.value("quipu_pushes_total", &labels), Some(0.0));
}

#[test]
fn a_disabled_registry_pushes_nothing_and_says_so_to_nobody() {
    let (registry, gateway) = (Registry::disabled(), StandIn::answering(200, ""));
    builder(&registry, &gateway).build().unwrap().push_blocking().unwrap();
    assert_eq!(gateway.heard()[0].body, "");
}

#[test]
fn two_gateways_of_a_registry_are_told_apart() {
    let (registry, good) = (registry(), StandIn::answering(200, ""));
    let bad = StandIn::answering(400, "no");
    let [good_pushes, bad_pushes] = [&good, &bad].map(|gateway| builder(&registry, gateway).build().unwrap());
    good_pushes.push_blocking().unwrap();
    assert!(matches!(bad_pushes.push_blocking(), Err(PushError::Status { .. })));
    let failures = [&good, &bad]
        .map(|gateway| about(&registry, "quipu_push_failures_total", &[("gateway", &*gateway.address.to_string())]));
    assert_eq!(failures, [0.0, 1.0]);
}
