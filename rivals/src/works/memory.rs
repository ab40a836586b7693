//! Resident memory of a series, its share of everything included.
//!
//! Each contender fills its registry in a process of its own, from one thread.

use std::hint::black_box;

use crate::Bench;
use crate::child;
use crate::harness::Sample;
use crate::rival::{Filled, Rival, for_each_rival};
use crate::table::Table;

const COUNTERS: usize = 100_000;
const HISTOGRAMS: usize = 10_000;

pub(super) fn counters(bench: &mut Bench) {
    let work = "resident bytes of a counter series";
    let table = in_children(work, &for_each_rival!(counters_of()));
    let targets = &mut bench.targets;
    targets.at_most(work, table.quipu(), 150.0, "bytes");
    targets.times_better(work, table.best_ratio(&[]), 1.0);
}

pub(super) fn histograms(bench: &mut Bench) {
    let work = "resident bytes of a histogram series";
    let table = in_children(work, &for_each_rival!(histograms_of()));
    bench.targets.at_most(work, table.quipu(), 450.0, "bytes");
}

/// What a process of its own is asked to fill and measure.
pub(crate) struct Filling {
    name: &'static str,
    kind: &'static str,
    series: usize,
    fill: fn(usize) -> Option<Filled>,
}

fn counters_of<R: Rival>() -> Filling {
    Filling { name: R::NAME, kind: "counters", series: COUNTERS, fill: R::counters }
}

fn histograms_of<R: Rival>() -> Filling {
    Filling { name: R::NAME, kind: "histograms", series: HISTOGRAMS, fill: R::histograms }
}

fn in_children(work: &str, fillings: &[Filling]) -> Table {
    let mut samples = Vec::new();
    let mut missing = Vec::new();
    for filling in fillings {
        match child::output(&["fill", filling.kind, filling.name]).parse::<f64>() {
            Ok(bytes) => samples.push(Sample::of_rounds(filling.name, vec![bytes])),
            Err(_) => missing.push(filling.name),
        }
    }
    missing.retain(|name| *name != crate::rival::NOTHING);
    let table = Table::new(work, "bytes", samples, missing);
    table.print();
    table
}

/// In the child: fills a registry and prints the growth of resident memory for each series, or
/// `none` where the crate has no such thing.
pub(crate) fn fill(kind: &str, name: &str) {
    let fillings = for_each_rival!(counters_of()).into_iter().chain(for_each_rival!(histograms_of()));
    let filling = fillings
        .into_iter()
        .find(|filling| filling.kind == kind && filling.name == name)
        .expect("the parent knows the names");
    let before = child::resident(std::process::id());
    let filled = black_box((filling.fill)(filling.series));
    let after = child::resident(std::process::id());
    match filled {
        Some(_) => println!("{:.1}", (after - before) as f64 / filling.series as f64),
        None => println!("none"),
    }
}
