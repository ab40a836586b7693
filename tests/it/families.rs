//! Reading a family, and taking series out of it.

use crate::sides::{Closed, Side};
use quipu::{Counter, Family, LabelNames, Registry};
use std::collections::BTreeMap;
use std::thread;

fn family() -> Family<Counter, LabelNames<2>> {
    Registry::new().counter("a_total", "A.").labels(["x", "y"]).register().unwrap()
}

fn values(family: &Family<Counter, LabelNames<2>>) -> BTreeMap<Vec<String>, u64> {
    let mut values = BTreeMap::new();
    for (labels, metric) in family.iter() {
        assert_eq!(values.insert(labels, metric.value()), None);
    }
    values
}

#[test]
fn reading_makes_no_series() {
    let family = family();
    assert!(family.get(["a", "b"]).is_none());
    assert_eq!(family.len(), 0);
    family.with(["a", "b"]).inc();
    assert_eq!(family.get(["a", "b"]).unwrap().value(), 1);
    assert!(family.get(["b", "a"]).is_none());
    family.remove(["a", "b"]);
    assert!(family.get(["a", "b"]).is_none());

    let dynamic = Registry::new().counter("a_total", "A.").dyn_labels(&["x"]).register().unwrap();
    assert!(dynamic.get(&["a"]).unwrap().is_none());
    assert!(dynamic.get(&["a", "b"]).is_err());
    dynamic.with(&["a"]).unwrap().inc();
    assert_eq!(dynamic.get(&["a"]).unwrap().unwrap().value(), 1);
}

#[test]
fn all_series_are_met_with_their_labels() {
    let family = family();
    assert_eq!(family.iter().count(), 0);
    assert!(family.label_names().eq(["x", "y"]));
    let odd = ["", "\"\\\n", "plain", "a value that is longer than most of the others are, by far: 70 bytes"];
    let mut expected = BTreeMap::new();
    for n in 0..300 {
        let labels = [odd[n % odd.len()], &n.to_string()];
        family.with(labels).inc_by(n as u64);
        expected.insert(labels.map(str::to_owned).to_vec(), n as u64);
    }
    assert_eq!(values(&family), expected);
}

#[test]
fn what_is_not_retained_is_removed() {
    let family = family();
    for n in 0..300_u64 {
        family.with(["a", &n.to_string()]).inc_by(n);
    }
    let kept = family.handle(["a", "7"]);
    family.retain(|labels, metric| {
        assert_eq!((&*labels[0], &*labels[1]), ("a", &*metric.value().to_string()));
        metric.value() % 2 == 0
    });
    assert_eq!(family.len(), 150);
    assert!(values(&family).values().all(|value| value % 2 == 0));
    kept.inc();
    assert_eq!((kept.value(), family.with(["a", "7"]).value()), (8, 0));
    family.clear();
    assert!(family.is_empty());
    assert_eq!(values(&family), BTreeMap::new());
}

#[test]
fn a_closed_set_keeps_its_series() {
    let closed = Registry::new().counter("a_total", "A.").label_set::<Closed>().register().unwrap();
    closed.with(Closed { side: Side::Right }).inc();
    closed.clear();
    closed.retain(|_, _| false);
    assert_eq!(closed.get(Closed { side: Side::Right }).unwrap().value(), 1);
    assert_eq!(closed.get(Closed { side: Side::Left }).unwrap().value(), 0);
    let all: Vec<_> = closed.iter().map(|(labels, metric)| (labels.concat(), metric.value())).collect();
    assert_eq!(all, [("left".to_owned(), 0), ("right".to_owned(), 1)]);
}

#[test]
fn series_that_come_and_go_meanwhile_are_met_at_most_once() {
    let family = family();
    (0..500).for_each(|n| family.with(["stays", &n.to_string()]).inc());
    thread::scope(|scope| {
        for thread in ["1", "2"] {
            let family = &family;
            scope.spawn(move || {
                for n in 0..3_000 {
                    family.with([thread, &(n % 70).to_string()]).inc();
                    family.remove([thread, &((n + 35) % 70).to_string()]);
                }
            });
        }
        for _ in 0..20 {
            assert_eq!(values(&family).keys().filter(|labels| labels[0] == "stays").count(), 500);
        }
    });
}

#[test]
fn an_iteration_that_is_left_does_not_hold_the_places_of_removed_series() {
    let family = family();
    let order = || family.iter().map(|(labels, _)| labels[0].clone()).collect::<String>();
    ["a", "b", "c"].iter().for_each(|x| family.with([x, ""]).inc());
    let iter = family.iter();
    family.remove(["a", ""]);
    family.with(["d", ""]).inc();
    assert_eq!(order(), "bcd");
    drop(iter);
    family.with(["e", ""]).inc();
    assert_eq!(order(), "ebcd");
}
