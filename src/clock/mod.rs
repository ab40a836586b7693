//! Clocks: how long something took, and a clock for tests.

mod calibration;
mod manual;

pub use manual::ManualClock;

use crate::sync::ticks::ticks;
use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a registry's metrics read the time: [`Registry::clock`](crate::Registry::clock). For what measures work that no
/// [`Timer`](crate::Timer) fits.
///
/// # Cost
/// A reading takes half of what a [timer](crate::Timer) does: about 16 ns. Nothing is allocated.
///
/// ```
/// use quipu::clock::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// let registry = quipu::Registry::builder().clock(&clock).build()?;
/// let start = registry.clock().now();
/// clock.advance(Duration::from_millis(250));
/// assert_eq!(registry.clock().seconds_since(start), 0.25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub enum Clock {
    /// The processor's counter of time where that can be trusted, else the system's clock. Durations are for statistics: they may
    /// be wrong by a few parts in ten thousand, and sleep of the whole system may or may not count.
    #[default]
    Real,
    /// The clock of a test.
    Manual(ManualClock),
}

/// Nanoseconds of the system's clock, from its first reading in the process on: for deadlines, also where a registry has a clock
/// of a test.
#[cfg(not(quipu_loom))]
pub(crate) fn nanoseconds() -> u64 {
    calibration::system_nanoseconds()
}

/// A reading of a [`Clock`], which means something to this clock alone.
// Ticks of the processor's counter, where the top bit is set, or nanoseconds. In one word, as one is kept for each request in flight.
#[derive(Clone, Copy, Debug)]
pub struct Moment(u64);

impl Moment {
    /// Above what a counter reaches in 70 years.
    const TICKS: u64 = 1 << 63;
}

impl Moment {
    /// Of two moments of one clock, the later one's are not smaller.
    #[inline(always)]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    /// About so many nanoseconds later.
    pub(crate) fn after(self, nanoseconds: u64) -> Moment {
        let more = match calibration::rate() {
            Some(rate) if self.0 >= Moment::TICKS => (nanoseconds as f64 * 1e-9 / rate) as u64,
            _ => nanoseconds,
        };
        Moment(self.0.saturating_add(more))
    }
}

impl Clock {
    /// Nanoseconds since some moment, which is the same each time.
    pub(crate) fn nanoseconds(&self) -> u64 {
        match self {
            Clock::Real => calibration::system_nanoseconds(),
            Clock::Manual(clock) => clock.nanoseconds(),
        }
    }

    /// The time now.
    // Until the rate of the processor's counter is known, and where there is none, the system's.
    #[inline]
    pub fn now(&self) -> Moment {
        match self {
            Clock::Real if calibration::rate().is_some() => Moment(ticks() | Moment::TICKS),
            Clock::Real => calibration::now_and_calibrate(),
            Clock::Manual(clock) => Moment(clock.nanoseconds()),
        }
    }

    /// Seconds since then. Zero where that would be negative: cores may differ by a few ticks.
    #[inline]
    pub fn seconds_since(&self, Moment(start): Moment) -> f64 {
        let now = match self {
            Clock::Manual(clock) => clock.nanoseconds(),
            Clock::Real if start >= Moment::TICKS => {
                let ticked = (ticks() | Moment::TICKS).saturating_sub(start);
                return ticked as f64 * calibration::rate().unwrap_or_default();
            }
            Clock::Real => calibration::system_nanoseconds(),
        };
        Duration::from_nanos(now.saturating_sub(start)).as_secs_f64()
    }

    /// Seconds since the start of 1970. A manual clock begins there.
    pub(crate) fn unix_seconds(&self) -> f64 {
        match self {
            Clock::Real => match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => since.as_secs_f64(),
                Err(before) => -before.duration().as_secs_f64(),
            },
            Clock::Manual(clock) => Duration::from_nanos(clock.nanoseconds()).as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;
    use std::time::Instant;

    /// Lets the rate become known, where there is a counter.
    fn calibrate() {
        for _ in 0..10 {
            thread::sleep(Duration::from_millis(15));
            Clock::Real.now();
        }
    }

    #[test]
    fn agrees_with_the_clock_of_the_system_on_another_thread_too() {
        for _ in 0..2 {
            let outer = Instant::now();
            let start = Clock::Real.now();
            let inner = Instant::now();
            thread::sleep(Duration::from_millis(50));
            let reading = move || (inner.elapsed().as_secs_f64(), Clock::Real.seconds_since(start));
            let (least, seconds) = thread::spawn(reading).join().unwrap();
            let most = outer.elapsed().as_secs_f64();
            assert!(least * 0.99 <= seconds && seconds <= most * 1.01, "{least} {seconds} {most} {start:?}");
            calibrate();
        }
    }

    #[test]
    fn does_not_go_back() {
        calibrate();
        let start = Clock::Real.now();
        let mut last = 0.0;
        for _ in 0..100_000 {
            let since = Clock::Real.seconds_since(start);
            assert!(last <= since, "{last} {since}");
            last = since;
        }
    }

    #[test]
    fn a_start_in_the_future_is_no_time_ago() {
        assert_eq!(Clock::Real.seconds_since(Moment(u64::MAX)), 0.0);
    }

    #[test]
    fn a_year_has_the_right_length() {
        let years = Clock::Real.unix_seconds() / 31_556_952.0;
        assert!((50.0..200.0).contains(&years), "{years}");
    }
}
