//! The circuit breakers of a registry: what they do is read when it is scraped.

use super::error::RegisterError;
use super::family::{Family, LabelNames};
use super::registry::Registry;
#[cfg(feature = "page")]
use super::status::BreakerStatus;
use crate::guard::{BreakerState, CircuitBreaker, CircuitBreakerBuilder};
use crate::metric::{Counter, Gauge};
use crate::sync::{Mutex, lock};
use std::sync::Arc;

const STATES: [(BreakerState, &str); 3] =
    [(BreakerState::Closed, "closed"), (BreakerState::Open, "open"), (BreakerState::HalfOpen, "half_open")];

/// The breakers that are registered, in no order.
#[derive(Default)]
pub(super) struct Breakers(Mutex<Vec<Exposed>>);

/// A breaker and where it is shown.
#[derive(Clone)]
struct Exposed {
    /// Of the names of the families.
    prefix: Arc<str>,
    breaker: CircuitBreaker,
    series: BreakerSeries,
}

#[derive(Clone)]
struct BreakerSeries {
    state: Gauge,
    /// By the number of the state.
    transitions: [Total; 3],
    rejections: Total,
}

/// A counter that is told totals.
#[derive(Clone)]
struct Total {
    counter: Counter,
    /// The last one. Without memory for its own series, the counter is not this breaker's alone.
    reported: u64,
}

impl Breakers {
    /// Brings what is shown of each up to date.
    pub(super) fn bring_up_to_date(&self) {
        for Exposed { breaker, series, .. } in &mut *lock(&self.0) {
            let (state, totals) = breaker.observe();
            series.state.set(f64::from(state as u8));
            series.transitions.iter_mut().zip(totals.transitions).for_each(|(counter, total)| counter.bring_to(total));
            series.rejections.bring_to(totals.rejections);
        }
    }

    /// How each stands.
    #[cfg(feature = "page")]
    pub(super) fn statuses(&self) -> Vec<BreakerStatus> {
        let status = |Exposed { prefix, breaker, .. }: &Exposed| {
            let (state, totals) = breaker.observe();
            BreakerStatus {
                name: format!("{prefix}{}", breaker.name()),
                state: STATES[state as usize].1,
                opened: totals.transitions[BreakerState::Open as usize],
                rejections: totals.rejections,
            }
        };
        lock(&self.0).iter().map(status).collect()
    }

    fn register(&self, prefix: &Arc<str>, builder: CircuitBreakerBuilder, series: BreakerSeries) -> Registered {
        let mut breakers = lock(&self.0);
        let is_same = |exposed: &&mut Exposed| exposed.prefix == *prefix && exposed.breaker.name() == builder.name();
        if let Some(exposed) = breakers.iter_mut().find(is_same) {
            if !builder.is_of(&exposed.breaker) {
                return Err(RegisterError::BreakerConflict { breaker: builder.name().to_owned() });
            }
            exposed.series.replace(series);
            return Ok(exposed.breaker.clone());
        }
        let breaker = builder.build().map_err(|problem| RegisterError::Breaker { problem })?;
        breakers.push(Exposed { prefix: prefix.clone(), breaker: breaker.clone(), series });
        Ok(breaker)
    }
}

type Registered = Result<CircuitBreaker, RegisterError>;

impl Total {
    fn new(counter: Counter) -> Total {
        Total { counter, reported: 0 }
    }

    fn bring_to(&mut self, total: u64) {
        self.counter.inc_by(total - self.reported);
        self.reported = total;
    }
}

impl BreakerSeries {
    /// Goes on with other series, or with the same. The families may have been unregistered meanwhile: the new ones are told all.
    fn replace(&mut self, new: BreakerSeries) {
        self.state = new.state;
        let totals = self.transitions.iter_mut().chain([&mut self.rejections]);
        for (old, new) in totals.zip(new.transitions.into_iter().chain([new.rejections])) {
            if !old.counter.is_of_family_of(&new.counter) {
                *old = new;
            }
        }
    }

