//! Summaries: a sketch of what was observed, in buckets whose widths are in proportion to the values.

use super::VALUE_LIMIT;
use core::fmt;
use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

/// The most quantiles that a summary may have; each is a series of its own to the scraper.
const MAX_QUANTILES: usize = 32;

/// The most buckets of a sketch.
const MAX_BUCKETS: usize = 8_192;

/// The most steps of a window.
const MAX_STEPS: usize = 60;

/// Why the settings of a summary were refused. Its message says what to write instead.
///
/// ```
/// use quipu::model::SummaryError;
/// let registry = quipu::Registry::new();
/// let error = registry.summary("job_seconds", "Time a job took.").quantiles([99.0]).register().unwrap_err();
/// assert_eq!(error.to_string(), "`job_seconds`: quantile 99 is not within 0 and 1; the 99th percentile is 0.99");
/// ```
#[derive(Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum SummaryError {
    /// A quantile is NaN, below 0 or above 1.
    #[non_exhaustive]
    Quantile {
        /// The quantile.
        quantile: f64,
    },
    /// A quantile is not above the one before it.
    #[non_exhaustive]
    NotAscending {
        /// The quantile.
        quantile: f64,
    },
    /// There are more than 32 quantiles.
    #[non_exhaustive]
    TooManyQuantiles {
        /// How many there are.
        quantiles: usize,
    },
    /// The window has no steps or more than 60, or one of them is shorter than a millisecond.
    #[non_exhaustive]
    Window {
        /// The length of the window.
        window: Duration,
        /// Its steps.
        steps: usize,
    },
    /// The relative error is not within 0.001 and 0.5.
    #[non_exhaustive]
    RelativeError {
        /// The relative error.
        error: f64,
    },
    /// The range does not go from a number above zero to a larger one below [`VALUE_LIMIT`].
    #[non_exhaustive]
    Range {
        /// Where it begins.
        from: f64,
        /// Where it ends.
        to: f64,
    },
    /// Range and relative error together need more than 8,192 buckets.
    #[non_exhaustive]
    TooManyBuckets {
        /// How many.
        buckets: usize,
    },
}

impl fmt::Display for SummaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SummaryError::Quantile { quantile } => {
                write!(f, "quantile {quantile} is not within 0 and 1; the 99th percentile is 0.99")
            }
            SummaryError::NotAscending { quantile } => {
                write!(f, "quantile {quantile} does not exceed the one before it; sort the quantiles, each once")
            }
            SummaryError::TooManyQuantiles { quantiles } => write!(
                f,
                "{quantiles} quantiles are too many; each is a series of its own, give at most {MAX_QUANTILES}"
            ),
            SummaryError::Window { window, steps } => write!(
                f,
                "a window of {window:?} cannot have {steps} steps; give it 1 to {MAX_STEPS}, each of a millisecond or more"
            ),
            SummaryError::RelativeError { error } => {
                write!(f, "the relative error {error} is not within 0.001 and 0.5; 0.02 is two percent")
            }
            SummaryError::Range { from, to } => write!(
                f,
                "the range {from:e} to {to:e} does not go from a number above zero to a larger one below 2^960"
            ),
            SummaryError::TooManyBuckets { buckets } => write!(
                f,
                "range and relative error need {buckets} buckets, of at most {MAX_BUCKETS}; narrow the range, or allow more error"
            ),
        }
    }
}

debug_as_message!(SummaryError);

impl core::error::Error for SummaryError {}

/// What is chosen for a summary.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SummaryConfig {
    pub(crate) quantiles: Cow<'static, [f64]>,
    pub(crate) window: Duration,
    pub(crate) steps: usize,
    pub(crate) relative_error: f64,
    pub(crate) range: [f64; 2],
}

impl SummaryConfig {
    /// For durations in seconds.
    pub(crate) const DEFAULT: SummaryConfig = SummaryConfig {
        quantiles: Cow::Borrowed(&[0.5, 0.9, 0.99]),
        window: Duration::from_secs(600),
        steps: 5,
        relative_error: 0.02,
        range: [1e-6, 1e5],
    };

