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
