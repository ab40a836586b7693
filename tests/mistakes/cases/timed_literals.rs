//! Literals of timers that break a rule.

use quipu::{timed, timed_block};

#[timed("a-b_seconds")]
fn dash() {}

#[timed("a_seconds", calls = "calls")]
fn without_total() {}

#[timed("a_seconds", bounds = [2.0, 1.0])]
fn bounds() {}

#[timed("a_seconds", labels(le = "1"))]
fn label_of_buckets() {}

#[timed("a_seconds", labels(a = "1", _b = "2"))]
fn label_name() {}

#[timed("a_seconds", labels(a = "1", a = "2"))]
fn label_twice() {}

#[timed("a_seconds", labels(error_type = "1"), errors(by = |()| "known"))]
fn label_of_classes() -> Result<(), ()> {
    Ok(())
}

fn main() {
    timed_block!("quipu_seconds", 7);
}
