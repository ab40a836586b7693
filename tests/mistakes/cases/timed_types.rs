//! Types that do not fit what a timer is told.

use quipu::timed;

struct Kind;

#[timed("a_seconds", labels(kind))]
fn no_label_value(kind: Kind) {}

#[timed("a_seconds", errors)]
fn no_result() -> u32 {
    7
}

fn classify(_: &u32) -> Kind {
    Kind
}

#[timed("a_seconds", errors(by = classify))]
fn another_error() -> Result<(), String> {
    Ok(())
}

#[timed("a_seconds", errors(by = classify))]
fn no_class() -> Result<(), u32> {
    Ok(())
}

#[timed("a_seconds", registry = 7)]
fn no_registry() {}

#[timed(tracker = Kind)]
fn no_tracker() {}

fn main() {}
