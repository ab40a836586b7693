//! Histograms, summaries and state sets of collectors.

use crate::decoder::{families, families_of_text};
use crate::{bytes, read, reader};
use quipu::collect::{CollectError, Collector, Declaration, Declared, Samples};
use quipu::export::{Format, Scrape};
use quipu::model::{BoundsError, MetricType, NameError, SummaryError};
use quipu::{LabelValue, RegisterError, Registry};

#[derive(LabelValue)]
enum Link {
    Up,
    Down,
    Unknown,
}

#[derive(LabelValue)]
enum Feature {
    Search,
    Export,
}

/// Every kind, with and without labels.
fn declare(families: &mut Declaration) {
    families.name("host");
    families.histogram("wait_seconds", "Waits.", [0.01, 0.1, f64::INFINITY]).unit("seconds").labels(["pool"]);
    families.histogram("size", "Sizes.", [-1.0, 0.0]);
    families.summary("call_seconds", "Calls.", [0.5, 0.99]).unit("seconds").labels(["peer"]);
    families.summary("bare", "No quantiles.", []);
    families.state_set::<Link>("link_state", "Links.").labels(["name"]);
    families.flag_set::<Feature>("feature_enabled", "Features.");
}

/// A collector of what [`declare`] says, made of a function.
struct Host<F>(F);

impl<F: FnMut(&mut Samples) + Send + 'static> Collector for Host<F> {
    fn declare(&self, families: &mut Declaration) {
        declare(families);
    }

    fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
        (self.0)(samples);
        Ok(())
    }
}

fn registry(collect: impl FnMut(&mut Samples) + Send + 'static) -> Registry {
    let registry = Registry::builder().namespace("shop").label("zone", "b").build().unwrap();
    registry.collect(Host(collect)).unwrap();
    registry
}

fn good(samples: &mut Samples) {
    samples.set_histogram("wait_seconds", &["a\""], &[3, 0, 4], 7.5);
    samples.set_histogram("wait_seconds", &["b"], &[0, 0, 0], 0.0);
    samples.set_histogram("size", &[], &[u64::MAX - 2, 1, 1], -7.5);
    samples.set_summary("call_seconds", &["x"], &[0.25, 4.0], 1_000, 385.5);
    samples.set_summary("call_seconds", &["y"], &[f64::NAN, f64::NAN], 0, 0.0);
    samples.set_summary("bare", &[], &[], 2, 0.5);
    samples.set_state("link_state", &["eth0"], Link::Up);
    samples.set_state("link_state", &["eth1"], &Link::Unknown);
    samples.set_flags("feature_enabled", &[], &[Feature::Export, Feature::Export]);
}

/// The lines that are not about the registry itself.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.contains("quipu_")).collect()
}

