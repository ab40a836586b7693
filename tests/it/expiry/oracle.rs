//! Random use of families that expire, against a model that remembers all that has happened.

use super::{finish, registry, show};
use crate::alone::alone;
use crate::reader;
use proptest::prelude::*;
use quipu::export::Scrape;
use quipu::{Counter, Family, Gauge, InFlightGauge, LabelNames, MetricRef, Registry};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

const KINDS: usize = 3;
const KEYS: [&str; 3] = ["a", "b", "c\""];

#[derive(Clone, Copy, Debug)]
enum Op {
    /// Looks up, and records.
    Record(usize, usize, i8),
    /// Looks up, and does nothing.
    LookUp(usize, usize),
    Get(usize, usize),
    TakeHandle(usize, usize),
    RecordByHandle(prop::sample::Index, i8),
    DropHandle(prop::sample::Index),
    /// A lookup that stays under way until [`Op::EndLingering`], and records then.
    Linger(usize, i8),
    EndLingering,
    AdvanceMinutes(u64),
    BeginScrape,
    FinishScrape(prop::sample::Index),
    AbandonScrape(prop::sample::Index),
    Remove(usize, usize),
    Clear(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let (kind, key, n) = (0..KINDS, 0..KEYS.len(), -1..3i8);
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (kind.clone(), key.clone(), n.clone()).prop_map(|(kind, key, n)| Op::Record(kind, key, n)),
        1 => (kind.clone(), key.clone()).prop_map(|(kind, key)| Op::LookUp(kind, key)),
        1 => (kind.clone(), key.clone()).prop_map(|(kind, key)| Op::Get(kind, key)),
        2 => (kind.clone(), key.clone()).prop_map(|(kind, key)| Op::TakeHandle(kind, key)),
        2 => (index(), n.clone()).prop_map(|(index, n)| Op::RecordByHandle(index, n)),
        3 => index().prop_map(Op::DropHandle),
        1 => (key.clone(), n).prop_map(|(key, n)| Op::Linger(key, n)),
        1 => Just(Op::EndLingering),
        6 => (1..70u64).prop_map(Op::AdvanceMinutes),
        8 => Just(Op::BeginScrape),
        8 => index().prop_map(Op::FinishScrape),
        1 => index().prop_map(Op::AbandonScrape),
        1 => (kind.clone(), key).prop_map(|(kind, key)| Op::Remove(kind, key)),
        1 => kind.prop_map(Op::Clear),
    ]
}

#[derive(Debug)]
enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    InFlight(InFlightGauge),
}

impl Metric {
    fn record(&self, n: i8) {
        match self {
            Metric::Counter(counter) => counter.inc_by(n.unsigned_abs().into()),
            Metric::Gauge(gauge) => gauge.set(n.into()),
            Metric::InFlight(gauge) if n < 0 => gauge.dec_by(n.unsigned_abs().into()),
            Metric::InFlight(gauge) => gauge.inc_by(n.unsigned_abs().into()),
        }
    }
}

/// A time, in minutes, and which of the operations it was.
type Time = (u64, usize);

/// A series: whoever has it may record into it.
#[derive(Debug)]
struct Series {
    kind: usize,
    value: i64,
    made: Time,
    used: Option<Time>,
    /// When scrapes have shown it.
    shown: Vec<Time>,
}

impl Series {
    fn record(&mut self, n: i8, now: Time) {
        let before = self.value;
        match self.kind {
            0 => self.value += i64::from(n.unsigned_abs()),
            1 => self.value = n.into(),
            _ => self.value += i64::from(n),
        }
        if self.kind > 0 || self.value != before {
            self.used = Some(now);
        }
    }

    /// Whether it may go, after scrapes have come to their ends that began at these times.
    fn is_idle(&self, finished: &[Time]) -> bool {
        // When its last use was noticed.
        let noticed = match self.used {
            None => Some(self.made),
            Some((_, used)) => self.shown.iter().copied().find(|(_, shown)| *shown > used),
        };
        noticed.is_some_and(|(noticed, number)| finished.iter().any(|(begun, n)| *n > number && begun - noticed >= 60))
            && (self.kind < 2 || self.value == 0)
    }
}