    pub(crate) fn check(&self) -> Result<(), SummaryError> {
        let quantiles = &self.quantiles;
        if quantiles.len() > MAX_QUANTILES {
            return Err(SummaryError::TooManyQuantiles { quantiles: quantiles.len() });
        }
        if let Some(&quantile) = quantiles.iter().find(|quantile| !(0.0..=1.0).contains(*quantile)) {
            return Err(SummaryError::Quantile { quantile });
        }
        if let Some(pair) = quantiles.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(SummaryError::NotAscending { quantile: pair[1] });
        }
        let (window, steps) = (self.window, self.steps);
        if !(1..=MAX_STEPS).contains(&steps) || window < Duration::from_millis(1) * steps as u32 {
            return Err(SummaryError::Window { window, steps });
        }
        if !(0.001..=0.5).contains(&self.relative_error) {
            return Err(SummaryError::RelativeError { error: self.relative_error });
        }
        let [from, to] = self.range;
        if !(f64::MIN_POSITIVE <= from && from < to && to < VALUE_LIMIT) {
            return Err(SummaryError::Range { from, to });
        }
        match Sketch::new(self).buckets() {
            buckets if buckets > MAX_BUCKETS => Err(SummaryError::TooManyBuckets { buckets }),
            _ => Ok(()),
        }
    }

    /// The length of a step.
    pub(crate) fn step_nanoseconds(&self) -> u64 {
        u64::try_from(self.window.as_nanos() / self.steps as u128).unwrap_or(u64::MAX)
    }
}

/// Which bucket a value is in. Bucket 0 holds zero alone; each of the others ends at most (1 + e) / (1 - e) times as high as it begins, so
/// that a value between the ends is wrong by the part e at most. (Masson, Rim and Lee: DDSketch, VLDB 2019.)
///
/// In place of the logarithm, which takes long, stands a polynomial of third degree on the mantissa, which never rises more slowly
/// than 10/7 times as fast as the natural logarithm: it takes one percent more buckets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sketch {
    /// Buckets for each doubling.
    scale: f64,
    /// What is subtracted, so that the range begins in bucket 1.
    offset: f64,
    /// The number of the last bucket.
    last: f64,
}

impl Sketch {
    /// Settings that were [checked](SummaryConfig::check), but for the number of buckets.
    pub(crate) fn new(config: &SummaryConfig) -> Sketch {
        let scale = 0.7 / (2.0 * config.relative_error.atanh());
        let [from, to] = config.range;
        let mut sketch = Sketch { scale, offset: position(from) * scale - 1.0, last: 0.0 };
        sketch.last = sketch.number(to);
        sketch
    }

    /// How many buckets there are.
    pub(crate) fn buckets(&self) -> usize {
        1 + self.last as usize
    }

    /// The bucket of a value that is not negative. What is outside of the range is in the first or the last one of it.
    #[inline(always)]
    pub(crate) fn bucket(&self, value: f64) -> usize {
        /// Added to a small number, the sum's last bits are the number rounded.
        const TO_INTEGER: f64 = (1_u64 << 52) as f64;
        let number = (position(value) * self.scale - self.offset).max(1.0).min(self.last);
        let bucket = (number + TO_INTEGER).to_bits() as u32 as usize;
        if value == 0.0 { 0 } else { bucket }
    }

    /// As [`bucket`](Self::bucket), but the range has no ends.
    fn number(&self, value: f64) -> f64 {
        (position(value) * self.scale - self.offset).round_ties_even()
    }

    /// The lowest value whose number is not below this one.
    fn start(&self, number: f64) -> f64 {
        // Bits of floats that are not negative sort as the floats do.
        let (mut low, mut high) = (0, f64::INFINITY.to_bits());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.number(f64::from_bits(middle)) < number { low = middle + 1 } else { high = middle }
        }
        f64::from_bits(low)
    }

    /// The value that is nearest to all of a bucket, by its relative error.
    pub(crate) fn value(&self, bucket: usize) -> f64 {
        if bucket == 0 {
            return 0.0;
        }
        let [start, end] = [bucket, bucket + 1].map(|bucket| self.start(bucket as f64));
        start * (2.0 * end / (start + end))
    }
}

