//! S10: idle series go, and nothing that is recorded meanwhile is lost.

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::guard::LabelLimit;
use crate::store::series::fold::{BATCH, fold_integers};
use crate::store::series::limits::Limits;
use core::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// A set of counters that expire after an hour.
fn expiring(limits: Limits) -> (SeriesMap, ManualClock) {
    let clock = ManualClock::new();
    let mut family = FamilyLayout::new(SlotLayout::Number, [Box::from("x")].into(), None, None);
    family.clock = Clock::Manual(clock.clone());
    let mut set = SeriesMap::with_limits(Arc::new(family), limits);
    set.expire_after(HOUR, false);
    (set, clock)
}

fn look_up<'a>(set: &'a SeriesMap, value: &str) -> MetricRef<'a, Counter> {
    MetricRef::look_up(|| set, &[value], Counter::from_series)
}

fn find<'a>(set: &'a SeriesMap, value: &str) -> Option<MetricRef<'a, Counter>> {
    MetricRef::find(set, &[value], Counter::from_series)
}

/// A scrape that comes to its end; what it has shown.
fn scrape(set: &SeriesMap) -> HashMap<String, u64> {
    let begun = set.stamp().unwrap();
    let (end, mut place, mut shown) = (set.begin_walk(), 0, HashMap::new());
    while place < end {
        let (pin, mut batch, mut sums) = (pin(), Batch::new(), [0; BATCH]);
        place = set.batch(place, end, BATCH, &mut batch, &pin);
        fold_integers(&batch, &mut sums);
        for (series, sum) in batch.iter().zip(sums) {
            assert_eq!(shown.insert(series.labels().to_owned(), sum), None, "one was met twice");
        }
        set.note_shown(&batch, &sums);
    }
    set.end_walk(end);
    set.collect();
    set.note_exported(begun);
    shown
}

/// As [`scrape`], until it is known what goes. Only where no lookup is kept.
fn scrape_and_settle(set: &SeriesMap) -> HashMap<String, u64> {
    let shown = scrape(set);
    // Tests that are not `alone` pin only for moments.
    while set.dying() > 0 {
        set.collect();
        thread::yield_now();
    }
    shown
}

/// A set whose series `a` and `b` go at the end of the next scrape, if nobody keeps them.
fn with_idle(limits: Limits) -> SeriesMap {
    let (set, clock) = expiring(limits);
    look_up(&set, "a").inc_by(5);
    look_up(&set, "b").inc_by(7);
    scrape(&set);
    clock.advance(HOUR);
    set
}

#[test]
fn s10_an_idle_series_goes_and_begins_anew() {
    let _alone = alone();
    let set = with_idle(Limits::default());
    assert_eq!(scrape_and_settle(&set), HashMap::from([("a".to_owned(), 5), ("b".to_owned(), 7)]));
    assert_eq!((set.len(), set.take_expired(), set.take_expired()), (0, 2, 0));
    assert!(scrape(&set).is_empty());
    look_up(&set, "a").inc();
    assert_eq!(scrape(&set), HashMap::from([("a".to_owned(), 1)]));
    collect(&set);
    assert_eq!(set.len(), 1);
}

#[test]
fn s10_what_a_lookup_under_way_adds_is_kept() {
    let _alone = alone();
    for is_hot in [false, true] {
        let set = with_idle(Limits::default());
        if is_hot {
            hot(&set, "a");
        }
        let created = set.get(&["a"], &pin()).unwrap().created();
        let found = look_up(&set, "a");
        scrape(&set);
        // It is shown as long as it is not known what the lookup does.
        assert_eq!((set.len(), scrape(&set).len()), (2, 2));
        found.inc();
        drop(found);
        assert_eq!(scrape_and_settle(&set), HashMap::from([("a".to_owned(), 6), ("b".to_owned(), 7)]));
        assert_eq!((set.len(), set.take_expired()), (1, 1));
        assert_eq!(find(&set, "a").unwrap().value(), 6);
        assert_eq!(set.get(&["a"], &pin()).unwrap().created(), created);
    }
}

#[test]
fn s10_a_series_with_a_handle_stays() {
    let _alone = alone();
    let set = with_idle(Limits::default());
    let found = look_up(&set, "a");
    scrape(&set);
    let handle = found.clone();
    drop(found);
    scrape_and_settle(&set);
    assert_eq!((set.len(), set.take_expired()), (1, 1));
    handle.inc();
    assert_eq!(find(&set, "a").unwrap().value(), 6);
    // A handle that a walk has taken does as well.
    drop(handle);
    let set = with_idle(Limits::default());
    let (next, owned) = set.own_some(0, 2);
    scrape(&set);
    assert_eq!((next, owned.len(), set.len()), (2, 2, 2));
}

