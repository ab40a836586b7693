//! What metrics make of the values that they are given.

use crate::read;
use quipu::model::{HistogramSnapshot, VALUE_LIMIT};
use quipu::{Gauge, Histogram, Registry};
use std::thread;
use std::time::Duration;

fn gauge() -> Gauge {
    Registry::new().gauge("a", "A.").register().unwrap()
}

fn histogram(bounds: &[f64], values: &[f64]) -> Histogram {
    let histogram = Registry::new().histogram("a", "A.").bounds(bounds).register().unwrap();
    values.iter().for_each(|value| histogram.observe(*value));
    histogram
}

#[test]
fn the_highest_and_the_lowest_value_stay() {
    let (highest, lowest) = (gauge(), gauge());
    for value in [3.0, f64::NAN, 5.0, -7.0, 5.0] {
        highest.set_max(value);
        lowest.set_min(value);
    }
    assert_eq!((highest.value(), lowest.value()), (5.0, -7.0));
    highest.set_max(f64::INFINITY);
    lowest.set_min(f64::NEG_INFINITY);
    assert_eq!((highest.value(), lowest.value()), (f64::INFINITY, f64::NEG_INFINITY));
}

#[test]
fn any_number_replaces_nan() {
    for set in [Gauge::set_max, Gauge::set_min] {
        let gauge = gauge();
        gauge.set(f64::NAN);
        set(&gauge, f64::NAN);
        assert!(gauge.value().is_nan());
        set(&gauge, -1.0);
        assert_eq!(gauge.value(), -1.0);
    }
}

#[test]
fn the_highest_value_of_several_threads_stays() {
    let highest = gauge();
    thread::scope(|scope| {
        for thread in 0..4 {
            let highest = &highest;
            scope
                .spawn(move || (0..10_000).for_each(|n| highest.set_max(f64::from(4 * (n * 7_919 % 10_000) + thread))));
        }
    });
    assert_eq!(highest.value(), 39_999.0);
}

#[test]
fn durations_are_seconds() {
    let registry = Registry::new();
    let busy = registry.float_counter("busy_seconds_total", "Busy.").register().unwrap();
    busy.inc();
    busy.inc_by_duration(Duration::from_millis(500));
    assert_eq!(busy.value(), 1.5);
    let gauge = gauge();
    gauge.set_duration(Duration::from_millis(1_250));
    assert_eq!(gauge.value(), 1.25);
}

#[test]
fn a_value_that_comes_many_times_is_as_many_values() {
    let registry = Registry::new();
    let histogram = |name: &'static str| registry.histogram(name, "A.").bounds([-1.0, 0.5, 8.0]).register().unwrap();
    let (many, each) = (histogram("a"), histogram("b"));
    // Long enough for a series to get a slot in the lanes.
    for round in 0..2_000_u64 {
        for (value, n) in [(-2.0, 3), (0.25, round % 5), (8.0, 1), (9.0, 2), (1.0, 0)] {
            many.observe_n(value, n);
            (0..n).for_each(|_| each.observe(value));
        }
    }
    let (many, each) = (many.snapshot(), each.snapshot());
    assert_eq!((many.bucket_counts(), many.sum()), (each.bucket_counts(), each.sum()));
}

#[test]
fn a_value_that_is_refused_is_counted_as_often_as_it_came() {
    let registry = Registry::new();
    let histogram = registry.histogram("a", "A.").register().unwrap();
    for refused in [f64::NAN, f64::INFINITY, VALUE_LIMIT] {
        histogram.observe_n(refused, 5);
    }
    assert_eq!(histogram.snapshot().count(), 0);
    let rejected = read(&registry).value("quipu_rejected_values_total", &[("family", "a")]);
    assert_eq!(rejected, Some(15.0));
    histogram.observe_n(VALUE_LIMIT.next_down(), u64::MAX);
    assert!(histogram.snapshot().sum().is_finite());
}

