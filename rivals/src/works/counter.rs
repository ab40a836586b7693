//! Counters kept by handle.

use crate::Bench;
use crate::harness::Contender;
use crate::rival::{Rival, for_each_rival};
use crate::works::Entry;

const PER_ROUND: usize = 400_000;

pub(super) fn one_thread(bench: &mut Bench) {
    fn entry<R: Rival>() -> Entry {
        Entry::new::<R>(R::counter().map(|increment| Contender::repeating(R::NAME, PER_ROUND, move |_| increment())))
    }
    run(bench, 1, for_each_rival!(entry()));
}

pub(super) fn two_threads(bench: &mut Bench) {
    fn entry<R: Rival>() -> Entry {
        Entry::new::<R>(
            R::contended_counter().map(|increment| Contender::repeating(R::NAME, PER_ROUND, move |_| increment())),
        )
    }
    run(bench, 2, for_each_rival!(entry()));
}

fn run(bench: &mut Bench, threads: usize, entries: impl IntoIterator<Item = Entry>) {
    let work = super::on_threads("counter, increment", threads);
    let table = bench.measure(&work, threads, entries);
    bench.targets.at_most(work.as_str(), table.quipu(), 0.6, "ns");
    super::against_counters(&mut bench.targets, &work, &table, 7.0);
}
