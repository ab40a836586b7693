//! What a tracker costs for a whole piece of work, from its start to its end.

use core::hint::black_box;
use core::time::Duration;
use criterion::{Criterion, criterion_group, criterion_main};
use quipu::Registry;
use quipu_catalog::Catalog;
use quipu_catalog::incidents::{Category, Kind, Severity, Source, State};
use quipu_catalog::jobs::{JobType, QueueName};
use quipu_catalog::llm::{FinishReason, Operation, Price, Prices, Usage};
use quipu_catalog::storage::{QueryOperation, StorageOperation};

fn catalog() -> Catalog {
    let prices = Prices::new([("gpt-4o", Price::new(0.0025, 0.01))]).expect("good prices");
    Catalog::register(&Registry::new(), prices).expect("the first")
}

fn llm(criterion: &mut Criterion) {
    let Catalog { llm, .. } = catalog();
    let usage = Usage { prompt: 812, completion: 96, cached_read: 512, cached_write: 0, reasoning: 32 };
    let start = || llm.start(black_box("openai"), black_box("gpt-4o"), Operation::Classification);
    let mut group = criterion.benchmark_group("llm call");
    group.bench_function("start, success", |bencher| bencher.iter(|| start().success(black_box(usage))));
    group.bench_function("start, first token, finish reason, success", |bencher| {
        bencher.iter(|| {
            let call = start();
            call.first_token();
            call.finish_reason(FinishReason::Stop);
            call.success(black_box(usage));
        });
    });
    group.bench_function("start, drop", |bencher| bencher.iter(|| drop(start())));
}

fn incidents(criterion: &mut Criterion) {
    let Catalog { incidents, .. } = catalog();
    let kind = Kind { severity: Severity::P1, source: Source::LlmShield, category: Category::Security };
    let age = Duration::from_secs(90);
    let mut group = criterion.benchmark_group("incident");
    for (name, from, to) in [
        ("acknowledge", State::New, State::Acknowledged),
        ("start work", State::Acknowledged, State::InProgress),
        ("resolve", State::InProgress, State::Resolved),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| incidents.moved(black_box(kind), black_box(from), black_box(to), black_box(age)));
        });
    }
    let mut incident = incidents.open(kind);
    group.bench_function("resolve and open again, in memory: two transitions", |bencher| {
        bencher.iter(|| {
            incident.resolve();
            incident.start_work();
        });
    });
}

fn others(criterion: &mut Criterion) {
    let catalog = catalog();
    let mut group = criterion.benchmark_group("whole");
    group
        .bench_function("job", |bencher| bencher.iter(|| catalog.jobs.start(black_box(JobType::Enrichment)).success()));
    let queue = catalog.jobs.queue(QueueName::Standard);
    group.bench_function("queue, put and take", |bencher| bencher.iter(|| queue.put(black_box(7)).take()));
    group.bench_function("storage operation", |bencher| {
        bencher.iter(|| catalog.storage.start(StorageOperation::Write, black_box("disk")).success());
    });
    group.bench_function("query", |bencher| {
        bencher.iter(|| catalog.storage.query(black_box(QueryOperation::Select)).success());
    });
    group.bench_function("block", |bencher| bencher.iter(|| drop(catalog.code.start_block(black_box("parse")))));
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = llm, incidents, others
}
criterion_main!(benches);
