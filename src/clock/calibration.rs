//! How long a tick of the processor's counter is.
//!
//! Nobody waits for it: it is learned from the readings that are taken anyway, which are the system's until then. A program
//! that reads the clock less than ten times a second never learns it, and does not need to.

use super::Moment;
use crate::sync::ticks::{is_steady, ticks};
use crate::sync::{Mutex, OnceLock, get_or_init, shared_static};
use core::time::Duration;
use std::time::Instant;

/// The shortest and the longest time between two readings that tell a rate.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(100);

/// Two rates in a row that differ by less than this part are the rate.
const TOLERANCE: f64 = 1e-4;

/// Seconds of a tick.
static RATE: OnceLock<f64> = OnceLock::new();

/// Seconds of a tick, once they are known.
#[inline]
pub(super) fn rate() -> Option<f64> {
    RATE.get().copied()
}

/// The system's clock, from its first reading in the process on.
pub(super) fn system_nanoseconds() -> u64 {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    get_or_init(&FIRST, Instant::now).elapsed().as_nanos() as u64
}

/// The time of the system, and a step towards the rate.
#[cold]
pub(super) fn now_and_calibrate() -> Moment {
    shared_static! {
        static CALIBRATION: Mutex<Calibration> = Mutex::new(Calibration { last: None, rate: None });
    }
    let now = Moment(system_nanoseconds());
    if is_steady()
        // Another thread is at it. (In the child of a fork perhaps for ever: then it goes on with the system's clock.)
        && let Ok(mut calibration) = CALIBRATION.try_lock()
        && let Some(rate) = calibration.step(Instant::now(), ticks())
    {
        // Only the holder of the lock sets it, once.
        let _ = RATE.set(rate);
    }
    now
}

/// The reading before, and the rate of those before that. A rate is wrong if the thread was interrupted between the two
/// clocks, or the system slept and only one of them went on; the next one is then another.
#[derive(Debug)]
struct Calibration {
    last: Option<(Instant, u64)>,
    rate: Option<f64>,
}

impl Calibration {
    /// Takes both clocks' readings of one moment. The rate, when it is sure.
    fn step(&mut self, system: Instant, ticks: u64) -> Option<f64> {
        let window =
            self.last.map(|(last_system, last_ticks)| (system - last_system, ticks.saturating_sub(last_ticks)));
        let rate = match window {
            Some((elapsed, _)) if elapsed < SHORTEST => return None,
            Some((elapsed, ticked)) if elapsed <= LONGEST && ticked > 0 => Some(elapsed.as_secs_f64() / ticked as f64),
            _ => None,
        };
        self.last = Some((system, ticks));
        let before = core::mem::replace(&mut self.rate, rate);
        rate.filter(|rate| before.is_some_and(|before| (rate / before - 1.0).abs() < TOLERANCE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps at these milliseconds of the system's clock and ticks of the counter.
    fn steps<const N: usize>(readings: [(u64, u64); N]) -> [Option<f64>; N] {
        let start = Instant::now();
        let mut calibration = Calibration { last: None, rate: None };
        readings.map(|(system, ticks)| calibration.step(start + Duration::from_millis(system), ticks))
    }

    #[test]
    fn two_rates_that_agree_are_the_rate() {
        assert_eq!(steps([(0, 100), (20, 1_100), (60, 3_100)]), [None, None, Some(20e-6)]);
        assert_eq!(steps([(0, 0), (20, 1_000_000), (60, 3_000_100)]), [None, None, Some(0.04 / 2_000_100.0)]);
    }

    #[test]
    fn readings_that_are_too_close_are_waited_out() {
        assert_eq!(steps([(0, 0), (9, 900), (20, 1_000), (29, 0), (60, 3_000)])[3..], [None, Some(20e-6)]);
    }

    #[test]
    fn neither_a_long_pause_nor_one_wrong_reading_makes_a_rate() {
        // Agrees, but over too long a time.
        assert_eq!(steps([(0, 0), (200, 10_000), (400, 20_000)]), [None; 3]);
        // The system slept, and only the counter went on.
        assert_eq!(steps([(0, 0), (20, 1_000), (60, 503_000), (80, 504_000)]), [None; 4]);
        // The thread was interrupted between the two clocks at the third reading.
        assert_eq!(steps([(0, 0), (20, 1_000), (40, 2_500), (60, 3_000), (80, 4_000)]), [None; 5]);
        // The counter began anew.
        assert_eq!(steps([(0, 5_000), (20, 6_000), (40, 100), (60, 1_100)]), [None; 4]);
    }
}
