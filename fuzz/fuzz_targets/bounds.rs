//! A histogram puts every observation where a linear search would.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quipu::Registry;

fuzz_target!(|input: (Vec<f64>, bool, Vec<f64>)| {
    let (mut bounds, sort, mut values) = input;
    if sort {
        bounds.sort_by(f64::total_cmp);
        bounds.dedup_by(|a, b| a == b);
    }
    let ascending = bounds.windows(2).all(|pair| pair[0] < pair[1]);
    let good = ascending && bounds.iter().all(|bound| bound.is_finite()) && (1..=255).contains(&bounds.len());
    let registry = Registry::new();
    let registered = registry.histogram("h", "H.").bounds(bounds.clone()).register();
    assert_eq!(registered.is_ok(), good, "{bounds:?}");
    let Ok(histogram) = registered else { return };

    // The values that a table gets wrong most easily.
    values.extend(bounds.iter().flat_map(|bound| [bound.next_down(), *bound, bound.next_up(), -bound]));
    let mut expected = vec![0; bounds.len() + 1];
    for value in values.into_iter().filter(|value| !value.is_nan()) {
        let bucket = bounds.iter().position(|bound| value <= *bound);
        expected[bucket.unwrap_or(bounds.len())] += 1;
        histogram.observe(value);
        assert_eq!(histogram.snapshot().bucket_counts(), expected, "after {value:e} in {bounds:?}");
    }
    histogram.observe(f64::NAN);
    assert_eq!(histogram.snapshot().bucket_counts(), expected);
});
