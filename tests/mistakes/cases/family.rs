//! Labels that do not fit the family.

use quipu::{LabelSet, Registry};

#[derive(LabelSet)]
struct Job {
    retried: bool,
}

#[derive(LabelSet)]
struct Task {
    retried: bool,
}

struct Plain {
    retried: bool,
}

fn main() {
    let registry = Registry::new();
    let counter = || registry.counter("jobs_total", "Jobs.");

    let named = counter().labels(["queue", "worker"]).register().unwrap();
    named.with(["mail"]).inc();
    named.with(["mail", "1", "extra"]).inc();
    named.with(&Job { retried: true }).inc();

    let typed = counter().label_set::<Job>().register().unwrap();
    typed.with(&Task { retried: true }).inc();
    typed.with(["true"]).inc();

    let _ = counter().label_set::<Plain>();
}
