//! A crate that knows quipu by another name only.

/// As in a crate of a company that re-exports what its services use.
pub mod shared {
    pub use telemetry as metrics;
}

#[cfg(test)]
mod tests {
    use telemetry::{LabelSet, LabelValue, Registry};

    #[derive(LabelValue)]
    #[label(crate = telemetry)]
    enum Queue {
        Mail,
    }

    #[derive(LabelSet)]
    #[label(crate = ::telemetry)]
    struct Renamed {
        queue: Queue,
        retried: bool,
    }

    #[derive(LabelSet)]
    #[label(rename_all = "UPPERCASE", crate = crate::shared::metrics)]
    struct ReExported<'a> {
        queue: Option<Queue>,
        worker: &'a str,
    }

    #[derive(telemetry::MetricSet)]
    #[metric(crate = telemetry)]
    struct Metrics {
        /// Jobs.
        #[metric(labels(queue: Queue))]
        jobs_total: telemetry::Family<telemetry::Counter, JobLabels>,
    }

    #[telemetry::timed("job_seconds", crate = telemetry, calls, errors)]
    fn job(result: Result<(), u8>) -> Result<(), u8> {
        telemetry::timed_block!("inner_seconds", crate = crate::shared::metrics, labels(n = 7_u8), result)?;
        telemetry::instrumented!("innermost_seconds", crate = telemetry, result)
    }

    #[test]
    fn sets_and_timers_find_quipu_by_the_given_path() {
        let metrics = <Metrics as telemetry::MetricSet>::register(telemetry::global()).unwrap();
        metrics.jobs_total.with(JobLabels { queue: Queue::Mail }).inc();
        assert_eq!((job(Ok(())), job(Err(7))), (Ok(()), Err(7)));
        let snapshot = telemetry::global().snapshot();
        assert_eq!(snapshot.value("jobs_total", &[("queue", "mail")]), Some(1.0));
        assert_eq!(snapshot.value("job_errors_total", &[]), Some(1.0));
        assert_eq!(snapshot.value("innermost_calls_total", &[]), Some(1.0));
        assert_eq!(snapshot.histogram("inner_seconds", &[("n", "7")]).unwrap().count(), 2);
    }

    #[test]
    fn derives_find_quipu_by_the_given_path() {
        let registry = Registry::new();
        let jobs = registry.counter("jobs_total", "Jobs.").label_set::<Renamed>().register().unwrap();
        jobs.with(Renamed { queue: Queue::Mail, retried: true }).inc();
        assert_eq!(jobs.len(), 2);
        let tasks = registry.counter("tasks_total", "Tasks.").label_set::<ReExported>().register().unwrap();
        tasks.with(ReExported { queue: None, worker: "a" }).inc();
        assert_eq!(ReExported::NAMES, ["QUEUE", "WORKER"]);
        assert!(registry.to_text().contains("tasks_total{QUEUE=\"\",WORKER=\"a\"} 1\n"));
    }
}