/// What there is, and the same in the model.
struct Run<'f> {
    families: &'f Families,
    now: Time,
    series: BTreeMap<(usize, usize), Rc<RefCell<Series>>>,
    handles: Vec<(Metric, Rc<RefCell<Series>>)>,
    scrapes: Vec<(Scrape, Time)>,
    finished: Vec<Time>,
    lingering: Option<(MetricRef<'f, Counter>, Rc<RefCell<Series>>, i8)>,
    /// Whether there was one: then it is not known when series go, but still when they may.
    has_lingered: bool,
    may_go: Vec<(usize, usize)>,
}

struct Families {
    registry: Registry,
    clock: quipu::clock::ManualClock,
    counter: Family<Counter, LabelNames<1>>,
    gauge: Family<Gauge, LabelNames<1>>,
    in_flight: Family<InFlightGauge, LabelNames<1>>,
}

impl Families {
    fn handle(&self, kind: usize, key: usize) -> Metric {
        match kind {
            0 => Metric::Counter(self.counter.handle([KEYS[key]])),
            1 => Metric::Gauge(self.gauge.handle([KEYS[key]])),
            _ => Metric::InFlight(self.in_flight.handle([KEYS[key]])),
        }
    }

    fn get(&self, kind: usize, key: usize) -> Option<i64> {
        match kind {
            0 => self.counter.get([KEYS[key]]).map(|found| found.value() as i64),
            1 => self.gauge.get([KEYS[key]]).map(|found| found.value() as i64),
            _ => self.in_flight.get([KEYS[key]]).map(|found| found.value()),
        }
    }

    fn clear(&self, kind: usize) {
        match kind {
            0 => self.counter.clear(),
            1 => self.gauge.clear(),
            _ => self.in_flight.clear(),
        }
    }

    fn remove(&self, kind: usize, key: usize) -> bool {
        match kind {
            0 => self.counter.remove([KEYS[key]]),
            1 => self.gauge.remove([KEYS[key]]),
            _ => self.in_flight.remove([KEYS[key]]),
        }
    }
}

impl<'f> Run<'f> {
    fn new(families: &'f Families) -> Self {
        Run {
            families,
            now: (0, 0),
            series: BTreeMap::new(),
            handles: Vec::new(),
            scrapes: Vec::new(),
            finished: Vec::new(),
            lingering: None,
            has_lingered: false,
            may_go: Vec::new(),
        }
    }

    /// The series that there is now, or a new one.
    fn found(&mut self, kind: usize, key: usize) -> Rc<RefCell<Series>> {
        let (made, shown) = (self.now, Vec::new());
        let new = || Rc::new(RefCell::new(Series { kind, value: 0, made, used: None, shown }));
        self.series.entry((kind, key)).or_insert_with(new).clone()
    }

    /// Takes out of the model what has expired, which must be what may.
    fn forget_expired(&mut self) {
        if self.lingering.is_some() {
            // Nothing goes; and to look it up would put it back.
            let Families { counter, gauge, in_flight, .. } = self.families;
            return assert_eq!(counter.len() + gauge.len() + in_flight.len(), self.series.len());
        }
        for kind in 0..KINDS {
            for key in 0..KEYS.len() {
                let Some(series) = self.series.get(&(kind, key)) else { continue };
                let is_there = self.families.get(kind, key);
                let may_go = self.may_go.contains(&(kind, key));
                match is_there {
                    Some(value) => {
                        assert_eq!(value, series.borrow().value);
                        assert!(!may_go || self.has_lingered, "{kind} {key} has not expired");
                    }
                    None => {
                        assert!(may_go, "{kind} {key} has expired: {series:?}");
                        self.series.remove(&(kind, key));
                    }
                }
            }
        }
    }

    /// What is found with a handle, or used, may not go any more.
    fn keep_used(&mut self) {
        let may_go = core::mem::take(&mut self.may_go);
        let may_go = may_go.into_iter().filter(|key| self.series.get(key).is_some_and(|series| self.is_idle(series)));
        self.may_go = may_go.collect();
    }

    fn is_idle(&self, series: &Rc<RefCell<Series>>) -> bool {
        // A lookup that is under way is no handle.
        let lingering = self.lingering.iter().filter(|(_, found, _)| Rc::ptr_eq(found, series)).count();
        Rc::strong_count(series) == 1 + lingering && series.borrow().is_idle(&self.finished)
    }

