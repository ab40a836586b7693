//! Every kind of metric, and what the map keeps of it: plain numbers and lists.

use super::Labels;
use crate::reader;
use quipu::model::VALUE_LIMIT;
use quipu::{
    Counter, Family, FlagSet, FloatCounter, Gauge, Histogram, InFlightGauge, Info, LabelNames, LabelValue, Registry,
    StateSet, Summary,
};
use std::sync::{Arc, Mutex};

const BOUNDS: [f64; 3] = [-1.0, 0.5, 8.0];
pub(super) const NAMES: [&str; 9] = ["a_total", "b_total", "c", "d", "e", "f", "g", "h", "i_info"];
const FLOAT_COUNTER: usize = 1;
const HISTOGRAM: usize = 4;
const SUMMARY: usize = 5;
const STATES: usize = 6;
const FLAGS: usize = 7;

/// What summaries have by default, in percent.
const QUANTILES: [usize; 3] = [50, 90, 99];

#[derive(LabelValue, Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Idle,
    Busy,
    Gone,
}

impl State {
    const ALL: [(State, &str); 3] = [(State::Idle, "idle"), (State::Busy, "busy"), (State::Gone, "gone")];
}

/// What the map keeps of a series. Amounts are multiples of 0.25, so that no order of additions changes a sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Model {
    /// The value or the sum; of a state set the place of the state, of a flag set a bit for each flag.
    number: f64,
    buckets: [u64; 4],
    /// All that a summary has observed: it is younger than its window.
    observed: Vec<f64>,
}

impl Model {
    /// Holds a quantile beside that of the sorted values.
    #[track_caller]
    fn check_quantile(&self, percent: usize, found: f64) {
        let mut sorted = self.observed.clone();
        sorted.sort_by(f64::total_cmp);
        match (sorted.len() * percent).div_ceil(100) {
            0 => assert!(found.is_nan(), "{found} of nothing"),
            rank => {
                let (exact, relative_error) = (sorted[rank - 1], 0.02 + 1e-9);
                assert!((found - exact).abs() <= relative_error * exact, "{percent}: {found}, not {exact}");
            }
        }
    }
}

/// A series as the map has it: its handles stay good when it is removed.
pub(super) type Shared = Arc<Mutex<Model>>;

/// A handle of any kind, and the family of one, with the same for a family of any kind.
macro_rules! kinds {
    ($($kind:ident($metric:ty)),*) => {
        #[derive(Clone, Debug)]
        pub(super) enum Handle {
            $($kind($metric)),*
        }

        #[derive(Clone, Debug)]
        pub(super) enum AnyFamily {
            $($kind(Family<$metric, LabelNames<2>>)),*
        }

        impl AnyFamily {
            pub(super) fn handle(&self, labels: Labels) -> Handle {
                match self {
                    $(AnyFamily::$kind(family) => Handle::$kind(family.handle(labels))),*
                }
            }

            pub(super) fn remove(&self, labels: Labels) -> bool {
                match self {
                    $(AnyFamily::$kind(family) => family.remove(labels)),*
                }
            }

            pub(super) fn has(&self, labels: Labels) -> bool {
                match self {
                    $(AnyFamily::$kind(family) => family.get(labels).is_some()),*
                }
            }

            /// Keeps the series with this first value.
            pub(super) fn retain(&self, first: &str) {
                match self {
                    $(AnyFamily::$kind(family) => family.retain(|values, _| values[0] == first)),*
                }
            }

            pub(super) fn labels(&self) -> Vec<Vec<String>> {
                match self {
                    $(AnyFamily::$kind(family) => family.iter().map(|(values, _)| values).collect()),*
                }
            }
        }
    };
}

kinds!(
    Counter(Counter),
    FloatCounter(FloatCounter),
    Gauge(Gauge),
    InFlightGauge(InFlightGauge),
    Histogram(Histogram),
    Summary(Summary),
    States(StateSet<State>),
    Flags(FlagSet<State>),
    Info(Info)
);

impl Handle {
    /// Records an amount, and says whether it is refused.
    pub(super) fn record(&self, amount: f64, model: &Shared) -> bool {
        let mut model = model.lock().unwrap();
        let is_odd = amount.is_nan() || amount.abs() >= VALUE_LIMIT;
        let is_refused = match self {
            Handle::FloatCounter(_) => is_odd || amount < 0.0,
            Handle::Histogram(_) => is_odd,
            Handle::Summary(_) => is_odd || amount < 0.0,
            _ => false,
        };
        let is_set = amount < 0.0;
        let place = (amount.abs() * 4.0) as usize % 3;
        match self {
            // A gauge would take it, and perhaps be NaN for good.
            Handle::Counter(_) | Handle::Gauge(_) if is_odd => {}
            Handle::Counter(counter) => {
                counter.inc_by(amount.abs() as u64);
                model.number += amount.abs().floor().max(0.0);
            }
            Handle::FloatCounter(counter) => {
                counter.inc_by(amount);
                model.number += if is_refused { 0.0 } else { amount };
            }
            Handle::Gauge(gauge) if is_set => {
                gauge.set(amount);
                model.number = amount;
            }
            Handle::Gauge(gauge) => {
                gauge.add(amount);
                model.number += amount;
            }
            Handle::InFlightGauge(gauge) => {
                if is_set {
                    gauge.dec_by(2)
                } else {
                    gauge.inc_by(3)
                }
                model.number += if is_set { -2.0 } else { 3.0 };
            }
            Handle::Histogram(histogram) => {
                histogram.observe(amount);
                if !is_refused {
                    model.number += amount;
                    model.buckets[BOUNDS.iter().filter(|bound| amount > **bound).count()] += 1;
                }
            }
            Handle::Summary(summary) => {
                summary.observe(amount);
                if !is_refused {
                    model.number += amount;
                    model.observed.push(amount);
                }
            }
            Handle::States(states) => {
                states.set(State::ALL[place].0);
                model.number = place as f64;
            }
            Handle::Flags(flags) => {
                flags.set(State::ALL[place].0, !is_set);
                let others = model.number as u64 & !(1 << place);
                model.number = (others | u64::from(!is_set) << place) as f64;
            }
            Handle::Info(info) => {
                info.set();
                model.number = 1.0;
            }
        }
        is_refused
    }

