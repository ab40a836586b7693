//! Summaries, as users meet them.

use crate::alone::alone;
use crate::decoder::{families, families_of_text};
use crate::sides::{Closed, Side};
use crate::{bytes, read, reader};
use proptest::prelude::*;
use quipu::clock::ManualClock;
use quipu::export::{Format, Scrape};
use quipu::model::{MetricType, NameError, SummaryError, SummarySnapshot};
use quipu::{Family, LabelNames, RegisterError, Registry, Summary};
use std::thread;
use std::time::Duration;

/// A step of the window.
const STEP: Duration = Duration::from_secs(120);

fn registry() -> (Registry, ManualClock) {
    let clock = ManualClock::new();
    (Registry::builder().clock(&clock).build().unwrap(), clock)
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 0.02 * expected * (1.0 + 1e-9), "{found}, not {expected}");
}

#[test]
fn text_and_protobuf_say_the_same() {
    let registry = Registry::builder().namespace("shop").label("region", "eu").build().unwrap();
    let single = registry.summary("mail_seconds", "Time.").unit("seconds").register().unwrap();
    (1..=1_000).for_each(|n| single.observe(f64::from(n) / 1_000.0));
    let names = registry.summary("job_seconds", "").quantiles([0.0, 0.25, 1.0]).labels(["x", "y"]).register().unwrap();
    names.with(["a\"", ""]).observe(3.0);
    let closed = registry.summary("side_seconds", "").quantiles([]).label_set::<Closed>().register().unwrap();
    closed.with(Closed { side: Side::Left }).observe(1.5);
    assert_eq!(closed.get(Closed { side: Side::Right }).unwrap().snapshot().count(), 0);
    let dynamic = registry.summary("dynamic_seconds", "").dyn_labels(&["x"]).register().unwrap();
    dynamic.with(&["1"]).unwrap().observe_duration(Duration::from_millis(250));

    let text = registry.to_text();
    let read = reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let family = read.family("shop_mail_seconds").unwrap();
    assert_eq!((family.kind, family.samples.len()), (reader::MetricType::Summary, 5));
    for (quantile, expected) in [("0.5", 0.5), ("0.9", 0.9), ("0.99", 0.99)] {
        assert_near(read.value("shop_mail_seconds", &[("region", "eu"), ("quantile", quantile)]).unwrap(), expected);
    }
    assert_near(read.value("shop_mail_seconds_sum", &[("region", "eu")]).unwrap(), 500.5);
    assert_eq!(read.value("shop_mail_seconds_count", &[("region", "eu")]), Some(1_000.0));
    let labels = [("region", "eu"), ("x", "a\""), ("y", "")];
    assert_eq!(read.value("shop_job_seconds_sum", &labels), Some(3.0));
    let with_quantile = [labels[0], labels[1], labels[2], ("quantile", "0.25")];
    assert_near(read.value("shop_job_seconds", &with_quantile).unwrap(), 3.0);
    assert_eq!(read.family("shop_side_seconds").unwrap().samples.len(), 4);

    let of = |families: Vec<crate::decoder::Family>| {
        let is_shown = |(name, ..): &crate::decoder::Family| name.starts_with("shop_");
        families.into_iter().filter(is_shown).collect::<Vec<_>>()
    };
    let protobuf = bytes(registry.scrape_as(Format::Protobuf));
    assert_eq!(of(families(&protobuf)), of(families_of_text(&text)));

    let snapshot = registry.snapshot();
    let family = snapshot.family("shop_job_seconds").unwrap();
    assert_eq!((family.metric_type(), family.series()[0].value()), (MetricType::Summary, None));
    let of_job = snapshot.summary("shop_job_seconds", &[("x", "a\""), ("y", "")]).unwrap();
    assert_eq!((of_job.count(), of_job.sum(), of_job.window_count()), (1, 3.0, 1));
    assert_eq!(snapshot.summary("shop_job_seconds", &[]), None);
}

