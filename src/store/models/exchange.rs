//! S6, S8, S9: sums of real series, while threads record through handles and the series moves to the lanes.

use super::*;
use crate::store::series::fold::{BATCH, fold_integers};
use crate::store::series::handle::HistogramHandle;

/// The series and one handle for all threads: to count handles would order the threads.
fn shared(series: Series) -> Arc<(Series, Handle)> {
    let handle = Handle::new(series.clone());
    Arc::new((series, handle))
}

/// What a scrape reads.
fn folded(series: &Series) -> u64 {
    let mut sums = [0; BATCH];
    fold_integers(&[series.by_ref()], &mut sums);
    sums[0]
}

/// Sums twice while others record and, perhaps, the series moves to the lanes.
fn no_sum_goes_down(is_moved: bool) {
    let series = series(SlotLayout::Number);
    if !is_moved {
        series.move_to_lanes();
    }
    // One lane, which passes from thread to thread; and the shared slot for the one that comes while it is taken.
    leave_lanes(1);
    let series = shared(series);
    let writers = [1, 10].map(|n| {
        run(&series, move |both| {
            let (series, handle) = &**both;
            handle.add(n);
            if is_moved {
                series.move_to_lanes();
            }
        })
    });
    let scraper = run(&series, |both| {
        let before = both.1.sum();
        let now = folded(&both.0);
        assert!(before <= now && now <= 11, "{now} after {before}");
    });
    writers.into_iter().for_each(join);
    join(scraper);
    assert_eq!((folded(&series.0), series.1.sum()), (11, 11));
}

#[test]
fn loom_s6_a_later_fold_is_not_smaller() {
    heavy_model(|| no_sum_goes_down(false));
}

#[test]
fn loom_s9_nothing_is_lost_when_a_series_moves_to_the_lanes() {
    heavy_model(|| no_sum_goes_down(true));
}

/// One thread records before and after the series moves to the lanes; the later fold may be another thread's.
#[test]
fn loom_s9_scrapers_agree_while_a_series_moves_to_the_lanes() {
    heavy_model(|| {
        let series = shared(series(SlotLayout::Number));
        let before = Arc::new(AtomicU64::new(0));
        let writer = run(&series, |both| {
            let (series, handle) = &**both;
            handle.add(1);
            series.move_to_lanes();
            handle.add(10);
        });
        let first = {
            let before = before.clone();
            run(&series, move |both| before.store(folded(&both.0), Ordering::Release))
        };
        let second = run(&series, move |both| {
            let before = before.load(Ordering::Acquire);
            let now = both.1.sum();
            assert!(before <= now && now <= 11, "{now} after {before}");
        });
        [writer, first, second].into_iter().for_each(join);
        assert_eq!(folded(&series.0), 11);
    });
}

/// The series of a histogram that is not hot.
fn histogram() -> Series {
    make_statics();
    let buckets = Buckets::new(&[]).expect("good bounds");
    Series::detached(family(SlotLayout::Pairs(buckets.count()), &[], Some(buckets)))
}

/// Count and sum agree in every snapshot, also while the series moves to the lanes.
#[test]
fn loom_s8_count_and_sum_agree() {
    heavy_model(|| {
        let series = histogram();
        let handle = HistogramHandle::new(series.clone());
        let histogram = Arc::new((series, handle));
        // One lane, and the shared slot for the thread that comes while it is taken.
        leave_lanes(1);
        let threads = [1, 1].map(|times| {
            run(&histogram, move |both| {
                let (series, handle) = &**both;
                (0..times).for_each(|_| handle.observe(3.0));
                series.move_to_lanes();
            })
        });
        let count = |handle: &HistogramHandle| {
            let snapshot = handle.snapshot();
            let count: u64 = snapshot.buckets.iter().sum();
            assert_eq!(snapshot.sum, 3.0 * count as f64);
            count
        };
        let reader = run(&histogram, move |both| assert!(count(&both.1) <= 2));
        threads.into_iter().for_each(join);
        join(reader);
        assert_eq!(count(&histogram.1), 2);
    });
}
