//! States: one of some, or any of some.

use super::{Config, Instrument, Values, sealed::Sealed};
use crate::model::{LabelValue, MetricType};
use crate::store::{Handle, Series};
use core::borrow::Borrow;
use core::fmt;
use core::marker::PhantomData;

/// The most states that a set may have.
const MOST: usize = u64::BITS as usize;

/// The states of a type, of which there are some, and not too many.
const fn states<S: LabelValue>() -> &'static [&'static str] {
    let Some(states) = S::VALUES else { panic!("the states are those of an enum: derive `LabelValue`") };
    assert!(!states.is_empty() && states.len() <= MOST, "a state set has 1 to 64 states");
    states
}

/// Which one of some states holds: `starting`, `running` or `stopping`.
///
/// A handle, as [`Counter`](crate::Counter) is. The states are the values of an enum that derives
/// [`LabelValue`](macro@crate::LabelValue), at most 64. Each is exposed with a label that has the metric's name: 1 for the one
/// that holds, 0 for the others. A series begins in the first state of the enum. All states of a series are one value in memory: no scrape
/// sees two of them hold, or none. What can hold together belongs in a [`FlagSet`]. In text 0.0.4 and in protobuf, which do not know
/// the type, it is a gauge.
///
/// # Cost
/// [`set`](Self::set) is a store to a cell that all threads share. Wait-free; nothing is allocated. Each state is a series to the
/// scraper; in memory, and for limits, all states together are one.
///
/// ```
/// use quipu::LabelValue;
///
/// #[derive(LabelValue, Debug, PartialEq)]
/// enum State {
///     Starting,
///     Running,
///     Stopping,
/// }
///
/// let registry = quipu::Registry::new();
/// let state = registry.state_set::<State>("service_state", "What the service is at.").register()?;
/// state.set(State::Running);
/// assert!(state.is(State::Running));
/// let text = registry.to_text();
/// assert!(text.contains("service_state{service_state=\"starting\"} 0\n"));
/// assert!(text.contains("service_state{service_state=\"running\"} 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub struct StateSet<S>(Handle, PhantomData<fn() -> S>);

impl<S: LabelValue + 'static> StateSet<S> {
    /// A state set that no registry knows: it records at the same cost, and only its handles can read it. For code that has to
    /// have one before there is a registry, and for tests.
    ///
    /// ```
    /// let is_ready = quipu::StateSet::<bool>::detached();
    /// is_ready.set(true);
    /// assert!(is_ready.is(true));
    /// ```
    pub fn detached() -> StateSet<S> {
        StateSet::from_series(Self::TYPE.detached())
    }

    /// Makes this state the one that holds.
    ///
    /// Of a [`LabelValue`] that is written by hand, an index beyond its values changes nothing.
    #[inline]
    pub fn set(&self, state: impl Borrow<S>) {
        let index = state.borrow().index();
        if index < const { states::<S>().len() } {
            self.0.set_shared(index as u64);
        }
    }

    /// Whether this is the state that holds.
    #[inline]
    pub fn is(&self, state: impl Borrow<S>) -> bool {
        self.0.get_shared() == state.borrow().index() as u64
    }

    /// The state that holds, as its label's value.
    pub fn value(&self) -> &'static str {
        states::<S>()[self.0.get_shared() as usize]
    }
}

impl<S: LabelValue + 'static> Sealed for StateSet<S> {
    const TYPE: &'static Instrument = &Instrument {
        name: "a state set",
        exposed_as: MetricType::StateSet,
        values: Values::State,
        config: Config::States(states::<S>()),
        can_refuse: false,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        StateSet(Handle::new(series), PhantomData)
    }
}

/// Which of some flags are up: what can hold together, such as the features that are on.
///
/// A handle, as [`Counter`](crate::Counter) is. It is a [`StateSet`] whose states do not exclude each other, exposed in the same
/// way. All flags begin down.
///
/// # Cost
/// [`set`](Self::set) is an atomic operation on a cell that all threads share: about 5 ns alone, more when contended. Wait-free;
/// nothing is allocated.
///
/// ```
/// use quipu::LabelValue;
///
/// #[derive(LabelValue)]
/// enum Feature {
///     Search,
///     Export,
/// }
///
/// let registry = quipu::Registry::new();
/// let features = registry.flag_set::<Feature>("feature_enabled", "Features that are on.").register()?;
/// features.set(Feature::Search, true);
/// features.set(Feature::Export, true);
/// features.set(Feature::Search, false);
/// assert!(features.is(Feature::Export) && !features.is(Feature::Search));
/// assert!(registry.to_text().contains("feature_enabled{feature_enabled=\"export\"} 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub struct FlagSet<F>(Handle, PhantomData<fn() -> F>);

impl<F: LabelValue + 'static> FlagSet<F> {
    /// A flag set that no registry knows: it records at the same cost, and only its handles can read it. For code that has to
    /// have one before there is a registry, and for tests.
    ///
    /// ```
    /// let flags = quipu::FlagSet::<bool>::detached();
    /// flags.set(true, true);
    /// assert!(flags.is(true) && !flags.is(false));
    /// ```
    pub fn detached() -> FlagSet<F> {
        FlagSet::from_series(Self::TYPE.detached())
    }

    /// Puts a flag up or down.
    ///
    /// Of a [`LabelValue`] that is written by hand, an index beyond its values changes nothing.
    #[inline]
    pub fn set(&self, flag: impl Borrow<F>, is_up: bool) {
        self.0.set_shared_bits(Self::bit(flag.borrow()), is_up);
    }

    /// Whether a flag is up.
    #[inline]
    pub fn is(&self, flag: impl Borrow<F>) -> bool {
        self.0.get_shared() & Self::bit(flag.borrow()) != 0
    }

    fn bit(flag: &F) -> u64 {
        let index = flag.index();
        if index < const { states::<F>().len() } { 1 << index } else { 0 }
    }
}

impl<F: LabelValue + 'static> Sealed for FlagSet<F> {
    const TYPE: &'static Instrument = &Instrument {
        name: "a flag set",
        exposed_as: MetricType::StateSet,
        values: Values::Flags,
        config: Config::States(states::<F>()),
        can_refuse: false,
    };

    #[inline(always)]
    fn from_series(series: Series) -> Self {
        FlagSet(Handle::new(series), PhantomData)
    }
}

macro_rules! handle {
    ($($handle:ident),*) => {$(
        impl<S> Clone for $handle<S> {
            fn clone(&self) -> Self {
                $handle(self.0.clone(), PhantomData)
            }
        }

        impl<S> fmt::Debug for $handle<S> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($handle)).field(&self.0).finish()
            }
        }
    )*};
}

handle!(StateSet, FlagSet);
