//! Float counters and in-flight gauges kept by handle.

use crate::Bench;
use crate::harness::Contender;
use crate::rival::{Rival, for_each_rival};
use crate::works::Entry;

const PER_ROUND: usize = 200_000;

pub(super) fn float_counter(bench: &mut Bench) {
    fn entry<R: Rival>() -> Entry {
        Entry::new::<R>(R::float_counter().map(|add| Contender::repeating(R::NAME, PER_ROUND, move |_| add(0.25))))
    }
    let work = "float counter, add";
    let table = bench.measure(work, 1, for_each_rival!(entry()));
    bench.targets.at_most(work, table.quipu(), 1.0, "ns");
    super::against_counters(&mut bench.targets, work, &table, 4.0);
}

pub(super) fn in_flight_gauge(bench: &mut Bench) {
    fn entry<R: Rival>() -> Entry {
        Entry::new::<R>(
            R::in_flight_gauge().map(|up_and_down| Contender::repeating(R::NAME, PER_ROUND, move |_| up_and_down())),
        )
    }
    let work = "in-flight gauge, up and down";
    let table = bench.measure(work, 1, for_each_rival!(entry()));
    // No ratio: rivals that are quicker sum over cells, and read values that were never there.
    bench.targets.at_most(work, table.quipu(), 15.0, "ns");
}
