//! S10: an idle series goes while others look it up, take handles, remove it and walk.

use super::map::{Map, find, look_up};
use super::*;
use crate::clock::{Clock, ManualClock};
use crate::store::series::fold::{BATCH, fold_integers};
use crate::store::series::idle::Stamp;
use crate::store::series::map::{Batch, SeriesMap};
use crate::store::thread::pin;
use core::time::Duration;

/// Shows all series, as a scrape does, and returns when that began.
fn show(map: &SeriesMap) -> Stamp {
    let begun = map.stamp().expect("series expire");
    let (end, mut from) = (map.begin_walk(), 0);
    while from < end {
        let (pin, mut batch, mut sums) = (pin(), Batch::new(), [0; BATCH]);
        from = map.batch(from, end, BATCH, &mut batch, &pin);
        fold_integers(&batch, &mut sums);
        map.note_shown(&batch, &sums);
    }
    map.end_walk(end);
    begun
}

/// A map with an idle series `a` of value 1, which goes when a scrape comes to its end that begins now.
fn map_with_idle() -> Map {
    make_statics();
    let clock = ManualClock::new();
    let mut family = FamilyLayout::new(SlotLayout::Number, [Box::from("label")].into(), None, None);
    family.clock = Clock::Manual(clock.clone());
    let mut map = SeriesMap::new(family.into());
    map.expire_after(Duration::from_secs(1), false);
    look_up(&map, "a").add(1);
    // Gives the lane back.
    end();
    show(&map);
    clock.advance(Duration::from_secs(1));
    map.into()
}

/// As [`map_with_idle`], with the scrape that only has to come to its end.
fn map_with_shown() -> (Map, Stamp) {
    let map = map_with_idle();
    let begun = show(&map);
    (map, begun)
}

/// What is left when all threads have ended: the value of `a`, and how many series have expired.
fn left(map: &SeriesMap) -> (Option<u64>, u64) {
    // The first one may only begin a period.
    (0..2).for_each(|_| map.collect());
    let value = find(map, "a").map(|found| found.sum());
    assert_eq!(map.len(), usize::from(value.is_some()));
    (value, map.take_expired())
}

/// The increment is in the series that stayed, or in a new one after the old one was exported with all that it had.
fn an_increment_is_kept(lanes: usize, is_whole_scrape: bool) {
    let (map, begun) = match is_whole_scrape {
        true => (map_with_idle(), None),
        false => {
            let (map, begun) = map_with_shown();
            (map, Some(begun))
        }
    };
    leave_lanes(lanes);
    let scraper = run(&map, move |map| map.note_exported(begun.unwrap_or_else(|| show(map))));
    let recorder = run(&map, |map| {
        claim_lane();
        look_up(map, "a").add(1);
    });
    [scraper, recorder].into_iter().for_each(join);
    let left = left(&map);
    assert!(matches!(left, (Some(2), 0) | (Some(1), 1)), "{left:?}");
}

#[test]
fn loom_s10_an_increment_under_the_pin_of_a_lane_is_kept() {
    loom::model(|| an_increment_is_kept(1, false));
}

#[test]
fn loom_s10_an_increment_under_the_shared_pin_is_kept() {
    loom::model(|| an_increment_is_kept(0, false));
}

#[test]
fn loom_s10_an_increment_during_the_last_scrape_is_kept() {
    heavy_model(|| an_increment_is_kept(1, true));
}

#[test]
fn loom_s10_a_series_with_a_handle_stays() {
    loom::model(|| {
        let (map, begun) = map_with_shown();
        leave_lanes(1);
        let kept = Arc::new(std::sync::OnceLock::new());
        let scraper = run(&map, move |map| map.note_exported(begun));
        let holder = {
            let kept = kept.clone();
            run(&map, move |map| {
                claim_lane();
                let handle = (*look_up(map, "a")).clone();
                handle.add(1);
                kept.set(handle).unwrap();
            })
        };
        [scraper, holder].into_iter().for_each(join);
        let left = left(&map);
        assert!(matches!(left, (Some(2), 0) | (Some(1), 1)), "{left:?}");
        // It is the one that everybody finds.
        join(run(&kept, |kept| kept.get().unwrap().add(10)));
        assert_eq!(find(&map, "a").map(|found| found.sum()), left.0.map(|value| value + 10));
    });
}

