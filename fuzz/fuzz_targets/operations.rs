//! Any operations in any order, on several threads one after another, leave the registry as they
//! leave a map of plain numbers.
#![no_main]

#[path = "../../tests/reader/mod.rs"]
mod reader;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use quipu::model::VALUE_LIMIT;
use quipu::{Counter, Family, FloatCounter, Gauge, Histogram, InFlightGauge, LabelNames, Registry};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Few names and few labels, so that operations meet.
const LABELS: [&str; 6] = ["", "a", "b", "a\"", "\\\n", "ab"];
const BOUNDS: [f64; 3] = [-1.0, 0.0, 100.0];
const REFUSED: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, VALUE_LIMIT];

fn refused(n: u8) -> f64 {
    REFUSED[usize::from(n) % REFUSED.len()]
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum MetricType {
    Counter,
    FloatCounter,
    Gauge,
    InFlight,
    Histogram,
}

const KINDS: [MetricType; 5] =
    [MetricType::Counter, MetricType::FloatCounter, MetricType::Gauge, MetricType::InFlight, MetricType::Histogram];

impl MetricType {
    fn name(self) -> &'static str {
        ["a_total", "b_total", "c", "d", "e"][self as usize]
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Record {
    Up,
    Down,
    /// Whole, so that sums do not depend on their order.
    By(i16),
    Set(f64),
    /// One of [`REFUSED`].
    Refused(u8),
}

#[derive(Arbitrary, Debug)]
enum Operation {
    With(MetricType, u8, Record),
    Hold(MetricType, u8),
    UseHeld(u8, Record),
    UseHeldElsewhere(u8, Record),
    LetGo(u8),
    RemoveSeries(MetricType, u8),
    RemoveFamily(MetricType),
    Scrape,
}

#[derive(Clone, Debug)]
enum Metric {
    Counter(Counter),
    FloatCounter(FloatCounter),
    Gauge(Gauge),
    InFlightGuard(InFlightGauge),
    Histogram(Histogram),
}

impl Metric {
    fn record(&self, record: Record) {
        match (self, record) {
            (Metric::Counter(counter), Record::Up) => counter.inc(),
            (Metric::Counter(counter), Record::By(n)) => counter.inc_by(n.unsigned_abs().into()),
            (Metric::FloatCounter(counter), Record::Up) => counter.inc_by(1.0),
            (Metric::FloatCounter(counter), Record::By(n)) => counter.inc_by(n.unsigned_abs().into()),
            (Metric::FloatCounter(counter), Record::Down) => counter.inc_by(-1.0),
            (Metric::FloatCounter(counter), Record::Refused(n)) => counter.inc_by(refused(n)),
            (Metric::Gauge(gauge), Record::Up) => gauge.inc(),
            (Metric::Gauge(gauge), Record::Down) => gauge.dec(),
            (Metric::Gauge(gauge), Record::By(n)) => gauge.add(n.into()),
            (Metric::Gauge(gauge), Record::Set(value)) => gauge.set(value),
            (Metric::InFlightGuard(gauge), Record::Up) => gauge.inc(),
            (Metric::InFlightGuard(gauge), Record::Down) => gauge.dec(),
            (Metric::Histogram(histogram), Record::By(n)) => histogram.observe(n.into()),
            (Metric::Histogram(histogram), Record::Refused(n)) => histogram.observe(refused(n)),
            _ => {}
        }
    }
}

/// What a series holds: one number, or a sum and the counts of the buckets.
#[derive(Clone, Debug, Default)]
struct Plain {
    value: f64,
    buckets: [u64; BOUNDS.len() + 1],
}

impl Plain {
    fn record(&mut self, kind: MetricType, record: Record) {
        match (kind, record) {
            (MetricType::Histogram, Record::By(n)) => {
                self.value += f64::from(n);
                let bucket = BOUNDS.iter().position(|bound| f64::from(n) <= *bound);
                self.buckets[bucket.unwrap_or(BOUNDS.len())] += 1;
            }
            (MetricType::Histogram, _) => {}
            (_, Record::Up) => self.value += 1.0,
            (MetricType::Gauge | MetricType::InFlight, Record::Down) => self.value -= 1.0,
            (MetricType::Counter | MetricType::FloatCounter, Record::By(n)) => {
                self.value += f64::from(n.unsigned_abs())
            }
            (MetricType::Gauge, Record::By(n)) => self.value += f64::from(n),
            (MetricType::Gauge, Record::Set(value)) => self.value = value,
            _ => {}
        }
    }
}

type Shared = Arc<Mutex<Plain>>;

/// The naive registry: handles share their number with the map, as long as it is there.
type Oracle = HashMap<(&'static str, &'static str), Shared>;

struct Held {
    kind: MetricType,
    metric: Metric,
    plain: Shared,
}

impl Held {
    fn record(&self, record: Record) {
        self.metric.record(record);
        self.plain.lock().unwrap().record(self.kind, record);
    }
}

/// Handles made by the family; the sets are found by `with`, too.
fn find(registry: &Registry, kind: MetricType, label: &'static str, hold: bool) -> Metric {
    macro_rules! find {
        ($family:expr, $wrap:expr) => {{
            let family: Family<_, LabelNames<1>> = $family.labels(["x"]).register().expect("the same description");
            $wrap(if hold { family.handle([label]) } else { family.with([label]).clone() })
        }};
    }
    let name = kind.name();
    match kind {
        MetricType::Counter => find!(registry.counter(name, "Help."), Metric::Counter),
        MetricType::FloatCounter => find!(registry.float_counter(name, "Help."), Metric::FloatCounter),
        MetricType::Gauge => find!(registry.gauge(name, "Help."), Metric::Gauge),
        MetricType::InFlight => find!(registry.in_flight_gauge(name, "Help."), Metric::InFlightGuard),
        MetricType::Histogram => find!(registry.histogram(name, "Help.").bounds(BOUNDS), Metric::Histogram),
    }
}

fn remove(registry: &Registry, kind: MetricType, label: &str) -> bool {
    macro_rules! remove {
        ($family:expr) => {
            $family.labels(["x"]).register().expect("the same description").remove([label])
        };
    }
    let name = kind.name();
    match kind {
        MetricType::Counter => remove!(registry.counter(name, "Help.")),
        MetricType::FloatCounter => remove!(registry.float_counter(name, "Help.")),
        MetricType::Gauge => remove!(registry.gauge(name, "Help.")),
        MetricType::InFlight => remove!(registry.in_flight_gauge(name, "Help.")),
        MetricType::Histogram => remove!(registry.histogram(name, "Help.").bounds(BOUNDS)),
    }
}

fn label(n: u8) -> &'static str {
    LABELS[usize::from(n) % LABELS.len()]
}

struct Run {
    registry: Registry,
    oracle: Oracle,
    held: Vec<Held>,
}

impl Run {
    fn find(&mut self, kind: MetricType, label: &'static str, hold: bool) -> Held {
        let metric = find(&self.registry, kind, label, hold);
        let plain = self.oracle.entry((kind.name(), label)).or_default().clone();
        Held { kind, metric, plain }
    }

    fn held(&self, n: u8) -> Option<usize> {
        (!self.held.is_empty()).then(|| usize::from(n) % self.held.len())
    }

    fn apply(&mut self, operation: Operation) {
        match operation {
            Operation::With(kind, n, record) => self.find(kind, label(n), false).record(record),
            Operation::Hold(kind, n) => {
                let held = self.find(kind, label(n), true);
                self.held.push(held);
            }
            Operation::UseHeld(n, record) => {
                if let Some(n) = self.held(n) {
                    self.held[n].record(record);
                }
            }
            Operation::UseHeldElsewhere(n, record) => {
                if let Some(n) = self.held(n) {
                    let held = &self.held[n];
                    std::thread::scope(|scope| scope.spawn(|| held.record(record)).join().unwrap());
                }
            }
            Operation::LetGo(n) => {
                if let Some(n) = self.held(n) {
                    self.held.swap_remove(n);
                }
            }
            Operation::RemoveSeries(kind, n) => {
                let was_there = self.oracle.remove(&(kind.name(), label(n))).is_some();
                assert_eq!(remove(&self.registry, kind, label(n)), was_there);
            }
            Operation::RemoveFamily(kind) => {
                self.registry.unregister(kind.name());
                self.oracle.retain(|(name, _), _| *name != kind.name());
            }
            Operation::Scrape => self.compare(),
        }
    }

    fn compare(&self) {
        let text = self.registry.to_text();
        let read = reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let mut series = 0;
        for kind in KINDS {
            let Some(family) = read.family(kind.name()) else {
                continue;
            };
            let lines = if matches!(kind, MetricType::Histogram) { BOUNDS.len() + 3 } else { 1 };
            assert_eq!(family.samples.len() % lines, 0);
            series += family.samples.len() / lines;
        }
        assert_eq!(series, self.oracle.len(), "{text}");
        for ((name, label), plain) in &self.oracle {
            let plain = plain.lock().unwrap();
            let value = |name: &str, labels: &[(&str, &str)]| {
                let value = read.value(name, labels);
                value.unwrap_or_else(|| panic!("no {name} {labels:?}\n{text}"))
            };
            if *name != MetricType::Histogram.name() {
                same(value(name, &[("x", label)]), plain.value);
                continue;
            }
            same(value("e_sum", &[("x", label)]), plain.value);
            let mut below = 0;
            for (le, count) in ["-1", "0", "100", "+Inf"].into_iter().zip(plain.buckets) {
                below += count;
                same(value("e_bucket", &[("x", label), ("le", le)]), below as f64);
            }
        }
    }
}

#[track_caller]
fn same(found: f64, expected: f64) {
    assert!(found == expected || found.is_nan() && expected.is_nan(), "{found}, not {expected}");
}

fuzz_target!(|operations: Vec<Operation>| {
    let mut run = Run { registry: Registry::new(), oracle: Oracle::new(), held: Vec::new() };
    for operation in operations {
        run.apply(operation);
    }
    run.compare();
    // Held handles are good without the registry.
    let Run { registry, held, .. } = run;
    drop(registry);
    held.iter().for_each(|held| held.record(Record::Up));
});
