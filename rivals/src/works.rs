//! One file per kind of work; each sets it up, has it measured and states the targets.

mod counter;
mod encode;
mod floats;
mod histogram;
mod http;
mod lookup;
pub(crate) mod memory;
pub(crate) mod scrape;
mod writers;

use crate::Bench;
use crate::harness::Contender;
use crate::rival::Rival;
use crate::rivals::Foundations;
use crate::table::{Table, Targets};

/// A contender's place in a work.
pub(crate) enum Entry {
    Present(Contender),
    /// The crate has nothing that does this work.
    Missing(&'static str),
}

impl Entry {
    fn new<R: Rival>(contender: Option<Contender>) -> Self {
        contender.map_or(Self::Missing(R::NAME), Self::Present)
    }
}

/// Sets a work up, measures it and states its targets.
pub(crate) type Work = fn(&mut Bench);

/// All works, under the names that `--only` searches.
pub(crate) const ALL: &[(&str, Work)] = &[
    ("counter-1-thread", counter::one_thread),
    ("counter-2-threads", counter::two_threads),
    ("float-counter", floats::float_counter),
    ("in-flight-gauge", floats::in_flight_gauge),
    ("histogram-1-thread", histogram::one_thread),
    ("histogram-2-threads", histogram::two_threads),
    ("histogram-many", histogram::many),
    ("lookup-1-thread", lookup::few_one_thread),
    ("lookup-2-threads", lookup::few_two_threads),
    ("lookup-many", lookup::many),
    ("encode-counters", encode::counters),
    ("encode-histograms", encode::histograms),
    ("memory-counters", memory::counters),
    ("memory-histograms", memory::histograms),
    ("scrape-http", scrape::over_http),
    ("scrape-writers", writers::during_a_scrape),
    ("http-layer", http::layers),
];

fn on_threads(work: &str, threads: usize) -> String {
    match threads {
        1 => format!("{work}, 1 thread"),
        _ => format!("{work}, {threads} threads"),
    }
}

/// Targets for counters: to be so many times faster than those that threads share, atomics and
/// padded shards, and level with the one rival that has a cell for each thread.
fn against_counters(targets: &mut Targets, work: &str, table: &Table, times: f64) {
    let thread_local = Foundations::NAME;
    let shared = table.best_ratio(&[thread_local]);
    let reach = table.reach(&[thread_local]);
    targets.times_better_within(format!("{work}: against shared cells"), shared, times, reach);
    let level = table.ratio(thread_local);
    targets.times_better(format!("{work}: against {thread_local}"), level, 0.9);
}
