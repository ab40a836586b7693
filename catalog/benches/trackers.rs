//! What a tracker costs for a whole piece of work, from its start to its end, beside its budget. Some seconds.
//!
//! Minima of short rounds: what else the machine does is left out as far as that can be.

use core::hint::black_box;
use core::time::Duration;
use quipu::Registry;
use quipu_catalog::Catalog;
use quipu_catalog::incidents::{Category, Kind, Severity, Source, State};
use quipu_catalog::jobs::{JobType, QueueName};
use quipu_catalog::llm::{FinishReason, Operation, Price, Prices, Usage};
use quipu_catalog::storage::{QueryOperation, StorageOperation};
use std::thread::sleep;
use std::time::Instant;

const ROUNDS: usize = 4_000;
const TIMES: usize = 300;

/// Shows what one time takes.
fn measure(name: &str, budget: Option<u32>, mut work: impl FnMut()) {
    let round = |_| {
        let start = Instant::now();
        (0..TIMES).for_each(|_| work());
        start.elapsed().as_nanos() as f64 / TIMES as f64
    };
    let least = (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min);
    let budget = budget.map(|most| format!(", of {most} at most")).unwrap_or_default();
    println!("{name}: {least:.1} ns{budget}");
}

fn main() {
    let registry = Registry::new();
    let prices = Prices::new([("gpt-4o", Price::new(0.0025, 0.01))]).expect("good prices");
    let catalog = Catalog::register(&registry, prices).expect("the first");
    let clock = registry.clock();
    // Until the clock is quick.
    for _ in 0..5 {
        clock.now();
        sleep(Duration::from_millis(20));
    }
    measure("two readings of the clock", None, || {
        black_box(clock.seconds_since(black_box(clock.now())));
    });
    llm(&catalog);
    incidents(&catalog);
    others(&catalog);
}

fn llm(Catalog { llm, .. }: &Catalog) {
    let usage = Usage { prompt: 812, completion: 96, cached_read: 512, cached_write: 0, reasoning: 32 };
    let start = || llm.start(black_box("openai"), black_box("gpt-4o"), Operation::Classification);
    measure("LLM call", Some(300), || start().success(black_box(usage)));
    measure("LLM call, with a first token and a finish reason", Some(300), || {
        let call = start();
        call.first_token();
        call.finish_reason(FinishReason::Stop);
        call.success(black_box(usage));
    });
    measure("LLM call, dropped", Some(300), || drop(start()));
}

fn incidents(Catalog { incidents, .. }: &Catalog) {
    let kind = Kind { severity: Severity::P1, source: Source::LlmShield, category: Category::Security };
    let age = Duration::from_secs(90);
    for (name, from, to) in [
        ("incident, acknowledged", State::New, State::Acknowledged),
        ("incident, work begins", State::Acknowledged, State::InProgress),
        ("incident, resolved", State::InProgress, State::Resolved),
    ] {
        measure(name, Some(60), || incidents.moved(black_box(kind), black_box(from), black_box(to), black_box(age)));
    }
    let mut incident = incidents.open(kind);
    measure("incident in memory, resolved and opened again", Some(120), || {
        incident.resolve();
        incident.start_work();
    });
}

fn others(Catalog { jobs, storage, code, .. }: &Catalog) {
    measure("job", None, || jobs.start(black_box(JobType::Enrichment)).success());
    let queue = jobs.queue(QueueName::Standard);
    measure("queue, in and out", None, || {
        black_box(queue.put(black_box(7)).take());
    });
    measure("operation on storage", None, || storage.start(StorageOperation::Write, black_box("disk")).success());
    measure("query", None, || storage.query(black_box(QueryOperation::Select)).success());
    measure("block of code", None, || drop(code.start_block(black_box("parse"))));
}
