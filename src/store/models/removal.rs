//! S4: nothing is freed that a pin keeps, and what is recorded is in the series that was found.

use super::map::{find, look_up, map_with, remove};
use super::*;
use crate::store::series::admission::Admission;
use crate::store::series::map::SeriesMap;
use crate::store::thread::pin;

/// One thread removes a series, and makes another when it has freed that; one looks it up, which makes it again if it is
/// gone, and records. A handle, if there is one, keeps the series in memory.
fn removal(lanes: usize, has_handle: bool) {
    let map = map_with(&["a"]);
    leave_lanes(lanes);
    let handle = has_handle.then(|| {
        let found = map.get(&["a"], &pin()).map(|series| (*series).clone());
        Handle::new(found.expect("it was made"))
    });
    let remover = run(&map, |map| {
        assert!(remove(map, "a"));
        assert_eq!(map.admit(&["b"]), Admission::Admitted);
    });
    let reader = run(&map, |map| {
        claim_lane();
        look_up(map, "a").add(1);
    });
    [remover, reader].into_iter().for_each(join);
    assert_eq!(find(&map, "b").map(|other| other.sum()), Some(0));
    let again = find(&map, "a").map_or(0, |again| again.sum());
    assert!(again <= 1 && handle.is_none_or(|handle| handle.sum() + again == 1));
    // The last one begins a period for what was removed under the one before.
    (0..2).for_each(|_| map.collect());
    assert_eq!(retained_series(), 0);
}

#[test]
fn loom_s4_no_series_is_freed_under_the_pin_of_a_lane() {
    loom::model(|| removal(1, false));
}

#[test]
fn loom_s4_no_series_is_freed_under_the_shared_pin() {
    loom::model(|| removal(0, false));
}

#[test]
fn loom_s4_what_is_recorded_is_in_the_series_that_was_found() {
    loom::model(|| removal(1, true));
}

/// Records into some series, if they are still there, under a pin for each.
fn record(map: &SeriesMap, values: &[&str]) {
    values.iter().filter_map(|value| find(map, value)).for_each(|found| found.add(1));
}

/// Two threads look a series up, one after the other with the same lane, or one of them without.
#[test]
fn loom_s4_no_series_is_freed_under_a_pin_that_passes_on_with_its_lane() {
    loom::model(|| {
        let map = map_with(&["a"]);
        leave_lanes(1);
        let remover = run(&map, |map| assert!(remove(map, "a")));
        let readers = [(); 2].map(|()| {
            run(&map, |map| {
                claim_lane();
                record(map, &["a"]);
            })
        });
        join(remover);
        readers.into_iter().for_each(join);
        assert!(PINS.is_quiet());
    });
}

/// One thread removes two series, one after the other, and frees when it may; one records into both, under two pins.
fn removal_of_two(lanes: usize) {
    let map = map_with(&["a", "b"]);
    leave_lanes(lanes);
    let writer = run(&map, |map| {
        ["a", "b"].iter().for_each(|value| assert!(remove(map, value)));
        // A period can begin for what was unlinked under the first one.
        map.collect();
    });
    let reader = run(&map, |map| {
        claim_lane();
        record(map, &["a", "b"]);
    });
    [writer, reader].into_iter().for_each(join);
    assert_eq!(map.len(), 0);
}

#[test]
fn loom_s4_a_period_of_many_looks_frees_nothing_younger() {
    loom::model(|| removal_of_two(1));
}

#[test]
fn loom_s4_a_period_of_many_looks_frees_nothing_younger_under_the_shared_pin() {
    loom::model(|| removal_of_two(0));
}

/// After a period has ended, another thread may be first to take what waited for it, and then close a batch that a pin keeps.
#[test]
fn loom_s4_a_batch_is_not_taken_for_the_one_before() {
    loom::model(|| {
        let map = map_with(&["a", "b"]);
        assert!(map.remove(&["a"]));
        let other = run(&map, |map| map.collect());
        let writer = run(&map, |map| {
            assert!(remove(map, "b"));
            map.collect();
        });
        let reader = run(&map, |map| {
            claim_lane();
            record(map, &["b"]);
        });
        [other, writer, reader].into_iter().for_each(join);
        assert!(PINS.is_quiet());
    });
}

/// The writer of another family begins and ends periods at any time.
#[test]
fn loom_s4_families_share_their_periods() {
    loom::model(|| {
        let map = map_with(&["a"]);
        let other = run(&(), |()| _ = PINS.is_quiet());
        let writer = run(&map, |map| assert!(remove(map, "a")));
        // The other family's period may begin under the first pin, and end under the second.
        let reader = run(&map, |map| {
            claim_lane();
            record(map, &["a", "a"]);
        });
        [other, writer, reader].into_iter().for_each(join);
        assert!(PINS.is_quiet());
    });
}
