//! The empty loop: what the harness itself costs, with the same table accesses.

use std::hint::black_box;

use crate::rival::{NOTHING, Observe, Operation, Rival};
use crate::workload::{Key, Keys};

pub(crate) struct Nothing;

impl Rival for Nothing {
    const NAME: &'static str = NOTHING;

    fn counter() -> Option<impl Operation> {
        Some(|| ())
    }

    fn float_counter() -> Option<impl Fn(f64) + Send + Sync + 'static> {
        Some(|amount| {
            black_box(amount);
        })
    }

    fn in_flight_gauge() -> Option<impl Operation> {
        Some(|| ())
    }

    fn histogram() -> Option<impl Observe> {
        Some(|value| {
            black_box(value);
        })
    }

    fn lookup(_keys: &Keys) -> Option<impl Fn(Key) + Send + Sync + 'static> {
        Some(|key| {
            black_box(key);
        })
    }
}
