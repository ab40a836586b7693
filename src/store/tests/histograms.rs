//! S8 on real hardware, which loom knows nothing of.

use super::*;
use crate::sync::pair::Pair;
use std::time::{Duration, Instant};

/// Two owners of lanes write a pair each, and two threads write one that they share. All are read whole: two million times,
/// and until they were seen to change a hundred thousand times, if the machine has the time for it.
#[test]
fn s8_no_pair_is_ever_torn() {
    let _alone = alone();
    let (reads, changes) = if cfg!(miri) { (100, 0) } else { (2_000_000, 100_000) };
    let set = set_of(SlotLayout::Pairs(1), &[]);
    let series = hot(&set, "");
    let slot = series.lanes().unwrap();
    // Row 0 stands for the shared slot.
    let rows: Vec<usize> = [(); 2].into_iter().filter_map(|()| LANES.claim(ROWS)).chain([0]).collect();
    let is_done = AtomicBool::new(false);
    let write = |row| {
        while !is_done.load(Ordering::Relaxed) {
            match row * CELLS_PER_ROW {
                // SAFETY: the slot is a pair.
                0 => unsafe { series.shared().observe(0, 3.0) },
                // SAFETY: as above; the row was claimed for this thread.
                lane => unsafe { slot.observe_in(lane, 3.0) },
            }
        }
    };
    thread::scope(|scope| {
        let _done = Done(&is_done);
        rows.iter().chain([&0]).for_each(|row| drop(scope.spawn(|| write(*row))));
        let deadline = Instant::now() + Duration::from_secs(3);
        let (mut read, mut changed, mut before) = (0, 0, [0; ROWS]);
        while read < reads || changed < changes && Instant::now() < deadline {
            for &row in rows.iter().cycle().take(100) {
                let mut pairs = [Pair::default()];
                if row == 0 {
                    // SAFETY: the slot is a pair.
                    unsafe { series.shared().copy_pairs(&mut pairs) };
                } else {
                    // SAFETY: the slot is a pair.
                    pairs[0] = unsafe { slot.get_pair(row) };
                }
                let [pair] = pairs;
                assert_eq!(pair.sum, 3.0 * pair.count as f64);
                changed += usize::from(pair.count != before[row]);
                before[row] = pair.count;
            }
            read += 100;
        }
    });
    rows.into_iter().filter(|row| *row != 0).for_each(|row| LANES.release(row));
}

#[test]
#[should_panic(expected = "a pair for each bucket")]
fn s8_each_bucket_has_a_pair() {
    set_of(SlotLayout::Pairs(2), &[1.0, 2.0]);
}

/// Each bucket has one value, so that the counts tell the sum.
#[test]
fn s8_the_counts_tell_the_sum() {
    const VALUES: [f64; 4] = [1.0, 8.0, 64.0, 512.0];
    let _alone = alone();
    let set = set_of(SlotLayout::Pairs(4), &VALUES[..3]);
    // Hot after some of the observations.
    let histogram = HistogramHandle::new(series(&set, ""));
    let is_done = AtomicBool::new(false);
    let check = |snapshot: &HistogramSnapshot| {
        let told: f64 = snapshot.bucket_counts().iter().zip(VALUES).map(|(count, value)| *count as f64 * value).sum();
        assert_eq!(snapshot.sum(), told, "{snapshot:?}");
    };
    // All but a few of them without a lane.
    let crowd = CROWD.min(ROWS + 5);
    let observed: u64 = thread::scope(|scope| {
        let done = Done(&is_done);
        let write = || {
            let mut observed = 0;
            while !is_done.load(Ordering::Relaxed) || observed == 0 {
                VALUES.iter().for_each(|value| histogram.observe(*value));
                observed += 4;
            }
            observed
        };
        let threads: Vec<_> = (0..crowd).map(|_| scope.spawn(write)).collect();
        let mut snapshot = HistogramSnapshot::default();
        // Among so many threads, it may take most of a second until the next turn.
        let deadline = Instant::now() + Duration::from_secs(3);
        for round in 0..ROUNDS {
            series(&set, "").fold_histogram(&mut snapshot);
            check(&snapshot);
            if round >= 20 && Instant::now() > deadline {
                break;
            }
        }
        drop(done);
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(histogram.snapshot().count(), observed);
    check(&histogram.snapshot());
}
