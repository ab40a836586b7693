//! What records nothing.
#![deny(unused_must_use)]

use quipu::{LabelSet, Registry};

#[derive(LabelSet)]
struct Job {
    retried: bool,
}

fn main() {
    let registry = Registry::new();
    let counter = || registry.counter("jobs_total", "Jobs.");

    counter().labels(["queue"]).register().unwrap().with(["mail"]);
    counter().label_set::<Job>().register().unwrap().with(Job { retried: true });
    counter().dyn_labels(&["queue"]).register().unwrap().with(&["mail"]).unwrap();
}
