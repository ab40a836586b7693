//! Recording through handles, as operations that are given their position.

use super::random::Cycle;
use quipu::{Histogram, Registry};

pub(crate) fn counter() -> impl Fn(usize) + Sync {
    let counter = Registry::new().counter("jobs_total", "Jobs.").register().expect("the first");
    move |_| counter.inc()
}

pub(crate) fn float_counter() -> impl Fn(usize) + Sync {
    let counter = Registry::new().float_counter("cost_dollars_total", "Cost.").register().expect("the first");
    move |_| counter.inc_by(0.25)
}

/// Up and down.
pub(crate) fn in_flight_gauge() -> impl Fn(usize) + Sync {
    let gauge = Registry::new().in_flight_gauge("jobs_active", "Jobs.").register().expect("the first");
    move |_| {
        gauge.inc();
        gauge.dec();
    }
}

/// With the usual bounds.
pub(crate) fn histogram() -> impl Fn(usize) + Sync {
    let histogram = Registry::new().histogram("job_duration_seconds", "Time.").register().expect("the first");
    let values = values();
    move |position| histogram.observe(values.at(position))
}

/// One of 1,000 histograms at random each time.
pub(crate) fn histograms() -> impl Fn(usize) {
    let family = Registry::new().histogram("job_duration_seconds", "Time.").labels(["job"]).register();
    let family = family.expect("the first");
    let histograms: Vec<Histogram> = (0..1_000).map(|n| family.handle([&n.to_string()])).collect();
    let order = Cycle::new(|random| random.below(histograms.len()) as u16);
    let values = values();
    move |position| histograms[usize::from(order.at(position))].observe(values.at(position))
}

/// From 2.5 ms to 20 s, evenly by magnitude, so that they fall into all buckets.
pub(crate) fn values() -> Cycle<f64> {
    Cycle::new(|random| 0.0025 * 8000_f64.powf(random.below(1 << 32) as f64 / 2_f64.powi(32)))
}