/// Quantiles are NaN then; the sum and the count are what they were.
#[test]
fn a_window_becomes_empty_with_time() {
    let (registry, clock) = registry();
    let summary = registry.summary("a", "").register().unwrap();
    let shown = || {
        let read = read(&registry);
        let quantile = read.value("a", &[("quantile", "0.5")]).unwrap();
        (quantile.is_nan(), read.value("a_sum", &[]), read.value("a_count", &[]))
    };
    assert_eq!(shown(), (true, Some(0.0), Some(0.0)));
    summary.observe(2.5);
    assert_eq!(shown(), (false, Some(2.5), Some(1.0)));
    clock.advance(4 * STEP + STEP / 2);
    assert_eq!(shown(), (false, Some(2.5), Some(1.0)));
    clock.advance(STEP / 2);
    assert_eq!(shown(), (true, Some(2.5), Some(1.0)));
    clock.advance(1_000 * STEP);
    assert_eq!(shown(), (true, Some(2.5), Some(1.0)));
    summary.observe(7.5);
    assert_eq!(shown(), (false, Some(10.0), Some(2.0)));
    assert_near(summary.snapshot().quantile(0.0), 7.5);
}

/// The first read comes when more has been observed than the window holds.
#[test]
fn a_window_slides_though_nobody_looks() {
    let (registry, clock) = registry();
    let summary = registry.summary("a", "").register().unwrap();
    for n in 1..=100 {
        summary.observe(f64::from(n));
        clock.advance(STEP / 2);
    }
    let snapshot = summary.snapshot();
    // Step 50 has begun, and has none; each of the four before it has two.
    assert_eq!((snapshot.count(), snapshot.sum(), snapshot.window_count()), (100, 5050.0, 8));
    assert_near(snapshot.quantile(0.0), 93.0);
    assert_near(snapshot.quantile(1.0), 100.0);
}

#[test]
fn window_error_and_range_can_be_set() {
    let (registry, clock) = registry();
    let builder = registry.summary("a", "").window(Duration::from_secs(6), 3).relative_error(0.2).range(1.0, 100.0);
    let summary = builder.register().unwrap();
    summary.observe(1_000.0);
    summary.observe(0.001);
    summary.observe(0.0);
    let snapshot = summary.snapshot();
    assert_eq!((snapshot.sum(), snapshot.quantile(0.0)), (1_000.001, 0.0));
    assert!((snapshot.quantile(0.5) - 1.0).abs() <= 0.2 && (snapshot.quantile(1.0) - 100.0).abs() <= 20.0);
    clock.advance(Duration::from_secs(5));
    assert_eq!(summary.snapshot().window_count(), 3);
    clock.advance(Duration::from_secs(1));
    assert_eq!(summary.snapshot().window_count(), 0);
}

#[test]
fn what_makes_no_sense_is_refused_and_counted() {
    let registry = Registry::new();
    let summary = registry.summary("a", "").register().unwrap();
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -5e-324, f64::MAX, quipu::model::VALUE_LIMIT];
    // In the slot that all threads share, and in the lanes.
    for _ in 0..2 {
        odd.iter().for_each(|value| summary.observe(*value));
        (0..1_200).for_each(|_| summary.observe(-0.0));
    }
    let read = read(&registry);
    assert_eq!(read.value("quipu_rejected_values_total", &[("family", "a")]), Some(2.0 * odd.len() as f64));
    assert_eq!((read.value("a_sum", &[]), read.value("a_count", &[])), (Some(0.0), Some(2_400.0)));
    assert_eq!(read.value("a", &[("quantile", "0.99")]), Some(0.0));
}

#[test]
fn names_and_settings_that_do_not_fit_are_refused() {
    let registry = Registry::new();
    let label = registry.summary("a", "").labels(["quantile"]).register().unwrap_err();
    let message =
        "label name \"quantile\" of `a`: `quantile` is the label of the summary's own quantiles; use another name";
    assert_eq!(label.to_string(), message);
    assert!(matches!(label, RegisterError::LabelName { problem: NameError::QuantileLabel, .. }));
    assert!(Registry::builder().label("quantile", "x").build().is_err());
    registry.gauge("b_sum", "").register().unwrap();
    assert!(matches!(registry.summary("b", "").register(), Err(RegisterError::SampleClash { .. })));
    let error = registry.summary("a", "").relative_error(0.0).register().unwrap_err();
    assert!(matches!(error, RegisterError::Summary { problem: SummaryError::RelativeError { .. }, .. }), "{error}");
    registry.summary("a", "").register().unwrap();
    registry.summary("a", "").register().unwrap();
    let conflict = registry.summary("a", "").quantiles([0.5]).register().unwrap_err().to_string();
    assert!(
        conflict.contains("again with the quantiles [0.5], a window of 600s in 5 steps, a relative error"),
        "{conflict}"
    );
}

