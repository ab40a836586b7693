//! Beside an exact count of all values.

use super::*;
use crate::clock::ManualClock;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Values as they come under Zipf's law, whose exponent is 1.1, among so many.
struct Zipf {
    sums: Vec<f64>,
    random: u64,
}

impl Zipf {
    fn new(values: usize, seed: u64) -> Zipf {
        let weights = (1..=values).map(|rank| (rank as f64).powf(-1.1));
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Zipf { sums: sums.collect(), random: seed }
    }

    /// The rank of the next value, from zero.
    fn next(&mut self) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let point = (self.random >> 11) as f64 / (1u64 << 53) as f64 * self.sums.last().unwrap();
        self.sums.partition_point(|&sum| sum < point).min(self.sums.len() - 1)
    }
}

fn told(report: &Report) -> Vec<String> {
    report.top.iter().map(|offender| offender.text.as_str().to_owned()).collect()
}

/// Bytes of all that is made for a label.
fn size(offenders: &LabelOffenders) -> usize {
    let counts = lock(&offenders.counts).as_ref().map_or(0, Frequent::size);
    size_of::<LabelOffenders>() + offenders.distinct.size() + offenders.ring.size() + counts
}

/// 2,000,000 lookups, each looked at: the ten are right, and in order.
#[test]
fn the_ten_most_frequent_under_zipf_are_named_in_order_in_64_kib() {
    let (mut zipf, hasher, offenders) = (Zipf::new(100_000, 1), RandomState::new(), Offenders::new(1));
    let mut exact = HashMap::<usize, u64>::new();
    for n in 0..2_000_000 {
        let rank = zipf.next();
        *exact.entry(rank).or_default() += 1;
        offenders.note(0, hasher.hash_one(rank), &format!("tenant-{rank}"));
        if n % 200 == 0 {
            offenders.by_label().for_each(|(_, offenders)| assert!(offenders.drain() > 0));
        }
    }
    let (_, offenders) = offenders.by_label().next().unwrap();
    let report = offenders.report();
    let mut top: Vec<_> = exact.iter().collect();
    top.sort_by_key(|(_, count)| core::cmp::Reverse(**count));
    let expected: Vec<_> = top.iter().take(TOLD).map(|(rank, _)| format!("tenant-{rank}")).collect();
    assert_eq!(told(&report), expected);
    assert_eq!(report.samples, 2_000_000);
    for (offender, (_, count)) in report.top.iter().zip(&top) {
        assert!(offender.samples <= **count && offender.samples + 2_000_000 / 150 > **count, "{offender} {count}");
    }
    let error = report.distinct as f64 / exact.len() as f64 - 1.0;
    assert!(error.abs() < 0.092, "{error}");
    assert!(size(offenders) <= 64 << 10, "{}", size(offenders));
}

/// When nobody looks, the ring is full and the rest goes by; the estimate of how many there are still knows them all.
#[test]
fn values_that_nobody_looks_at_are_counted_as_different_ones_still() {
    let (hasher, offenders) = (RandomState::new(), Offenders::new(2));
    for n in 0..100_000 {
        offenders.note(1, hasher.hash_one(n), "x");
    }
    let by_label: Vec<_> = offenders.by_label().collect();
    let [(1, offenders)] = by_label[..] else { panic!("{by_label:?}") };
    let report = offenders.report();
    assert!((report.distinct as f64 / 1e5 - 1.0).abs() < 0.092, "{}", report.distinct);
    assert_eq!(report.samples, 256);
}

#[test]
fn labels_that_are_not_there_and_families_without_offenders_tell_nothing() {
    let offenders = Offenders::new(1);
    assert_eq!(offenders.by_label().count(), 0);
    offenders.note(7, 1, "x");
    assert_eq!(offenders.by_label().count(), 0);
}

#[test]
fn what_is_told_is_escaped_and_says_where_it_was_cut() {
    let offenders = Offenders::new(1);
    for (hash, value) in ["a\n\"b\u{1b}[2J", &"x".repeat(100)].into_iter().enumerate() {
        offenders.note(0, hash as u64, value);
    }
    let mut told: Vec<_> =
        offenders.by_label().flat_map(|(_, offenders)| offenders.report().top).map(|top| top.to_string()).collect();
    told.sort();
    assert_eq!(told, [r#""a\n\"b\u{1b}[2J""#.to_owned(), format!("\"{}\"...", "x".repeat(ring::TEXT))]);
}

#[test]
fn the_log_is_told_once_in_a_minute_and_only_of_what_is_new() {
    let (manual, offenders) = (ManualClock::new(), Offenders::new(2));
    let clock = Clock::Manual(manual.clone());
    assert!(!offenders.drain(&clock));
    let comes = |label| {
        offenders.note(label, 1, "x");
        offenders.drain(&clock)
    };
    assert_eq!([comes(0), comes(1), comes(0)], [true, false, false]);
    manual.advance(LOG_INTERVAL - Duration::from_millis(1));
    assert!(!comes(0));
    manual.advance(Duration::from_millis(1));
    assert!(!offenders.drain(&clock));
    assert_eq!([comes(1), comes(0)], [true, false]);
}

#[test]
fn the_share_of_a_value_is_of_the_samples() {
    let offenders = Offenders::new(1);
    for hash in [1, 2, 2, 2] {
        offenders.note(0, hash, &hash.to_string());
    }
    let report = offenders.by_label().next().unwrap().1.report();
    let shares: Vec<_> = report.top.iter().map(|offender| (offender.to_string(), report.percent(offender))).collect();
    assert_eq!(shares, [("\"2\"".to_owned(), 75.0), ("\"1\"".to_owned(), 25.0)]);
}
