//! A family that is full: a lookup beyond its limit beside those that come and go.

use super::map::{find, look_up, remove};
use super::*;
use crate::guard::LabelLimit;
use crate::store::series::limits::{Limits, Overflow};
use crate::store::series::map::SeriesMap;

const OTHER: &str = "other";

/// A map of counters with room for one value, and two such as replace others.
fn map() -> Arc<SeriesMap> {
    make_statics();
    let overflow = Some(Overflow::new(OTHER.into(), 2, 0, Vec::new()));
    let limits = Limits { labels: vec![LabelLimit::Open(Some(1))], overflow, ..Limits::default() };
    SeriesMap::with_limits(family(SlotLayout::Number, &["label"], None), limits).into()
}

/// A map that is full: of `a`, and of what was recorded under `b`.
fn full_map() -> Arc<SeriesMap> {
    let map = map();
    ["a", "b"].map(|value| look_up(&map, value).add(1));
    // Recording has given this thread a lane.
    end();
    map
}

/// What the series with these label values hold together.
fn sum(map: &SeriesMap, values: &[&str]) -> u64 {
    values.iter().filter_map(|value| find(map, value)).map(|found| found.sum()).sum()
}

#[test]
fn loom_s10_of_two_new_keys_one_is_admitted_and_nothing_is_lost() {
    loom::model(|| {
        let map = map();
        let [a, b] = ["a", "b"].map(|value| {
            run(&map, move |map| {
                claim_lane();
                (0..2).for_each(|_| look_up(map, value).add(1));
            })
        });
        [a, b].into_iter().for_each(join);
        assert_eq!((sum(&map, &["a", "b", OTHER]), map.len(), map.take_refused()), (4, 2, 0));
        assert!(find(&map, "a").is_some() != find(&map, "b").is_some());
    });
}

#[test]
fn loom_s10_room_is_made_beside_a_lookup_that_is_refused() {
    loom::model(|| {
        let map = full_map();
        let remover = run(&map, |map| assert!(remove(map, "a")));
        let recorder = run(&map, |map| {
            claim_lane();
            look_up(map, "b").add(1);
        });
        [remover, recorder].into_iter().for_each(join);
        // Either there was room, or there was none.
        assert_eq!((sum(&map, &["b", OTHER]), map.take_refused()), (2, 0));
        assert!(map.len() <= 2);
    });
}

#[test]
fn loom_s10_the_series_in_place_of_others_is_removed_beside_a_lookup() {
    loom::model(|| {
        let map = full_map();
        let remover = run(&map, |map| assert!(remove(map, OTHER)));
        let recorder = run(&map, |map| {
            claim_lane();
            look_up(map, "b").add(1);
        });
        [remover, recorder].into_iter().for_each(join);
        // What was recorded goes with the series, or into the one that is made after it.
        assert!(sum(&map, &[OTHER]) <= 1 && find(&map, "b").is_none() && sum(&map, &["a"]) == 1);
    });
}
