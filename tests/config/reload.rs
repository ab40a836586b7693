//! Changes while an engine runs.

use crate::engine::{scrape, serves};
use crate::{Temporary, builder};
use quipu::engine::{Change, Reloaded};
use quipu::testing::value;
use quipu::{Engine, Registry};
use quipu_catalog::Catalog;
use quipu_catalog::config::CatalogConfig;
use quipu_catalog::llm::{Operation, Usage};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

fn texts(changes: &[Change]) -> Vec<String> {
    changes.iter().map(Change::to_string).collect()
}

/// An engine with a file of its own.
fn with_file(name: &str, text: &str) -> (Engine, Temporary) {
    let file = Temporary::new(name);
    file.write(text);
    (builder().file(&file.0).build().unwrap(), file)
}

#[track_caller]
fn reload(engine: &Engine) -> Reloaded {
    engine.reload().unwrap_or_else(|error| panic!("{error}"))
}

fn has(registry: &Registry, family: &str) -> bool {
    registry.to_text().contains(&format!("# TYPE {family} "))
}

fn threshold(engine: &Engine) -> f64 {
    value(engine.registry(), "quipu_alert_threshold", [("alert", "high_error_rate_threshold")])
}

#[test]
fn what_can_change_changes_at_once_and_totals_go_on() {
    let (engine, file) = with_file("live.toml", "[metrics.llm.prices.gpt]\ncompletion = 1\n");
    let catalog = Catalog::from_engine(&engine).unwrap();
    let registry = engine.registry();
    let spend = || {
        let usage = Usage { completion: 1_000, ..Usage::default() };
        catalog.llm.start("openai", "gpt-4o", Operation::Analysis).success(usage);
        value(registry, "llm_cost_dollars_total", [("provider", "openai"), ("model", "gpt-4o")])
    };
    assert_eq!(spend(), 1.0);
    file.write("metrics.llm.prices = { gpt-4o = { completion = 0.25 } }\nmetrics.llm.track_token_usage = false\n");
    let reloaded = reload(&engine);
    assert_eq!(
        texts(&reloaded.changed),
        [
            "`metrics.llm.prices.gpt.completion`: 1.0 → not set",
            "`metrics.llm.prices.gpt.prompt`: 0.0 → not set",
            "`metrics.llm.prices.gpt-4o.completion`: not set → 0.25",
            "`metrics.llm.prices.gpt-4o.prompt`: not set → 0.0",
            "`metrics.llm.track_token_usage`: true → false",
        ]
    );
    assert!(reloaded.needs_restart.is_empty() && reloaded.warnings.is_empty(), "{reloaded:?}");
    assert_eq!(spend(), 1.25);
    assert!(!has(registry, "llm_tokens_total"));
    file.write("");
    reload(&engine);
    // What was hidden was counted, and without a price nothing is spent.
    let tokens = [("provider", "openai"), ("model", "gpt-4o"), ("token_type", "completion")];
    assert_eq!(value(registry, "llm_tokens_total", tokens), 2_000.0);
    assert_eq!(spend(), 1.25);
    assert!(texts(&reload(&engine).changed).is_empty());
}

