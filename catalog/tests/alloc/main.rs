//! Trackers that are warm allocate nothing; and the whole catalogue at rest takes little memory.

#![allow(unsafe_code, reason = "an allocator that counts")]

use quipu_catalog::Catalog;
use quipu_catalog::incidents::{Category, Kind, Severity, Source};
use quipu_catalog::jobs::{JobError, JobType, QueueName};
use quipu_catalog::llm::{ErrorType, FinishReason, Operation, Price, Prices, Resource, Usage};
use quipu_catalog::notifications::Channel;
use quipu_catalog::storage::{QueryOperation, StorageOperation};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(f: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    f();
    ALLOCATIONS.get() - before
}

fn catalog() -> Catalog {
    let prices = Prices::new([("gpt-4o", Price::new(0.0025, 0.01))]).unwrap();
    Catalog::register(&quipu::Registry::new(), prices).unwrap()
}

#[test]
fn the_tally_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(7)))), 1);
}

#[test]
fn warm_trackers_allocate_nothing() {
    let catalog = catalog();
    let Catalog { llm, incidents, jobs, notifications, playbooks, storage, code, .. } = &catalog;
    let usage = Usage { prompt: 812, completion: 96, cached_read: 1, cached_write: 1, reasoning: 1 };
    let call = || llm.start("openai", "gpt-4o", Operation::Analysis);
    let kind = Kind { severity: Severity::P1, source: Source::LlmShield, category: Category::Cost };
    let works: [(&str, &dyn Fn()); 18] = [
        ("a call that succeeds", &|| {
            let call = call();
            call.first_token();
            call.finish_reason(FinishReason::Stop);
            call.retry();
            call.success(usage);
        }),
        ("a call without usage", &|| call().success_without_usage()),
        ("a call that fails", &|| call().error(ErrorType::RateLimit)),
        ("a call that is cancelled", &|| drop(call())),
        ("a fallback", &|| llm.fall_back("gpt-4o", "o3").success()),
        ("a rate limit", &|| llm.rate_limit_remaining("openai", Resource::Tokens, 7)),
        ("an incident", &|| {
            let mut incident = incidents.open(kind);
            incident.acknowledge();
            incident.resolve();
            incident.close();
        }),
        ("reports", &|| {
            incidents.deduplicated(Source::Other);
            drop(incidents.processing(Severity::P0));
        }),
        ("a job", &|| jobs.start(JobType::Other).failure(JobError::Timeout)),
        ("a job that is tried again", &|| jobs.start(JobType::Other).retry()),
        ("a queue", &|| assert_eq!(jobs.queue(QueueName::Standard).put(7).take(), 7)),
        ("a notification", &|| notifications.start(Channel::Sms).success()),
        ("a playbook", &|| playbooks.start("restart").failure()),
        ("storage", &|| storage.start(StorageOperation::Read, "disk").success()),
        ("a query", &|| storage.query(QueryOperation::Select).error("locked")),
        ("a cache", &|| storage.cache("runbooks").hit()),
        ("code", &|| {
            code.start_function("f").success();
            code.start_block("b").error();
            code.error("c", "d");
        }),
        ("a batch", &|| {
            let mut batch = code.start_batch("b");
            batch.succeeded(1);
            batch.finish();
        }),
    ];
    for (what, work) in works {
        work();
        // As often as it takes for a series to get a slot in the lanes.
        assert_eq!(allocations(|| (0..1_200).for_each(|_| work())), 0, "{what}");
    }
}
