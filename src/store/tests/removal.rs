//! S4 over time: what is removed is freed, whatever the other threads do.

use super::*;
use std::time::{Duration, Instant};

/// What takes longer never ends.
const LONG: Duration = Duration::from_secs(if cfg!(miri) { 600 } else { 60 });

#[test]
fn s4_churn_does_not_grow() {
    let _alone = alone();
    let set = set_of(SlotLayout::Pairs(79), &[]);
    let mut cells = HashSet::new();
    for n in 0..if cfg!(miri) { 70 } else { 5_000 } {
        let value = n.to_string();
        cells.insert(name(hot(&set, &value).lanes().unwrap()));
        assert!(set.remove(&[&value]));
        assert!(!set.remove(&[&value]));
    }
    // Removed series wait for each other, and for the pins of other tests.
    assert!(cells.len() <= 1_000, "{} slots for one series", cells.len());
    assert_eq!((set.len(), set.places()), (0, 1));
}

/// Removes and makes series until some were freed several times, while `readers` threads are almost never outside their pins, and
/// stay in each for so long.
fn churn_among(readers: usize, stay: Duration) {
    let set = set_of(SlotLayout::Number, &[]);
    set.admit(&["kept"]);
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let _done = Done(&is_done);
        for _ in 0..readers {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    let pin = pin();
                    assert!(set.get(&["kept"], &pin).is_some());
                    if stay > Duration::ZERO {
                        thread::sleep(stay);
                    }
                }
            });
        }
        let (mut freed, mut before, start) = (0, 0, Instant::now());
        while freed < 5 {
            set.admit(&["churned"]);
            set.remove(&["churned"]);
            let garbage = set.garbage();
            freed += usize::from(garbage < before);
            before = garbage;
            assert!(start.elapsed() < LONG, "{garbage} things not freed");
        }
    });
}

#[test]
#[cfg_attr(miri, ignore = "readers without a pause leave Miri no time for the rest")]
fn s4_churn_among_busy_readers_does_not_grow() {
    let _alone = alone();
    churn_among(4, Duration::ZERO);
    // Some of them without a lane. They sleep, as a turn of so many that do not takes seconds on a busy machine.
    churn_among(ROWS + ROWS / 2, Duration::from_millis(20));
}

/// The client of a scrape may take its time.
#[test]
fn s4_churn_under_a_walk_does_not_grow_the_list() {
    let set = set_of(SlotLayout::Number, &[]);
    set.admit(&["a"]);
    set.admit(&["b"]);
    let first_end = set.begin_walk();
    for n in 0..50 {
        let value = n.to_string();
        set.admit(&[&value]);
        assert!(series(&set, &value).place() >= first_end);
        assert!(set.remove(&[&value]));
    }
    assert_eq!((first_end, set.places()), (2, 3));
    // What the second walk has before it is not for new series either, until it has ended.
    assert_eq!(series(&set, "c").place(), 2);
    let end = set.begin_walk();
    assert!(set.remove(&["c"]));
    set.end_walk(first_end);
    assert_eq!(series(&set, "behind").place(), 3);
    set.end_walk(end);
    assert_eq!(series(&set, "between").place(), 2);
}

/// One client never comes back, while other scrapes go on.
#[test]
fn s4_churn_beside_a_walk_that_never_ends_does_not_grow_the_list() {
    let set = set_of(SlotLayout::Number, &[]);
    set.begin_walk();
    for _ in 0..if cfg!(miri) { 2 } else { 10 } {
        let end = set.begin_walk();
        let values: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        values.iter().for_each(|value| assert_eq!(set.admit(&[value]), Admission::Admitted));
        values.iter().for_each(|value| assert!(set.remove(&[value])));
        set.end_walk(end);
    }
    assert_eq!(set.places(), 100);
}

#[test]
fn a_series_that_is_made_again_is_found_at_the_first_look() {
    let set = set_of(SlotLayout::Number, &[]);
    let key = Seeds::of_process().key(["a"]).unwrap();
    for _ in 0..100 {
        set.admit(&["a"]);
        assert!(set.get_first(&key, &pin()).is_some());
        assert!(set.remove(&["a"]));
        assert!(set.get_first(&key, &pin()).is_none());
    }
}
