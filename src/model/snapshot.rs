//! What a histogram held at one moment.

use std::sync::Arc;

/// The observations of a histogram, by bucket: the count, the buckets and the sum speak of the same observations.
///
/// Made by [`Histogram::snapshot`](crate::Histogram::snapshot).
///
/// ```
/// let registry = quipu::Registry::new();
/// let sizes = registry.histogram("payload_bytes", "Size of a payload.").bounds([100.0, 1000.0]).register()?;
/// sizes.observe(40.0);
/// sizes.observe(5000.0);
/// let snapshot = sizes.snapshot();
/// assert_eq!(snapshot.bounds(), [100.0, 1000.0]);
/// assert_eq!(snapshot.bucket_counts(), [1, 0, 1]);
/// assert_eq!((snapshot.count(), snapshot.sum()), (2, 5040.0));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramSnapshot {
    pub(crate) bounds: Arc<[f64]>,
    pub(crate) buckets: Vec<u64>,
    pub(crate) sum: f64,
}

impl HistogramSnapshot {
    /// The upper bounds of the buckets, without `+Inf`.
    pub fn bounds(&self) -> &[f64] {
        &self.bounds
    }

    /// Observations in each bucket by itself (not cumulative), the `+Inf` bucket last.
    pub fn bucket_counts(&self) -> &[u64] {
        &self.buckets
    }

    /// All observations.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// Sum of the observed values, in the unit that was observed.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The bucket that this value is in, if it holds anything.
    pub(crate) fn bucket(&self, value: f64) -> Option<usize> {
        let bucket = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(self.bounds.len());
        (!value.is_nan() && self.buckets[bucket] > 0).then_some(bucket)
    }

    /// What was observed after `earlier`, a snapshot of the same histogram. `None` if it cannot be one: its bounds are others, or
    /// one of its buckets holds more.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").bounds([1.0]).register()?;
    /// seconds.observe(0.5);
    /// let earlier = seconds.snapshot();
    /// seconds.observe(2.0);
    /// let since = seconds.snapshot().since(&earlier).unwrap();
    /// assert_eq!((since.bucket_counts(), since.sum()), (&[0, 1][..], 2.0));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn since(&self, earlier: &HistogramSnapshot) -> Option<HistogramSnapshot> {
        if self.bounds != earlier.bounds {
            return None;
        }
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        let buckets = pairs.map(|(count, before)| count.checked_sub(*before)).collect::<Option<_>>()?;
        Some(HistogramSnapshot { bounds: self.bounds.clone(), buckets, sum: self.sum - earlier.sum })
    }

    /// Both together, of histograms with the same bounds.
    #[cfg(feature = "testing")]
    pub(crate) fn plus(mut self, other: HistogramSnapshot) -> HistogramSnapshot {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(count, other)| *count += other);
        self.sum += other.sum;
        self
    }

    /// An estimate of the `q`-quantile: the value that the part `q` of all observations does not exceed. `0.99` is the 99th
    /// percentile.
    ///
    /// As `histogram_quantile` of PromQL estimates it:
    ///
    /// - `-Inf` for `q` below 0, `+Inf` for `q` above 1.
    /// - NaN if `q` is NaN, if there are no observations or no bounds, and for `q` = 0 if the first bucket is empty and its
    ///   bound above zero.
    /// - Observations are taken to lie evenly between the bounds of their bucket, and the first bucket to begin at zero.
    /// - In the first bucket, if its bound is zero or below: that bound.
    /// - In the `+Inf` bucket: the highest bound.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").bounds([1.0, 2.0]).register()?;
    /// [0.5, 0.5, 1.5, 1.5].map(|value| seconds.observe(value));
    /// assert_eq!(seconds.snapshot().quantile(0.75), 1.5);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn quantile(&self, q: f64) -> f64 {
        if !(0.0..=1.0).contains(&q) {
            return q * f64::INFINITY;
        }
        let observations: f64 = self.buckets.iter().map(|count| *count as f64).sum();
        let Some(highest) = self.bounds.last().filter(|_| observations > 0.0) else { return f64::NAN };
        let rank = q * observations;
        let (mut before, mut lower) = (0.0, 0.0);
        for (n, (&upper, &count)) in self.bounds.iter().zip(&self.buckets).enumerate() {
            let count = count as f64;
            if before + count >= rank {
                let is_below_zero = n == 0 && upper <= 0.0;
                return if is_below_zero { upper } else { lower + (upper - lower) * ((rank - before) / count) };
            }
            (before, lower) = (before + count, upper);
        }
        *highest
    }
}