/// What stands in for the binary logarithm: the exponent, and a polynomial of the mantissa that goes from 0 to 1.
#[inline(always)]
fn position(value: f64) -> f64 {
    const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
    const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;
    let bits = value.to_bits();
    let part = f64::from_bits(bits & MANTISSA | 1.0_f64.to_bits()) - 1.0;
    let exponent = f64::from((bits >> MANTISSA_BITS) as i32);
    exponent + part * (10.0 / 7.0 + part * (-3.0 / 5.0 + part * (6.0 / 35.0)))
}

/// What a summary held at one moment: all observations, and those of the window. Made by [`Summary::snapshot`](crate::Summary::snapshot).
///
/// ```
/// let registry = quipu::Registry::new();
/// let seconds = registry.summary("job_duration_seconds", "Time a job took.").register()?;
/// (1..=100).for_each(|n| seconds.observe(f64::from(n)));
/// let snapshot = seconds.snapshot();
/// assert_eq!((snapshot.count(), snapshot.sum(), snapshot.window_count()), (100, 5050.0, 100));
/// assert!((snapshot.quantile(0.9) - 90.0).abs() <= 0.02 * 90.0);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SummarySnapshot {
    pub(crate) quantiles: Quantiles,
    pub(crate) count: u64,
    pub(crate) sum: f64,
}

/// Where the quantiles of a summary come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Quantiles {
    /// From the observations of the window, by bucket.
    Window { sketch: Arc<Sketch>, counts: Vec<u64> },
    /// A collector said them: for each quantile its value.
    Said { quantiles: Arc<[f64]>, values: Box<[f64]> },
}

impl SummarySnapshot {
    /// All observations since the series was made.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sum of all observed values, in the unit that was observed.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The observations of the window. 0 if a [collector](crate::collect) yielded the summary: it does not say them.
    pub fn window_count(&self) -> u64 {
        match &self.quantiles {
            Quantiles::Window { counts, .. } => counts.iter().fold(0, |sum, count| sum.wrapping_add(*count)),
            Quantiles::Said { .. } => 0,
        }
    }

    /// The `q`-quantile of the window: the smallest observed value that the part `q` of the observations does not exceed, within the
    /// relative error of the summary. `0.99` is the 99th percentile.
    ///
    /// NaN if the window is empty or `q` is NaN; `-Inf` for `q` below 0, `+Inf` for `q` above 1. Of values outside of the
    /// summary's range the nearest end of that is told, but zero is zero. If a [collector](crate::collect) yielded the summary, a quantile is
    /// what the collector said, and NaN if it is none of those declared.
    pub fn quantile(&self, q: f64) -> f64 {
        if !(0.0..=1.0).contains(&q) {
            return q * f64::INFINITY;
        }
        let (sketch, counts) = match &self.quantiles {
            Quantiles::Window { sketch, counts } => (sketch, counts),
            Quantiles::Said { quantiles, values } => {
                let place = quantiles.iter().position(|quantile| *quantile == q);
                return place.map_or(f64::NAN, |place| values[place]);
            }
        };
        let observations = self.window_count();
        if observations == 0 {
            return f64::NAN;
        }
        let rank = rank(q, observations);
        let mut seen = 0;
        let is_reached = |count: &u64| {
            seen += count;
            seen >= rank
        };
        sketch.value(counts.iter().position(is_reached).unwrap_or(0))
    }
}

/// The place of the `q`-quantile among so many values in their order, from 1 on.
fn rank(q: f64, observations: u64) -> u64 {
    let exact = q * observations as f64;
    // 0.07 times 100 is a little more than 7, to a float.
    let nearest = exact.round();
    let rank = if (exact - nearest).abs() <= exact * 4.0 * f64::EPSILON { nearest } else { exact.ceil() };
    (rank as u64).clamp(1, observations)
}

#[cfg(test)]
#[path = "summary/tests.rs"]
mod tests;
