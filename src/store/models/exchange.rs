//! S6, S8, S9: sums while threads record and series move to the lanes.

use super::*;

/// With at most two preemptions: three threads meet at the lanes, a lock and the slot, and a third one takes many minutes.
fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(run);
}

/// Sums twice while others record and, perhaps, the series moves to the lanes.
fn no_sum_goes_down(writers: [u64; 2], is_moved: bool) {
    let world = World::new();
    let series = Arc::new(if is_moved { world.cold(SlotLayout::Number) } else { world.hot(SlotLayout::Number) });
    // One lane, which passes from thread to thread; and the shared slot for the one that comes while it is taken.
    assert_eq!(world.lanes.claim(ROWS), Some(1));
    let total: u64 = writers.iter().sum();
    let writers = writers.map(|n| {
        spawn_with(&world, &series, move |world, series| {
            world.add(series, n);
            if is_moved {
                world.move_to_lanes(series);
            }
        })
    });
    let scraper = spawn_with(&world, &series, move |world, series| {
        let before = world.sum(series);
        let now = world.sum(series);
        assert!(before <= now && now <= total, "{now} after {before}");
    });
    writers.into_iter().for_each(join);
    join(scraper);
    assert_eq!(world.sum(&series), total);
}

#[test]
fn loom_s6_a_later_fold_is_not_smaller() {
    model(|| no_sum_goes_down([1, 10], false));
}

#[test]
fn loom_s9_nothing_is_lost_when_a_series_moves_to_the_lanes() {
    model(|| no_sum_goes_down([1, 10], true));
}

/// One thread records before and after the series moves to the lanes; the later fold may be another thread's.
#[test]
fn loom_s9_scrapers_agree_while_a_series_moves_to_the_lanes() {
    model(|| {
        let world = World::new();
        let series = Arc::new(world.cold(SlotLayout::Number));
        let before = Arc::new(AtomicU64::new(0));
        let writer = spawn_with(&world, &series, |world, series| {
            world.add(series, 1);
            world.move_to_lanes(series);
            world.add(series, 10);
        });
        let first = {
            let before = before.clone();
            spawn_with(&world, &series, move |world, series| before.store(world.sum(series), Ordering::Release))
        };
        let second = spawn_with(&world, &series, move |world, series| {
            let before = before.load(Ordering::Acquire);
            let now = world.sum(series);
            assert!(before <= now && now <= 11, "{now} after {before}");
        });
        [writer, first, second].into_iter().for_each(join);
        assert_eq!(world.sum(&series), 11);
    });
}

/// Count and sum agree in every snapshot, also while the series moves to the lanes.
#[test]
fn loom_s8_count_and_sum_agree() {
    model(|| {
        let world = World::new();
        let series = Arc::new(world.cold(SlotLayout::Pairs(1)));
        // One lane, and the shared slot for the thread that comes while it is taken.
        assert_eq!(world.lanes.claim(ROWS), Some(1));
        let threads = [1, 2].map(|times| {
            spawn_with(&world, &series, move |world, series| {
                (0..times).for_each(|_| world.observe(series, 3.0));
                world.move_to_lanes(series);
            })
        });
        let reader = spawn_with(&world, &series, |world, series| {
            let Pair { sum, count } = world.snapshot(series);
            assert_eq!(sum, 3.0 * count as f64);
        });
        threads.into_iter().for_each(join);
        join(reader);
        assert_eq!(world.snapshot(&series), Pair { sum: 9.0, count: 3 });
    });
}
