//! Infos, state sets and flag sets, as users meet them.

use crate::alone::alone;
use crate::decoder::{families, families_of_text};
use crate::sides::{Closed, Side};
use crate::{read, reader};
use quipu::clock::ManualClock;
use quipu::export::{Format, Scrape};
use quipu::model::{MetricType, NameError};
use quipu::registry::LintRule;
use quipu::{Family, FlagSet, Info, LabelNames, LabelSet, LabelValue, MetricSet, RegisterError, Registry, StateSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

#[derive(LabelValue, Clone, Copy, Debug, PartialEq)]
enum State {
    Starting,
    Running,
    Stopping,
}

const STATES: [(State, &str); 3] =
    [(State::Starting, "starting"), (State::Running, "running"), (State::Stopping, "stopping")];

#[derive(LabelSet)]
struct Open<'a> {
    name: &'a str,
    side: Side,
}

/// The states that a scrape says hold, of the family of this name and these labels.
#[track_caller]
fn holding(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> Vec<String> {
    let read = read(registry);
    let family = read.family(name).expect("it is there");
    assert_eq!(family.kind, reader::MetricType::Gauge);
    let samples = family.samples.iter().filter(|sample| labels.iter().all(|(l, v)| sample.label(l) == Some(v)));
    let samples: Vec<_> = samples.collect();
    assert!(samples.iter().all(|sample| ["0", "1"].contains(&&*sample.text)));
    let held = samples.iter().filter(|sample| sample.value == 1.0);
    held.map(|sample| sample.label(name).expect("a state").to_owned()).collect()
}

#[test]
fn an_info_is_one_for_what_was_said() {
    let registry = Registry::builder().namespace("shop").label("region", "eu").build().unwrap();
    let build = registry.info("build_info", "The build.").labels(["version", "commit"]).register().unwrap();
    build.with(["1.4.0", "\"4f\""]).set();
    let _: Info = build.handle(["1.5.0", ""]);
    registry.info("schema_info", "").register().unwrap();
    let read = read(&registry);
    let of_build = [("region", "eu"), ("version", "1.4.0"), ("commit", "\"4f\"")];
    assert_eq!(read.value("shop_build_info", &of_build), Some(1.0));
    assert_eq!(read.family("shop_build_info").unwrap().samples.len(), 2);
    assert_eq!(read.value("shop_schema_info", &[("region", "eu")]), Some(1.0));
    assert!(build.remove(["1.4.0", "\"4f\""]));
    assert_eq!(build.len(), 1);
    let snapshot = registry.snapshot();
    assert_eq!(snapshot.family("shop_build_info").unwrap().metric_type(), MetricType::Info);
    assert_eq!(snapshot.value("shop_build_info", &[("version", "1.5.0"), ("commit", "")]), Some(1.0));
}

/// What could be so, but was not said, is not there.
#[test]
fn an_info_has_no_series_from_the_start() {
    let registry = Registry::builder().max_series(3).build().unwrap();
    let sides = registry.info("side_info", "").label_set::<Closed>().register().unwrap();
    assert!(sides.is_empty() && sides.get(Closed { side: Side::Left }).is_none());
    sides.with(Closed { side: Side::Right }).set();
    assert_eq!(read(&registry).family("side_info").unwrap().samples.len(), 1);
    assert!(sides.get(Closed { side: Side::Right }).is_some() && sides.remove(Closed { side: Side::Right }));
    let open = registry.info("open_info", "").label_set::<Open>().register().unwrap();
    open.with(Open { name: "a", side: Side::Left }).set();
    let dynamic = registry.info("dynamic_info", "").dyn_labels(&["x"]).register().unwrap();
    dynamic.with(&["1"]).unwrap().set();
    assert_eq!(read(&registry).value("dynamic_info", &[("x", "1")]), Some(1.0));
}

#[test]
fn one_state_holds_from_the_start() {
    let registry = Registry::builder().namespace("shop").label("region", "eu").build().unwrap();
    let single = registry.state_set::<State>("state", "What it is at.").register().unwrap();
    assert_eq!(holding(&registry, "shop_state", &[("region", "eu")]), ["starting"]);
    for (state, name) in STATES {
        single.set(state);
        assert_eq!(holding(&registry, "shop_state", &[]), [name]);
        assert!(single.value() == name && STATES.iter().all(|(other, _)| single.is(other) == (*other == state)));
    }
    let names = registry.state_set::<State>("worker_state", "").labels(["x", "y"]).register().unwrap();
    names.with(["a\"", ""]).set(State::Running);
    names.with(["b", "c"]).set(State::Stopping);
    let closed = registry.state_set::<State>("side_state", "").label_set::<Closed>().register().unwrap();
    closed.with(Closed { side: Side::Right }).set(State::Running);
    let dynamic = registry.state_set::<State>("dynamic_state", "").dyn_labels(&["x"]).register().unwrap();
    dynamic.with(&["1"]).unwrap().set(State::Running);
    assert_eq!(holding(&registry, "shop_worker_state", &[("x", "a\""), ("y", "")]), ["running"]);
    assert_eq!(holding(&registry, "shop_worker_state", &[("x", "b")]), ["stopping"]);
    assert_eq!(holding(&registry, "shop_side_state", &[("side", "left")]), ["starting"]);
    assert_eq!(holding(&registry, "shop_side_state", &[("side", "right")]), ["running"]);
    assert_eq!(holding(&registry, "shop_dynamic_state", &[("x", "1")]), ["running"]);
    assert_eq!(read(&registry).family("shop_worker_state").unwrap().samples.len(), 6);
    assert_eq!(names.len(), 2);
    // In the snapshot as well.
    let snapshot = registry.snapshot();
    let labels = [("x", "b"), ("y", "c"), ("shop_worker_state", "stopping")];
    assert_eq!(snapshot.value("shop_worker_state", &labels), Some(1.0));
    assert_eq!(snapshot.family("shop_state").unwrap().metric_type(), MetricType::StateSet);
}

#[test]
fn any_flags_can_be_up() {
    let registry = Registry::new();
    let flags: FlagSet<State> = registry.flag_set("on", "").register().unwrap();
    assert!(holding(&registry, "on", &[]).is_empty());
    flags.set(State::Starting, true);
    flags.set(State::Stopping, true);
    assert_eq!(holding(&registry, "on", &[]), ["starting", "stopping"]);
    flags.clone().set(State::Starting, false);
    assert!(flags.is(State::Stopping) && !flags.is(State::Starting));
    // Threads do not take one another's flags.
    thread::scope(|scope| {
        for (state, _) in STATES {
            let flags = &flags;
            scope.spawn(move || (0..=1_000).for_each(|n| flags.set(state, n % 2 == 0)));
        }
    });
    assert_eq!(holding(&registry, "on", &[]), ["starting", "running", "stopping"]);
}

/// No scrape sees two states hold, or none, however they change meanwhile, and however the scrape is cut into chunks.
#[test]
fn a_scrape_sees_one_state_of_each() {
    const SERIES: usize = 400;
    let (registry, is_over) = (Registry::new(), AtomicBool::new(false));
    let family = registry.state_set::<State>("state", "").labels(["a_label_that_fills_chunks"]).register().unwrap();
    let name = |n: usize| format!("{n:0>90}");
    let handles: Vec<StateSet<State>> = (0..SERIES).map(|n| family.handle([&name(n)])).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for (state, _) in STATES {
                    handles.iter().for_each(|handle| handle.set(state));
                }
            }
        });
        for _ in 0..10 {
            let read = read(&registry);
            let samples = &read.family("state").unwrap().samples;
            assert_eq!(samples.len(), SERIES * STATES.len());
            for of_series in samples.chunks(STATES.len()) {
                assert_eq!(of_series.iter().map(|sample| sample.value).sum::<f64>(), 1.0, "{of_series:?}");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn names_that_are_taken_are_refused() {
    let registry = Registry::builder().label("region", "eu").build().unwrap();
    let problem = |error: RegisterError| match error {
        RegisterError::LabelName { problem, label, .. } => (label, problem),
        other => panic!("{other}"),
    };
    let own = registry.state_set::<State>("state", "").labels(["x", "state"]).register().unwrap_err();
    let message = "label name \"state\" of `state`: it is the label of the state set's own states; use another name";
    assert_eq!(own.to_string(), message);
    assert_eq!(problem(own), ("state".to_owned(), NameError::StateLabel));
    let global = registry.state_set::<State>("region", "").register().unwrap_err();
    assert_eq!(problem(global), ("region".to_owned(), NameError::GlobalLabel));
    // By its whole name.
    let prefixed = registry.with_prefix("shop").unwrap();
    prefixed.state_set::<State>("state", "").labels(["state"]).register().unwrap();
    let own = prefixed.flag_set::<State>("on", "").labels(["shop_on"]).register().unwrap_err();
    assert_eq!(problem(own), ("shop_on".to_owned(), NameError::StateLabel));

    let error = registry.info("build", "").register().unwrap_err();
    let message = "metric name \"build\": an info's name ends in `_info`; write `build_info` \
                   (a registry built with `lenient_names` accepts it)";
    assert_eq!(error.to_string(), message);
    registry.info("build_info", "").register().unwrap();
    // To OpenMetrics, the family's name is `build`.
    for (name, sample) in [("build", "build"), ("build_info", "build_info")] {
        match registry.gauge(name, "").register().unwrap_err() {
            RegisterError::SampleClash { sample: clash, .. } => assert_eq!(clash, sample),
            RegisterError::Conflict { .. } => assert_eq!(name, "build_info"),
            other => panic!("{other}"),
        }
    }
    for error in [
        registry.info("unit_info", "").unit("info").register().unwrap_err(),
        registry.state_set::<State>("unit_state", "").unit("state").register().unwrap_err(),
    ] {
        assert!(error.to_string().ends_with(" metrics have no unit; leave it out"), "{error}");
    }
}

#[test]
fn another_type_or_other_states_are_a_conflict() {
    let registry = Registry::new();
    registry.state_set::<State>("state", "").register().unwrap();
    registry.state_set::<State>("state", "").register().unwrap();
    let states = registry.state_set::<Side>("state", "").register().unwrap_err().to_string();
    assert!(states.contains("registered with the states [\"starting\", \"running\", \"stopping\"];"), "{states}");
    assert!(states.contains("again with the states [\"left\", \"right\"]."), "{states}");
    let flags = registry.flag_set::<State>("state", "").register().unwrap_err().to_string();
    assert!(flags.contains("registered as a state set; it cannot be registered again as a flag set."), "{flags}");
}

/// States of any text come out escaped, in both formats.
#[test]
fn states_of_any_text_and_number() {
    struct Any<const N: usize>(usize);
    const ODD: [&str; 3] = ["", "a\"b", "c\\\nd"];
    static MANY: [&str; 64] = {
        let mut many = ["x"; 64];
        (many[0], many[1], many[63]) = (ODD[0], ODD[1], ODD[2]);
        many
    };
    impl<const N: usize> LabelValue for Any<N> {
        const VALUES: Option<&'static [&'static str]> = Some(if N == 3 { &ODD } else { &MANY });
        fn index(&self) -> usize {
            self.0
        }
        fn as_label<'a>(&'a self, _: &'a mut quipu::LabelBuffer) -> &'a str {
            MANY[self.0]
        }
    }
    let registry = Registry::new();
    let odd = registry.state_set::<Any<3>>("odd", "").register().unwrap();
    odd.set(Any(2));
    odd.set(Any(3)); // Beyond its values: nothing changes.
    assert_eq!(holding(&registry, "odd", &[]), [ODD[2]]);
    let flags = FlagSet::<Any<64>>::detached();
    flags.set(Any(63), true);
    flags.set(Any(64), true);
    assert!(flags.is(Any(63)) && !flags.is(Any(0)) && !flags.is(Any(64)));
}

fn scrape(registries: &[Registry], format: Format) -> Vec<u8> {
    let (mut scrape, mut bytes, mut chunk) = (Scrape::of(registries.to_vec(), format), Vec::new(), Vec::new());
    while scrape.next_chunk(&mut chunk).unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

#[test]
fn registries_with_the_same_sets_become_one() {
    let registries = [Registry::new(), Registry::new()];
    for (registry, labels) in registries.iter().zip([["a", "b"], ["b", "c"]]) {
        let family = registry.state_set::<State>("state", "").labels(["x"]).register().unwrap();
        let infos = registry.info("some_info", "").labels(["x"]).register().unwrap();
        for label in labels {
            family.with([label]).set(State::Running);
            infos.with([label]).set();
        }
    }
    let text = String::from_utf8(scrape(&registries, Format::Text)).unwrap();
    let read = reader::read(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(read.family("state").unwrap().samples.len(), 9);
    assert_eq!(read.family("some_info").unwrap().samples.len(), 3);
    for family in ["state", "some_info"] {
        let left_out = registries[1].snapshot().value("quipu_left_out_total", &[("family", family)]);
        assert_eq!(left_out, Some(1.0), "{family}");
    }
    let of = |families: Vec<crate::decoder::Family>| {
        let is_shown = |(name, ..): &crate::decoder::Family| ["state", "some_info"].contains(&&**name);
        families.into_iter().filter(is_shown).collect::<Vec<_>>()
    };
    assert_eq!(of(families(&scrape(&registries, Format::Protobuf))), of(families_of_text(&text)));
}

#[test]
fn beyond_a_limit_they_are_refused_and_counted() {
    let registry = Registry::new();
    let states = registry.state_set::<State>("state", "").labels(["x"]).max_series(2).register().unwrap();
    let infos = registry.info("some_info", "").labels(["x"]).max_values("x", 2).register().unwrap();
    for label in ["a", "b", "c", "d", "d"] {
        states.with([label]).set(State::Stopping);
        infos.with([label]).set();
    }
    assert_eq!((states.len(), infos.len()), (2, 2));
    let read = read(&registry);
    for family in ["state", "some_info"] {
        assert_eq!(read.value("quipu_refused_lookups_total", &[("family", family)]), Some(3.0), "{family}");
    }
    assert_eq!(read.value("quipu_series", &[("family", "state")]), Some(2.0));
}

#[test]
fn idle_ones_expire() {
    alone("states::idle_ones_expire", || {
        let (clock, hour) = (ManualClock::new(), Duration::from_secs(3600));
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let states = registry.state_set::<State>("state", "").labels(["x"]).expire_after(hour).register().unwrap();
        let infos = registry.info("some_info", "").labels(["x"]).expire_after(hour).register().unwrap();
        for label in ["idle", "used"] {
            states.with([label]).set(State::Running);
            infos.with([label]).set();
        }
        for _ in 0..4 {
            // The same again, which is a use.
            states.with(["used"]).set(State::Running);
            infos.with(["used"]).set();
            read(&registry);
            clock.advance(hour / 2);
        }
        assert_eq!((states.len(), infos.len()), (1, 1));
        assert_eq!(holding(&registry, "state", &[("x", "used")]), ["running"]);
    });
}

#[test]
fn a_disabled_registry_and_detached_handles_record() {
    let registry = Registry::disabled();
    let states = registry.state_set::<State>("state", "").labels(["x"]).register().unwrap();
    states.with(["a"]).set(State::Running);
    assert!(states.with(["b"]).is(State::Running));
    registry.info("some_info", "").label_set::<Closed>().register().unwrap().with(Closed { side: Side::Left }).set();
    assert!(registry.flag_set::<State>("a-b", "").register().is_err());
    assert_eq!(registry.to_text(), "");
    let detached = StateSet::<State>::detached();
    detached.set(State::Stopping);
    assert_eq!((detached.value(), StateSet::<State>::detached().value()), ("stopping", "starting"));
    assert_eq!(format!("{detached:?} {:?}", FlagSet::<State>::detached()), "StateSet(Handle([])) FlagSet(Handle([]))");
}

#[test]
fn they_are_described_and_judged() {
    let registry = Registry::builder().lenient_names().build().unwrap();
    registry.info("build", "B.").register().unwrap();
    registry.state_set::<State>("state", "S.").labels(["x"]).register().unwrap();
    let all = registry.describe();
    let state = all.iter().find(|family| family.name() == "state").unwrap();
    let labels: Vec<_> = state.labels().map(|label| (label.name(), label.values())).collect();
    assert_eq!(labels, [("x", None), ("state", Some(&["starting", "running", "stopping"][..]))]);
    let lints: Vec<_> = registry.lint().iter().map(|lint| lint.rule()).collect();
    assert_eq!(lints, [LintRule::Info]);
}

#[test]
fn a_derived_set_of_metrics_can_have_them() {
    #[derive(MetricSet)]
    struct Service {
        /// What the service is at.
        service_state: StateSet<State>,
        /// Features that are on.
        #[metric(labels("tenant"))]
        feature_enabled: Family<FlagSet<Side>, LabelNames<1>>,
        /// The build that runs.
        build_info: Family<Info, Closed>,
    }

    let registry = Registry::new();
    let service = Service::register(&registry).unwrap();
    service.service_state.set(State::Running);
    service.feature_enabled.with(["a"]).set(Side::Left, true);
    service.build_info.with(Closed { side: Side::Right }).set();
    assert_eq!(holding(&registry, "service_state", &[]), ["running"]);
    assert_eq!(holding(&registry, "feature_enabled", &[("tenant", "a")]), ["left"]);
    assert_eq!(read(&registry).family("build_info").unwrap().samples.len(), 1);
}
