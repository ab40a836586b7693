//! Several registries behind one endpoint.

use crate::bytes;
use crate::decoder::{families, families_of_text};
use crate::reader::{self, Exposition};
use proptest::collection::vec;
use proptest::prelude::*;
use quipu::Registry;
use quipu::export::{Format, Scrape};
use std::collections::{BTreeMap, BTreeSet};

/// The text of all, read strictly: no family begins twice, no series is there twice.
#[track_caller]
fn read(registries: &[Registry]) -> Exposition {
    let text = String::from_utf8(bytes(Scrape::of(registries.to_vec(), Format::Text))).unwrap();
    reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn left_out(registry: &Registry, family: &str) -> u64 {
    registry.snapshot().value("quipu_left_out_total", &[("family", family)]).unwrap_or(0.0) as u64
}

#[test]
fn families_of_the_same_description_become_one() {
    let eu = Registry::builder().label("region", "eu").label("zone", "a").build().unwrap();
    let us = Registry::builder().label("region", "us").build().unwrap();
    for (registry, n) in [(&eu, 1), (&us, 2)] {
        registry.counter("jobs_total", "Jobs.").labels(["queue"]).register().unwrap().with(["mail"]).inc_by(n);
    }
    us.gauge("only_here", "").register().unwrap();
    let read = read(&[eu.clone(), us.clone()]);
    assert_eq!(read.family("jobs_total").unwrap().samples.len(), 2);
    assert_eq!(read.value("jobs_total", &[("region", "eu"), ("zone", "a"), ("queue", "mail")]), Some(1.0));
    assert_eq!(read.value("jobs_total", &[("region", "us"), ("queue", "mail")]), Some(2.0));
    assert_eq!(read.value("only_here", &[("region", "us")]), Some(0.0));
    // Those of the registries about themselves as well.
    assert_eq!(read.value("quipu_series", &[("region", "us"), ("family", "jobs_total")]), Some(1.0));
    assert_eq!(read.value("quipu_series", &[("region", "eu"), ("zone", "a"), ("family", "jobs_total")]), Some(1.0));
    assert_eq!((left_out(&eu, "jobs_total"), left_out(&us, "jobs_total")), (0, 0));
}

#[test]
fn a_series_that_is_there_already_is_left_out_and_counted() {
    let registries = [Registry::new(), Registry::new()];
    // Many chunks; of the second registry, every other series is there already, so chunks end in the middle of such.
    for (registry, step) in registries.iter().zip([1, 3_000]) {
        let family = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
        (0..6_000).for_each(|n| {
            let n = if step == 1 { n } else { 3_000 + n / 2 + n % 2 * 3_000 };
            family.with([&n.to_string()]).inc_by(step);
        });
    }
    let read = read(&registries);
    assert_eq!(read.family("a_total").unwrap().samples.len(), 9_000);
    assert_eq!(read.value("a_total", &[("n", "5999")]), Some(1.0));
    assert_eq!(read.value("a_total", &[("n", "6000")]), Some(3_000.0));
    assert_eq!((left_out(&registries[0], "a_total"), left_out(&registries[1], "a_total")), (0, 3_000));
}

/// Their sum would be right. A label for each registry shows both.
#[test]
fn what_is_beyond_the_limits_of_several_is_shown_of_the_first() {
    let read_of = |parts: [Option<&'static str>; 2]| {
        let registries = parts.map(|part| {
            let builder = part.iter().fold(Registry::builder(), |builder, part| builder.label("part", *part));
            let registry = builder.build().unwrap();
            let jobs =
                registry.counter("jobs_total", "J.").labels(["tenant"]).max_values("tenant", 1).register().unwrap();
            ["a", "b", "c"].iter().for_each(|tenant| jobs.with([*tenant]).inc_by(1 + part.map_or(0, str::len) as u64));
            registry
        });
        let (read, later) = (read(&registries), registries[1].clone());
        (move |labels: &[(&str, &str)]| read.value("jobs_total", labels), left_out(&later, "jobs_total"))
    };
    let (value, left_out) = read_of([None, None]);
    assert_eq!((value(&[("tenant", "__overflow__")]), left_out), (Some(2.0), 2));
    let (value, left_out) = read_of([Some("x"), Some("yy")]);
    assert_eq!(value(&[("part", "x"), ("tenant", "__overflow__")]), Some(4.0));
    assert_eq!((value(&[("part", "yy"), ("tenant", "__overflow__")]), left_out), (Some(6.0), 0));
}

#[test]
fn a_series_that_was_shown_is_not_shown_again_though_it_is_gone() {
    let registries = [Registry::new(), Registry::new()];
    let [first, second] = registries.clone().map(|registry| {
        let family = registry.counter("a_total", "A.").labels(["n"]).register().unwrap();
        (0..5_000).for_each(|n| family.with([&n.to_string()]).inc());
        family
    });
    let (mut scrape, mut chunk, mut text) = (Scrape::of(registries, Format::Text), Vec::new(), Vec::new());
    assert!(scrape.next_chunk(&mut chunk).unwrap());
    (0..100).for_each(|n| assert!(first.remove([&n.to_string()])));
    drop(second);
    text.extend_from_slice(&chunk);
    text.extend_from_slice(&bytes(scrape));
    let read = reader::read(&String::from_utf8(text).unwrap()).unwrap();
    assert_eq!(read.family("a_total").unwrap().samples.len(), 5_000);
}

#[test]
fn a_family_of_another_description_is_left_out_and_counted() {
    let registries = [Registry::new(), Registry::new()];
    let [first, second] = &registries;
    first.gauge("a", "A.").register().unwrap();
    second.histogram("a", "A.").register().unwrap();
    first.histogram("b", "B.").bounds([1.0]).register().unwrap();
    second.histogram("b", "B.").bounds([2.0]).register().unwrap();
    first.gauge("c", "C.").register().unwrap();
    second.gauge("c", "Another.").register().unwrap();
    // Either could expose `d_count`; the first registry's stays, wherever its name stands.
    first.gauge("d_count", "D.").register().unwrap();
    second.histogram("d", "D.").register().unwrap();
    let read = read(&registries);
    let names: Vec<_> =
        read.families.iter().map(|family| &*family.name).filter(|name| !name.starts_with('q')).collect();
    assert_eq!(names, ["a", "b", "c", "d_count"]);
    assert_eq!(read.family("a").unwrap().kind, reader::MetricType::Gauge);
    for name in ["a", "b", "c", "d"] {
        assert_eq!((left_out(first, name), left_out(second, name)), (0, 1), "{name}");
    }
}

#[test]
fn a_registry_that_is_given_twice_is_scraped_once() {
    let registry = Registry::new();
    registry.gauge("a", "A.").register().unwrap();
    let read = read(&[registry.clone(), registry.clone()]);
    assert_eq!(read.family("a").unwrap().samples.len(), 1);
    assert!(read.family("quipu_left_out_total").is_none());
}

/// Global labels by number, and series: family, value of its label, value.
type Plan = (usize, Vec<(usize, u8, u8)>);

/// Name and type. Two of one name, and two that can expose a sample of one name.
const FAMILIES: [(&str, &str); 5] =
    [("a", "gauge"), ("a", "histogram"), ("b", "gauge"), ("c", "histogram"), ("c_sum", "gauge")];
const GLOBAL: [&[(&str, &str)]; 4] = [&[], &[("x", "1"), ("y", "2")], &[("y", "2"), ("x", "1")], &[("x", "2")]];

fn registry((global, series): &Plan) -> Registry {
    let builder =
        GLOBAL[*global].iter().fold(Registry::builder(), |builder, (name, value)| builder.label(*name, *value));
    let registry = builder.build().unwrap();
    for (family, label, value) in series {
        let (name, kind) = FAMILIES[*family];
        let (label, value) = (label.to_string(), f64::from(*value));
        // Another family of the name may be there.
        if kind == "gauge" {
            let _ = registry.gauge(name, "").labels(["l"]).register().map(|gauge| gauge.with([&label]).set(value));
        } else {
            let histogram = registry.histogram(name, "").bounds([9.0]).labels(["l"]).register();
            let _ = histogram.map(|histogram| histogram.with([&label]).observe(value));
        }
    }
    registry
}

/// The samples that all should expose: of each registry by itself, what stands in no earlier one's way.
fn expected(registries: &[Registry]) -> BTreeMap<(String, BTreeSet<(String, String)>), u64> {
    let (mut samples, mut owners, mut series) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    for registry in registries {
        let mut new_series = BTreeSet::new();
        for (name, _, kind, of_family) in families_of_text(&registry.to_text()) {
            let suffixes =
                if kind == reader::MetricType::Histogram { &["", "_bucket", "_sum", "_count"][..] } else { &[""] };
            let claims: Vec<_> = suffixes.iter().map(|suffix| format!("{name}{suffix}")).collect();
            let owner = (name.clone(), format!("{kind:?}"));
            if name.starts_with("quipu")
                || claims.iter().any(|claim| owners.get(claim).is_some_and(|other| *other != owner))
            {
                continue;
            }
            owners.extend(claims.into_iter().map(|claim| (claim, owner.clone())));
            for (sample, labels, value) in of_family {
                let labels: BTreeSet<_> = labels.into_iter().collect();
                let identity =
                    (name.clone(), labels.iter().filter(|(label, _)| label != "le").cloned().collect::<BTreeSet<_>>());
                if !series.contains(&identity) {
                    samples.insert((sample, labels), value);
                    new_series.insert(identity);
                }
            }
        }
        series.extend(new_series);
    }
    samples
}

proptest! {
    #[test]
    fn several_registries_expose_what_a_naive_merge_does(plans in vec((0..4usize, vec((0..5usize, 0..4u8, 0..9u8), 0..9)), 1..4)) {
        let registries: Vec<_> = plans.iter().map(registry).collect();
        let expected = expected(&registries);
        read(&registries);
        let text = String::from_utf8(bytes(Scrape::of(registries.clone(), Format::Text))).unwrap();
        let protobuf = families(&bytes(Scrape::of(registries, Format::Protobuf)));
        for found in [families_of_text(&text), protobuf] {
            let samples = found.into_iter().filter(|family| !family.0.starts_with("quipu")).flat_map(|family| family.3);
            let mut by_labels = BTreeMap::new();
            for (name, labels, value) in samples {
                prop_assert!(by_labels.insert((name, labels.into_iter().collect()), value).is_none());
            }
            prop_assert_eq!(&by_labels, &expected);
        }
    }
}