#[test]
fn each_kind_is_exposed_as_it_was_set() {
    let registry = registry(good);
    let text = registry.to_text();
    reader::read(&text).unwrap();
    assert_eq!(
        lines(&text),
        [
            "# HELP shop_bare No quantiles.",
            "# TYPE shop_bare summary",
            "shop_bare_sum{zone=\"b\"} 0.5",
            "shop_bare_count{zone=\"b\"} 2",
            "# HELP shop_call_seconds Calls.",
            "# TYPE shop_call_seconds summary",
            "shop_call_seconds{zone=\"b\",peer=\"x\",quantile=\"0.5\"} 0.25",
            "shop_call_seconds{zone=\"b\",peer=\"x\",quantile=\"0.99\"} 4",
            "shop_call_seconds_sum{zone=\"b\",peer=\"x\"} 385.5",
            "shop_call_seconds_count{zone=\"b\",peer=\"x\"} 1000",
            "shop_call_seconds{zone=\"b\",peer=\"y\",quantile=\"0.5\"} NaN",
            "shop_call_seconds{zone=\"b\",peer=\"y\",quantile=\"0.99\"} NaN",
            "shop_call_seconds_sum{zone=\"b\",peer=\"y\"} 0",
            "shop_call_seconds_count{zone=\"b\",peer=\"y\"} 0",
            "# HELP shop_feature_enabled Features.",
            "# TYPE shop_feature_enabled gauge",
            "shop_feature_enabled{zone=\"b\",shop_feature_enabled=\"search\"} 0",
            "shop_feature_enabled{zone=\"b\",shop_feature_enabled=\"export\"} 1",
            "# HELP shop_link_state Links.",
            "# TYPE shop_link_state gauge",
            "shop_link_state{zone=\"b\",name=\"eth0\",shop_link_state=\"up\"} 1",
            "shop_link_state{zone=\"b\",name=\"eth0\",shop_link_state=\"down\"} 0",
            "shop_link_state{zone=\"b\",name=\"eth0\",shop_link_state=\"unknown\"} 0",
            "shop_link_state{zone=\"b\",name=\"eth1\",shop_link_state=\"up\"} 0",
            "shop_link_state{zone=\"b\",name=\"eth1\",shop_link_state=\"down\"} 0",
            "shop_link_state{zone=\"b\",name=\"eth1\",shop_link_state=\"unknown\"} 1",
            "# HELP shop_size Sizes.",
            "# TYPE shop_size histogram",
            "shop_size_bucket{zone=\"b\",le=\"-1\"} 18446744073709551613",
            "shop_size_bucket{zone=\"b\",le=\"0\"} 18446744073709551614",
            "shop_size_bucket{zone=\"b\",le=\"+Inf\"} 18446744073709551615",
            "shop_size_sum{zone=\"b\"} -7.5",
            "shop_size_count{zone=\"b\"} 18446744073709551615",
            "# HELP shop_wait_seconds Waits.",
            "# TYPE shop_wait_seconds histogram",
            "shop_wait_seconds_bucket{zone=\"b\",pool=\"a\\\"\",le=\"0.01\"} 3",
            "shop_wait_seconds_bucket{zone=\"b\",pool=\"a\\\"\",le=\"0.1\"} 3",
            "shop_wait_seconds_bucket{zone=\"b\",pool=\"a\\\"\",le=\"+Inf\"} 7",
            "shop_wait_seconds_sum{zone=\"b\",pool=\"a\\\"\"} 7.5",
            "shop_wait_seconds_count{zone=\"b\",pool=\"a\\\"\"} 7",
            "shop_wait_seconds_bucket{zone=\"b\",pool=\"b\",le=\"0.01\"} 0",
            "shop_wait_seconds_bucket{zone=\"b\",pool=\"b\",le=\"0.1\"} 0",
            "shop_wait_seconds_bucket{zone=\"b\",pool=\"b\",le=\"+Inf\"} 0",
            "shop_wait_seconds_sum{zone=\"b\",pool=\"b\"} 0",
            "shop_wait_seconds_count{zone=\"b\",pool=\"b\"} 0",
        ]
    );
    let of = |families: Vec<crate::decoder::Family>| {
        families.into_iter().filter(|(name, ..)| name.starts_with("shop_")).collect::<Vec<_>>()
    };
    assert_eq!(of(families(&bytes(registry.scrape_as(Format::Protobuf)))), of(families_of_text(&text)));
}

#[test]
fn a_snapshot_and_a_description_tell_what_was_declared() {
    let registry = registry(good);
    let snapshot = registry.snapshot();
    let waits = snapshot.histogram("shop_wait_seconds", &[("pool", "a\"")]).unwrap();
    assert_eq!((waits.bounds(), waits.bucket_counts()), (&[0.01, 0.1][..], &[3, 0, 4][..]));
    assert_eq!((waits.count(), waits.sum()), (7, 7.5));
    let calls = snapshot.summary("shop_call_seconds", &[("peer", "x")]).unwrap();
    assert_eq!((calls.count(), calls.sum(), calls.window_count()), (1_000, 385.5, 0));
    assert_eq!([0.5, 0.99, 1.5].map(|q| calls.quantile(q)), [0.25, 4.0, f64::INFINITY]);
    assert!(calls.quantile(0.9).is_nan());
    let labels = [("name", "eth1"), ("shop_link_state", "unknown")];
    assert_eq!(snapshot.value("shop_link_state", &labels), Some(1.0));

    let described = registry.describe();
    let of = |name: &str| described.iter().find(|family| family.name() == name).unwrap();
    let (waits, calls, links) = (of("shop_wait_seconds"), of("shop_call_seconds"), of("shop_link_state"));
    assert_eq!((waits.metric_type(), waits.unit()), (MetricType::Histogram, Some("seconds")));
    assert_eq!((waits.bounds(), waits.collector()), (&[0.01, 0.1][..], Some("shop_host")));
    assert_eq!((calls.metric_type(), calls.quantiles()), (MetricType::Summary, &[0.5, 0.99][..]));
    assert_eq!(links.metric_type(), MetricType::StateSet);
    let labels: Vec<_> = links.labels().map(|label| (label.name(), label.values())).collect();
    assert_eq!(labels, [("name", None), ("shop_link_state", Some(&["up", "down", "unknown"][..]))]);
}

