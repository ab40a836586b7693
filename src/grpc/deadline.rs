//! The time limit that a call brings with it.

use http::{HeaderMap, HeaderName};

const HEADER: HeaderName = HeaderName::from_static("grpc-timeout");

/// The part of the limit by which a call may fall short of it and still have ended because of it. Both ends measure the limit, each
/// from its own start, and whoever sends it rounds it.
const ROUNDING: f64 = 0.05;

/// The most that this can be, in seconds: the way between the two ends does not grow with the limit.
const MAX_ROUNDING: f64 = 0.1;

/// How long a call may take at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Deadline {
    seconds: f64,
}

impl Deadline {
    pub(super) const NONE: Self = Self { seconds: f64::INFINITY };

    /// As the header `grpc-timeout` says: up to eight digits and a unit. What it should not be is no limit.
    #[inline]
    pub(super) fn of(headers: &HeaderMap) -> Self {
        match headers.get(HEADER) {
            None => Self::NONE,
            Some(value) => Self::parse(value.as_bytes()).unwrap_or(Self::NONE),
        }
    }

    fn parse(value: &[u8]) -> Option<Self> {
        let (unit, digits) = value.split_last()?;
        let unit = match unit {
            b'H' => 3600.0,
            b'M' => 60.0,
            b'S' => 1.0,
            b'm' => 1e-3,
            b'u' => 1e-6,
            b'n' => 1e-9,
            _ => return None,
        };
        if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
        Some(Self { seconds: f64::from(number) * unit })
    }

    /// Whether a call that has ended after so long without an answer has ended because of the limit.
    pub(super) fn ends_after(self, seconds: f64) -> bool {
        seconds >= self.seconds - (self.seconds * ROUNDING).min(MAX_ROUNDING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        let seconds = |value: &str| Deadline::parse(value.as_bytes()).map(|deadline| deadline.seconds);
        for (value, expected) in [("1H", 3600.0), ("2M", 120.0), ("3S", 3.0), ("100m", 0.1), ("0n", 0.0)] {
            assert_eq!(seconds(value), Some(expected), "{value}");
        }
        assert!((seconds("99999999u").unwrap() - 99.999_999).abs() < 1e-9);
        for value in ["", "S", "1", "1s", "100000000n", "-1S", "1 S", "1.5S", "٣S"] {
            assert_eq!(seconds(value), None, "{value}");
        }
    }

    #[test]
    fn a_call_without_a_limit_never_reaches_it() {
        let deadline = Deadline::of(&HeaderMap::new());
        assert!(!deadline.ends_after(1e9));
        let headers = HeaderMap::from_iter([(HEADER, "200m".parse().unwrap())]);
        let deadline = Deadline::of(&headers);
        assert_eq!([0.1, 0.189, 0.191, 0.3].map(|seconds| deadline.ends_after(seconds)), [false, false, true, true]);
        let deadline = Deadline::parse(b"1H").unwrap();
        assert_eq!([3420.0, 3599.8, 3599.91].map(|seconds| deadline.ends_after(seconds)), [false, false, true]);
    }
}
