//! A whole scrape, by the line; and beside it what lines of the same length cost that are put together from a head kept as
//! text, a number written by another crate or the standard library, and a line feed, without gathering anything.

use std::hint::black_box;
use std::io::Write;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use quipu::Registry;

mod works {
    pub(crate) mod exposition;
    pub(crate) mod random;
}
use works::exposition::{LINES_PER_HISTOGRAM, count, counters, histograms, labels, scrape};
use works::random::Cycle;

const SERIES: usize = 100_000;
const HISTOGRAMS: usize = 5_000;

fn bench_scrape(group: &mut BenchmarkGroup<'_, WallTime>, registry: &Registry) {
    let mut chunk = Vec::new();
    group.bench_function("quipu", |bencher| bencher.iter(|| scrape(registry, &mut chunk)));
}

/// Lines put together by hand, in chunks as a scrape has them; `put` writes a number.
fn bench_lines<T: Copy>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    lines: &[(String, T)],
    put: impl Fn(&mut Vec<u8>, T),
) {
    let mut chunk = Vec::new();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            for (head, number) in lines {
                chunk.extend_from_slice(head.as_bytes());
                put(&mut chunk, *number);
                chunk.push(b'\n');
                if chunk.len() >= 64 * 1024 {
                    black_box(&chunk);
                    chunk.clear();
                }
            }
        });
    });
}

/// A line's head and its number, for each series.
fn lines<T>(number: impl Fn(usize) -> T) -> Vec<(String, T)> {
    let line = |n| {
        let mut head = String::new();
        labels(n, |[method, path, status]| {
            head = format!("http_requests_total{{method=\"{method}\",path=\"{path}\",status=\"{status}\"}} ");
        });
        (head, number(n))
    };
    (0..SERIES).map(line).collect()
}

fn encode_counters(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode counters");
    group.throughput(Throughput::Elements(SERIES as u64));
    bench_scrape(&mut group, &counters(SERIES));
    let lines = lines(count);
    bench_lines(&mut group, "by hand, itoa", &lines, |chunk, number| {
        chunk.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    });
    bench_lines(&mut group, "by hand, std", &lines, |chunk, number| {
        write!(chunk, "{number}").expect("a vector takes everything");
    });
}

fn encode_floats(criterion: &mut Criterion) {
    let numbers = Cycle::new(|random| random.below(1 << 53) as f64 / 1e6 / 3.0);
    let registry = Registry::builder().unlimited().build().expect("settings are good");
    let family = registry.gauge("http_requests_ratio", "Ratios.").labels(["method", "path", "status"]).register();
    let family = family.expect("the first");
    (0..SERIES).for_each(|n| labels(n, |labels| family.with(labels).set(numbers.at(n))));

    let mut group = criterion.benchmark_group("encode floats");
    group.throughput(Throughput::Elements(SERIES as u64));
    bench_scrape(&mut group, &registry);
    let lines = lines(|n| numbers.at(n));
    bench_lines(&mut group, "by hand, zmij", &lines, |chunk, number| {
        chunk.extend_from_slice(zmij::Buffer::new().format(number).as_bytes());
    });
    bench_lines(&mut group, "by hand, ryu", &lines, |chunk, number| {
        chunk.extend_from_slice(ryu::Buffer::new().format(number).as_bytes());
    });
    bench_lines(&mut group, "by hand, std", &lines, |chunk, number| {
        write!(chunk, "{number}").expect("a vector takes everything");
    });
}

fn encode_histograms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode histograms");
    group.throughput(Throughput::Elements((HISTOGRAMS * LINES_PER_HISTOGRAM) as u64));
    bench_scrape(&mut group, &histograms(HISTOGRAMS));
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = encode_counters, encode_floats, encode_histograms
}
criterion_main!(benches);
