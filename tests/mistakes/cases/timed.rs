//! What `#[timed]` and its like refuse.

use quipu::{instrumented, timed, timed_block};

#[timed("a_seconds")]
struct Struct;

#[timed("a_seconds")]
const fn constant() {}

trait Trait {
    #[timed("a_seconds")]
    fn without_a_body(&self);
}

#[timed("a")]
fn not_in_seconds() {}

#[timed("a_seconds", errors)]
fn without_a_result() {}

#[timed("a_seconds", error)]
fn unknown_option() {}

#[timed("a_seconds", errors(with = classify))]
fn unknown_option_of_errors() -> Result<(), ()> {
    Ok(())
}

#[timed("a_seconds", calls, calls)]
fn option_twice() {}

#[timed("a_seconds", tracker = 7)]
fn tracker_and_name() {}

#[timed(tracker = 7, labels(a = "b"))]
fn tracker_and_labels() {}

fn main() {
    timed_block!(7);
    timed_block!("a_seconds");
    instrumented!(tracker = 7, Ok(()));
}
