//! Summaries on real threads: the window slides under those who record and those who read.

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::model::SummaryConfig;
use crate::store::series::summary::{SummaryHandle, SummaryLayout};
use std::time::Duration;

const STEPS: u32 = 3;
const STEP: Duration = Duration::from_millis(1);

/// A series with a slot in the lanes. The window has three steps of a millisecond.
fn summary(clock: &ManualClock) -> Series {
    let config = SummaryConfig {
        window: STEPS * STEP,
        steps: STEPS as usize,
        relative_error: 0.5,
        range: [1.0, 1e3],
        ..SummaryConfig::DEFAULT
    };
    let summary = SummaryLayout::new(&config);
    let mut family = FamilyLayout::new(SlotLayout::Pairs(summary.pairs()), Box::default(), None, None);
    family.summary = Some(Box::new(summary));
    family.clock = Clock::Manual(clock.clone());
    let series = Series::detached(Arc::new(family));
    while series.lanes().is_none() {
        SLOTS.prepare();
        series.move_to_lanes();
    }
    series
}

/// With and without a lane: in the lanes and in the shared slot. The time goes on while they record.
#[test]
fn s6_no_total_goes_down_while_a_window_slides() {
    let _alone = alone();
    let clock = ManualClock::new();
    let summary = SummaryHandle::new(summary(&clock));
    let crowd = CROWD.min(ROWS + 5);
    let is_done = AtomicBool::new(false);
    let observed: u64 = thread::scope(|scope| {
        let done = Done(&is_done);
        let write = || {
            let mut observed = 0;
            while !is_done.load(Ordering::Relaxed) || observed == 0 {
                (0..20).for_each(|_| summary.observe(2.0));
                clock.advance(STEP / 16);
                observed += 20;
            }
            observed
        };
        let threads: Vec<_> = (0..crowd).map(|_| scope.spawn(write)).collect();
        let (mut count, mut sum) = (0, 0.0);
        // In a crowd most steps begin with another one's observation, and each time a copy is made.
        for round in 0..ROUNDS.min(100) {
            let snapshot = summary.snapshot();
            // Each pair is read whole (S8), no total goes down (S6), and of no bucket was more copied than it has now.
            assert_eq!(snapshot.sum(), 2.0 * snapshot.count() as f64);
            assert!(snapshot.count() >= count && snapshot.sum() >= sum);
            assert!(snapshot.window_count() <= snapshot.count(), "{snapshot:?}");
            (count, sum) = (snapshot.count(), snapshot.sum());
            // Seldom: among so many threads it takes most of a second until the next turn.
            if round % 20 == 0 {
                thread::yield_now();
            }
        }
        drop(done);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let snapshot = summary.snapshot();
    assert_eq!((snapshot.count(), snapshot.sum()), (observed, 2.0 * observed as f64));
    clock.advance(STEPS * STEP);
    let snapshot = summary.snapshot();
    assert_eq!((snapshot.count(), snapshot.window_count()), (observed, 0));
}

/// Several come first in a step at a time, and the copies lie in a ring.
#[test]
fn a_step_is_copied_once() {
    let _alone = alone();
    let clock = ManualClock::new();
    let summary = SummaryHandle::new(summary(&clock));
    let (threads, rounds) = (4, ROUNDS.min(200));
    let barrier = Barrier::new(threads);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (summary, clock, barrier) = (&summary, &clock, &barrier);
            scope.spawn(move || {
                for _ in 0..rounds {
                    if barrier.wait().is_leader() {
                        clock.advance(STEP);
                    }
                    barrier.wait();
                    // Half of them read first.
                    let before = (thread % 2 == 0).then(|| summary.snapshot().window_count());
                    assert!(before <= Some(STEPS as u64 * threads as u64), "{before:?}");
                    summary.observe(2.0);
                }
            });
        }
    });
    let snapshot = summary.snapshot();
    assert_eq!(snapshot.count(), rounds * threads as u64);
    // What came while the first step's copy was made may count to the step before.
    let least = (STEPS as u64 - 1) * threads as u64;
    assert!((least..=least + threads as u64).contains(&snapshot.window_count()), "{snapshot:?}");
}
