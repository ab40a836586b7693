//! `metriken`: atomics in statics, and sharded groups of them for what many threads write.
//!
//! Members of its families are found by the handle they were created with and live as long as it,
//! so there is no lookup by label values. Its histograms have log-linear buckets of their own and
//! no sum, which is other work than the histograms here do. It has no text encoder.

use ::metriken::{Counter, CounterFamily, Gauge, ShardedCounterGroup};

use crate::rival::{Filled, Operation, Rival};
use crate::workload::{LABELS, count_of, for_each_series};

pub(crate) struct Metriken;

impl Rival for Metriken {
    const NAME: &'static str = "metriken";

    fn counter() -> Option<impl Operation> {
        let counter = Counter::new();
        Some(move || {
            counter.increment();
        })
    }

    fn contended_counter() -> Option<impl Operation> {
        let counter = ShardedCounterGroup::new(1);
        Some(move || {
            counter.increment(0);
        })
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        let gauge = Gauge::new();
        Some(move || {
            gauge.increment();
            gauge.decrement();
        })
    }

    fn counters(series: usize) -> Option<Filled> {
        // Members borrow their family, which is a static in real programs.
        let family: &'static CounterFamily = Box::leak(Box::new(CounterFamily::new()));
        let mut members = Vec::with_capacity(series);
        for_each_series(series, |series, key| {
            let member = family.member(LABELS.into_iter().zip(key));
            member.add(count_of(series));
            members.push(member);
        });
        Some(Filled::without_encoder(members))
    }
}
