//! Settings of a circuit breaker.

use super::CircuitBreaker;
use super::machine::{Settings, Slow};
use crate::clock::{Clock, ManualClock};
use crate::model::debug_as_message;
use core::fmt;
use core::time::Duration;
use std::sync::Arc;

/// Settings for a [`CircuitBreaker`]; made by [`CircuitBreaker::builder`].
///
/// ```
/// use quipu::guard::CircuitBreaker;
/// use std::time::Duration;
///
/// let registry = quipu::Registry::new();
/// let breaker = CircuitBreaker::builder("openai")
///     .failure_rate(0.25)
///     .slow_calls(Duration::from_secs(10), 0.8)
///     .window(Duration::from_secs(120))
///     .min_calls(10)
///     .cool_down(Duration::from_secs(60))
///     .probes(2)
///     .register(&registry)?;
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder makes nothing until `register` or `build`"]
pub struct CircuitBreakerBuilder {
    name: Arc<str>,
    settings: Settings,
    clock: Clock,
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

impl CircuitBreakerBuilder {
    pub(super) fn new(name: Arc<str>) -> Self {
        let settings = Settings {
            failure_rate: 0.5,
            slow: None,
            window: nanoseconds(Duration::from_secs(60)),
            min_calls: 20,
            cool_down: nanoseconds(Duration::from_secs(30)),
            jitter: 0.1,
            probes: 3,
            lease: nanoseconds(Duration::from_secs(60)),
        };
        Self { name, settings, clock: Clock::default() }
    }

    /// Opens when this part of the calls in the window has failed: above 0, at most 1. Unless it is set, 0.5.
    pub fn failure_rate(mut self, rate: f64) -> Self {
        self.settings.failure_rate = rate;
        self
    }

    /// Opens also when this part of the calls in the window took longer than that, whether they failed or not; a slow probe has failed.
    /// The rate is above 0 and at most 1. Unless it is set, no call is slow.
    pub fn slow_calls(mut self, longer_than: Duration, rate: f64) -> Self {
        self.settings.slow = Some(Slow { longer_than: nanoseconds(longer_than), rate });
        self
    }

    /// The time over which rates are taken. It moves on by a tenth at a time. Unless it is set, 60 s.
    pub fn window(mut self, window: Duration) -> Self {
        self.settings.window = nanoseconds(window);
        self
    }

    /// Does not open before so many calls in the window have ended: at least 1. Unless it is set, 20.
    pub fn min_calls(mut self, calls: u64) -> Self {
        self.settings.min_calls = calls;
        self
    }

    /// How long it stays open, at least. Unless it is set, 30 s.
    pub fn cool_down(mut self, cool_down: Duration) -> Self {
        self.settings.cool_down = nanoseconds(cool_down);
        self
    }

    /// The part of the cool-down that is added by chance at most, so that many processes do not come back at the same moment: from 0
    /// to 1. Unless it is set, 0.1.
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.settings.jitter = jitter;
        self
    }

    /// How many calls half-open lets through, all of which have to succeed: at least 1. Unless it is set, 3.
    pub fn probes(mut self, probes: u32) -> Self {
        self.settings.probes = probes;
        self
    }

    /// How long half-open lasts at most, and so how long a probe may take: choose some times the longest good call. Unless it is
    /// set, 60 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = nanoseconds(lease);
        self
    }

    /// Reads the time from a clock of a test. A breaker that is [registered](Self::register) reads its registry's.
    ///
    /// ```
    /// use quipu::{clock::ManualClock, guard::CircuitBreaker};
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let breaker = CircuitBreaker::builder("openai").min_calls(1).clock(&clock).build()?;
    /// breaker.try_acquire()?.failure();
    /// assert!(breaker.try_acquire().is_err());
    /// clock.advance(Duration::from_secs(33));
    /// assert!(breaker.try_acquire().is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn clock(self, clock: &ManualClock) -> Self {
        self.with_clock(Clock::Manual(clock.clone()))
    }

    pub(crate) fn with_clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// A breaker that no registry shows.
    ///
    /// # Errors
    /// When a setting makes no sense.
    pub fn build(self) -> Result<CircuitBreaker, BreakerError> {
        self.check()?;
        Ok(CircuitBreaker::with(self.name, self.settings, self.clock))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether a breaker was built with these settings.
    pub(crate) fn is_of(&self, breaker: &CircuitBreaker) -> bool {
        *crate::sync::lock(&breaker.shared.machine).settings() == self.settings
    }

    pub(crate) fn check(&self) -> Result<(), BreakerError> {
        let settings = &self.settings;
        let slow_rate = settings.slow.as_ref().map_or(1.0, |slow| slow.rate);
        let is_rate = |rate: f64| rate > 0.0 && rate <= 1.0;
        let checks = [
            ("failure_rate", is_rate(settings.failure_rate), SettingProblem::Rate(settings.failure_rate)),
            ("slow_calls", is_rate(slow_rate), SettingProblem::Rate(slow_rate)),
            ("jitter", (0.0..=1.0).contains(&settings.jitter), SettingProblem::Jitter(settings.jitter)),
            ("window", settings.window > 0, SettingProblem::Zero),
            ("min_calls", settings.min_calls > 0, SettingProblem::Zero),
            ("probes", settings.probes > 0, SettingProblem::Zero),
            ("lease", settings.lease > 0, SettingProblem::Zero),
        ];
        match checks.into_iter().find(|(_, is_good, _)| !is_good) {
            Some((setting, _, problem)) => Err(BreakerError { breaker: self.name.clone(), setting, problem }),
            None => Ok(()),
        }
    }
}

/// A setting of a circuit breaker that makes no sense. Its message names it and says what to write instead.
///
/// ```
/// let error = quipu::guard::CircuitBreaker::builder("openai").failure_rate(50.0).build().unwrap_err();
/// assert_eq!(error.to_string(), "circuit breaker `openai`: `failure_rate` is 50; give a part of one, such as 0.5");
/// ```
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct BreakerError {
    /// The breaker's name.
    pub breaker: Arc<str>,
    /// The setting: the method's name.
    pub setting: &'static str,
    /// What is wrong with it.
    pub problem: SettingProblem,
}

/// What is wrong with a setting of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum SettingProblem {
    /// A rate is above 0 and at most 1.
    Rate(f64),
    /// A jitter is from 0 to 1.
    Jitter(f64),
    /// It is zero.
    Zero,
}

impl fmt::Display for BreakerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit breaker `{}`: `{}` is ", self.breaker, self.setting)?;
        match self.problem {
            SettingProblem::Rate(rate) => write!(f, "{rate}; give a part of one, such as 0.5"),
            SettingProblem::Jitter(jitter) => write!(f, "{jitter}; give a part of one, such as 0.1, or 0 for none"),
            SettingProblem::Zero => f.write_str("zero; give more"),
        }
    }
}

debug_as_message!(BreakerError);

impl core::error::Error for BreakerError {}