#[test]
fn threads_lose_nothing() {
    const THREADS: u32 = 8;
    const TIMES: u32 = 20_000;
    let (registry, clock) = registry();
    let summary = registry.summary("a", "").window(Duration::from_secs(10), 5).register().unwrap();
    let (mut last, mut last_sum) = (0, 0.0);
    thread::scope(|scope| {
        for thread in 1..=THREADS {
            let summary = &summary;
            scope.spawn(move || (0..TIMES).for_each(|n| summary.observe(f64::from(thread * (n % 4)))));
        }
        // Time goes on, and the window slides, while they record.
        for _ in 0..200 {
            clock.advance(Duration::from_millis(700));
            let snapshot = summary.snapshot();
            assert!(
                snapshot.count() >= last && snapshot.sum() >= last_sum && snapshot.window_count() <= snapshot.count()
            );
            (last, last_sum) = (snapshot.count(), snapshot.sum());
        }
    });
    let snapshot = summary.snapshot();
    let sum = f64::from((1..=THREADS).sum::<u32>() * TIMES / 4 * 6);
    assert_eq!((snapshot.count(), snapshot.sum()), (u64::from(THREADS * TIMES), sum));
    clock.advance(Duration::from_secs(10));
    assert_eq!(summary.snapshot().window_count(), 0);
}

/// A busy series asks for the time at every sixteenth observation.
#[test]
fn of_a_busy_series_few_count_to_the_step_before() {
    let (registry, clock) = registry();
    let summary = registry.summary("a", "").register().unwrap();
    (0..5_000).for_each(|_| summary.observe(1.0));
    clock.advance(STEP);
    (0..1_000).for_each(|_| summary.observe(2.0));
    clock.advance(4 * STEP);
    let snapshot = summary.snapshot();
    assert!((985..=1_000).contains(&snapshot.window_count()), "{}", snapshot.window_count());
    assert_near(snapshot.quantile(0.0), 2.0);
    assert_eq!(snapshot.count(), 6_000);
    // When it is not busy any more, it asks each time.
    for _ in 0..40 {
        clock.advance(STEP);
        summary.observe(3.0);
    }
    clock.advance(STEP / 2);
    assert_eq!(summary.snapshot().window_count(), 5);
}

#[test]
fn registries_with_the_same_summary_become_one() {
    let registries = [Registry::new(), Registry::new()];
    for (registry, labels) in registries.iter().zip([["a", "b"], ["b", "c"]]) {
        let family = registry.summary("s", "").labels(["x"]).register().unwrap();
        labels.iter().for_each(|label| family.with([*label]).observe(1.0));
    }
    let text = String::from_utf8(bytes(Scrape::of(registries.to_vec(), Format::Text))).unwrap();
    let read = reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read.family("s").unwrap().samples.len(), 15);
    assert_eq!(registries[1].snapshot().value("quipu_left_out_total", &[("family", "s")]), Some(1.0));
}

#[test]
fn many_series_come_in_chunks() {
    let registry = Registry::new();
    let family = registry.summary("s", "").relative_error(0.5).labels(["n"]).register().unwrap();
    (0..2_000).for_each(|n| family.with([&n.to_string()]).observe(f64::from(n)));
    let (mut scrape, mut chunks, mut text) = (registry.scrape(), 0, Vec::new());
    let mut chunk = Vec::new();
    while scrape.next_chunk(&mut chunk).unwrap() {
        assert!(chunk.len() < 70_000);
        (chunks, text) = (chunks + 1, [text, chunk.clone()].concat());
    }
    let read = reader::read(&String::from_utf8(text).unwrap()).unwrap();
    assert!(chunks > 3 && read.family("s").unwrap().samples.len() == 10_000);
}

