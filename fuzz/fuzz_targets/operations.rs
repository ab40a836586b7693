//! Any operations in any order, on several threads one after another, leave the registry as they
//! leave a map of plain numbers.
#![no_main]

#[path = "../../tests/reader/mod.rs"]
mod reader;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use quipu::model::{LabelBuffer, VALUE_LIMIT};
use quipu::registry::MetricBuilder;
use quipu::{
    Counter, Family, FlagSet, FloatCounter, Gauge, Histogram, InFlightGauge, Info, LabelNames, LabelValue, Registry,
    StateSet, Summary,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Few names and few labels, so that operations meet.
const LABELS: [&str; 6] = ["", "a", "b", "a\"", "\\\n", "ab"];
const BOUNDS: [f64; 3] = [-1.0, 0.0, 100.0];
const REFUSED: [f64; 6] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, VALUE_LIMIT];

/// Of summaries, in percent, and by what part they may be wrong.
const QUANTILES: [usize; 3] = [0, 50, 100];
const RELATIVE_ERROR: f64 = 0.05;

const STATES: [&str; 3] = ["a", "b", "c"];

/// One of [`STATES`], by its place.
#[derive(Clone, Copy)]
struct State(usize);

impl LabelValue for State {
    const VALUES: Option<&'static [&'static str]> = Some(&STATES);

    fn index(&self) -> usize {
        self.0
    }

    fn as_label<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        STATES[self.0]
    }
}

fn place(n: i16) -> usize {
    usize::from(n.unsigned_abs()) % STATES.len()
}

fn refused(n: u8) -> f64 {
    REFUSED[usize::from(n) % REFUSED.len()]
}

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum MetricType {
    Counter,
    FloatCounter,
    Gauge,
    InFlight,
    Histogram,
    Summary,
    StateSet,
    FlagSet,
    Info,
}

const KINDS: [MetricType; 9] = [
    MetricType::Counter,
    MetricType::FloatCounter,
    MetricType::Gauge,
    MetricType::InFlight,
    MetricType::Histogram,
    MetricType::Summary,
    MetricType::StateSet,
    MetricType::FlagSet,
    MetricType::Info,
];

impl MetricType {
    fn name(self) -> &'static str {
        ["a_total", "b_total", "c", "d", "e", "f", "g", "h", "i_info"][self as usize]
    }

    /// How many samples a series has.
    fn samples(self) -> usize {
        match self {
            MetricType::Histogram => BOUNDS.len() + 3,
            MetricType::Summary => QUANTILES.len() + 2,
            MetricType::StateSet | MetricType::FlagSet => STATES.len(),
            _ => 1,
        }
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
    Summary(Summary),
    StateSet(StateSet<State>),
    FlagSet(FlagSet<State>),
    Info(Info),
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
            (Metric::Summary(summary), Record::By(n)) => summary.observe(n.unsigned_abs().into()),
            (Metric::Summary(summary), Record::Down) => summary.observe(-1.0),
            (Metric::Summary(summary), Record::Refused(n)) => summary.observe(refused(n)),
            (Metric::StateSet(state), Record::By(n)) => state.set(State(place(n))),
            // No state has this place.
            (Metric::StateSet(state), Record::Refused(_)) => state.set(State(STATES.len())),
            (Metric::FlagSet(flags), Record::By(n)) => flags.set(State(place(n)), n > 0),
            (Metric::FlagSet(flags), Record::Refused(_)) => flags.set(State(STATES.len()), true),
            (Metric::Info(info), _) => info.set(),
            _ => {}
        }
    }
}

/// What a series holds: one number, or a sum and the counts of the buckets, or all that was observed; the place of a state, or
/// which flags are up.
#[derive(Clone, Debug, Default)]
struct Plain {
    value: f64,
    buckets: [u64; BOUNDS.len() + 1],
    observed: Vec<f64>,
    state: usize,
    flags: [bool; STATES.len()],
}