    fn register(registry: &Registry, name: &str) -> Result<Self, RegisterError> {
        let state = registry
            .gauge("circuit_breaker_state", "State of a circuit breaker: 0 closed, 1 open, 2 half-open.")
            .labels(["breaker"]);
        let transitions = registry
            .counter("circuit_breaker_transitions_total", "Times that a circuit breaker came into a state.")
            .labels(["breaker", "to"]);
        let rejections = registry
            .counter("circuit_breaker_rejections_total", "Calls that a circuit breaker did not let through.")
            .labels(["breaker"]);
        let mut families = [state.into_description(), transitions.into_description(), rejections.into_description()];
        // The registry keeps the breakers as well.
        families.iter_mut().for_each(|family| family.limits.is_exempt = true);
        let [state, transitions, rejections] = registry.get_or_register_all(families)?;
        let transitions = Family::<Counter, LabelNames<2>>::new(transitions);
        Ok(Self {
            state: Family::<Gauge, LabelNames<1>>::new(state).handle([name]),
            transitions: STATES.map(|(_, to)| Total::new(transitions.handle([name, to]))),
            rejections: Total::new(Family::<Counter, LabelNames<1>>::new(rejections).handle([name])),
        })
    }
}

impl CircuitBreakerBuilder {
    /// Makes the breaker, and shows it in the registry from now on; or returns the one that is registered under its name with the same
    /// settings. It reads the registry's clock.
    ///
    /// The families stand behind the registry's namespace and prefix: `registry.with_prefix("llm")?` makes a
    /// `llm_circuit_breaker_state`. They are outside of the [limits](crate::guard) on the number of series.
    ///
    /// # Cost
    /// Takes the registry's lock and allocates. The registry keeps the breaker for as long as it lives.
    ///
    /// # Errors
    /// When a setting makes no sense, when another breaker is registered under its name, or another metric under that of
    /// one of its families.
    ///
    /// ```
    /// use quipu::{Registry, guard::CircuitBreaker};
    ///
    /// let registry = Registry::new();
    /// CircuitBreaker::builder("openai").register(&registry.with_prefix("llm")?)?;
    /// assert!(registry.to_text().contains("\nllm_circuit_breaker_state{breaker=\"openai\"} 0\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn register(self, registry: &Registry) -> Result<CircuitBreaker, RegisterError> {
        self.check().map_err(|problem| RegisterError::Breaker { problem })?;
        let series = BreakerSeries::register(registry, self.name())?;
        registry.breakers().register(registry.prefix(), self.with_clock(registry.clock().clone()), series)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::guard::CallError;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn fail(breaker: &CircuitBreaker) {
        assert_eq!(breaker.call_blocking(|| Err::<(), _>("down")), Err(CallError::Failed("down")));
    }

    #[test]
    fn a_registry_shows_each_breaker() {
        let clock = ManualClock::new();
        let registry = Registry::builder().clock(&clock).build().unwrap();
        let build = |name: &'static str| CircuitBreaker::builder(name).min_calls(1).register(&registry);
        let [api, _mail] = ["api", "mail"].map(|name| build(name).unwrap());
        fail(&api);
        api.try_acquire().unwrap_err();
        let value = |name: &str, labels: &[(&str, &str)]| registry.snapshot().value(name, labels).unwrap();
        let state = |breaker| value("circuit_breaker_state", &[("breaker", breaker)]);
        let transitions = |to| value("circuit_breaker_transitions_total", &[("breaker", "api"), ("to", to)]);
        let rejections = || value("circuit_breaker_rejections_total", &[("breaker", "api")]);
        assert_eq!((state("api"), state("mail")), (1.0, 0.0));
        assert_eq!(["closed", "open", "half_open"].map(transitions), [0.0, 1.0, 0.0]);
        assert_eq!([rejections(), rejections()], [1.0; 2]);
        clock.advance(60 * SECOND);
        core::mem::forget(api.try_acquire().unwrap());
        assert_eq!((state("api"), transitions("half_open")), (2.0, 1.0));
        // Nobody calls: the scrape itself sees that the lease is over.
        clock.advance(60 * SECOND);
        assert_eq!((state("api"), transitions("open")), (1.0, 2.0));
    }

