//! Models: loom runs each of them in the orders that its threads can take, in CI those with up to three preemptions (two in
//! `exchange`), and with every value that a load may return.
//!
//! A model puts a few threads around the store itself: its maps, series, handles and statics, which loom makes anew for each run.
//! What must not be used any more says so to loom when it is freed; loom reports a use that is not ordered before that.
//!
//! Threads that write are spawned before those that read, and the main thread only waits: loom looks for other orders where
//! an access conflicts with the *last* one to the same atomic, and so forgets a read when a writer reads its own cell.

mod exchange;
mod expiry;
mod limits;
mod map;
mod removal;
mod summary;

use crate::model::Buckets;
use crate::store::cells::block::CELLS_PER_ROW;
use crate::store::cells::lane::{LANES, ROWS};
use crate::store::cells::slots::{SLOTS, SlotLayout};
use crate::store::reclaim::pin::PINS;
use crate::store::reclaim::retained::retained_series;
use crate::store::series::handle::Handle;
use crate::store::series::series::{FamilyLayout, Series};
use crate::store::thread::{claim_lane, end, next_stripe};
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;

/// Makes the statics of the process, before there are threads: loom orders whoever makes one before all who use it.
fn make_statics() {
    next_stripe(0);
    PINS.next_period();
    SLOTS.prepare();
    assert_eq!((LANES.rows().len(), retained_series()), (0, 0));
}

/// Leaves so many lanes for the threads.
fn leave_lanes(lanes: usize) {
    (lanes..ROWS - 1).for_each(|_| assert!(LANES.claim(ROWS).is_some()));
}

fn family(slots: SlotLayout, label_names: &[&str], buckets: Option<Buckets>) -> Arc<FamilyLayout> {
    let label_names = label_names.iter().map(|name| (*name).into()).collect();
    FamilyLayout::new(slots, label_names, buckets, None).into()
}

/// A series that is not hot, and the first use of the statics.
fn series(slots: SlotLayout) -> Series {
    make_statics();
    Series::detached(family(slots, &[], None))
}

/// Runs `f` on a thread of its own.
fn run<T: Clone + 'static>(with: &T, f: impl FnOnce(&T) + 'static) -> thread::JoinHandle<()> {
    let with = with.clone();
    thread::spawn(move || {
        f(&with);
        drop(with);
        end();
    })
}

/// As `loom::model`, with fewer preemptions: three take too long where each thread reads and writes many cells.
fn heavy_model(f: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.map(|most| most.min(2));
    model.check(f);
}

fn join(thread: thread::JoinHandle<()>) {
    thread.join().expect("the thread did not panic")
}

#[test]
fn loom_s1_a_row_has_one_owner() {
    loom::model(|| {
        make_statics();
        let rows: Arc<[UnsafeCell<()>; ROWS]> = Arc::new(core::array::from_fn(|_| UnsafeCell::new(())));
        // Touches what only one thread may touch at a time, and each only after the one before.
        let touch = |rows: &Arc<[UnsafeCell<()>; ROWS]>| match claim_lane() {
            0 => {}
            lane => rows[lane / CELLS_PER_ROW].with_mut(|_| ()),
        };
        [(); ROWS].map(|()| run(&rows, touch)).into_iter().for_each(join);
        assert_eq!([(); ROWS].map(|()| LANES.claim(ROWS)), [Some(1), Some(2), None]);
    });
}

#[test]
fn loom_s3_the_next_owner_goes_on_from_the_values() {
    loom::model(|| {
        let series = series(SlotLayout::Number);
        series.move_to_lanes();
        let handle = Arc::new(Handle::new(series));
        // One free lane, so that it passes between the threads, or one of them finds none.
        leave_lanes(1);
        let [first, second] = [1, 10].map(|n| run(&handle, move |handle| handle.add(n)));
        join(second);
        assert!(matches!(handle.sum(), 10 | 11));
        join(first);
        join(run(&handle, |handle| handle.add(100)));
        assert_eq!(handle.sum(), 111);
    });
}

#[test]
fn loom_s3_threads_without_a_lane_share_a_slot() {
    loom::model(|| {
        let number = series(SlotLayout::Number);
        number.move_to_lanes();
        let float = Series::detached(family(SlotLayout::Stripes, &[], None));
        let handles = Arc::new([number, float].map(Handle::new));
        leave_lanes(0);
        let [first, second] = [1, 10].map(|n| {
            run(&handles, move |handles| {
                handles[0].add(n);
                handles[1].add_float(n as f64);
            })
        });
        // Whoever knows of one thread's end sees what that one recorded.
        join(second);
        assert!(matches!(handles[0].sum(), 10 | 11));
        join(first);
        assert_eq!((handles[0].sum(), handles[1].sum_float()), (11, 11.0));
    });
}

#[test]
fn loom_s4_a_slot_is_reused_at_zero_and_out_of_reach() {
    loom::model(|| {
        let old = series(SlotLayout::Number);
        old.move_to_lanes();
        let cell = old.lanes();
        let handle = Handle::new(old);
        let old_handle = run(&handle, |handle| handle.add(1));
        let next = run(&(), move |()| {
            handle.add(2);
            drop(handle);
            let next = Series::detached(family(SlotLayout::Number, &[], None));
            next.move_to_lanes();
            let is_reused = next.lanes() == cell;
            let next = Handle::new(next);
            assert_eq!(next.sum(), 0, "reused: {is_reused}");
            next.add(4);
            assert_eq!(next.sum(), 4);
        });
        [old_handle, next].into_iter().for_each(join);
    });
}
