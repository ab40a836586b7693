//! What a histogram held at one moment.

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
/// assert_eq!(snapshot.bucket_counts(), [1, 0, 1]);
/// assert_eq!((snapshot.count(), snapshot.sum()), (2, 5040.0));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HistogramSnapshot {
    pub(crate) buckets: Vec<u64>,
    pub(crate) sum: f64,
}

impl HistogramSnapshot {
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
}
