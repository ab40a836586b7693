//! How much a writer is slowed by a scrape of 1,000,000 series that goes on next to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use quipu::{Counter, Registry};

use crate::Bench;
use crate::harness::Sample;
use crate::rival::QUIPU;
use crate::table::Table;
use crate::workload::{LABELS, Random, for_each_series};

const SERIES: usize = 1_000_000;
const HANDLES: usize = 1_000;
const WINDOW: Duration = Duration::from_millis(40);

pub(super) fn during_a_scrape(bench: &mut Bench) {
    let registry = Registry::builder().unlimited().build().expect("settings are good");
    let counters = counters(&registry);
    let scraping = Arc::new(AtomicBool::new(false));
    let ended = Arc::new(AtomicBool::new(false));
    let scraper = thread::spawn({
        let (scraping, ended) = (scraping.clone(), ended.clone());
        move || scrape_when_told(&registry, &scraping, &ended)
    });

    let mut alone = Vec::new();
    let mut scraped = Vec::new();
    for _ in 0..bench.rounds {
        alone.push(increment_for(WINDOW, &counters));
        scraping.store(true, Ordering::Release);
        scraper.thread().unpark();
        scraped.push(increment_for(WINDOW, &counters));
        scraping.store(false, Ordering::Release);
    }
    ended.store(true, Ordering::Release);
    scraper.thread().unpark();
    let chunks = scraper.join().expect("the scraper panicked");

    let work = "writer next to a scrape of 1,000,000 series";
    // Of windows that follow one another, so that a busy neighbour on the machine hits both of a pair.
    let ratios = scraped.iter().zip(&alone).map(|(scraped, alone)| scraped / alone).collect();
    let ratio = Sample::of_rounds(QUIPU, ratios).median;
    let alone = Sample::of_rounds("quipu, alone", alone);
    let scraped = Sample::of_rounds(QUIPU, scraped);
    Table::new(work, "ns", vec![alone, scraped], Vec::new()).print();
    println!("  {chunks} chunks were scraped meanwhile");
    bench.targets.at_most(format!("{work}: slowed by"), (ratio - 1.0) * 100.0, 10.0, "%");
}

/// Fills the registry; handles to some of its counters, chosen at random.
fn counters(registry: &Registry) -> Vec<Counter> {
    let family = registry.counter("http_requests_total", "Requests.").labels(LABELS).register().expect("the first");
    let mut random = Random::new();
    let mut counters = Vec::new();
    for_each_series(SERIES, |_, key| {
        family.with(key).inc();
        if random.below(SERIES / HANDLES) == 0 {
            counters.push(family.handle(key));
        }
    });
    counters
}

/// Nanoseconds of one increment.
fn increment_for(window: Duration, counters: &[Counter]) -> f64 {
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < window {
        for counter in counters {
            counter.inc();
        }
        rounds += 1;
    }
    start.elapsed().as_secs_f64() * 1e9 / (rounds * counters.len()) as f64
}

/// Scrapes again and again while it is told to; returns the number of chunks.
fn scrape_when_told(registry: &Registry, scraping: &AtomicBool, ended: &AtomicBool) -> usize {
    let mut chunk = Vec::new();
    let mut chunks = 0;
    while !ended.load(Ordering::Acquire) {
        if !scraping.load(Ordering::Acquire) {
            thread::park();
            continue;
        }
        let mut scrape = registry.scrape();
        while scraping.load(Ordering::Acquire) && scrape.next_chunk(&mut chunk).expect("text") {
            chunks += 1;
        }
    }
    chunks
}