    #[test]
    fn the_same_breaker_again_is_the_one_that_is_there() {
        let registry = Registry::new();
        let first = CircuitBreaker::builder("api").min_calls(1).register(&registry).unwrap();
        fail(&first);
        assert!(registry.unregister("circuit_breaker_state"));
        let again = CircuitBreaker::builder("api").min_calls(1).register(&registry).unwrap();
        assert_eq!(again.state(), BreakerState::Open);
        assert_eq!(registry.snapshot().value("circuit_breaker_state", &[("breaker", "api")]), Some(1.0));
        let conflict = CircuitBreaker::builder("api").register(&registry).unwrap_err();
        assert_eq!(
            conflict.to_string(),
            "the circuit breaker `api` is already registered with other settings. Use the same settings or another name"
        );
        let of_a_part = CircuitBreaker::builder("api").register(&registry.with_prefix("llm").unwrap()).unwrap();
        assert_eq!(of_a_part.state(), BreakerState::Closed);
    }

    /// Each tells its own totals, also where no other family gets a series any more; and to new families, all of them.
    #[test]
    fn breakers_are_shown_in_a_registry_that_is_full() {
        let registry = Registry::builder().max_series(0).max_series_per_family(1).build().unwrap();
        let build = |name: &'static str| CircuitBreaker::builder(name).min_calls(1).register(&registry).unwrap();
        let breakers = ["api", "mail"].map(build);
        for (breaker, rejections) in breakers.iter().zip([2, 3]) {
            fail(breaker);
            (0..rejections).for_each(|_| drop(breaker.try_acquire()));
        }
        let value = |name: &str, breaker: &str| registry.snapshot().value(name, &[("breaker", breaker)]);
        let shown =
            |breaker| ["circuit_breaker_state", "circuit_breaker_rejections_total"].map(|name| value(name, breaker));
        assert_eq!(["api", "mail"].map(shown), [[Some(1.0), Some(2.0)], [Some(1.0), Some(3.0)]]);
        let _ = ["api", "mail"].map(build);
        assert_eq!(["api", "mail"].map(shown), [[Some(1.0), Some(2.0)], [Some(1.0), Some(3.0)]]);
        assert!(registry.unregister("circuit_breaker_rejections_total"));
        let _ = ["api", "mail"].map(build);
        assert_eq!(["api", "mail"].map(shown), [[Some(1.0), Some(2.0)], [Some(1.0), Some(3.0)]]);
    }

    #[test]
    fn what_cannot_be_registered_leaves_nothing_behind() {
        let registry = Registry::new();
        registry.histogram("circuit_breaker_state", "Another.").register().unwrap();
        assert!(CircuitBreaker::builder("api").register(&registry).is_err());
        assert!(CircuitBreaker::builder("api").probes(0).register(&registry.with_prefix("a").unwrap()).is_err());
        let text = registry.to_text();
        assert!(!text.contains("circuit_breaker_transitions") && !text.contains("a_circuit"), "{text}");
    }

    /// A breaker of a disabled registry works; only nobody sees it.
    #[test]
    fn without_metrics_it_works_as_well() {
        let registry = Registry::disabled();
        let [api, mail] =
            ["api", "mail"].map(|name| CircuitBreaker::builder(name).min_calls(1).register(&registry).unwrap());
        fail(&api);
        assert_eq!(registry.to_text(), "");
        assert_eq!((api.state(), mail.state()), (BreakerState::Open, BreakerState::Closed));
    }
}
