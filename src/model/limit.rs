//! Which values may be added to a sum.

/// Values of this magnitude and more, 2^960 or about 10^289, are refused where values are summed: by
/// [`FloatCounter`](crate::FloatCounter) and [`Histogram`](crate::Histogram), as NaN and the infinities are.
///
/// A sum that became infinite or NaN would stay so. A sum of 2^63 values below this limit cannot.
///
/// ```
/// let registry = quipu::Registry::new();
/// let sizes = registry.histogram("payload_bytes", "Size of a payload.").register()?;
/// sizes.observe(quipu::model::VALUE_LIMIT); // refused, and counted in quipu_rejected_values_total
/// assert_eq!(sizes.snapshot().count(), 0);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub const VALUE_LIMIT: f64 = f64::from_bits((f64::MAX_EXP as u64 - 1 + 960) << (f64::MANTISSA_DIGITS - 1));

/// Whether a value may be added to a sum.
pub(crate) fn is_summable(value: f64) -> bool {
    value.abs() < VALUE_LIMIT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_values_below_the_limit_as_can_be_counted_have_a_finite_sum() {
        assert_eq!(VALUE_LIMIT, 2f64.powi(960));
        assert!((VALUE_LIMIT.next_down() * 2f64.powi(63)).is_finite());
    }

    #[test]
    fn only_finite_values_below_the_limit_are_summed() {
        for value in [0.0, -0.0, 1.0, -1.0, VALUE_LIMIT.next_down(), -VALUE_LIMIT.next_down()] {
            assert!(is_summable(value), "{value}");
        }
        for value in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, VALUE_LIMIT, -VALUE_LIMIT] {
            assert!(!is_summable(value), "{value}");
        }
    }
}
