//! What the service runs on and works with: jobs, storage, the process, and quipu itself.

use super::{backlog, number, part, ratio};
use crate::families::Families;
use crate::panel::{BREAKER, Dashboard, Panel, Row, Shape, UP};
use quipu::engine::Alerts;

pub(super) fn dashboard(families: &Families, alerts: &Alerts) -> Dashboard {
    Dashboard {
        uid: "quipu-system",
        title: "Incident manager / System health",
        description: "Jobs, notifications, playbooks, storage, code, the process and the machine; and the metrics engine itself.",
        rows: vec![
            now(alerts),
            jobs(families, alerts),
            notifications(families),
            playbooks(families),
            storage(families),
            database(families),
            caches(families),
            code(families),
            machine(families),
            process(families),
            runtime(families),
            engine(families),
            limits(families),
            memory(families),
            pushes(families),
            faults(families),
        ],
    }
}

/// The part of the connections of a pool that are in use.
const POOL: &str = "sum by (pool) (@database_connections_active) / (sum by (pool) (@database_connections_active) + sum by (pool) (@database_connections_idle))";

fn job_failures(by: &str) -> String {
    part("jobs_total", "status=\"failure\"", by)
}

fn now(alerts: &Alerts) -> Row {
    let memory = "1 - sum(@system_memory_bytes{type=\"available\"}) / sum(@system_memory_bytes{type=\"total\"})";
    Row {
        title: "Now",
        panels: vec![
            backlog(alerts),
            number("Job failures", "percentunit", "Part of the attempts at jobs that fail for good.", job_failures(""))
                .steps(0.01, 0.05),
            number(
                "Database pool in use",
                "percentunit",
                "Part of the connections of the fullest pool that are in use.",
                format!("max({POOL})"),
            )
            .steps(0.8, 0.95),
            number("Memory in use", "percentunit", "Part of the machine's memory that is not available.", memory)
                .steps(0.8, 0.95),
            number(
                "Services not healthy",
                "short",
                "Services that are degraded or down.",
                "count(@service_health_status > 0) or vector(0)",
            )
            .red_from(1.0),
            number(
                "Collectors down",
                "short",
                "Collectors whose last call did not yield its values in time.",
                "count(@quipu_collector_up == 0) or vector(0)",
            )
            .red_from(1.0),
        ],
    }
}

fn jobs(families: &Families, alerts: &Alerts) -> Row {
    let waiting = families.value("Backlog by queue", "jobs_queue_depth", &["queue_name"]);
    Row {
        title: "Jobs and queues",
        panels: vec![
            families.rate("Jobs by type", "jobs_total", &["job_type"]),
            ratio(
                "Failure ratio by type",
                "Part of the attempts at jobs that fail for good.",
                "{{job_type}}",
                job_failures(" by (job_type)"),
            ),
            waiting.threshold(alerts.job_queue_backlog_threshold),
            families.quantile("P99 duration by type", "0.99", "jobs_duration_seconds", &["job_type"]),
            families.heatmap("Spread of durations", "jobs_duration_seconds"),
            families.highest("Age of the oldest item", "jobs_queue_oldest_item_age_seconds", &["queue_name"]),
            families.value("Jobs being done", "jobs_active", &["job_type"]).width(6),
            families.rate("Failures by cause", "jobs_failures_total", &["job_type", "error_type"]).width(6),
            families.rate("Retries", "jobs_retries_total", &["job_type"]).width(6),
            families.rate("Items taken from queues", "queue_items_processed_total", &["queue_name"]).width(6),
        ],
    }
}

fn notifications(families: &Families) -> Row {
    Row {
        title: "Notifications and messages",
        panels: vec![
            families.rate("Notifications", "notifications_total", &["channel", "status"]).width(6),
            families
                .quantile("P95 time to deliver", "0.95", "notification_delivery_duration_seconds", &["channel"])
                .width(6),
            families.value("Notifications that wait", "notification_queue_size", &["channel"]).width(6),
            families.highest("Consumer lag", "message_queue_lag_seconds", &["topic", "consumer_group"]).width(6),
        ],
    }
}

fn playbooks(families: &Families) -> Row {
    Row {
        title: "Playbooks",
        panels: vec![
            families.rate("Executions", "playbook_executions_total", &["playbook", "status"]),
            families.quantile("P95 time of an execution", "0.95", "playbook_execution_duration_seconds", &["playbook"]),
            families.value("Playbooks being executed", "playbook_executions_active", &["playbook"]),
        ],
    }
}

fn storage(families: &Families) -> Row {
    Row {
        title: "Storage",
        panels: vec![
            families.rate("Operations", "storage_operations_total", &["backend", "operation", "status"]),
            families.quantile(
                "P99 time of an operation",
                "0.99",
                "storage_operation_duration_seconds",
                &["backend", "operation"],
            ),
            families.value("What is stored", "storage_size_bytes", &["backend"]),
        ],
    }
}

