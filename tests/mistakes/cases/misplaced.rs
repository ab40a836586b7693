//! Recording into what is not a metric yet, or into many at once.

use quipu::Registry;

fn main() {
    let registry = Registry::new();

    registry.counter("jobs_total", "Jobs.").inc();
    registry.histogram("job_seconds", "Seconds.").observe(0.5);
    registry.counter("jobs_total", "Jobs.").labels(["queue"]).with(["mail"]).inc();
    let _mail = registry.gauge("jobs", "Jobs.").dyn_labels(&["queue"]).handle(&["mail"]);

    let jobs = registry.counter("jobs_total", "Jobs.").labels(["queue"]).register().unwrap();
    jobs.inc();
    let depth = registry.gauge("depth", "D.").dyn_labels(&["queue"]).register().unwrap();
    depth.set(3.0);
}