#[test]
fn what_needs_a_restart_is_told_each_time_and_changes_nothing() {
    let (engine, file) = with_file("restart.toml", "");
    file.write("[metrics]\nnamespace = \"shop\"\n[metrics.push_gateway]\npassword = \"secret\"\nusername = \"me\"\n");
    for _ in 0..2 {
        let reloaded = reload(&engine);
        assert!(reloaded.changed.is_empty());
        assert_eq!(
            texts(&reloaded.needs_restart),
            [
                "`metrics.namespace`: \"\" → \"shop\"",
                "`metrics.push_gateway.password`: not set → a value that is not shown",
                "`metrics.push_gateway.username`: not set → \"me\"",
            ]
        );
        engine.registry().counter("a_total", "A.").register().unwrap();
        assert!(has(engine.registry(), "a_total"));
    }
    file.write("");
    assert!(reload(&engine).needs_restart.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_starts_as_it_was_built() {
    let file = |is_on: bool| {
        let (enabled, min_calls) = if is_on { ("true", 1) } else { ("false", 1_000) };
        format!(
            "[metrics]\nlisten_address = \"127.0.0.1:0\"\nenabled = {enabled}\nserver.page = {enabled}\n\
             [metrics.circuit_breaker]\nfailure_rate = 0.01\nmin_calls = {min_calls}\n"
        )
    };
    for is_on in [true, false] {
        let (engine, path) = with_file(&format!("built-{is_on}.toml"), &file(is_on));
        path.write(file(!is_on));
        let told = texts(&reload(&engine).needs_restart).join("\n");
        for key in ["enabled", "server.page", "circuit_breaker.min_calls"] {
            assert!(told.contains(&format!("`metrics.{key}`: ")), "{told}");
        }
        let breaker = engine.circuit_breaker("a").build().unwrap();
        breaker.try_acquire().unwrap().failure();
        assert_eq!(breaker.try_acquire().is_err(), is_on);
        let running = engine.start().await.unwrap();
        match running.local_addr() {
            Some(address) => assert!(is_on && serves(address, "/").await),
            None => assert!(!is_on),
        }
        running.stop().await;
    }
}

/// The lanes are the process's, and nobody knows what they should have without it.
#[test]
fn a_limit_of_lanes_that_goes_is_told_to_stay() {
    let (engine, file) = with_file("lanes.toml", "");
    let default = quipu::lanes::limit_bytes();
    file.write(format!("metrics.limits.max_lane_bytes = {default}\n"));
    assert!(reload(&engine).warnings.is_empty());
    file.write("");
    let told = format!(
        "`metrics.limits.max_lane_bytes` is not set any more: the lanes of the process keep their limit of {default} bytes"
    );
    assert_eq!(reload(&engine).warnings, [told]);
    assert!(reload(&engine).warnings.is_empty());
}

#[test]
fn a_bad_file_changes_nothing() {
    let (engine, file) = with_file("bad.toml", "metrics.alerts.high_error_rate_threshold = 0.25\n");
    for bad in ["metrics.alerts.high_error_rate_threshold = 0.5\nmetrics.nothing = 1\n", "[[[", "\u{0}"] {
        file.write(bad);
        engine.reload().unwrap_err();
        assert_eq!((threshold(&engine), engine.settings().alerts.high_error_rate_threshold), (0.25, 0.25));
    }
    std::fs::remove_file(&file.0).unwrap();
    assert!(engine.reload().unwrap_err().to_string().contains("cannot be read"));
    file.write("metrics.alerts.high_error_rate_threshold = 0.5\n");
    assert_eq!(texts(&reload(&engine).changed), ["`metrics.alerts.high_error_rate_threshold`: 0.25 → 0.5"]);
    assert_eq!(threshold(&engine), 0.5);
}

#[test]
fn a_follower_hears_the_sections_now_and_at_each_reload() {
    let (engine, file) = with_file("follow.toml", "");
    let (sender, heard) = mpsc::channel();
    engine.follow(move |config: &CatalogConfig| sender.send(config.llm.track_cost).unwrap());
    file.write("metrics.llm.track_cost = false\n");
    reload(&engine);
    file.write("metrics.llm.track_cost = 0\n");
    engine.reload().unwrap_err();
    assert_eq!(heard.try_iter().collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_follower_that_begins_during_a_reload_hears_last_what_was_read_last() {
    let (engine, file) = with_file("race.toml", "");
    file.write("metrics.llm.track_cost = false\n");
    let heard = Arc::new(Mutex::new(Vec::new()));
    engine.follow({
        let (engine, heard) = (engine.clone(), heard.clone());
        move |config: &CatalogConfig| {
            if config.llm.track_cost {
                let (done, is_done) = mpsc::channel();
                let engine = engine.clone();
                std::thread::spawn(move || {
                    reload(&engine);
                    let _ = done.send(());
                });
                // So long it has to overtake.
                let _ = is_done.recv_timeout(Duration::from_millis(300));
            }
            heard.lock().unwrap().push(config.llm.track_cost);
        }
    });
    reload(&engine);
    assert_eq!(heard.lock().unwrap()[..2], [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn collectors_come_and_go_while_it_runs() {
    let text = "metrics.listen_address = \"127.0.0.1:0\"\n";
    let (engine, file) = with_file("collectors.toml", text);
    let running = engine.start().await.unwrap();
    assert!(scrape(&running).await.family("process_open_fds").is_some());
    file.write(format!("{text}metrics.collectors.process = false\nmetrics.system.track_disk = true\n"));
    let reloaded = reload(&engine);
    assert_eq!(
        texts(&reloaded.changed),
        ["`metrics.collectors.process`: true → false", "`metrics.system.track_disk`: false → true"]
    );
    assert!(scrape(&running).await.family("process_open_fds").is_none());
    let is_there = || engine.registry().describe().iter().any(|family| family.name() == "system_disk_bytes");
    assert!(is_there());
    // A name that somebody else has is a warning, and the rest goes on.
    file.write(text);
    reload(&engine);
    engine.registry().gauge("system_disk_bytes", "Mine.").register().unwrap();
    file.write(format!("{text}metrics.system.track_disk = true\n"));
    let is_told = || {
        let warnings = reload(&engine).warnings;
        assert!(warnings.iter().all(|warning| warning.starts_with("`metrics.system.enabled`: ")), "{warnings:?}");
        !warnings.is_empty()
    };
    assert!(is_told());
    assert!(scrape(&running).await.family("process_open_fds").is_some());
    // It is tried again, and as long as it fails told again.
    assert!(is_told());
    engine.registry().unregister("system_disk_bytes");
    assert!(!is_told());
    assert!(is_there());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_whose_name_is_taken_keeps_no_other_out() {
    let text = "[metrics]\nlisten_address = \"127.0.0.1:0\"\n[metrics.collectors]\n";
    let (engine, file) = with_file("taken.toml", &format!("{text}process = false\ntokio = false\n"));
    engine.registry().gauge("process_open_fds", "Mine.").register().unwrap();
    let running = engine.start().await.unwrap();
    file.write(text);
    let warnings = reload(&engine).warnings;
    assert!(warnings.len() == 1 && warnings[0].starts_with("`metrics.collectors.process`: "), "{warnings:?}");
    let families = engine.registry().describe();
    let collectors: BTreeSet<_> = families.iter().filter_map(|family| family.collector()).collect();
    assert_eq!(collectors.into_iter().collect::<Vec<_>>(), ["system", "tokio"]);
    running.stop().await;
    assert!(engine.registry().describe().iter().all(|family| family.collector().is_none()));
}

/// One that begins anew has counted no errors yet, and has not looked at the machine again within its interval.
#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_wanted_as_before_goes_on() {
    let text = "[metrics]\nlisten_address = \"127.0.0.1:0\"\nsystem.collection_interval_seconds = 3600\n";
    let (engine, file) = with_file("as-before.toml", text);
    let running = engine.start().await.unwrap();
    let used = async || scrape(&running).await.value("system_memory_bytes", &[("type", "used")]);
    while used().await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let before = used().await;
    file.write(format!("{text}collectors.tokio = false\n"));
    reload(&engine);
    assert_eq!(used().await, before);
    file.write(format!("{text}collectors.tokio = false\nsystem.track_memory = false\n"));
    reload(&engine);
    assert_eq!(used().await, None);
    running.stop().await;
}

/// Recording goes on all the while, and loses nothing.
#[test]
fn reloads_under_load_lose_nothing() {
    let text = |price: u32| format!("metrics.llm.prices.gpt.completion = {price}\n");
    let (engine, file) = with_file("load.toml", &text(1));
    let catalog = Catalog::from_engine(&engine).unwrap();
    let is_over = AtomicBool::new(false);
    let calls = std::thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut calls = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let usage = Usage { completion: 1_000, ..Usage::default() };
                    catalog.llm.start("openai", "gpt-4o", Operation::Analysis).success(usage);
                    calls += 1;
                }
                f64::from(calls)
            })
        });
        let reloads: Vec<_> = (0..50)
            .map(|n| {
                file.write(text(1 + n % 2));
                engine.reload()
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(reloads.iter().all(Result::is_ok), "{reloads:?}");
        threads.map(|thread| thread.join().unwrap()).iter().sum::<f64>()
    });
    let labels = [("provider", "openai"), ("model", "gpt-4o")];
    let cost = value(engine.registry(), "llm_cost_dollars_total", labels);
    assert!(calls > 0.0 && cost >= calls && cost <= 2.0 * calls, "{cost} for {calls}");
    assert_eq!(value(engine.registry(), "llm_unpriced_requests_total", labels), 0.0);
}
