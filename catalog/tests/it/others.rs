//! Notifications, playbooks, storage, caches, batches, blocks.

use quipu::testing::{assert_changes, value};
use quipu_catalog::notifications::Channel;
use quipu_catalog::storage::{QueryOperation, StorageOperation};
use std::time::Duration;

#[test]
fn work_that_ends_has_a_status_and_a_duration() {
    let (catalog, registry, clock) = crate::catalog();
    let changed = [
        (r#"notifications_total{channel="slack",status="failure"}"#, 1.0),
        (r#"notification_delivery_duration_seconds_count{channel="slack"}"#, 1.0),
        (r#"notification_delivery_duration_seconds_sum{channel="slack"}"#, 3.0),
        (r#"playbook_executions_total{playbook="restart",status="success"}"#, 1.0),
        (r#"playbook_execution_duration_seconds_count{playbook="restart"}"#, 1.0),
        (r#"playbook_execution_duration_seconds_sum{playbook="restart"}"#, 3.0),
        (r#"storage_operations_total{operation="write",backend="disk",status="success"}"#, 1.0),
        (r#"storage_operation_duration_seconds_count{operation="write",backend="disk"}"#, 1.0),
        (r#"storage_operation_duration_seconds_sum{operation="write",backend="disk"}"#, 3.0),
        (r#"function_calls_total{function="f",status="failure"}"#, 1.0),
        (r#"function_duration_seconds_count{function="f"}"#, 1.0),
        (r#"function_duration_seconds_sum{function="f"}"#, 3.0),
    ];
    assert_changes(&registry, changed, || {
        let notification = catalog.notifications.start(Channel::Slack);
        let execution = catalog.playbooks.start("restart");
        let write = catalog.storage.start(StorageOperation::Write, "disk");
        let call = catalog.code.start_function("f");
        clock.advance(Duration::from_secs(3));
        notification.failure();
        execution.success();
        write.record(&Ok::<_, ()>(()));
        call.record(&Err::<(), _>("no"));
    });
}

#[test]
fn queries_have_durations_and_errors() {
    let (catalog, registry, clock) = crate::catalog();
    let changed = [
        (r#"database_query_duration_seconds_count{operation="update"}"#, 1.0),
        (r#"database_query_duration_seconds_sum{operation="update"}"#, 0.5),
        (r#"database_query_errors_total{operation="update",error_type="locked"}"#, 1.0),
        (r#"database_query_duration_seconds_count{operation="other"}"#, 1.0),
    ];
    assert_changes(&registry, changed, || {
        drop(catalog.storage.query(QueryOperation::Select)); // cancelled
        catalog.storage.query("vacuum".into()).success();
        let query = catalog.storage.query(QueryOperation::Update);
        clock.advance(Duration::from_millis(500));
        query.error("locked");
    });
}

#[test]
fn caches_pools_and_sizes_are_what_was_said() {
    let (catalog, registry, _) = crate::catalog();
    let changed = [
        (r#"cache_hits_total{cache_name="runbooks"}"#, 2.0),
        (r#"cache_misses_total{cache_name="runbooks"}"#, 1.0),
        (r#"cache_size_bytes{cache_name="runbooks"}"#, 4096.0),
        (r#"database_connections_active{pool="primary"}"#, 3.0),
        (r#"database_connections_idle{pool="primary"}"#, 5.0),
        (r#"storage_size_bytes{backend="disk"}"#, 77.0),
        (r#"message_queue_lag_seconds{topic="incidents",consumer_group="g"}"#, 1.5),
        (r#"errors_total{component="parser",error_type="utf8"}"#, 1.0),
    ];
    assert_changes(&registry, changed, || {
        let cache = catalog.storage.cache("runbooks");
        cache.hit();
        assert_eq!((cache.record(Some(1)), cache.record(None::<u8>)), (Some(1), None));
        cache.set_size_bytes(4096);
        catalog.storage.pool("primary").set(3, 5);
        catalog.storage.set_size_bytes("disk", 77);
        catalog.storage.set_lag("incidents", "g", Duration::from_millis(1_500));
        catalog.code.error("parser", "utf8");
    });
}

#[test]
fn a_batch_has_the_status_of_its_items() {
    let (catalog, registry, _) = crate::catalog();
    let ended = |status| value(&registry, "batch_operations_total", [("operation", "b"), ("status", status)]);
    for (succeeded, failed, is_finished, status) in [
        (3, 0, true, "success"),
        (0, 0, true, "success"),
        (0, 2, true, "failure"),
        (1, 1, true, "partial"),
        (5, 0, false, "cancelled"),
    ] {
        let before = ended(status);
        let mut batch = catalog.code.start_batch("b");
        batch.succeeded(succeeded);
        batch.failed(failed);
        if is_finished {
            batch.finish()
        } else {
            drop(batch)
        }
        assert_eq!(ended(status), before + 1.0, "{succeeded} {failed} {is_finished}");
    }
    assert_eq!(value(&registry, "batch_operations_total", []), 5.0);
    assert_eq!(value(&registry, "batch_items_processed_total", []), 12.0);
}

#[test]
fn a_block_is_timed_however_it_ends() {
    let (catalog, registry, clock) = crate::catalog();
    let changed = [
        (r#"block_duration_seconds_count{block="parse"}"#, 1.0),
        (r#"block_duration_seconds_sum{block="parse"}"#, 2.0),
        (r#"block_errors_total{block="parse"}"#, 1.0),
    ];
    assert_changes(&registry, changed, || {
        let block = catalog.code.start_block("parse");
        clock.advance(Duration::from_secs(2));
        block.error();
    });
}
