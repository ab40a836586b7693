//! Expiry under churn: threads look up and let go, others hold handles, scrapes go on, and each increment is accounted for.

use crate::alone::alone;
use quipu::clock::ManualClock;
use quipu::{Counter, Family, LabelNames, Registry};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const IDLE: Duration = Duration::from_secs(60);
const RECORDERS: usize = 4;
/// Each recorder's own.
const KEYS: usize = 128;
/// Series that all record into through handles that are held all the time.
const HELD: usize = 8;

struct Churn {
    registry: Registry,
    clock: ManualClock,
    family: Family<Counter, LabelNames<2>>,
    /// What the last scrape that came to its end has shown of each recorder's keys.
    exported: Vec<[AtomicU64; KEYS]>,
    held: Vec<Counter>,
    is_done: AtomicBool,
}

/// Numbers from 0 to below `below`, as if at random.
fn random(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % below
}

impl Churn {
    fn new() -> Churn {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let family = registry.counter("a_total", "A.").labels(["thread", "key"]).expire_after(IDLE).register().unwrap();
        let held = (0..HELD).map(|key| family.handle(["held", &key.to_string()])).collect();
        let exported = (0..RECORDERS).map(|_| [const { AtomicU64::new(0) }; KEYS]).collect();
        Churn { registry, clock, family, exported, held, is_done: AtomicBool::new(false) }
    }

    /// Records so many times, and returns how much went with series that expired, and what each key has.
    fn record(&self, recorder: usize, increments: u64) -> (u64, Vec<u64>) {
        let (me, names) = (recorder.to_string(), (0..KEYS).map(|key| key.to_string()).collect::<Vec<_>>());
        let (mut counts, mut gone, mut state, mut left, mut key) = (vec![0; KEYS], 0, recorder as u64, increments, 0);
        while left > 0 {
            // In bursts, between which a key is idle.
            if random(&mut state, 32) == 0 {
                key = random(&mut state, KEYS);
            }
            let found = self.family.with([&me, &names[key]]);
            let value = found.value();
            if value != counts[key] {
                let exported = self.exported[recorder][key].load(Ordering::Acquire);
                assert_eq!((value, exported), (0, counts[key]), "a series went before all that it had was exported");
                gone += core::mem::take(&mut counts[key]);
            }
            let times = left.min(1 + random(&mut state, 4) as u64);
            match random(&mut state, 4) {
                0 => {
                    let handle = found.clone();
                    drop(found);
                    (0..times).for_each(|_| handle.inc());
                }
                1 => {
                    drop(found);
                    (0..times).for_each(|_| self.held[key % HELD].inc());
                    left -= times;
                    continue;
                }
                _ => (0..times).for_each(|_| found.inc()),
            }
            counts[key] += times;
            left -= times;
        }
        (gone, counts)
    }

    /// Takes handles of others' series, and lets them go after a while.
    fn hold(&self) {
        let (mut state, mut held) = (99, Vec::new());
        while !self.is_done.load(Ordering::Relaxed) {
            let [recorder, key] = [random(&mut state, RECORDERS), random(&mut state, KEYS)].map(|n| n.to_string());
            held.extend(self.family.get([&recorder, &key]).map(|found| found.clone()));
            if held.len() >= 16 {
                held.swap_remove(random(&mut state, 16));
            }
            thread::yield_now();
        }
    }

    /// Scrapes, every third time without coming to the end.
    fn scrape(&self, number: usize) {
        let (mut scrape, mut chunk, mut shown) = (self.registry.scrape(), Vec::new(), Vec::new());
        assert!(scrape.next_chunk(&mut chunk).unwrap() && chunk.len() < 1 << 16, "all is in one chunk");
        for line in core::str::from_utf8(&chunk).unwrap().lines().filter(|line| line.starts_with("a_total{")) {
            let parts: Vec<&str> = line.split(['"', ' ']).collect();
            let value: u64 = parts[5].parse().unwrap();
            // A new one at zero says nothing of the one before, which may not have been missed yet.
            if let (Ok(recorder), Ok(key), 1..) = (parts[1].parse::<usize>(), parts[3].parse::<usize>(), value) {
                shown.push((recorder, key, value));
            }
        }
        if !number.is_multiple_of(3) {
            shown
                .iter()
                .for_each(|(recorder, key, value)| self.exported[*recorder][*key].store(*value, Ordering::Release));
            assert!(!scrape.next_chunk(&mut chunk).unwrap());
            self.clock.advance(IDLE);
        }
    }
}

/// Set when it is dropped, so that a test that fails also ends the threads that wait for this.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns how many series have expired.
fn churn(increments: u64) -> u64 {
    let churn = &Churn::new();
    let recorded: Vec<(u64, Vec<u64>)> = thread::scope(|scope| {
        let done = Done(&churn.is_done);
        let each = increments / RECORDERS as u64;
        let recorders: Vec<_> = (0..RECORDERS).map(|n| scope.spawn(move || churn.record(n, each))).collect();
        scope.spawn(|| churn.hold());
        scope.spawn(|| (0..).take_while(|_| !churn.is_done.load(Ordering::Relaxed)).for_each(|n| churn.scrape(n)));
        let recorded = recorders.into_iter().map(|thread| thread.join().unwrap()).collect();
        drop(done);
        recorded
    });
    let mut sum: u64 = churn.held.iter().map(Counter::value).sum();
    for (recorder, (gone, counts)) in recorded.iter().enumerate() {
        sum += gone;
        for (key, count) in counts.iter().enumerate() {
            let exported = || churn.exported[recorder][key].load(Ordering::Relaxed);
            let found = churn.family.get([&recorder.to_string(), &key.to_string()]);
            assert!(*count == 0 || found.map_or_else(exported, |found| found.value()) == *count);
            sum += count;
        }
    }
    assert_eq!(sum, increments);
    let (snapshot, name) = (churn.registry.snapshot(), [("family", "a_total")]);
    snapshot.value("quipu_expired_series_total", &name).unwrap_or(0.0) as u64
}

#[test]
fn nothing_is_lost_while_series_expire_under_churn() {
    alone("churn::nothing_is_lost_while_series_expire_under_churn", || assert!(churn(200_000) > 0));
}

/// `cargo test --test it -- --ignored --nocapture ten_million`
#[test]
#[ignore = "takes ten seconds of both cores"]
fn of_ten_million_increments_none_is_lost() {
    let expired = churn(10_000_000);
    println!("0 of 10,000,000 increments lost; {expired} series expired");
    assert!(expired > 1_000);
}
