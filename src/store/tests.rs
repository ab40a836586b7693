//! The invariants of the store on real threads. What loom cannot model (16-byte atomics, thread-locals, `membarrier`) is
//! tested here only.

mod admission;
mod expiry;
mod folds;
mod histograms;
mod lanes;
mod removal;
mod storms;
mod summaries;

use super::MetricRef;
use crate::metric::{Counter, sealed::Sealed};
use crate::model::{Buckets, HistogramSnapshot};
use crate::store::cells::block::{CELLS_PER_ROW, Cell};
use crate::store::cells::lane::{LANES, ROWS};
use crate::store::cells::slots::{SLOTS, SlotLayout};
use crate::store::lookup::key::{Seeds, separators};
use crate::store::reclaim::pin::Pin;
use crate::store::series::admission::Admission;
use crate::store::series::handle::{Handle, HistogramHandle};
use crate::store::series::map::{Batch, SeriesMap};
use crate::store::series::series::{FamilyLayout, Series};
use crate::store::thread::{claim_lane, pin};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

/// More than there are lanes, but for Miri, which has no time for that.
const CROWD: usize = if cfg!(miri) { 4 } else { ROWS + ROWS / 4 };
const ROUNDS: u64 = if cfg!(miri) { 20 } else { 2_000 };
/// Of a random run.
const STEPS: usize = if cfg!(miri) { 30 } else { 250 };
const SHORT_THREADS: u64 = if cfg!(miri) { 12 } else { 1_500 };

/// Held by tests that need lanes to be free, or pins to be gone, and by those that take them from others.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Set when it is dropped, so that a test that fails also ends the threads that wait for this.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn set_of(layout: SlotLayout, bounds: &[f64]) -> SeriesMap {
    let buckets = (!bounds.is_empty()).then(|| Buckets::new(bounds).unwrap());
    SeriesMap::new(Arc::new(FamilyLayout::new(layout, [Box::from("x")].into(), buckets, None)))
}

fn series(set: &SeriesMap, value: &str) -> Series {
    set.admit(&[value]);
    (*set.get(&[value], &pin()).unwrap()).clone()
}

fn handle(set: &SeriesMap, value: &str) -> Handle {
    Handle::new(series(set, value))
}

/// As [`series`], with a slot in the lanes.
fn hot(set: &SeriesMap, value: &str) -> Series {
    let series = series(set, value);
    while series.lanes().is_none() {
        SLOTS.prepare();
        series.move_to_lanes();
    }
    series
}

fn hot_handle(set: &SeriesMap, value: &str) -> Handle {
    Handle::new(hot(set, value))
}

/// Frees what was removed. Tests that are not [`alone`] pin only for moments.
fn collect(set: &SeriesMap) {
    while set.garbage() > 0 {
        set.collect();
        thread::yield_now();
    }
}

