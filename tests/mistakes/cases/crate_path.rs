//! A path that does not lead to quipu.

use quipu::LabelSet;

#[derive(LabelSet)]
#[label(crate = nowhere)]
struct Job {
    retried: bool,
}

fn main() {}