    /// Holds what it reads beside the map.
    pub(super) fn check(&self, model: &Model) {
        let number = match self {
            Handle::Counter(counter) => counter.value() as f64,
            Handle::FloatCounter(counter) => counter.value(),
            Handle::Gauge(gauge) => gauge.value(),
            Handle::InFlightGauge(gauge) => gauge.value() as f64,
            Handle::Histogram(histogram) => histogram.snapshot().sum(),
            Handle::Summary(summary) => summary.snapshot().sum(),
            Handle::States(states) => {
                let place = State::ALL.iter().position(|(state, text)| states.is(state) && states.value() == *text);
                place.expect("one holds") as f64
            }
            Handle::Flags(flags) => {
                let bits = State::ALL.iter().zip(0..).map(|((flag, _), n)| u64::from(flags.is(flag)) << n);
                bits.sum::<u64>() as f64
            }
            Handle::Info(_) => 1.0,
        };
        assert_eq!(number, model.number, "{self:?}");
        match self {
            Handle::Histogram(histogram) => assert_eq!(histogram.snapshot().bucket_counts(), model.buckets),
            Handle::Summary(summary) => {
                let snapshot = summary.snapshot();
                assert_eq!(snapshot.count(), model.observed.len() as u64);
                assert_eq!(snapshot.window_count(), model.observed.len() as u64);
                QUANTILES.iter().for_each(|percent| {
                    model.check_quantile(*percent, snapshot.quantile(*percent as f64 / 100.0));
                });
            }
            _ => {}
        }
    }
}

impl AnyFamily {
    pub(super) fn register(registry: &Registry, kind: usize) -> AnyFamily {
        fn with<M: quipu::Metric>(builder: quipu::registry::MetricBuilder<'_, M>) -> Family<M, LabelNames<2>> {
            builder.labels(["x", "y"]).register().unwrap()
        }
        match kind {
            0 => AnyFamily::Counter(with(registry.counter(NAMES[0], "A."))),
            FLOAT_COUNTER => AnyFamily::FloatCounter(with(registry.float_counter(NAMES[1], "B."))),
            2 => AnyFamily::Gauge(with(registry.gauge(NAMES[2], "C."))),
            3 => AnyFamily::InFlightGauge(with(registry.in_flight_gauge(NAMES[3], "D."))),
            HISTOGRAM => AnyFamily::Histogram(with(registry.histogram(NAMES[4], "E.").bounds(BOUNDS))),
            SUMMARY => AnyFamily::Summary(with(registry.summary(NAMES[5], "F."))),
            STATES => AnyFamily::States(with(registry.state_set(NAMES[6], "G."))),
            FLAGS => AnyFamily::Flags(with(registry.flag_set(NAMES[7], "H."))),
            _ => AnyFamily::Info(with(registry.info(NAMES[8], "I."))),
        }
    }
}

/// How many samples a series of this kind has.
pub(super) fn samples_of(kind: usize) -> usize {
    match kind {
        HISTOGRAM => BOUNDS.len() + 3,
        SUMMARY => QUANTILES.len() + 2,
        STATES | FLAGS => State::ALL.len(),
        _ => 1,
    }
}

/// Whether values of this kind can be refused, which are counted then.
pub(super) fn can_refuse(kind: usize) -> bool {
    matches!(kind, FLOAT_COUNTER | HISTOGRAM | SUMMARY)
}

/// Holds the samples of a series beside the map.
pub(super) fn check_series(read: &reader::Exposition, kind: usize, labels: [(&str, &str); 2], model: &Model) {
    let name = NAMES[kind];
    let value = |suffix: &str, more: Option<(&str, &str)>| {
        let labels: Vec<_> = labels.into_iter().chain(more).collect();
        read.value(&format!("{name}{suffix}"), &labels)
    };
    match kind {
        HISTOGRAM => {
            assert_eq!(value("_sum", None), Some(model.number));
            let mut cumulative = 0;
            for (le, count) in ["-1", "0.5", "8", "+Inf"].into_iter().zip(model.buckets) {
                cumulative += count;
                assert_eq!(value("_bucket", Some(("le", le))), Some(cumulative as f64), "{le}");
            }
        }
        SUMMARY => {
            assert_eq!(value("_sum", None), Some(model.number));
            assert_eq!(value("_count", None), Some(model.observed.len() as f64));
            for percent in QUANTILES {
                let quantile = (percent as f64 / 100.0).to_string();
                model.check_quantile(percent, value("", Some(("quantile", &quantile))).expect("it is there"));
            }
        }
        STATES | FLAGS => {
            for ((_, state), n) in State::ALL.into_iter().zip(0..) {
                let number = model.number as u64;
                let holds = if kind == FLAGS { number >> n & 1 == 1 } else { number == n };
                assert_eq!(value("", Some((name, state))), Some(f64::from(u8::from(holds))), "{name} {state}");
            }
        }
        _ => assert_eq!(value("", None), Some(model.number), "{name}"),
    }
}