#[test]
fn s1_no_two_threads_have_one_lane() {
    let _alone = alone();
    let barrier = Barrier::new(CROWD);
    let lanes: Vec<usize> = thread::scope(|scope| {
        let claim = || {
            let lane = claim_lane();
            barrier.wait();
            assert_eq!(lane, super::thread::lane());
            lane
        };
        let threads: Vec<_> = (0..CROWD).map(|_| scope.spawn(claim)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let owned: Vec<usize> = lanes.into_iter().filter(|lane| *lane != 0).collect();
    assert_eq!(owned.iter().collect::<HashSet<_>>().len(), owned.len(), "{owned:?}");
    // Other tests hold some lanes, too, on a busy machine most.
    assert!(owned.len() >= CROWD.min(ROWS / 8), "{owned:?}");
}

#[test]
fn s1_a_lane_comes_back_when_its_thread_ends() {
    let _alone = alone();
    for _ in 0..CROWD {
        assert_ne!(thread::spawn(claim_lane).join().unwrap(), 0);
    }
}

/// A thread-local that was there before the lease is dropped after it, when the lane may be another thread's.
#[test]
fn s1_a_lane_is_not_used_after_it_was_given_back() {
    struct Late(Option<mpsc::Sender<[usize; 2]>>);

    impl Drop for Late {
        fn drop(&mut self) {
            let lanes = [super::thread::lane(), claim_lane()];
            self.0.take().map(|sender| sender.send(lanes));
        }
    }

    thread_local!(static LATE: RefCell<Late> = const { RefCell::new(Late(None)) });
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(|| {
        LATE.with(|late| late.borrow_mut().0 = Some(sender));
        claim_lane()
    });
    thread.join().unwrap();
    assert_eq!(receiver.recv().unwrap(), [0, 0]);
}

/// The count of a lane's pins has one writer. A pin that outlives the lane's lease must not lose its count to the next owner.
#[test]
fn s1_a_thread_that_ends_under_a_pin_keeps_its_lane() {
    thread_local!(static KEPT: RefCell<Option<Pin<'static>>> = const { RefCell::new(None) });
    let _alone = alone();
    let kept = thread::spawn(|| {
        // First of all, so that it is dropped last.
        KEPT.with(|_| ());
        // A pin alone takes no lane.
        drop(pin());
        assert_eq!(super::thread::lane(), 0);
        let lane = claim_lane();
        let pin = pin();
        KEPT.with(|kept| *kept.borrow_mut() = Some(pin));
        lane
    });
    let kept = kept.join().unwrap();
    assert_ne!(kept, 0);
    for _ in 0..CROWD.min(ROWS) {
        assert_ne!(thread::spawn(claim_lane).join().unwrap(), kept);
    }
}

#[test]
fn s2_a_cell_does_not_move() {
    let _alone = alone();
    let set = set_of(SlotLayout::Number, &[]);
    let first = hot_handle(&set, "first");
    first.add(1);
    // Several blocks, and several tables of the index.
    let others: Vec<Handle> =
        (0..if cfg!(miri) { 100 } else { 2_000 }).map(|n| hot_handle(&set, &n.to_string())).collect();
    first.add(1);
    others.iter().for_each(|other| other.add(1));
    assert_eq!((first.sum(), handle(&set, "first").sum()), (2, 2));
    assert!(others.iter().all(|other| other.sum() == 1));
}

#[test]
fn s3_values_stay_when_their_threads_are_gone() {
    let _alone = alone();
    let set = set_of(SlotLayout::Number, &[]);
    // Hot after two thirds of them.
    let handle = handle(&set, "");
    for n in 1..=SHORT_THREADS {
        let mine = handle.clone();
        thread::spawn(move || mine.add(1)).join().unwrap();
        assert_eq!(handle.sum(), n);
    }
}

/// The name of a cell, to see whether it is used again.
fn name(cell: Cell) -> String {
    format!("{cell:?}")
}

/// Forms with a number of pairs of their own, so that no other test takes the slots that these give back.
#[test]
fn s4_a_slot_is_reused_when_its_last_handle_is_gone() {
    let _alone = alone();
    let set = set_of(SlotLayout::Pairs(77), &[1.0]);
    // So that their block stays theirs.
    let _other = hot(&set, "other");
    let slot = |series: Series| name(series.lanes().unwrap());
    let old = HistogramHandle::new(hot(&set, ""));
    let cell = slot(series(&set, ""));
    let (one, other) = (old.clone(), old.clone());
    thread::spawn(move || one.observe(0.5)).join().unwrap();
    other.observe(0.5);
    assert!(set.remove(&[""]));
    collect(&set);
    // The old handles are out of the family, but good.
    drop(other);
    old.observe(0.5);
    let next = HistogramHandle::new(hot(&set, ""));
    assert_ne!(slot(series(&set, "")), cell, "taken from under a handle");
    next.observe(2.0);
    old.observe(0.5);
    assert_eq!((old.snapshot().bucket_counts(), next.snapshot().bucket_counts()), (&[4, 0][..], &[0, 1][..]));
    drop(old);
    let last = hot(&set, "last");
    assert_eq!(slot(last.clone()), cell, "not given back");
    assert_eq!(HistogramHandle::new(last).snapshot().count(), 0);
}

#[test]
fn s4_what_is_on_loan_is_not_freed() {
    let _alone = alone();
    let set = set_of(SlotLayout::Pairs(78), &[]);
    let _other = hot(&set, "other");
    let slot = |series: Series| name(series.lanes().unwrap());
    hot(&set, "");
    let look_up = || MetricRef::look_up(|| &set, &[""], Counter::from_series);
    let old = look_up();
    let cell = slot(series(&set, ""));
    assert!(set.remove(&[""]));
    set.collect();
    old.inc();
    let next = look_up();
    assert_ne!(slot(hot(&set, "")), cell, "taken from under a loan");
    next.inc_by(10);
    old.inc();
    assert_eq!((old.value(), next.value()), (2, 10));
    drop((old, next));
    collect(&set);
    assert_eq!(slot(hot(&set, "last")), cell, "not given back");
}

#[test]
fn a_series_is_not_found_by_fewer_or_more_values() {
    let set =
        SeriesMap::new(Arc::new(FamilyLayout::new(SlotLayout::Number, ["a", "b"].map(Box::from).into(), None, None)));
    for (values, fewer, more) in [(["GET", ""], ["GET"], ["GET", "", ""]), (["", ""], [""], ["", "", ""])] {
        set.admit(&values);
        let pin = pin();
        assert!(
            set.get_first(&Seeds::of_process().key(values).unwrap(), &pin).is_some()
                && set.get(&values, &pin).is_some()
        );
        assert!(set.get(&fewer, &pin).is_none() && set.get(&more, &pin).is_none());
        assert!(!set.remove(&fewer) && !set.remove(&more));
    }
}

/// Whatever a caller may do: Miri sees what is read.
#[test]
fn a_set_compares_in_bounds_with_fewer_and_more_values() {
    let names = ["a", "b"].map(Box::from);
    let (seeds, separators) = (Seeds::of_process(), separators(&names));
    let set = SeriesMap::new(Arc::new(FamilyLayout::new(SlotLayout::Number, names.into(), None, None)));
    for a in ["", "GET", "twelve bytes", "more than sixteen bytes", "more bytes than two vectors of sixteen have"] {
        set.admit(&[a, ""]);
        let series = (*set.get(&[a, ""], &pin()).unwrap()).clone();
        assert!(series.matches(&seeds.key([a, ""]).unwrap(), &separators));
        series.matches(&seeds.key([a]).unwrap(), &separators);
        series.matches(&seeds.key([a, "", ""]).unwrap(), &separators);
        series.matches(&seeds.key([a, "", "", ""]).unwrap(), &separators);
    }
}

/// Shows every series of a set, as a scrape does.
fn walk(set: &SeriesMap, mut show: impl FnMut(&Series)) {
    let (pin, mut place, mut batch) = (pin(), 0, Batch::new());
    let end = set.begin_walk();
    while place < end {
        place = set.batch(place, end, 3, &mut batch, &pin);
        batch.iter().for_each(|found| show(found));
    }
    set.end_walk(end);
}

/// Readers look up and walk while a writer makes and removes what they look for.
#[test]
fn s4_readers_meet_only_whole_series() {
    let _alone = alone();
    let set = set_of(SlotLayout::Number, &[]);
    let is_done = AtomicBool::new(false);
    let names: Vec<String> = (0..40).map(|n| "x".repeat(n)).collect();
    thread::scope(|scope| {
        let _done = Done(&is_done);
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    let pin = pin();
                    for name in &names {
                        let found = set.get(&[name], &pin);
                        assert!(found.is_none_or(|found| found.labels() == name));
                    }
                    let mut places = Vec::new();
                    walk(&set, |found| {
                        assert!(found.labels().bytes().all(|byte| byte == b'x'));
                        places.push(found.place());
                    });
                    assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
                }
            });
        }
        for round in 0..ROUNDS as usize {
            let name = &names[round * 7 % names.len()];
            set.admit(&[name]);
            if round % 3 > 0 {
                set.remove(&[&names[round * 11 % names.len()]]);
            }
        }
    });
}

