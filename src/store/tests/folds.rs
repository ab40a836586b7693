//! Folds of many series at once.

use super::super::{BATCH, Histograms, SeriesRef, fold_floats, fold_integers};
use super::*;
use std::sync::LazyLock;

/// The two ways to fold agree: one series at a time, and runs of many, some of whose rows are empty. What is removed and
/// made anew cuts the runs at every place.
#[test]
fn s5_both_folds_agree() {
    let _alone = alone();
    let (integers, floats) = (set_of(SlotLayout::Number, &[]), set_of(SlotLayout::Stripes, &[]));
    let histograms = set_of(SlotLayout::Pairs(3), &[1.0, 2.0]);
    // Miri has less time.
    let names: Vec<String> = (0..if cfg!(miri) { 9 } else { BATCH }).map(|n| n.to_string()).collect();
    for step in [1, 2, 5] {
        for name in names.iter().step_by(step) {
            for set in [&integers, &floats, &histograms] {
                // So that slots come and go, and their order is not that of the series.
                hot(set, name);
                set.remove(&[name]);
                collect(set);
            }
        }
        // Some of them are hot, side by side and not.
        for (n, name) in names.iter().enumerate().filter(|(n, _)| n % 16 > 1 && n / 16 != 1) {
            [&integers, &floats, &histograms].into_iter().for_each(|set| drop(hot(set, name)));
            if n % 20 == 0 {
                hot(&integers, "between");
                integers.remove(&["between"]);
            }
        }
        // Each thread writes some of the series.
        thread::scope(|scope| {
            for thread in 1..4 {
                let mine = names.iter().enumerate().rev().filter(move |(n, _)| (n / 7) % thread == 0);
                scope.spawn(|| {
                    for (n, name) in mine {
                        handle(&integers, name).add(n as u64);
                        handle(&floats, name).add_float(n as f64 / 10.0);
                        HistogramHandle::new(series(&histograms, name)).observe((n % 4) as f64 / 1.1);
                    }
                });
            }
        });
        both_folds_agree(&integers, &floats, &histograms, &names);
    }
}

fn both_folds_agree(integers: &SeriesMap, floats: &SeriesMap, histograms: &SeriesMap, names: &[String]) {
    let pin = pin();
    let found = |set| names.iter().map(|name| SeriesMap::get(set, &[name], &pin).unwrap()).collect::<Vec<_>>();
    for len in [0, 1, 7, 8, 9, 33, BATCH].into_iter().filter(|len| *len <= names.len()) {
        let (mut sums, mut float_sums) = ([u64::MAX; BATCH], [f64::NAN; BATCH]);
        fold_integers(&found(integers)[..len], &mut sums);
        fold_floats(&found(floats)[..len], &mut float_sums);
        for (n, name) in names[..len].iter().enumerate() {
            assert_eq!(sums[n], handle(integers, name).sum());
            assert_eq!(float_sums[n], handle(floats, name).sum_float());
        }
        let snapshots = snapshots(&found(histograms)[..len]);
        for (n, (name, snapshot)) in names[..len].iter().zip(snapshots).enumerate() {
            assert_eq!(snapshot, HistogramHandle::new(series(histograms, name)).snapshot());
            assert_eq!((snapshot.count() > 0, snapshot.sum() > 0.0), (true, n % 4 > 0));
        }
    }
}

/// Rows of which all cells, few, or none were written; they are added to what the sums were before.
#[test]
fn s5_a_run_is_the_sum_of_its_cells() {
    const ROWS_HERE: usize = 7;
    // Kept, as blocks are for good.
    static FIRST: LazyLock<Cell> = LazyLock::new(|| Cell::first_of_new_blocks(1).unwrap());
    let first = *FIRST;
    // SAFETY: all stay in the first row.
    let cell = |n| unsafe { first.offset(n) };
    for row in 1..ROWS_HERE {
        let written = (0..2 * BATCH).filter(|n| (n + 1) % (5 * row - 4) == 0);
        written.for_each(|n| cell(n).add_in(row * CELLS_PER_ROW, (n * row) as u64));
    }
    let (starts, most) = if cfg!(miri) { (2, 20) } else { (20, BATCH) };
    for (from, len) in (0..starts).flat_map(|from| (0..=most).map(move |len| (from, len))) {
        let mut sums = [7; BATCH];
        // SAFETY: as above.
        unsafe { cell(from).sum_run(0..ROWS_HERE, &mut sums[..len], u64::wrapping_add) };
        let expected = (from..from + len).map(|n| 7 + (0..ROWS_HERE).map(|row| cell(n).get(row)).sum::<u64>());
        assert_eq!(sums[..len], expected.collect::<Vec<u64>>(), "{len} from {from}");
    }
}

/// Of all of them, a run at a time.
fn snapshots(mut series: &[SeriesRef<'_>]) -> Vec<HistogramSnapshot> {
    let (mut folds, mut snapshots) = (Histograms::default(), Vec::new());
    while !series.is_empty() {
        let folded = folds.fold(series);
        snapshots.extend((0..folded).map(|n| {
            let (buckets, sum) = folds.get(n);
            let bounds = series[0].family().buckets.as_ref().unwrap().bounds().clone();
            HistogramSnapshot { bounds, buckets: buckets.collect(), sum }
        }));
        series = &series[folded..];
    }
    snapshots
}

/// Histograms are folded in groups; of many buckets, one at a time.
#[test]
fn s5_a_group_of_histograms_holds_at_least_one() {
    let _alone = alone();
    let bounds: Vec<f64> = (0..crate::model::MAX_BOUNDS as u32).map(f64::from).collect();
    let set = set_of(SlotLayout::Pairs(bounds.len() + 1), &bounds);
    let names = ["a", "b"];
    names.iter().for_each(|name| HistogramHandle::new(series(&set, name)).observe(1e9));
    let pin = pin();
    let found: Vec<_> = names.iter().map(|name| set.get(&[name], &pin).unwrap()).collect();
    let mut folds = Histograms::default();
    assert_eq!(folds.fold(&found), 1);
    let (buckets, sum) = folds.get(0);
    assert_eq!((buckets.sum(), sum), (1u64, 1e9));
}
