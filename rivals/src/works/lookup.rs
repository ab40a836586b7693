//! Counters looked up by three strings that are known at run time only.

use std::sync::Arc;

use crate::Bench;
use crate::harness::Contender;
use crate::rival::{Rival, for_each_rival};
use crate::workload::Keys;
use crate::works::Entry;

const FEW_PER_ROUND: usize = 40_000;

/// In each round a contender first finds its series where the others have pushed them: out of the caches. There are a hundred
/// lookups of each, so that it is lookups that are measured.
const MANY_PER_ROUND: usize = 1_000_000;

fn entry<R: Rival>(keys: &Arc<Keys>, per_round: usize) -> Entry {
    Entry::new::<R>(R::lookup(keys).map(|increment| {
        let keys = keys.clone();
        Contender::repeating(R::NAME, per_round, move |position| {
            increment(keys.at(position));
        })
    }))
}

pub(super) fn few_one_thread(bench: &mut Bench) {
    few(bench, 1, 2.0);
}

pub(super) fn few_two_threads(bench: &mut Bench) {
    few(bench, 2, 4.0);
}

fn few(bench: &mut Bench, threads: usize, ratio: f64) {
    let keys = Arc::new(Keys::few());
    let work = super::on_threads("lookup among 96 series, increment", threads);
    let table = bench.measure(&work, threads, for_each_rival!(entry(&keys, FEW_PER_ROUND)));
    let targets = &mut bench.targets;
    targets.at_most(work.as_str(), table.quipu(), 10.0, "ns");
    targets.times_better(work, table.best_ratio(&[]), ratio);
}

pub(super) fn many(bench: &mut Bench) {
    let keys = Arc::new(Keys::many());
    let work = "lookup among 10,000 series, increment";
    let table = bench.measure_long(work, for_each_rival!(entry(&keys, MANY_PER_ROUND)));
    bench.targets.at_most(work, table.quipu(), 16.0, "ns");
}
