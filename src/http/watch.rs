//! Whether requests are recorded as the program meant them to be.

use std::time::Duration;

use super::pattern::matches;
use crate::clock::{Clock, Moment};
use crate::sync::{AtomicBool, AtomicU64, Ordering};
use crate::{Counter, Family, LabelNames};

/// How many requests and connections lie between two looks at the clock.
const INTERVAL: u64 = 100;

/// When every route that is in use should have had a request: probes come every 10 to 30 s.
const SETTLED: Duration = Duration::from_secs(60);

/// Finds two mistakes that would pass in silence: a layer that no route is behind, and an exclusion of a route that is not
/// there. Judges once, when a minute and a hundred requests or connections have passed; after that it costs one load.
pub(super) struct Watch {
    exclusions: Box<[Exclusion]>,
    has_routes: AtomicBool,
    clock: Clock,
    start: Moment,
    /// About so many requests and connections: threads do not wait for each other to count them.
    events: AtomicU64,
    is_judged: AtomicBool,
    faults: Family<Counter, LabelNames<1>>,
}

struct Exclusion {
    pattern: Box<str>,
    is_used: AtomicBool,
}

impl Watch {
    pub(super) fn new(excluded: Vec<Box<str>>, clock: Clock, faults: Family<Counter, LabelNames<1>>) -> Self {
        for fault in [Fault::NoRoute, Fault::UnusedExclusion] {
            faults.handle([fault.label()]);
        }
        let exclusions = excluded.into_iter().map(|pattern| Exclusion { pattern, is_used: AtomicBool::new(false) });
        Self {
            exclusions: exclusions.collect(),
            has_routes: AtomicBool::new(false),
            start: clock.now(),
            clock,
            events: AtomicU64::new(0),
            is_judged: AtomicBool::new(false),
            faults,
        }
    }

    /// Whether an exclusion describes a route that has its first request, or the path of a request that has none.
    pub(super) fn excludes(&self, route: &str) -> bool {
        let mut is_excluded = false;
        for exclusion in self.exclusions.iter().filter(|exclusion| matches(&exclusion.pattern, route)) {
            is_excluded = true;
            exclusion.is_used.store(true, Ordering::Relaxed);
        }
        is_excluded
    }

    /// A request has a route.
    pub(super) fn route_seen(&self) {
        self.has_routes.store(true, Ordering::Relaxed);
    }

    /// A request or a connection has come.
    #[inline]
    pub(super) fn event(&self) {
        if !self.is_judged.load(Ordering::Relaxed) {
            self.count();
        }
    }

    fn count(&self) {
        let events = self.events.load(Ordering::Relaxed) + 1;
        self.events.store(events, Ordering::Relaxed);
        let is_due = events.is_multiple_of(INTERVAL) && self.clock.seconds_since(self.start) >= SETTLED.as_secs_f64();
        // Requests of other threads do not wait for the verdict, which may write a warning.
        if is_due && !self.is_judged.swap(true, Ordering::Relaxed) {
            self.judge();
        }
    }

    #[cold]
    fn judge(&self) {
        if !self.has_routes.load(Ordering::Relaxed) {
            self.report(Fault::NoRoute, "");
        }
        for exclusion in self.exclusions.iter().filter(|exclusion| !exclusion.is_used.load(Ordering::Relaxed)) {
            self.report(Fault::UnusedExclusion, &exclusion.pattern);
        }
    }

    fn report(&self, fault: Fault, _pattern: &str) {
        self.faults.with([fault.label()]).inc();
        #[cfg(feature = "tracing")]
        match fault {
            Fault::NoRoute => tracing::warn!(
                "the HTTP metrics layer has seen no request with a route; \
                 add the layer after the routes, and give it the function that finds them"
            ),
            Fault::UnusedExclusion => tracing::warn!(
                "`exclude({_pattern:?})` of the HTTP metrics has left out nothing, because no request had this route; \
                 give the route's whole pattern, such as \"/v1/incidents/{{id}}\""
            ),
        }
    }
}

