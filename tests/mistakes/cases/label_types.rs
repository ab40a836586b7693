//! Field types that are no label values.

use quipu::LabelSet;

struct Opaque;

#[derive(LabelSet)]
struct Foreign {
    good: String,
    bad: Opaque,
    worse: Vec<u8>,
}

#[derive(LabelSet)]
struct Generic<T> {
    value: T,
}

fn needs_set<S: LabelSet>() {}

fn main() {
    needs_set::<Generic<String>>();
    needs_set::<Generic<Opaque>>();
}