/// Of an amount whose halves change together, every fold sees both.
#[test]
fn s5_a_fold_never_sees_half_a_value() {
    const BOTH_HALVES: u64 = 1 << 32 | 1;
    let set = set_of(SlotLayout::Number, &[]);
    let (handle, overflow) = (handle(&set, ""), AtomicBool::new(true));
    thread::scope(|scope| {
        scope.spawn(|| (0..20 * ROUNDS).for_each(|_| handle.add(BOTH_HALVES)));
        scope.spawn(|| {
            (0..20 * ROUNDS).for_each(|_| handle.add_shared(BOTH_HALVES));
            overflow.store(false, Ordering::Relaxed);
        });
        while overflow.load(Ordering::Relaxed) {
            let sum = handle.sum();
            assert_eq!(sum >> 32, sum & 0xffff_ffff);
        }
    });
    assert_eq!(handle.sum(), 40 * ROUNDS * BOTH_HALVES);
}

/// Short-lived threads say what they are about to record and what they have recorded; a fold is between.
#[test]
fn s5_a_fold_counts_each_increment_once() {
    let _alone = alone();
    let set = set_of(SlotLayout::Number, &[]);
    let handle = handle(&set, "");
    let (begun, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let record = || {
        begun.fetch_add(1, Ordering::Relaxed);
        // Pairs with the fence of the reader.
        fence(Ordering::Release);
        handle.add(1);
        done.fetch_add(1, Ordering::Release);
    };
    let churn = || (0..SHORT_THREADS / 2).for_each(|_| thread::scope(|scope| drop(scope.spawn(record))));
    thread::scope(|scope| {
        let threads = [scope.spawn(churn), scope.spawn(churn)];
        while threads.iter().any(|thread| !thread.is_finished()) {
            let at_least = done.load(Ordering::Acquire);
            let sum = handle.sum();
            fence(Ordering::Acquire);
            let at_most = begun.load(Ordering::Relaxed);
            assert!(at_least <= sum && sum <= at_most, "{at_least} <= {sum} <= {at_most}");
        }
    });
    assert_eq!(handle.sum(), SHORT_THREADS / 2 * 2);
}

/// Threads come and go, some of them without a lane, and every total is at least the one before.
#[test]
fn s6_no_total_goes_down() {
    let _alone = alone();
    let (set, floats) = (set_of(SlotLayout::Number, &[]), set_of(SlotLayout::Stripes, &[]));
    let (count, amount) = (handle(&set, ""), handle(&floats, ""));
    let waves = ROUNDS / 200 + 1;
    thread::scope(|scope| {
        let churn = scope.spawn(|| {
            for _ in 0..waves {
                let threads: Vec<_> = (0..CROWD)
                    .map(|_| {
                        scope.spawn(|| {
                            for _ in 0..10 {
                                count.add(1);
                                amount.add_float(0.1);
                                thread::yield_now();
                            }
                        })
                    })
                    .collect();
                threads.into_iter().for_each(|thread| thread.join().unwrap());
            }
        });
        let mut before = (0, 0.0);
        while !churn.is_finished() {
            let now = (count.sum(), amount.sum_float());
            assert!(before.0 <= now.0 && before.1 <= now.1, "{now:?} after {before:?}");
            before = now;
        }
    });
    let total = waves * CROWD as u64 * 10;
    assert_eq!(count.sum(), total);
    assert!((amount.sum_float() - total as f64 / 10.0).abs() < 1e-6);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 1 } else { 128 }))]

    /// The set against a map: what was inserted is found, in its place, until it is removed.
    #[test]
    fn a_set_is_a_map(steps in prop::collection::vec((0..60u32, 0..4u32), 1..STEPS)) {
        let _alone = alone();
        let set = set_of(SlotLayout::Number, &[]);
        let mut map: HashMap<String, u64> = HashMap::new();
        for (n, (key, action)) in (1..).zip(steps) {
            let key = "\\".repeat(key as usize % 2) + &"k".repeat(key as usize);
            if action == 0 {
                prop_assert_eq!(set.remove(&[&key]), map.remove(&key).is_some());
            } else {
                handle(&set, &key).add(n);
                *map.entry(key).or_default() += n;
            }
            prop_assert_eq!(set.len(), map.len());
        }
        let mut walked = HashSet::new();
        walk(&set, |found| assert!(walked.insert(found.labels().to_owned())));
        prop_assert_eq!(walked.len(), map.len());
        for (key, value) in &map {
            prop_assert_eq!(handle(&set, key).sum(), *value);
            prop_assert!(walked.contains(&key.replace('\\', r"\\")));
        }
    }
}
