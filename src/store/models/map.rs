//! The map of a family, with its series and the handles to them, on the statics of the process.

use super::*;
use crate::store::series::admission::Admission;
use crate::store::series::fold::BATCH;
use crate::store::series::map::{Batch, SeriesMap};
use crate::store::series::metric_ref::MetricRef;
use crate::store::thread::pin;

pub(super) type Map = Arc<SeriesMap>;

/// A map of counters that has series with these label values.
pub(super) fn map_with(values: &[&str]) -> Map {
    make_statics();
    let map = SeriesMap::new(family(SlotLayout::Number, &["label"], None));
    values.iter().for_each(|value| assert_eq!(map.admit(&[value]), Admission::Admitted));
    map.into()
}

pub(super) fn look_up<'a>(map: &'a SeriesMap, value: &str) -> MetricRef<'a, Handle> {
    MetricRef::look_up(|| map, &[value], Handle::new)
}

pub(super) fn find<'a>(map: &'a SeriesMap, value: &str) -> Option<MetricRef<'a, Handle>> {
    MetricRef::find(map, &[value], Handle::new)
}

/// Removes a series, and frees it if no thread can hold it.
pub(super) fn remove(map: &SeriesMap, value: &str) -> bool {
    let is_removed = map.remove(&[value]);
    map.collect();
    is_removed
}

/// One thread makes a series, one removes it, and one searches it and records.
fn admission(has_lane: bool) {
    let map = map_with(&[]);
    let is_removed = Arc::new(std::sync::OnceLock::new());
    let admitter = run(&map, |map| assert_eq!(map.admit(&["a"]), Admission::Admitted));
    let remover = {
        let is_removed = is_removed.clone();
        run(&map, move |map| is_removed.set(remove(map, "a")).unwrap())
    };
    let reader = run(&map, move |map| {
        if has_lane {
            claim_lane();
        }
        let pin = pin();
        if let Some(series) = map.get(&["a"], &pin) {
            assert!(series.values().eq(["a"]) && series.labels() == "a" && series.place() == 0);
            let handle = Handle::new((*series).clone());
            handle.add(1);
            assert_eq!(handle.sum(), 1);
        }
    });
    [admitter, remover, reader].into_iter().for_each(join);
    assert_eq!(
        (find(&map, "a").is_none(), map.len()),
        if is_removed.get() == Some(&true) { (true, 0) } else { (false, 1) }
    );
}

#[test]
fn loom_s4_a_search_finds_a_whole_series_or_none() {
    loom::model(|| admission(true));
}

#[test]
fn loom_s4_a_search_without_a_lane_finds_a_whole_series_or_none() {
    loom::model(|| admission(false));
}

/// How often a walk met each of these label values.
fn walk<const N: usize>(map: &SeriesMap, values: [&str; N]) -> [usize; N] {
    let (end, mut from, mut met) = (map.begin_walk(), 0, [0; N]);
    while from < end {
        let pin = pin();
        let mut batch = Batch::new();
        from = map.batch(from, end, BATCH, &mut batch, &pin);
        for series in batch.iter() {
            let place = values.iter().position(|value| series.values().eq([*value]));
            met[place.expect("a series that was made")] += 1;
            assert_eq!(Handle::new((**series).clone()).sum(), 0);
        }
    }
    map.end_walk(end);
    met
}

#[test]
fn loom_a_walk_meets_each_series_once() {
    loom::model(|| {
        let map = map_with(&["a", "b"]);
        let writer = run(&map, |map| {
            assert!(remove(map, "a"));
            assert_eq!(map.admit(&["a"]), Admission::Admitted);
        });
        let other = run(&map, |map| assert_eq!(map.admit(&["c"]), Admission::Admitted));
        let walker = run(&map, |map| {
            let [a, b, c] = walk(map, ["a", "b", "c"]);
            assert!(a <= 1 && b == 1 && c <= 1, "{a} {b} {c}");
        });
        [writer, other, walker].into_iter().for_each(join);
        assert_eq!(walk(&map, ["a", "b", "c"]), [1, 1, 1]);
    });
}

#[test]
fn loom_s2_the_list_grows_under_a_walk() {
    loom::model(|| {
        let map = map_with(&[]);
        let writer = run(&map, |map| ["a", "b", "c"].iter().for_each(|value| _ = map.admit(&[value])));
        let walker = run(&map, |map| {
            let [a, b, c] = walk(map, ["a", "b", "c"]);
            assert!(1 >= a && a >= b && b >= c, "{a} {b} {c}");
        });
        [writer, walker].into_iter().for_each(join);
        assert_eq!(walk(&map, ["a", "b", "c"]), [1, 1, 1]);
    });
}

#[test]
fn loom_a_series_in_the_place_of_a_removed_one_is_found_whole() {
    loom::model(|| {
        let map = map_with(&["a"]);
        let writer = run(&map, |map| {
            assert!(map.remove(&["a"]));
            assert_eq!(map.admit(&["a"]), Admission::Admitted);
        });
        let reader = run(&map, |map| {
            claim_lane();
            // Twice: the second search is the quick one.
            (0..2).for_each(|_| find(map, "a").into_iter().for_each(|found| found.add(1)));
        });
        [writer, reader].into_iter().for_each(join);
        assert!(find(&map, "a").is_some_and(|found| found.sum() <= 2));
    });
}

/// One insertion begins to replace the table, the next one ends it. What is there all the while is found all the while.
fn growth(lanes: usize) {
    let map = map_with(&["a", "b"]);
    leave_lanes(lanes);
    let writer = run(&map, |map| {
        ["c", "d"].iter().for_each(|value| assert_eq!(map.admit(&[value]), Admission::Admitted));
        map.collect();
    });
    let reader = run(&map, |map| {
        claim_lane();
        find(map, "b").expect("it is there all the while").add(1);
        find(map, "c").into_iter().for_each(|found| found.add(1));
    });
    [writer, reader].into_iter().for_each(join);
    assert!(["a", "b", "c", "d"].iter().all(|value| find(&map, value).is_some()));
}

#[test]
fn loom_growth_hides_nothing_and_frees_nothing_in_use() {
    loom::model(|| growth(1));
}

#[test]
fn loom_growth_frees_nothing_in_use_under_the_shared_pin() {
    loom::model(|| growth(0));
}

/// A series that was taken over stands in two tables.
#[test]
fn loom_a_removed_series_is_in_neither_table() {
    loom::model(|| {
        let map = map_with(&["a", "b", "c"]);
        let is_removed = Arc::new(AtomicU64::new(0));
        let writer = {
            let is_removed = is_removed.clone();
            run(&map, move |map| {
                assert!(map.remove(&["b"]));
                is_removed.store(1, Ordering::Release);
                assert_eq!(map.admit(&["d"]), Admission::Admitted);
            })
        };
        let reader = run(&map, move |map| {
            let is_removed = is_removed.load(Ordering::Acquire);
            assert!(find(map, "a").is_some());
            assert!(is_removed == 0 || find(map, "b").is_none());
        });
        [writer, reader].into_iter().for_each(join);
    });
}