#[derive(Clone, Copy)]
enum Fault {
    NoRoute,
    UnusedExclusion,
}

impl Fault {
    fn label(self) -> &'static str {
        match self {
            Fault::NoRoute => "no_route",
            Fault::UnusedExclusion => "unused_exclusion",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Registry;
    use crate::clock::ManualClock;

    /// A watch, its clock, and what it has counted.
    fn watch(excluded: &[&str]) -> (Watch, ManualClock, impl Fn() -> [u64; 2]) {
        let registry = Registry::new();
        let faults = registry.counter("faults_total", "Faults.").labels(["fault"]).register().unwrap();
        let excluded = excluded.iter().map(|&pattern| pattern.into()).collect();
        let clock = ManualClock::new();
        let watch = Watch::new(excluded, Clock::Manual(clock.clone()), faults.clone());
        (watch, clock, move || ["no_route", "unused_exclusion"].map(|fault| faults.with([fault]).value()))
    }

    fn events(watch: &Watch, events: u64) {
        (0..events).for_each(|_| watch.event());
    }

    #[test]
    fn nothing_but_requests_without_a_route_is_a_fault_and_counted_once() {
        let (watch, clock, faults) = watch(&[]);
        clock.advance(SETTLED);
        events(&watch, INTERVAL - 1);
        assert_eq!(faults(), [0, 0]);
        events(&watch, 10 * INTERVAL);
        assert_eq!(faults(), [1, 0]);
    }

    #[test]
    fn one_request_with_a_route_is_enough() {
        let (watch, clock, faults) = watch(&[]);
        watch.route_seen();
        clock.advance(SETTLED);
        events(&watch, 2 * INTERVAL);
        assert_eq!(faults(), [0, 0]);
    }

    #[test]
    fn exclusions_that_left_out_nothing_are_counted() {
        let (watch, clock, faults) = watch(&["/health", "/healt", "/v1/:id"]);
        watch.route_seen();
        assert!(watch.excludes("/health"));
        assert!(!watch.excludes("/v1/{id}"));
        clock.advance(SETTLED);
        events(&watch, 2 * INTERVAL);
        assert_eq!(faults(), [0, 2]);
    }

    #[test]
    fn nothing_is_judged_before_its_time() {
        let (watch, clock, faults) = watch(&["/health"]);
        clock.advance(SETTLED - Duration::from_millis(1));
        events(&watch, 10 * INTERVAL);
        assert_eq!(faults(), [0, 0]);
        assert!(watch.excludes("/health"));
    }

    /// Keeps the messages of warnings.
    #[cfg(feature = "tracing")]
    struct Warnings(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    #[cfg(feature = "tracing")]
    impl tracing::Subscriber for Warnings {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() == tracing::Level::WARN
        }

        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }

        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            event.record(&mut |_: &tracing::field::Field, value: &dyn std::fmt::Debug| {
                self.0.lock().unwrap().push(format!("{value:?}"));
            });
        }

        fn enter(&self, _: &tracing::span::Id) {}

        fn exit(&self, _: &tracing::span::Id) {}
    }

    #[test]
    #[cfg(feature = "tracing")]
    fn each_fault_is_a_warning_that_says_what_to_do() {
        let (watch, clock, _) = watch(&["/healt"]);
        clock.advance(SETTLED);
        let warnings = std::sync::Arc::default();
        tracing::subscriber::with_default(Warnings(std::sync::Arc::clone(&warnings)), || events(&watch, 3 * INTERVAL));
        let warnings = warnings.lock().unwrap();
        let [layer, exclusion] = &warnings[..] else { panic!("{warnings:?}") };
        assert!(layer.contains("add the layer after the routes"), "{layer}");
        assert!(exclusion.contains("`exclude(\"/healt\")`"), "{exclusion}");
    }
}