#[test]
fn what_a_family_cannot_have_is_dropped_and_counted() {
    let collect = |samples: &mut Samples| {
        good(samples);
        // As many as the duplicates below: three of one state set count as one.
        good(samples);
        for (counts, sum) in [
            (&[1, 1][..], 0.0),
            (&[1, 1, 1, 1], 0.0),
            (&[], 0.0),
            (&[1, 1, 1], f64::NAN),
            (&[1, 1, 1], f64::INFINITY),
            (&[u64::MAX, 1, 0], 0.0),
        ] {
            samples.set_histogram("wait_seconds", &["c"], counts, sum);
        }
        for (values, sum) in [(&[1.0][..], 0.0), (&[1.0; 3], 0.0), (&[1.0; 2], f64::NEG_INFINITY)] {
            samples.set_summary("call_seconds", &["c"], values, 1, sum);
        }
        samples.set_state("link_state", &["c"], Feature::Search);
        samples.set_state("link_state", &["c"], "up");
        samples.set_flags("link_state", &["c"], &[Link::Up]);
        samples.set_state("feature_enabled", &[], Feature::Search);
        samples.set_flags("feature_enabled", &[], &[Link::Up]);
        // The function of another kind, and other numbers of labels.
        samples.set("wait_seconds", &["c"], 1);
        samples.set("call_seconds", &["c"], 1);
        samples.set("link_state", &["c"], 1);
        samples.set_histogram("call_seconds", &["c"], &[1, 1, 1], 1.0);
        samples.set_summary("wait_seconds", &["c"], &[1.0, 1.0], 1, 1.0);
        samples.set_histogram("wait_seconds", &[], &[1, 1, 1], 1.0);
        samples.set_state("link_state", &["c", "up"], Link::Up);
        samples.set_state("no_such", &[], Link::Up);
        samples.set_summary("bare", &["c"], &[], 1, 1.0);
    };
    let (registry, plain) = (registry(collect), registry(good));
    let text = registry.to_text();
    assert_eq!(lines(&text), lines(&plain.to_text()));
    let read = reader::read(&text).unwrap();
    let errors = |reason| {
        let labels = [("zone", "b"), ("collector", "shop_host"), ("reason", reason)];
        read.value("quipu_collector_errors_total", &labels)
    };
    assert_eq!((errors("invalid"), errors("duplicate")), (Some(23.0), Some(9.0)), "{text}");
}

/// A state set is one of them, however many states it has.
#[test]
fn each_sample_counts_as_one_series_of_the_limit() {
    struct Links(usize);
    impl Collector for Links {
        fn declare(&self, families: &mut Declaration) {
            families.max_series(3).state_set::<Link>("link_state", "Links.").labels(["name"]);
        }

        fn collect(&mut self, samples: &mut Samples) -> Result<(), CollectError> {
            (0..self.0).for_each(|n| samples.set_state("link_state", &[&n.to_string()], Link::Down));
            Ok(())
        }
    }
    for (links, shown) in [(3, Some(9)), (4, None)] {
        let registry = Registry::new();
        registry.collect(Links(links)).unwrap();
        assert_eq!(read(&registry).family("link_state").map(|family| family.samples.len()), shown);
    }
}

#[test]
fn what_breaks_a_rule_is_not_registered() {
    struct Bad(fn(&mut Declaration) -> &mut Declared);
    impl Collector for Bad {
        fn declare(&self, families: &mut Declaration) {
            (self.0)(families);
        }

        fn collect(&mut self, _: &mut Samples) -> Result<(), CollectError> {
            Ok(())
        }
    }
    let registry = Registry::new();
    let refused = |declare: fn(&mut Declaration) -> &mut Declared| registry.collect(Bad(declare)).unwrap_err();
    let error = refused(|families| families.histogram("a", "A.", [1.0, 0.5]));
    assert!(matches!(error, RegisterError::Bounds { problem: BoundsError::NotAscending { .. }, .. }), "{error}");
    let error = refused(|families| families.summary("a", "A.", [99.0]));
    assert!(matches!(error, RegisterError::Summary { problem: SummaryError::Quantile { .. }, .. }), "{error}");
    for declare in [
        (|families| families.histogram("a", "A.", []).labels(["le"])) as fn(&mut Declaration) -> &mut Declared,
        |families| families.summary("a", "A.", []).labels(["quantile"]),
        |families| families.state_set::<Link>("a", "A.").labels(["a"]),
    ] {
        let error = refused(declare);
        let RegisterError::LabelName { problem, .. } = error else { panic!("{error}") };
        let expected = [NameError::BucketLabel, NameError::QuantileLabel, NameError::StateLabel];
        assert!(expected.contains(&problem), "{problem}");
    }
    let error = refused(|families| families.state_set::<Link>("a", "A.").unit("a"));
    assert!(matches!(error, RegisterError::Unit { .. }), "{error}");
    // Nothing is left of them.
    registry.collect(Bad(|families| families.gauge("a", "A."))).unwrap();
}

/// Of several registries, state sets are merged as whole ones.
#[test]
fn several_registries_show_each_sample_once() {
    let registries = [registry(good), registry(good)];
    let text = |registries: Vec<Registry>| String::from_utf8(bytes(Scrape::of(registries, Format::Text))).unwrap();
    let [one, both] = [text(registries[..1].to_vec()), text(registries.to_vec())];
    reader::read(&both).unwrap();
    assert_eq!(lines(&both), lines(&one));
}