    fn step(&mut self, op: Op) {
        self.now.1 += 1;
        let now = self.now;
        match op {
            Op::Record(kind, key, n) => {
                self.families.handle(kind, key).record(n);
                self.found(kind, key).borrow_mut().record(n, now);
            }
            Op::LookUp(kind, key) => {
                drop(self.families.handle(kind, key));
                self.found(kind, key);
            }
            Op::Get(kind, key) => {
                let there = self.families.get(kind, key);
                assert_eq!(there, self.series.get(&(kind, key)).map(|series| series.borrow().value));
            }
            Op::TakeHandle(kind, key) => {
                let handle = (self.families.handle(kind, key), self.found(kind, key));
                self.handles.push(handle);
            }
            Op::RecordByHandle(index, n) if !self.handles.is_empty() => {
                let (handle, series) = index.get(&self.handles);
                handle.record(n);
                series.borrow_mut().record(n, now);
            }
            Op::DropHandle(index) if !self.handles.is_empty() => {
                self.handles.swap_remove(index.index(self.handles.len()));
            }
            // What waited for a lookup before this one may go while this one is under way.
            Op::Linger(key, n) if self.lingering.is_none() && self.may_go.is_empty() => {
                self.has_lingered = true;
                let series = self.found(0, key);
                self.lingering = Some((self.families.counter.with([KEYS[key]]), series, n));
            }
            Op::EndLingering => {
                if let Some((found, series, n)) = self.lingering.take() {
                    found.inc_by(n.unsigned_abs().into());
                    series.borrow_mut().record(n, now);
                }
                // What is condemned stays so until the next scrape.
                return self.keep_used();
            }
            Op::AdvanceMinutes(minutes) => {
                self.families.clock.advance(Duration::from_secs(60 * minutes));
                self.now.0 += minutes;
            }
            Op::BeginScrape => self.begin_scrape(),
            Op::FinishScrape(index) if !self.scrapes.is_empty() => {
                let (scrape, begun) = self.scrapes.swap_remove(index.index(self.scrapes.len()));
                self.finished.push(begun);
                let may_go = self.series.iter().filter(|(_, series)| self.is_idle(series));
                self.may_go = may_go.map(|(key, _)| *key).collect();
                finish(scrape);
            }
            Op::AbandonScrape(index) if !self.scrapes.is_empty() => {
                drop(self.scrapes.swap_remove(index.index(self.scrapes.len())));
            }
            Op::Remove(kind, key) => {
                assert_eq!(self.families.remove(kind, key), self.series.remove(&(kind, key)).is_some());
            }
            Op::Clear(kind) => {
                self.families.clear(kind);
                self.series.retain(|(other, _), _| *other != kind);
            }
            _ => {}
        }
        self.keep_used();
        self.forget_expired();
    }

    fn begin_scrape(&mut self) {
        let mut scrape = self.families.registry.scrape();
        let text = show(&mut scrape);
        let read = reader::read(&text).unwrap();
        let shown = read.families.iter().filter(|family| family.name.len() == 1 || family.name == "a_total");
        let mut unmet: usize = shown.map(|family| family.samples.len()).sum();
        for (name @ (kind, key), series) in &self.series {
            let value = read.value(["a_total", "b", "c"][*kind], &[("x", KEYS[*key])]);
            // What was condemned under a lookup that has ended may be gone.
            let may_be_gone = self.has_lingered && self.may_go.contains(name);
            if value.is_some() || !may_be_gone {
                assert_eq!(value, Some(series.borrow().value as f64));
                unmet -= 1;
            }
            series.borrow_mut().shown.push(self.now);
        }
        assert_eq!(unmet, 0);
        self.scrapes.push((scrape, self.now));
    }
}

fn run(ops: Vec<Op>) {
    let (registry, clock) = registry();
    let counter = super::counters(&registry);
    let gauge = super::expiring(registry.gauge("b", "B."));
    let in_flight = super::expiring(registry.in_flight_gauge("c", "C."));
    let families = Families { registry, clock, counter, gauge, in_flight };
    let mut run = Run::new(&families);
    ops.into_iter().for_each(|op| run.step(op));
}

#[test]
fn series_expire_as_a_model_says() {
    alone("expiry::oracle::series_expire_as_a_model_says", || {
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) };
        proptest!(config, |(ops in prop::collection::vec(op(), 1..150))| run(ops));
    });
}