/// While it is not known whether a series goes, it is there for everyone.
#[test]
fn s10_a_dying_series_is_found_put_back_and_removed() {
    let _alone = alone();
    let set = with_idle(Limits::default());
    let (kept, raw) = (look_up(&set, "b"), set.get(&["a"], &pin()).unwrap().as_raw());
    scrape(&set);
    // Another thread looks it up anew, and records into the same series.
    let again = look_up(&set, "a");
    again.inc();
    assert_eq!((again.value(), set.len()), (6, 2));
    drop(again);
    assert_eq!(set.get(&["a"], &pin()).unwrap().as_raw(), raw);
    assert_eq!(find(&set, "b").unwrap().value(), 7);
    drop(kept);

    let set = with_idle(Limits::default());
    let kept = look_up(&set, "b");
    scrape(&set);
    assert!(set.remove(&["a"]) && !set.remove(&["a"]));
    assert_eq!((set.len(), scrape(&set).len(), find(&set, "a").is_none()), (1, 1, true));
    drop(kept);
    assert_eq!((scrape_and_settle(&set).len(), set.len(), set.take_expired()), (1, 0, 1));
    collect(&set);
}

#[test]
fn s10_a_dying_series_has_its_place_within_limits() {
    let _alone = alone();
    let set = with_idle(Limits { series: Some(2), labels: vec![LabelLimit::Open(Some(2))], ..Limits::default() });
    let kept = look_up(&set, "b");
    scrape(&set);
    look_up(&set, "c").inc();
    assert_eq!((set.take_refused(), find(&set, "c").is_none()), (1, true));
    look_up(&set, "a").inc();
    assert_eq!((set.take_refused(), find(&set, "a").unwrap().value()), (0, 6));
    drop(kept);
    scrape_and_settle(&set);
    assert_eq!((set.len(), set.take_expired()), (1, 1));
    look_up(&set, "c").inc();
    assert_eq!((set.take_refused(), set.len()), (0, 2));
}

/// Many series, in several pieces, some of which stay; and the list becomes shorter meanwhile.
#[test]
fn s10_after_a_storm_the_idle_go() {
    let _alone = alone();
    let (set, clock) = expiring(Limits::default());
    let count = if cfg!(miri) { 150 } else { 20_000 };
    let values: Vec<String> = (0..count).map(|n| n.to_string()).collect();
    values.iter().for_each(|value| look_up(&set, value).inc());
    scrape(&set);
    let is_kept = |n: usize| n % 64 == 63;
    for round in 1..=3 {
        clock.advance(HOUR);
        values.iter().enumerate().filter(|(n, _)| is_kept(*n)).for_each(|(_, value)| look_up(&set, value).inc());
        let shown = scrape_and_settle(&set);
        assert_eq!(shown.len(), if round == 1 { count } else { count / 64 });
        assert_eq!(shown[&values[63]], 1 + round);
        assert_eq!(set.len(), count / 64);
    }
    collect(&set);
    scrape(&set);
    assert_eq!((set.take_expired(), set.places()), ((count - count / 64) as u64, count / 64));
    // The sightings have moved with the series.
    clock.advance(HOUR);
    scrape_and_settle(&set);
    assert_eq!(set.len(), 0);
}

/// Lookups without a pause, of which some keep what they found; and scrapes, after each of which all may go.
fn churn(keys: usize, increments: u64) {
    let (set, clock) = expiring(Limits::default());
    let names: Vec<String> = (0..keys).map(|n| n.to_string()).collect();
    let is_done = AtomicBool::new(false);
    // What was gone when it was found anew.
    let gone = AtomicU64::new(0);
    thread::scope(|scope| {
        let recorders: Vec<_> = (0..2)
            .map(|thread| {
                let (set, names, gone) = (&set, &names, &gone);
                scope.spawn(move || {
                    let mut counts = vec![0; names.len()];
                    for n in 0..increments {
                        // Keys of its own, in bursts.
                        let key = (n / 4) as usize % (names.len() / 2) * 2 + thread;
                        let found = look_up(set, &names[key]);
                        let value = found.value();
                        if value != counts[key] {
                            assert_eq!(value, 0, "of {}", counts[key]);
                            gone.fetch_add(core::mem::take(&mut counts[key]), Ordering::Relaxed);
                        }
                        if n % 4 == 1 {
                            let handle = found.clone();
                            drop(found);
                            handle.inc();
                        } else {
                            found.inc();
                        }
                        counts[key] += 1;
                    }
                    counts.iter().sum::<u64>()
                })
            })
            .collect();
        scope.spawn(|| {
            let _done = Done(&is_done);
            let living: u64 = recorders.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!(living + gone.load(Ordering::Relaxed), 2 * increments);
        });
        while !is_done.load(Ordering::Relaxed) {
            scrape(&set);
            clock.advance(HOUR);
        }
    });
    assert!(cfg!(miri) || set.take_expired() > 10);
}

#[test]
fn s10_churn_among_lookups_loses_nothing() {
    let _alone = alone();
    churn(if cfg!(miri) { 4 } else { 400 }, if cfg!(miri) { 40 } else { 20_000 });
}
