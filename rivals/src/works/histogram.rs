//! Histograms of 11 bounds kept by handle.

use std::sync::Arc;

use quipu::{Histogram, Registry};

use crate::Bench;
use crate::harness::Contender;
use crate::rival::{Observe, QUIPU, Rival, for_each_rival};
use crate::workload::{BOUNDS, LABELS, Random, Values, for_each_series};
use crate::works::Entry;

const PER_ROUND: usize = 100_000;

pub(super) fn one_thread(bench: &mut Bench) {
    run(bench, 1, 3.5);
}

pub(super) fn two_threads(bench: &mut Bench) {
    run(bench, 2, 4.0);
}

fn run(bench: &mut Bench, threads: usize, ratio: f64) {
    fn entry<R: Rival>(values: &Arc<Values>) -> Entry {
        Entry::new::<R>(R::histogram().map(|histogram| observing(R::NAME, histogram, values)))
    }
    let values = Arc::new(Values::new());
    let work = super::on_threads("histogram, observe", threads);
    let table = bench.measure(&work, threads, for_each_rival!(entry(&values)));
    let targets = &mut bench.targets;
    targets.at_most(work.as_str(), table.quipu(), 3.5, "ns");
    targets.times_better(work, table.best_ratio(&[]), ratio);
}

fn observing(name: &'static str, histogram: impl Observe, values: &Arc<Values>) -> Contender {
    let values = values.clone();
    let histogram = Arc::new(histogram);
    let settled = histogram.clone();
    Contender::repeating(name, PER_ROUND, move |position| {
        histogram.observe(values.at(position));
    })
    .settling(move || settled.settle())
}

/// The same over 1,000 histograms in random order: their cells do not stay in the first cache.
pub(super) fn many(bench: &mut Bench) {
    const HISTOGRAMS: usize = 1_000;
    let family = Registry::new()
        .histogram("http_request_duration_seconds", "Requests.")
        .labels(LABELS)
        .bounds(BOUNDS)
        .register()
        .expect("the first");
    let mut histograms: Vec<Histogram> = Vec::new();
    for_each_series(HISTOGRAMS, |_, key| histograms.push(family.handle(key)));
    let mut random = Random::new();
    let order: Box<[u16; 1 << 14]> = Box::new(std::array::from_fn(|_| random.below(HISTOGRAMS) as u16));
    let values = Values::new();
    let contender = Contender::repeating(QUIPU, PER_ROUND, move |position| {
        let histogram = &histograms[order[position % order.len()] as usize];
        histogram.observe(values.at(position));
    });

    let work = "histogram, observe, 1,000 in random order";
    let table = bench.measure(work, 1, [Entry::Present(contender)]);
    bench.targets.at_most(work, table.quipu(), 4.0, "ns");
}