impl Plain {
    fn record(&mut self, kind: MetricType, record: Record) {
        match (kind, record) {
            (MetricType::Histogram, Record::By(n)) => {
                self.value += f64::from(n);
                let bucket = BOUNDS.iter().position(|bound| f64::from(n) <= *bound);
                self.buckets[bucket.unwrap_or(BOUNDS.len())] += 1;
            }
            (MetricType::Summary, Record::By(n)) => {
                self.value += f64::from(n.unsigned_abs());
                self.observed.push(n.unsigned_abs().into());
            }
            (MetricType::StateSet, Record::By(n)) => self.state = place(n),
            (MetricType::FlagSet, Record::By(n)) => self.flags[place(n)] = n > 0,
            (MetricType::Histogram | MetricType::Summary | MetricType::StateSet | MetricType::FlagSet, _) => {}
            (MetricType::Info, _) => {}
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

impl Plain {
    /// Compares what is exposed of a series; `value` is the sample with this suffix and one more label.
    fn compare(&self, kind: MetricType, value: impl Fn(&str, Option<(&str, &str)>) -> f64) {
        match kind {
            MetricType::Histogram => {
                same(value("_sum", None), self.value);
                let mut below = 0;
                for (le, count) in ["-1", "0", "100", "+Inf"].into_iter().zip(self.buckets) {
                    below += count;
                    same(value("_bucket", Some(("le", le))), below as f64);
                }
            }
            MetricType::Summary => {
                same(value("_sum", None), self.value);
                same(value("_count", None), self.observed.len() as f64);
                let mut sorted = self.observed.clone();
                sorted.sort_by(f64::total_cmp);
                for percent in QUANTILES {
                    let found = value("", Some(("quantile", &(percent as f64 / 100.0).to_string())));
                    let rank = (sorted.len() * percent).div_ceil(100).max(1);
                    match sorted.get(rank - 1) {
                        Some(exact) => {
                            assert!((found - exact).abs() <= (RELATIVE_ERROR + 1e-9) * exact, "{found}, not {exact}")
                        }
                        None => assert!(found.is_nan()),
                    }
                }
            }
            MetricType::StateSet | MetricType::FlagSet => {
                for (n, state) in STATES.into_iter().enumerate() {
                    let holds = if matches!(kind, MetricType::FlagSet) { self.flags[n] } else { self.state == n };
                    same(value("", Some((kind.name(), state))), u8::from(holds).into());
                }
            }
            MetricType::Info => same(value("", None), 1.0),
            _ => same(value("", None), self.value),
        }
    }
}

type Shared = Arc<Mutex<Plain>>;

/// The naive registry: handles share their number with the map, as long as it is there.
type Oracle = HashMap<(MetricType, &'static str), Shared>;

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
        MetricType::Summary => find!(summary(registry), Metric::Summary),
        MetricType::StateSet => find!(registry.state_set(name, "Help."), Metric::StateSet),
        MetricType::FlagSet => find!(registry.flag_set(name, "Help."), Metric::FlagSet),
        MetricType::Info => find!(registry.info(name, "Help."), Metric::Info),
    }
}

/// Its window is longer than a run.
fn summary(registry: &Registry) -> MetricBuilder<'_, Summary> {
    let quantiles = QUANTILES.map(|percent| percent as f64 / 100.0);
    let builder = registry.summary(MetricType::Summary.name(), "Help.").quantiles(quantiles);
    builder.relative_error(RELATIVE_ERROR).range(1.0, 1e5)
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
        MetricType::Summary => remove!(summary(registry)),
        MetricType::StateSet => remove!(registry.state_set::<State>(name, "Help.")),
        MetricType::FlagSet => remove!(registry.flag_set::<State>(name, "Help.")),
        MetricType::Info => remove!(registry.info(name, "Help.")),
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
        let plain = self.oracle.entry((kind, label)).or_default().clone();
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
                let was_there = self.oracle.remove(&(kind, label(n))).is_some();
                assert_eq!(remove(&self.registry, kind, label(n)), was_there);
            }
            Operation::RemoveFamily(kind) => {
                self.registry.unregister(kind.name());
                self.oracle.retain(|(of, _), _| *of != kind);
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
            let lines = kind.samples();
            assert_eq!(family.samples.len() % lines, 0);
            series += family.samples.len() / lines;
        }
        assert_eq!(series, self.oracle.len(), "{text}");
        for ((kind, label), plain) in &self.oracle {
            let value = |suffix: &str, more: Option<(&str, &str)>| {
                let labels: Vec<_> = [("x", *label)].into_iter().chain(more).collect();
                let value = read.value(&format!("{}{suffix}", kind.name()), &labels);
                value.unwrap_or_else(|| panic!("no {kind:?} {labels:?}\n{text}"))
            };
            plain.lock().unwrap().compare(*kind, value);
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
