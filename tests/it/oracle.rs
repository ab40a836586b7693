//! Random use of a registry against a plain map behind a lock.

mod kinds;

use crate::reader;
use kinds::{AnyFamily, Handle, NAMES, Shared, can_refuse, check_series, samples_of};
use proptest::prelude::*;
use quipu::Registry;
use quipu::model::VALUE_LIMIT;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::thread;

const KINDS: usize = NAMES.len();

/// Values that are easily taken for one another.
const VALUES: [&str; 8] = ["", "a", "ab", "abc", "b\"c\\", "bc", "b\nc", "a value that is longer than the others"];

type Labels = [&'static str; 2];

/// One family in the map.
#[derive(Debug, Default)]
struct FamilyModel {
    series: HashMap<Labels, Shared>,
    rejected: Arc<Mutex<u64>>,
}

/// A handle that is kept, and what the map has for it.
#[derive(Clone, Debug)]
struct Kept {
    handle: Handle,
    model: Shared,
    rejected: Arc<Mutex<u64>>,
}

impl Kept {
    fn record(&self, amount: f64) {
        *self.rejected.lock().unwrap() += u64::from(self.handle.record(amount, &self.model));
    }

    fn check(&self) {
        self.handle.check(&self.model.lock().unwrap());
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Finds a series, records into it, and keeps the handle, or not.
    Record {
        kind: usize,
        labels: Labels,
        amount: f64,
        is_kept: bool,
    },
    /// Records through a kept handle, on another thread or on this one.
    Again {
        which: usize,
        amount: f64,
        is_elsewhere: bool,
    },
    Clone {
        which: usize,
    },
    /// Drops a handle, on another thread or on this one.
    Drop {
        which: usize,
        is_elsewhere: bool,
    },
    Remove {
        kind: usize,
        labels: Labels,
    },
    /// Removes all series but those with this first value.
    Retain {
        kind: usize,
        first: &'static str,
    },
    RemoveFamily {
        kind: usize,
    },
    Scrape,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = || 0..KINDS;
    let label = || (0..VALUES.len()).prop_map(|n| VALUES[n]);
    let labels = move || [label(), label()];
    let amount = || {
        let odd = prop::sample::select(vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            VALUE_LIMIT,
            -1.0,
            -0.0,
            0.5,
            8.0,
            8.25,
        ]);
        prop_oneof![4 => (-40i32..400).prop_map(|n| f64::from(n) / 4.0), 1 => odd]
    };
    let which = any::<usize>;
    prop_oneof![
        10 => (kind(), labels(), amount(), any::<bool>())
            .prop_map(|(kind, labels, amount, is_kept)| Step::Record { kind, labels, amount, is_kept }),
        6 => (which(), amount(), any::<bool>())
            .prop_map(|(which, amount, is_elsewhere)| Step::Again { which, amount, is_elsewhere }),
        2 => which().prop_map(|which| Step::Clone { which }),
        3 => (which(), any::<bool>()).prop_map(|(which, is_elsewhere)| Step::Drop { which, is_elsewhere }),
        4 => (kind(), labels()).prop_map(|(kind, labels)| Step::Remove { kind, labels }),
        1 => (kind(), label()).prop_map(|(kind, first)| Step::Retain { kind, first }),
        1 => kind().prop_map(|kind| Step::RemoveFamily { kind }),
        1 => Just(Step::Scrape),
    ]
}

/// A registry and its model.
#[derive(Debug, Default)]
struct World {
    registry: Registry,
    families: BTreeMap<usize, FamilyModel>,
    kept: Vec<Kept>,
}

fn elsewhere(is_elsewhere: bool, f: impl FnOnce() + Send) {
    if is_elsewhere {
        thread::scope(|scope| scope.spawn(f).join().unwrap());
    } else {
        f();
    }
}

impl World {
    fn run(&mut self, step: Step) {
        match step {
            Step::Record { kind, labels, amount, is_kept } => {
                let registered = AnyFamily::register(&self.registry, kind);
                let family = self.families.entry(kind).or_default();
                assert_eq!(registered.has(labels), family.series.contains_key(&labels));
                let handle = registered.handle(labels);
                let model = family.series.entry(labels).or_default().clone();
                let kept = Kept { handle, model, rejected: family.rejected.clone() };
                kept.record(amount);
                if is_kept {
                    self.kept.push(kept);
                }
            }
            Step::Scrape => self.scrape(),
            Step::Remove { kind, labels } => {
                let is_there = AnyFamily::register(&self.registry, kind).remove(labels);
                let model = self.families.entry(kind).or_default().series.remove(&labels);
                assert_eq!(is_there, model.is_some());
            }
            Step::Retain { kind, first } => {
                AnyFamily::register(&self.registry, kind).retain(first);
                self.families.entry(kind).or_default().series.retain(|labels, _| labels[0] == first);
            }
            Step::RemoveFamily { kind } => {
                let is_there = self.registry.unregister(NAMES[kind]);
                assert_eq!(is_there, self.families.remove(&kind).is_some());
            }
            _ if self.kept.is_empty() => {}
            Step::Again { which, amount, is_elsewhere } => {
                let kept = &self.kept[which % self.kept.len()];
                elsewhere(is_elsewhere, || kept.record(amount));
            }
            Step::Clone { which } => self.kept.push(self.kept[which % self.kept.len()].clone()),
            Step::Drop { which, is_elsewhere } => {
                let kept = self.kept.swap_remove(which % self.kept.len());
                elsewhere(is_elsewhere, move || drop(kept));
            }
        }
    }

    fn scrape(&self) {
        let text = self.registry.to_text();
        let read = reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let value = |name: &str, labels: &[(&str, &str)]| read.value(name, labels);
        for (kind, family) in &self.families {
            let name = NAMES[*kind];
            let mut labels = AnyFamily::register(&self.registry, *kind).labels();
            let mut expected: Vec<_> = family.series.keys().map(|labels| labels.map(str::to_owned).to_vec()).collect();
            labels.sort();
            expected.sort();
            assert_eq!(labels, expected);
            let samples = read.family(name).map_or(0, |family| family.samples.len());
            assert_eq!(samples, samples_of(*kind) * family.series.len(), "{text}");
            assert_eq!(value("quipu_series", &[("family", name)]), Some(family.series.len() as f64));
            let rejected = can_refuse(*kind).then(|| *family.rejected.lock().unwrap() as f64);
            assert_eq!(value("quipu_rejected_values_total", &[("family", name)]), rejected, "{text}");
            for ([x, y], model) in &family.series {
                check_series(&read, *kind, [("x", *x), ("y", *y)], &model.lock().unwrap());
            }
        }
        let families = read.families.iter().filter(|family| NAMES.contains(&&*family.name)).count();
        assert_eq!(families, self.families.values().filter(|family| !family.series.is_empty()).count());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 }))]

    #[test]
    fn a_registry_is_a_map_behind_a_lock(steps in prop::collection::vec(step(), 1..150)) {
        let mut world = World::default();
        for step in steps {
            world.run(step);
        }
        world.kept.iter().for_each(Kept::check);
        world.scrape();
    }

    /// Threads share the handles, and each removes and makes series of its own.
    #[test]
    fn threads_agree_with_maps_of_their_own(
        plans in prop::collection::vec(prop::collection::vec((0..4usize, 0..6u64, any::<bool>()), 1..80), 2..5),
    ) {
        let registry = Registry::new();
        let family = registry.counter("a_total", "A.").labels(["thread", "n"]).register().unwrap();
        let all = family.handle(["all", ""]);
        let maps: Vec<HashMap<usize, u64>> = thread::scope(|scope| {
            let run = |(thread, plan): (usize, Vec<(usize, u64, bool)>)| {
                let (family, all, thread) = (&family, &all, thread.to_string());
                scope.spawn(move || {
                    let mut map = HashMap::new();
                    for (n, amount, is_removal) in plan {
                        all.inc_by(amount);
                        if is_removal {
                            assert_eq!(family.remove([&thread, &n.to_string()]), map.remove(&n).is_some());
                        } else {
                            family.with([&thread, &n.to_string()]).inc_by(amount);
                            *map.entry(n).or_default() += amount;
                        }
                    }
                    map
                })
            };
            let threads: Vec<_> = plans.iter().cloned().enumerate().map(run).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        prop_assert_eq!(all.value(), plans.iter().flatten().map(|step| step.1).sum::<u64>());
        prop_assert_eq!(family.len(), 1 + maps.iter().map(HashMap::len).sum::<usize>());
        for (thread, map) in maps.iter().enumerate() {
            for (n, value) in map {
                prop_assert_eq!(family.with([&thread.to_string(), &n.to_string()]).value(), *value);
            }
        }
    }
}
