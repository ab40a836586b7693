use super::*;
use proptest::prelude::*;

fn config(relative_error: f64, range: [f64; 2]) -> SummaryConfig {
    SummaryConfig { relative_error, range, ..SummaryConfig::DEFAULT }
}

fn sketch(config: &SummaryConfig) -> Arc<Sketch> {
    config.check().unwrap();
    Sketch::new(config).into()
}

/// What a summary of these values says.
fn snapshot(sketch: &Arc<Sketch>, values: &[f64]) -> SummarySnapshot {
    let mut counts = vec![0; sketch.buckets()];
    values.iter().for_each(|value| counts[sketch.bucket(*value)] += 1);
    let quantiles = Quantiles::Window { sketch: sketch.clone(), counts };
    SummarySnapshot { quantiles, count: values.len() as u64, sum: values.iter().sum() }
}

const QUANTILES: [f64; 12] = [0.0, 1e-9, 0.01, 0.07, 0.1, 0.5, 0.75, 0.9, 0.99, 0.999, 0.999_999, 1.0];

/// Holds the quantiles beside those of the sorted values.
#[track_caller]
fn check(config: &SummaryConfig, values: &[f64]) {
    let snapshot = snapshot(&sketch(config), values);
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    for q in QUANTILES {
        // The first value such that as many as the part `q` are not above it.
        let is_reached = |n: &usize| (*n + 1) as f64 >= q * sorted.len() as f64 * (1.0 - 4.0 * f64::EPSILON);
        let exact = sorted[(0..sorted.len()).find(is_reached).unwrap()];
        let found = snapshot.quantile(q);
        assert!((found - exact).abs() <= config.relative_error * exact * (1.0 + 1e-9), "{q}: {found}, not {exact}");
    }
}

/// Numbers that look random, from 0 to 1.
fn random() -> impl FnMut() -> f64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[test]
fn quantiles_of_hostile_distributions_are_within_the_error() {
    const COUNT: usize = if cfg!(miri) { 100 } else { 20_000 };
    let default = SummaryConfig::DEFAULT;
    let fine = config(0.005, [1e-3, 1e4]);
    for config in [&default, &fine] {
        let mut random = random();
        let mut values = |draw: &mut dyn FnMut(&mut dyn FnMut() -> f64) -> f64| -> Vec<f64> {
            (0..COUNT).map(|_| draw(&mut random)).collect()
        };
        let uniform = values(&mut |random| 0.01 + 100.0 * random());
        let log_normal = values(&mut |random| {
            let normal = (-2.0 * (1.0 - random()).ln()).sqrt() * (core::f64::consts::TAU * random()).cos();
            (normal * 1.5).exp().clamp(1e-3, 1e4)
        });
        let zipf = values(&mut |random| (1.0 / (1.0 - random())).min(1e4).floor());
        let clusters = values(&mut |random| if random() < 0.93 { 0.002 } else { 900.0 + random() });
        let mut sorted = uniform.clone();
        sorted.sort_by(f64::total_cmp);
        let mut falling = sorted.clone();
        falling.reverse();
        let constant = vec![0.25; COUNT];
        // On both sides of the ends of buckets.
        let sketch = sketch(config);
        let borders = (2..sketch.buckets() - 1).flat_map(|bucket| {
            let start = sketch.start(bucket as f64);
            [start.next_down(), start, start.next_up()]
        });
        let borders: Vec<f64> = borders.collect();
        let zeros: Vec<f64> = (0..100).map(|n| if n < 60 { 0.0 } else { f64::from(n) }).collect();
        for values in [uniform, log_normal, zipf, clusters, sorted, falling, constant, borders, zeros, vec![1e4]] {
            check(config, &values);
        }
    }
}

#[test]
fn the_default_has_some_600_buckets() {
    let sketch = sketch(&SummaryConfig::DEFAULT);
    assert_eq!(sketch.buckets(), 641);
    assert_eq!((sketch.bucket(1e-6), sketch.bucket(1e5)), (1, 640));
}

