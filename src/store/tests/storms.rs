//! Many series come, and go again.

use super::*;
use std::time::{Duration, Instant};

/// The longest of so many insertions, and the time of all.
fn longest_insertion(set: &SeriesMap, count: usize) -> (Duration, Duration) {
    let mut longest = Duration::ZERO;
    let start = Instant::now();
    for n in 0..count {
        let (value, start) = (n.to_string(), Instant::now());
        assert_eq!(set.admit(&[&value]), Admission::Admitted);
        longest = longest.max(start.elapsed());
    }
    (longest, start.elapsed())
}

/// `cargo test --release --lib -- --ignored --nocapture longest_insertion`
#[test]
#[ignore = "measures times, which a busy machine makes longer"]
fn the_longest_insertion_of_a_million_is_short() {
    let _alone = alone();
    let set = set_of(SlotLayout::Number, &[]);
    let (longest, all) = longest_insertion(&set, 1_000_000);
    println!("the longest of 1,000,000 insertions took {longest:?}, all of them {all:?}");
    assert!(longest < Duration::from_millis(10), "{longest:?}");
}

fn survivors(set: &SeriesMap) -> Vec<String> {
    let mut survivors = Vec::new();
    walk(set, |series| survivors.push(series.labels().to_owned()));
    set.collect();
    survivors
}

/// As many places as series are left to walk, and a table for as many, wherever the series were.
#[test]
fn after_a_storm_the_room_is_given_back() {
    let _alone = alone();
    let count = if cfg!(miri) { 200 } else { 50_000 };
    let kept: Vec<String> = (0..100).map(|n| (n * count / 100).to_string()).collect();
    let set = set_of(SlotLayout::Number, &[]);
    for round in 0..2 {
        let values: Vec<String> = (0..count).map(|n| n.to_string()).collect();
        for value in &values {
            set.admit(&[value]);
        }
        let walk_under_way = set.begin_walk();
        let removed = values.iter().enumerate().filter(|(n, _)| n % (count / 100) != 0);
        removed.for_each(|(_, value)| assert!(set.remove(&[value])));
        set.collect();
        assert_eq!(set.places(), count, "places are not moved under a walk");
        set.end_walk(walk_under_way);
        assert_eq!(survivors(&set).len(), kept.len());
        assert_eq!(survivors(&set), kept, "round {round}");
        assert_eq!(set.places(), kept.len());
        assert!(set.groups() <= 2_500, "{} groups", set.groups());
        assert!(kept.iter().zip(0..).all(|(value, place)| series(&set, value).place() == place));
    }
}

/// A series that is removed meanwhile does not make the compaction begin again, which would never end.
#[test]
#[cfg_attr(miri, ignore = "fewer series are moved in one go")]
fn the_list_becomes_shorter_while_the_oldest_are_removed() {
    let _alone = alone();
    let set = set_of(SlotLayout::Number, &[]);
    let values: Vec<String> = (0..200_000).map(|n| n.to_string()).collect();
    values.iter().for_each(|value| assert_eq!(set.admit(&[value]), Admission::Admitted));
    values[..120_000].iter().for_each(|value| assert!(set.remove(&[value])));
    assert!(set.places() <= 100_000, "{} places", set.places());
    assert_eq!(survivors(&set), values[120_000..]);
}

/// Series that are looked up and walked while others come and go are there all the while.
#[test]
fn what_is_there_throughout_is_found_throughout() {
    let _alone = alone();
    let count = if cfg!(miri) { 300 } else { 20_000 };
    let set = set_of(SlotLayout::Number, &[]);
    let kept: Vec<String> = (0..50).map(|n| format!("kept {n}")).collect();
    let is_done = AtomicBool::new(false);
    for value in &kept {
        set.admit(&[value]);
    }
    thread::scope(|scope| {
        let _done = Done(&is_done);
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                for value in &kept {
                    assert!(set.get(&[value], &pin()).is_some(), "{value}");
                }
            }
        });
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let found = survivors(&set);
                let met: HashSet<&String> = found.iter().collect();
                assert_eq!(met.len(), found.len(), "one was met twice");
                assert!(kept.iter().all(|value| met.contains(value)), "one was not met");
            }
        });
        for _ in 0..if cfg!(miri) { 1 } else { 3 } {
            let values: Vec<String> = (0..count).map(|n| n.to_string()).collect();
            for (n, value) in values.iter().enumerate() {
                set.admit(&[value]);
                // Some that are kept change their places.
                if n % 1000 == 0 {
                    set.collect();
                }
            }
            values.iter().for_each(|value| assert!(set.remove(&[value])));
        }
    });
}
