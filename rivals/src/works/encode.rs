//! A whole text exposition, gathering included, per line of it.

use std::hint::black_box;

use crate::Bench;
use crate::harness::Contender;
use crate::rival::{Filled, Rival, for_each_rival};
use crate::workload::BOUNDS;
use crate::works::Entry;

const COUNTERS: usize = 100_000;
const HISTOGRAMS: usize = 5_000;
/// Buckets with `+Inf`, the sum and the count.
const LINES_PER_HISTOGRAM: usize = BOUNDS.len() + 3;

pub(super) fn counters(bench: &mut Bench) {
    fn entry<R: Rival>() -> Entry {
        encoding::<R>(R::counters(COUNTERS), COUNTERS)
    }
    let work = "encode 100,000 counters, per line";
    let table = bench.measure_long(work, for_each_rival!(entry()));
    let targets = &mut bench.targets;
    targets.at_most(work, table.quipu(), 12.0, "ns");
    targets.times_better(work, table.best_ratio(&[]), 10.0);
}

pub(super) fn histograms(bench: &mut Bench) {
    fn entry<R: Rival>() -> Entry {
        encoding::<R>(R::histograms(HISTOGRAMS), HISTOGRAMS * LINES_PER_HISTOGRAM)
    }
    let work = "encode 5,000 histograms, per line";
    let table = bench.measure_long(work, for_each_rival!(entry()));
    let targets = &mut bench.targets;
    targets.at_most(work, table.quipu(), 10.0, "ns");
    targets.times_better(work, table.best_ratio(&[]), 5.0);
}

fn encoding<R: Rival>(filled: Option<Filled>, lines: usize) -> Entry {
    let filled = filled.filter(|filled| filled.has_encoder);
    Entry::new::<R>(filled.map(|Filled { encode, .. }| {
        let found = count_lines(R::NAME, &encode);
        assert!((lines..lines + 20).contains(&found), "{} wrote {found} samples instead of {lines}", R::NAME);
        Contender::whole(R::NAME, lines, move || {
            encode(&mut |piece| {
                black_box(piece);
            })
        })
    }))
}

/// Samples in the output; comments and empty lines are not counted.
fn count_lines(name: &str, encode: &crate::rival::Encode) -> usize {
    let mut text = Vec::new();
    encode(&mut |piece| text.extend_from_slice(piece));
    let text = str::from_utf8(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count()
}
