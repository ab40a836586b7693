//! Whatever is started is recorded once, and in flight no more, however it ends.

use quipu::Registry;
use quipu::testing::value;
use quipu_catalog::Catalog;
use quipu_catalog::jobs::{JobType, QueueName};
use quipu_catalog::llm::Operation;
use quipu_catalog::notifications::Channel;
use quipu_catalog::storage::StorageOperation;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

type Started = Box<dyn Any + Send>;

/// A tracker: what starts it, the family that counts how it ended, and the one that counts what is under way.
struct Tracker {
    start: fn(&Catalog) -> Started,
    ended: &'static str,
    in_flight: Option<&'static str>,
    seconds: Option<&'static str>,
}

const TRACKERS: [Tracker; 7] = [
    Tracker {
        start: |catalog| Box::new(catalog.llm.start("openai", "gpt-4o", Operation::Analysis)),
        ended: "llm_requests_total",
        in_flight: Some("llm_requests_in_flight"),
        seconds: Some("llm_request_duration_seconds"),
    },
    Tracker {
        start: |catalog| Box::new(catalog.jobs.start(JobType::Correlation)),
        ended: "jobs_total",
        in_flight: Some("jobs_active"),
        seconds: Some("jobs_duration_seconds"),
    },
    Tracker {
        start: |catalog| Box::new(catalog.notifications.start(Channel::Sms)),
        ended: "notifications_total",
        in_flight: None,
        seconds: Some("notification_delivery_duration_seconds"),
    },
    Tracker {
        start: |catalog| Box::new(catalog.playbooks.start("restart")),
        ended: "playbook_executions_total",
        in_flight: Some("playbook_executions_active"),
        seconds: Some("playbook_execution_duration_seconds"),
    },
    Tracker {
        start: |catalog| Box::new(catalog.storage.start(StorageOperation::List, "disk")),
        ended: "storage_operations_total",
        in_flight: None,
        seconds: Some("storage_operation_duration_seconds"),
    },
    Tracker {
        start: |catalog| Box::new(catalog.code.start_function("f")),
        ended: "function_calls_total",
        in_flight: None,
        seconds: Some("function_duration_seconds"),
    },
    Tracker {
        start: |catalog| Box::new(catalog.code.start_batch("b")),
        ended: "batch_operations_total",
        in_flight: None,
        seconds: None,
    },
];

/// What each tracker has recorded: all endings, those that were cancelled, those in flight, and durations.
fn recorded(registry: &Registry, tracker: &Tracker) -> [f64; 4] {
    let seconds = tracker.seconds.map_or(0, |family| quipu::testing::histogram(registry, family, []).count());
    [
        value(registry, tracker.ended, []),
        value(registry, tracker.ended, [("status", "cancelled")]),
        tracker.in_flight.map_or(0.0, |family| value(registry, family, [])),
        seconds as f64,
    ]
}

/// Has each tracker end in this way, and checks that it was cancelled once.
#[track_caller]
fn check(end: impl Fn(&Arc<Catalog>, fn(&Catalog) -> Started, &dyn Fn())) {
    for tracker in &TRACKERS {
        let (catalog, registry, _) = crate::catalog();
        let is_started = || {
            let in_flight = f64::from(u8::from(tracker.in_flight.is_some()));
            assert_eq!(recorded(&registry, tracker), [0.0, 0.0, in_flight, 0.0], "{}", tracker.ended);
        };
        end(&Arc::new(catalog), tracker.start, &is_started);
        assert_eq!(recorded(&registry, tracker), [1.0, 1.0, 0.0, 0.0], "{}", tracker.ended);
    }
}

#[test]
fn dropped_it_was_cancelled() {
    check(|catalog, start, is_started| {
        let started = start(catalog);
        is_started();
        drop(started);
    });
}

#[test]
fn an_early_return_cancels() {
    check(|catalog, start, is_started| {
        let run = || -> Result<(), std::num::ParseIntError> {
            let _started = start(catalog);
            is_started();
            "x".parse::<u8>()?;
            unreachable!()
        };
        run().unwrap_err();
    });
}

#[test]
fn a_panic_cancels() {
    check(|catalog, start, is_started| {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _started = start(catalog);
            is_started();
            std::panic::resume_unwind(Box::new("of a test"));
        }));
        panicked.unwrap_err();
    });
}

#[test]
fn a_dropped_future_cancels() {
    check(|catalog, start, is_started| {
        let mut future = Box::pin(async {
            let _started = start(catalog);
            std::future::pending::<()>().await;
        });
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        is_started();
        drop(future);
    });
}

#[test]
fn an_aborted_task_cancels() {
    check(|catalog, start, is_started| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let catalog = catalog.clone();
            let task = tokio::spawn(async move {
                let _started = start(&catalog);
                std::future::pending::<()>().await;
            });
            tokio::task::yield_now().await;
            is_started();
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
    });
}

/// A runtime that goes takes its tasks with it.
#[test]
fn all_that_is_under_way_can_be_aborted_at_once() {
    let (catalog, registry, _) = crate::catalog();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let started = Arc::new(tokio::sync::Barrier::new(101));
    for n in 0..100 {
        let (catalog, started) = (catalog.clone(), started.clone());
        runtime.spawn(async move {
            let _call = catalog.llm.start("openai", ["gpt-4o", "o3"][n % 2], Operation::Analysis);
            let _job = catalog.jobs.start(JobType::Enrichment);
            let _waiting = catalog.jobs.queue(QueueName::Standard).put(n);
            started.wait().await;
            std::future::pending::<()>().await;
        });
    }
    runtime.block_on(started.wait());
    let under_way =
        || ["llm_requests_in_flight", "jobs_active", "jobs_queue_depth"].map(|family| value(&registry, family, []));
    assert_eq!(under_way(), [100.0; 3]);
    drop(runtime);
    assert_eq!(under_way(), [0.0; 3]);
    assert_eq!(value(&registry, "queue_items_processed_total", []), 0.0);
    assert_eq!(value(&registry, "llm_requests_total", []), 100.0);
    assert_eq!(value(&registry, "llm_requests_total", [("status", "cancelled")]), 100.0);
    assert_eq!(value(&registry, "jobs_total", [("status", "cancelled")]), 100.0);
}

#[test]
fn an_incident_that_is_dropped_is_not_active_any_more() {
    let (catalog, registry, _) = crate::catalog();
    let kind = crate::incidents::KIND;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut incident = catalog.incidents.open(kind);
        incident.acknowledge();
        assert_eq!(value(&registry, "incidents_active", []), 1.0);
        std::panic::resume_unwind(Box::new("of a test"));
    }));
    panicked.unwrap_err();
    assert_eq!(value(&registry, "incidents_active", []), 0.0);
    assert_eq!(value(&registry, "incidents_resolved_total", []), 0.0);
}