#[test]
fn loom_s10_a_handle_that_comes_and_goes_loses_nothing() {
    loom::model(|| {
        let (map, begun) = map_with_shown();
        let scraper = run(&map, move |map| map.note_exported(begun));
        let holder = run(&map, |map| {
            let handle = (*look_up(map, "a")).clone();
            handle.add(1);
        });
        [scraper, holder].into_iter().for_each(join);
        let left = left(&map);
        assert!(matches!(left, (Some(2), 0) | (Some(1), 1)), "{left:?}");
    });
}

#[test]
fn loom_s10_a_key_never_has_two_series() {
    heavy_model(|| {
        let (map, begun) = map_with_shown();
        leave_lanes(1);
        let scraper = run(&map, move |map| map.note_exported(begun));
        let recorders = [1, 10].map(|n| {
            run(&map, move |map| {
                claim_lane();
                look_up(map, "a").add(n);
            })
        });
        join(scraper);
        recorders.into_iter().for_each(join);
        let left = left(&map);
        assert!(matches!(left, (Some(12), 0) | (Some(11), 1)), "{left:?}");
    });
}

#[test]
fn loom_s10_what_is_there_is_found() {
    loom::model(|| {
        let (map, begun) = map_with_shown();
        let scraper = run(&map, move |map| map.note_exported(begun));
        let reader = run(&map, |map| {
            if let Some(found) = find(map, "a") {
                assert_eq!(found.sum(), 1);
            } else {
                assert_eq!((map.len(), map.take_expired()), (0, 1));
            }
        });
        [scraper, reader].into_iter().for_each(join);
        assert!(matches!(left(&map), (Some(1), 0) | (None, 0 | 1)));
    });
}

#[test]
fn loom_s10_a_series_is_removed_or_expires() {
    loom::model(|| {
        let (map, begun) = map_with_shown();
        let is_removed = Arc::new(std::sync::OnceLock::new());
        let scraper = run(&map, move |map| map.note_exported(begun));
        let remover = {
            let is_removed = is_removed.clone();
            run(&map, move |map| is_removed.set(map.remove(&["a"])).unwrap())
        };
        [scraper, remover].into_iter().for_each(join);
        assert_eq!(left(&map), (None, u64::from(!is_removed.get().unwrap())));
        assert_eq!(retained_series(), 0);
    });
}

/// Two scrapes come to their ends at once, while one thread records.
#[test]
fn loom_s10_scrapes_that_end_together_lose_nothing() {
    heavy_model(|| {
        let (map, begun) = map_with_shown();
        let scrapers = [(); 2].map(|()| run(&map, move |map| map.note_exported(begun)));
        let recorder = run(&map, |map| look_up(map, "a").add(1));
        scrapers.into_iter().for_each(join);
        join(recorder);
        let left = left(&map);
        assert!(matches!(left, (Some(2), 0) | (Some(1), 1)), "{left:?}");
    });
}

/// One thread takes a handle by a walk, which no grace period waits for.
#[test]
fn loom_s10_a_handle_of_a_walk_keeps_its_series() {
    loom::model(|| {
        let (map, begun) = map_with_shown();
        let scraper = run(&map, move |map| map.note_exported(begun));
        let has_met = Arc::new(std::sync::OnceLock::new());
        let walker = {
            let has_met = has_met.clone();
            run(&map, move |map| {
                let end = map.begin_walk();
                let (_, owned) = map.own_some(0, end);
                map.end_walk(end);
                has_met.set(!owned.is_empty()).unwrap();
                owned.into_iter().for_each(|series| Handle::new(series).add(1));
            })
        };
        [scraper, walker].into_iter().for_each(join);
        assert_eq!(left(&map), if *has_met.get().unwrap() { (Some(2), 0) } else { (None, 1) });
    });
}