#[test]
fn beyond_a_limit_sums_stay_exact() {
    let registry = Registry::new();
    let family = registry.summary("s", "").labels(["x"]).max_series(2).register().unwrap();
    ["a", "b", "c", "d"].iter().for_each(|label| family.with([*label]).observe(2.0));
    let read = read(&registry);
    assert_eq!(read.value("s_sum", &[("x", "__overflow__")]), Some(4.0));
    // The memory of windows counts.
    let bytes = |registry: &Registry| registry.snapshot().value("quipu_registry_bytes", &[]).unwrap();
    let before = bytes(&registry);
    registry.summary("t", "").labels(["x"]).register().unwrap().with(["a"]).observe(1.0);
    assert!(bytes(&registry) - before > 35_000.0, "{}", bytes(&registry) - before);
}

#[test]
fn idle_ones_expire() {
    alone("summaries::idle_ones_expire", || {
        let (registry, clock) = registry();
        let family = registry.summary("s", "").labels(["x"]).expire_after(STEP).register().unwrap();
        family.with(["idle"]).observe(0.0);
        for _ in 0..6 {
            family.with(["used"]).observe(0.0);
            read(&registry);
            clock.advance(STEP / 2);
        }
        assert!(family.len() == 1 && family.get(["used"]).is_some());
    });
}

#[test]
fn a_disabled_registry_and_detached_summaries_record() {
    let registry = Registry::disabled();
    let family: Family<Summary, LabelNames<1>> = registry.summary("s", "").labels(["x"]).register().unwrap();
    family.with(["a"]).observe(1.0);
    assert_eq!(family.with(["b"]).snapshot().count(), 1);
    assert!(registry.summary("s", "").quantiles([2.0]).register().is_err());
    let detached = Summary::detached();
    detached.clone().observe(4.0);
    detached.observe(f64::NAN); // Refused, and counted nowhere.
    assert_eq!((detached.snapshot().count(), detached.snapshot().sum()), (1, 4.0));
    assert!(!format!("{detached:?}").is_empty());
}

/// What was observed, with the number of its step.
#[derive(Default)]
struct Model(Vec<(u32, f64)>);

impl Model {
    fn check(&self, step: u32, snapshot: &SummarySnapshot) {
        assert_eq!(snapshot.count(), self.0.len() as u64);
        assert_near(snapshot.sum(), self.0.iter().map(|(_, value)| value).sum());
        let in_window = self.0.iter().filter(|(of, _)| of + 5 > step);
        let mut values: Vec<f64> = in_window.map(|(_, value)| *value).collect();
        values.sort_by(f64::total_cmp);
        assert_eq!(snapshot.window_count(), values.len() as u64);
        for q in [0.0, 0.5, 0.9, 1.0] {
            match (q * values.len() as f64).ceil() as usize {
                _ if values.is_empty() => assert!(snapshot.quantile(q).is_nan()),
                rank => assert_near(snapshot.quantile(q), values[rank.max(1) - 1]),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Beside a list of all that was observed.
    #[test]
    fn a_summary_is_a_list_of_values(
        plan in prop::collection::vec((0..4_u32, prop::collection::vec(0.0..1e4_f64, 0..6), any::<bool>()), 1..60),
    ) {
        let (registry, clock) = registry();
        let summary = registry.summary("a", "").register().unwrap();
        let (mut model, mut halves) = (Model::default(), 0);
        for (half_steps, values, is_read) in plan {
            clock.advance(half_steps * (STEP / 2));
            halves += half_steps;
            for value in values {
                // Below the range, only the nearest end would be right.
                let value = if value < 1e-6 { 0.0 } else { value };
                summary.observe(value);
                model.0.push((halves / 2, value));
            }
            if is_read {
                model.check(halves / 2, &summary.snapshot());
            }
        }
        model.check(halves / 2, &summary.snapshot());
    }
}