#[test]
fn what_is_outside_of_the_range_is_in_its_ends() {
    let sketch = sketch(&config(0.1, [0.5, 8.0]));
    let last = sketch.buckets() - 1;
    for low in [f64::MIN_POSITIVE, 5e-324, 0.1, 0.5] {
        assert_eq!(sketch.bucket(low), 1, "{low}");
    }
    for high in [8.0, 9.0, 1e100, VALUE_LIMIT] {
        assert_eq!(sketch.bucket(high), last, "{high}");
    }
    assert_eq!((sketch.bucket(0.0), sketch.bucket(-0.0), sketch.value(0)), (0, 0, 0.0));
    assert!((sketch.value(1) - 0.5).abs() <= 0.1 * 0.5 && (sketch.value(last) - 8.0).abs() <= 0.1 * 8.0);
}

#[test]
fn without_observations_and_outside_of_0_and_1() {
    let sketch = sketch(&SummaryConfig::DEFAULT);
    assert!(QUANTILES.iter().all(|q| snapshot(&sketch, &[]).quantile(*q).is_nan()));
    let one = snapshot(&sketch, &[1.0]);
    assert_eq!((one.quantile(-0.1), one.quantile(1.1)), (f64::NEG_INFINITY, f64::INFINITY));
    assert!(one.quantile(f64::NAN).is_nan());
}

#[test]
fn ranks_are_whole() {
    assert_eq!([0.0, 0.07, 0.071, 0.5, 1.0].map(|q| rank(q, 100)), [1, 7, 8, 50, 100]);
    assert_eq!((rank(1.0, u64::MAX), rank(0.5, 1)), (u64::MAX, 1));
}

#[test]
fn bad_settings_are_named() {
    let refused = |config: SummaryConfig| config.check().unwrap_err();
    let quantiles = |quantiles: &[f64]| {
        let quantiles = quantiles.to_vec().into();
        refused(SummaryConfig { quantiles, ..SummaryConfig::DEFAULT })
    };
    assert_eq!(quantiles(&[0.5, 1.5]), SummaryError::Quantile { quantile: 1.5 });
    assert!(matches!(quantiles(&[f64::NAN]), SummaryError::Quantile { .. }));
    assert_eq!(quantiles(&[0.5, 0.5]), SummaryError::NotAscending { quantile: 0.5 });
    assert_eq!(quantiles(&[0.5; 33]), SummaryError::TooManyQuantiles { quantiles: 33 });
    for (window, steps) in [(Duration::from_secs(1), 0), (Duration::from_secs(1), 61), (Duration::from_millis(4), 5)] {
        let error = refused(SummaryConfig { window, steps, ..SummaryConfig::DEFAULT });
        assert_eq!(error, SummaryError::Window { window, steps });
    }
    for error in [0.0, 0.000_9, 0.6, -0.1, f64::INFINITY] {
        assert_eq!(refused(config(error, [1.0, 2.0])), SummaryError::RelativeError { error });
    }
    for [from, to] in [[0.0, 1.0], [-1.0, 1.0], [2.0, 2.0], [2.0, 1.0], [1.0, f64::INFINITY], [5e-324, 1.0]] {
        assert_eq!(refused(config(0.1, [from, to])), SummaryError::Range { from, to });
    }
    assert!(matches!(refused(config(0.1, [f64::NAN, 1.0])), SummaryError::Range { .. }));
    let many = refused(config(0.001, [1e-6, 1e5]));
    assert!(matches!(many, SummaryError::TooManyBuckets { .. }), "{many}");
    assert_eq!(config(0.001, [1e-3, 1e3]).check(), Ok(()));
    let always = SummaryConfig { window: Duration::MAX, ..SummaryConfig::DEFAULT };
    assert_eq!((always.check(), always.step_nanoseconds()), (Ok(()), u64::MAX));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 }))]

    #[test]
    fn any_values_have_quantiles_within_the_error(
        relative_error in 0.003..0.5_f64,
        exponents in prop::collection::vec(-8.0..8.0_f64, 1..300),
        has_zero in any::<bool>(),
    ) {
        let mut values: Vec<f64> = exponents.into_iter().map(|exponent| 10_f64.powf(exponent)).collect();
        values.extend(has_zero.then_some(0.0));
        check(&config(relative_error, [1e-8, 1e8]), &values);
    }

    #[test]
    fn a_larger_value_is_in_no_lower_bucket(bits in 0..VALUE_LIMIT.to_bits(), more in 1..1_u64 << 50) {
        let sketch = Sketch::new(&SummaryConfig::DEFAULT);
        let [value, larger] = [bits, bits + more].map(f64::from_bits);
        prop_assert!(sketch.bucket(value) <= sketch.bucket(larger));
    }
}
