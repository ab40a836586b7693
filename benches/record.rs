//! What one recording through a handle costs, for each kind of handle.

use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use quipu::Registry;

mod works {
    pub(crate) mod random;
    pub(crate) mod recording;
    pub(crate) mod time;
}
use works::recording::{counter, float_counter, histogram, histograms, in_flight_gauge, values};
use works::time::time;

/// Threads that have cells of their own.
const LANES: usize = 64;

fn gauge() -> impl Fn(usize) {
    let gauge = Registry::new().gauge("queue_depth", "Jobs waiting.").register().expect("the first");
    move |position| gauge.set(position as f64)
}

fn gauge_add() -> impl Fn(usize) {
    let gauge = Registry::new().gauge("queue_depth", "Jobs waiting.").register().expect("the first");
    move |_| gauge.add(1.0)
}

/// With the usual window and error.
fn summary() -> impl Fn(usize) {
    let summary = Registry::new().summary("job_duration_seconds", "Time.").register().expect("the first");
    let values = values();
    move |position| summary.observe(values.at(position))
}

fn record(criterion: &mut Criterion) {
    fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, operation: impl Fn(usize)) {
        group.bench_function(name, |bencher| bencher.iter_custom(|times| time(times, &operation)));
    }
    let mut group = criterion.benchmark_group("record");
    bench(&mut group, "counter", counter());
    bench(&mut group, "float counter", float_counter());
    bench(&mut group, "gauge, set", gauge());
    bench(&mut group, "gauge, add", gauge_add());
    bench(&mut group, "in-flight gauge, up and down", in_flight_gauge());
    bench(&mut group, "histogram", histogram());
    bench(&mut group, "summary", summary());
    bench(&mut group, "1,000 histograms in random order", histograms());
}

/// What a thread pays that comes when every lane is taken.
fn overflow(criterion: &mut Criterion) {
    fn bench(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, operation: impl Fn(usize) + Sync) {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                thread::scope(|scope| scope.spawn(|| time(times, &operation)).join().expect("recording never panics"))
            });
        });
    }
    let mut group = criterion.benchmark_group("record beyond the lanes");
    with_all_lanes_taken(|| {
        bench(&mut group, "counter", counter());
        bench(&mut group, "float counter", float_counter());
        bench(&mut group, "histogram", histogram());
    });
}

fn with_all_lanes_taken(work: impl FnOnce()) {
    let (record, taken, end) = (counter(), Barrier::new(LANES + 1), Mutex::new(()));
    thread::scope(|scope| {
        let working = end.lock();
        for _ in 0..LANES {
            scope.spawn(|| {
                record(0);
                taken.wait();
                drop(end.lock());
            });
        }
        taken.wait();
        work();
        drop(working);
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = record, overflow
}
criterion_main!(benches);
