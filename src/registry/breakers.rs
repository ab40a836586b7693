//! The circuit breakers of a registry: what they do is read when it is scraped.

use super::error::RegisterError;
use super::family::{Family, LabelNames};
use super::registry::Registry;
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