fn database(families: &Families) -> Row {
    Row {
        title: "Database",
        panels: vec![
            ratio("Pool use", "Part of the connections of a pool that are in use.", "{{pool}}", POOL).width(6),
            families
                .quantile("P99 time of a query", "0.99", "database_query_duration_seconds", &["operation"])
                .width(6),
            families.heatmap("Spread of times of queries", "database_query_duration_seconds").width(6),
            families.rate("Failed queries", "database_query_errors_total", &["operation", "error_type"]).width(6),
        ],
    }
}

fn caches(families: &Families) -> Row {
    let hits = "sum by (cache_name) (rate(@cache_hits_total[$__rate_interval])) / (sum by (cache_name) (rate(@cache_hits_total[$__rate_interval])) + sum by (cache_name) (rate(@cache_misses_total[$__rate_interval])))";
    Row {
        title: "Caches",
        panels: vec![
            ratio("Cache hit ratio", "Part of the lookups that found what they looked for.", "{{cache_name}}", hits),
            families.rate("Misses", "cache_misses_total", &["cache_name"]),
            families.value("What caches hold", "cache_size_bytes", &["cache_name"]),
        ],
    }
}

fn code(families: &Families) -> Row {
    Row {
        title: "Code",
        panels: vec![
            families.rate("Errors by component", "errors_total", &["component", "error_type"]),
            families.rate("Calls of functions", "function_calls_total", &["function", "status"]),
            families.quantile("P95 time of functions", "0.95", "function_duration_seconds", &["function"]),
            families.quantile("P95 time of blocks", "0.95", "block_duration_seconds", &["block"]).width(6),
            families.rate("Errors in blocks", "block_errors_total", &["block"]).width(6),
            families.rate("Batches", "batch_operations_total", &["operation", "status"]).width(6),
            families.rate("Items of batches", "batch_items_processed_total", &["operation"]).width(6),
        ],
    }
}

fn machine(families: &Families) -> Row {
    Row {
        title: "Machine",
        panels: vec![
            families.highest("Memory", "system_memory_bytes", &["instance", "type"]),
            families.highest("Processors", "system_cpu_usage_percent", &["instance", "core"]).max(100.0),
            families.highest("Disks", "system_disk_bytes", &["instance", "mount", "type"]),
        ],
    }
}

fn process(families: &Families) -> Row {
    let build = Panel::new(Shape::Table, "Builds", "short", "`build_info`: the build that runs.")
        .query("", "max by (instance, version, commit, timestamp) (@build_info)");
    let files =
        Panel::new(Shape::Lines, "File descriptors in use", "percentunit", "`process_open_fds` / `process_max_fds`.")
            .query("{{instance}}", "max by (instance) (@process_open_fds / @process_max_fds)");
    let memory = families.highest("Memory of the process", "process_resident_memory_bytes", &["instance"]);
    let space = "max by (instance) (@process_virtual_memory_bytes / @process_virtual_memory_max_bytes)";
    Row {
        title: "Process",
        panels: vec![
            families.rate("Processors used", "process_cpu_seconds_total", &["instance"]),
            memory,
            Panel::new(Shape::Lines, "Address space in use", "percentunit", "`process_virtual_memory_bytes` / `process_virtual_memory_max_bytes`, of which the latter is mostly without a limit.")
                .query("{{instance}}", space),
            files,
            families.highest("Threads", "process_threads", &["instance"]),
            families.highest("Uptime", "uptime_seconds", &["instance"]),
            Panel::new(Shape::Lines, "Restarts", "short", "`process_start_time_seconds`: how often it changed in an hour.")
                .query("{{instance}}", "max by (instance) (changes(@process_start_time_seconds[1h]))"),
            build.width(16),
        ],
    }
}

fn runtime(families: &Families) -> Row {
    Row {
        title: "Tokio runtime",
        panels: vec![
            families.rate("Workers busy", "tokio_worker_busy_seconds_total", &["instance", "worker"]).width(6),
            families.rate("Parks", "tokio_worker_parks_total", &["instance", "worker"]).width(6),
            families.highest("Tasks that wait for a worker", "tokio_global_queue_depth", &["instance"]).width(6),
            Panel::new(Shape::Lines, "Tasks and workers", "short", "`tokio_alive_tasks` and `tokio_workers`.")
                .query("{{instance}} tasks", "max by (instance) (@tokio_alive_tasks)")
                .query("{{instance}} workers", "max by (instance) (@tokio_workers)")
                .width(6),
        ],
    }
}

