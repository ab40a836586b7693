//! A crate in which the names of the prelude and of the standard library are taken.

#![allow(dead_code, unused_imports, unused_macros)]
#![deny(unused_qualifications, unreachable_pub, missing_docs)]

use quipu::{Counter, Family, Histogram, LabelNames, LabelSet, LabelValue, MetricSet};
use quipu::{instrumented, timed, timed_block};

mod core {}
mod std {}
mod alloc {}

struct Result;
struct Option;
struct String;
struct Vec;
struct Box;
enum Maybe {
    Some,
    None,
    Ok,
    Err,
}
use Maybe::{Err, None, Ok, Some};
trait Clone {}
trait Copy {}
trait Drop {}
trait Fn {}
trait FnOnce {}
trait Into {}
trait Iterator {}
trait Default {}
trait Send {}
trait Sync {}
fn drop() {}

macro_rules! panic {
    () => {};
}
macro_rules! assert {
    () => {};
}

#[derive(LabelValue)]
enum Queue {
    Some,
    Err,
}

#[derive(LabelSet)]
struct Labels {
    queue: Queue,
}

#[derive(MetricSet)]
#[metric(prefix = "a")]
struct Metrics {
    /// Jobs.
    #[metric(labels(queue: Queue, name: &str))]
    jobs_total: Family<Counter, JobLabels<'static>>,
    /// Jobs.
    tasks_total: Family<Counter, Labels>,
    /// Jobs.
    #[metric(labels("a"), bounds = [1.0], unit = "seconds", unlimited)]
    job_seconds: Family<Histogram, LabelNames<1>>,
}

#[timed("b_seconds", calls, errors(by = |error| *error), labels(queue))]
fn work(queue: Queue) -> ::core::result::Result<(), u8> {
    timed_block!("c_seconds", ());
    instrumented!("d_seconds", ::core::result::Result::<(), u8>::Err(7))
}

#[timed("e_seconds", errors)]
async fn wait() -> ::core::result::Result<(), u8> {
    ::core::result::Result::Ok(())
}

#[timed("f_seconds")]
fn plain() {}

fn main() {
    Metrics::detached().jobs_total.with(JobLabels { queue: Queue::Some, name: "a" }).inc();
    ::core::assert!(work(Queue::Err).is_err());
    plain();
    let _ = wait();
}