#[test]
fn values_that_come_many_times_are_not_lost_among_threads() {
    let histogram = histogram(&[1.0], &[]);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                (0..5_000).for_each(|_| {
                    histogram.observe_n(2.0, 3);
                    histogram.observe(0.5);
                })
            });
        }
    });
    let snapshot = histogram.snapshot();
    assert_eq!((snapshot.bucket_counts(), snapshot.sum()), (&[20_000, 60_000][..], 130_000.0));
}

/// `histogram_quantile` as Prometheus computes it, from cumulative counts.
fn naive_quantile(snapshot: &HistogramSnapshot, q: f64) -> f64 {
    let cumulative: Vec<f64> =
        (0..=snapshot.bounds().len()).map(|n| snapshot.bucket_counts()[..=n].iter().sum::<u64>() as f64).collect();
    let [rest @ .., all] = &cumulative[..] else { unreachable!() };
    match q {
        _ if q.is_nan() => return q,
        _ if q < 0.0 => return f64::NEG_INFINITY,
        _ if q > 1.0 => return f64::INFINITY,
        _ if rest.is_empty() || *all == 0.0 => return f64::NAN,
        _ => {}
    }
    let rank = q * all;
    let Some(bucket) = rest.iter().position(|count| *count >= rank) else { return *snapshot.bounds().last().unwrap() };
    let end = snapshot.bounds()[bucket];
    if bucket == 0 {
        return if end <= 0.0 { end } else { end * (rank / rest[0]) };
    }
    let (start, before) = (snapshot.bounds()[bucket - 1], rest[bucket - 1]);
    start + (end - start) * ((rank - before) / (rest[bucket] - before))
}

#[test]
fn quantiles_are_those_of_promql() {
    let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
    let values = [0.5, 1.5, 1.5, 3.0, 3.5, 3.9, 9.0];
    for bounds in [&[1.0, 2.0, 4.0][..], &[-1.0, 0.0, 2.0], &[0.0], &[100.0], &[0.1, 0.2, 0.3]] {
        for values in [&values[..], &[], &[-5.0, -5.0, 0.5], &[1e9], &[0.0]] {
            let snapshot = histogram(bounds, values).snapshot();
            for q in [0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0, -0.1, 1.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let (quantile, expected) = (snapshot.quantile(q), naive_quantile(&snapshot, q));
                assert!(same(quantile, expected), "{quantile} is not {expected}: {q} of {values:?} in {bounds:?}");
            }
        }
    }
    let snapshot = histogram(&[1.0, 2.0, 4.0], &values).snapshot();
    assert_eq!(snapshot.quantile(0.5), 2.0 + 2.0 * (0.5 / 3.0));
    assert_eq!(snapshot.quantile(1.0), 4.0);
}

#[test]
fn a_difference_is_what_came_between() {
    let histogram = histogram(&[1.0, 2.0], &[0.5, 1.5]);
    let earlier = histogram.snapshot();
    assert_eq!(earlier.since(&earlier).unwrap().count(), 0);
    histogram.observe(1.5);
    histogram.observe(7.0);
    let since = histogram.snapshot().since(&earlier).unwrap();
    assert_eq!((since.bounds(), since.bucket_counts(), since.sum()), (&[1.0, 2.0][..], &[0, 1, 1][..], 8.5));
    assert_eq!(earlier.since(&histogram.snapshot()), None);
}

#[test]
fn histograms_of_other_bounds_have_no_difference() {
    let one = histogram(&[1.0, 2.0], &[0.5]).snapshot();
    let other = histogram(&[1.0, 3.0], &[]).snapshot();
    assert_eq!(one.since(&other), None);
}

/// Otherwise two such calls would make the sum infinite for good.
#[test]
fn many_values_of_a_sum_that_is_too_large_are_refused() {
    let registry = quipu::Registry::new();
    let histogram = registry.histogram("h", "H.").bounds([1.0]).register().unwrap();
    (0..2).for_each(|_| histogram.observe_n(2f64.powi(959), 1 << 63));
    let snapshot = histogram.snapshot();
    assert_eq!((snapshot.count(), snapshot.sum()), (0, 0.0));
    histogram.observe_n(2.0, 3);
    assert_eq!((histogram.snapshot().count(), histogram.snapshot().sum()), (3, 6.0));
}
