//! A histogram puts every observation where a linear search would.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quipu::Registry;
use quipu::model::VALUE_LIMIT;

fuzz_target!(|input: (Vec<f64>, bool, Vec<f64>)| {
    let (mut bounds, sort, mut values) = input;
    if sort {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup_by(|a, b| a == b);
    }
    let registry = Registry::new();
    let registered = registry.histogram("h", "H.").bounds(bounds.clone()).register();
    // The bucket of infinity is always there, written or not.
    bounds.pop_if(|last| *last == f64::INFINITY);
    let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
    let good = ascending && bounds.iter().all(|bound| bound.is_finite()) && bounds.len() <= 255;
    assert_eq!(registered.is_ok(), good, "{bounds:?}");
    let Ok(histogram) = registered else { return };

    // The values that a table gets wrong most easily.
    values.extend(bounds.iter().flat_map(|bound| [bound.next_down(), *bound, bound.next_up(), -bound]));
    let mut expected = vec![0; bounds.len() + 1];
    for value in values.into_iter().filter(|value| value.abs() < VALUE_LIMIT) {
        let bucket = bounds.iter().position(|bound| value <= *bound);
        expected[bucket.unwrap_or(bounds.len())] += 1;
        histogram.observe(value);
        assert_eq!(histogram.snapshot().bucket_counts(), expected, "after {value:e} in {bounds:?}");
    }
    histogram.observe(f64::NAN);
    assert_eq!(histogram.snapshot().bucket_counts(), expected);
});