fn engine(families: &Families) -> Row {
    let scrape = |title, unit, name| {
        let description = format!("`{name}`: as Prometheus measured it.");
        Panel::new(Shape::Lines, title, unit, &description)
            .query("{{instance}}", format!("max by (instance) (@{name})"))
            .width(6)
    };
    Row {
        title: "Metrics engine: scrapes and collectors",
        panels: vec![
            scrape("Time of a scrape", "s", "scrape_duration_seconds"),
            scrape("Samples of a scrape", "short", "scrape_samples_scraped"),
            families.value("Series by family", "quipu_series", &["family"]).stacked().width(12),
            Panel::new(
                Shape::Table,
                "Thresholds of alerts",
                "short",
                "`quipu_alert_threshold`: what alerts compare with, as the service is configured.",
            )
            .query("", "max by (alert) (@quipu_alert_threshold)"),
            families.states("Collectors", "quipu_collector_up", &["instance", "collector"], UP),
            families.highest("Time of collectors", "quipu_collector_duration_seconds", &["collector"]),
            families.increase("Errors of collectors", "quipu_collector_errors_total", &["collector", "reason"]),
            families.states("Circuit breakers", "circuit_breaker_state", &["instance", "breaker"], BREAKER),
            families.rate("Changes of breakers", "circuit_breaker_transitions_total", &["breaker", "to"]),
            families.rate("Calls rejected by breakers", "circuit_breaker_rejections_total", &["breaker"]),
        ],
    }
}

fn limits(families: &Families) -> Row {
    let used = |title, what: &str, legend, query: &str| {
        Panel::new(Shape::Lines, title, "percentunit", what).query(legend, query).steps(0.8, 1.0)
    };
    Row {
        title: "Metrics engine: limits",
        panels: vec![
            used(
                "Series of registries",
                "`quipu_registry_series` / `quipu_registry_series_limit`.",
                "{{instance}}",
                "max by (instance) (@quipu_registry_series / @quipu_registry_series_limit)",
            ),
            used(
                "Bytes of registries",
                "`quipu_registry_bytes` / `quipu_registry_bytes_limit`.",
                "{{instance}}",
                "max by (instance) (@quipu_registry_bytes / @quipu_registry_bytes_limit)",
            ),
            used(
                "Fullest families",
                "`quipu_series` / `quipu_series_limit`, of the ten fullest.",
                "{{family}}",
                "topk(10, max by (family) (@quipu_series / @quipu_series_limit))",
            ),
            used(
                "Fullest labels",
                "`quipu_label_values` / `quipu_label_values_limit`, of the ten fullest.",
                "{{family}} {{label}}",
                "topk(10, max by (family, label) (@quipu_label_values / @quipu_label_values_limit))",
            ),
            families.increase("Values replaced", "quipu_overflowed_lookups_total", &["family", "label"]),
            families.highest("Values that had no room", "quipu_overflowed_values", &["family", "label"]),
        ],
    }
}

fn memory(families: &Families) -> Row {
    Row {
        title: "Metrics engine: memory",
        panels: vec![
            Panel::new(
                Shape::Lines,
                "Memory of lanes",
                "percentunit",
                "`quipu_lane_bytes` / `quipu_lane_limit_bytes`; at 1, further series share one slot among all threads.",
            )
            .query("{{instance}}", "max by (instance) (@quipu_lane_bytes / @quipu_lane_limit_bytes)"),
            families.highest("Threads without a lane", "quipu_threads_without_lane", &["instance"]),
            families.rate("Series that expired", "quipu_expired_series_total", &["family"]),
            families.highest("Series not freed yet", "quipu_retained_series", &["instance"]),
            families.highest("Lanes that are lost", "quipu_lost_lanes", &["instance"]),
            families.highest("Freeing refused by the system", "quipu_freeing_refused", &["instance"]),
        ],
    }
}

fn pushes(families: &Families) -> Row {
    let since = Panel::new(
        Shape::Lines,
        "Since the last push that succeeded",
        "s",
        "Time since `quipu_push_last_success_timestamp_seconds`; nothing before the first.",
    );
    Row {
        title: "Metrics engine: pushes",
        panels: vec![
            families.rate("Pushes", "quipu_pushes_total", &["gateway"]).width(6),
            families.increase("Pushes that failed", "quipu_push_failures_total", &["gateway", "reason"]).width(6),
            families.highest("Time of a push", "quipu_push_duration_seconds", &["gateway"]).width(6),
            since
                .query("{{gateway}}", "time() - max by (gateway) (@quipu_push_last_success_timestamp_seconds > 0)")
                .width(6),
        ],
    }
}

fn faults(families: &Families) -> Row {
    Row {
        title: "Metrics engine: what went wrong",
        panels: vec![
            families.increase("Values refused", "quipu_rejected_values_total", &["family"]),
            families.increase("Lookups refused", "quipu_refused_lookups_total", &["family"]),
            families.increase("Left out of scrapes", "quipu_left_out_total", &["family"]),
            families.increase("Mistakes in the setup of HTTP", "quipu_http_faults_total", &["fault"]),
            families.increase("Instrumentation that failed", "quipu_record_failures_total", &["kind"]),
            families.increase(
                "Connections of scrapers not accepted",
                "quipu_scrape_accept_errors_total",
                &["instance"],
            ),
            families.increase("Scrapes refused", "quipu_refused_scrapes_total", &["instance"]),
            families.increase("Scrapes broken off", "quipu_late_scrape_connections_total", &["instance"]),
            families.increase("Connections closed for others", "quipu_evicted_scrape_connections_total", &["instance"]),
        ],
    }
}
