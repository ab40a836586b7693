//! Numbers as text: whole ones by `itoa`, others as the shortest text that reads back to the same bits.

use crate::model::Value;

/// Appends a value as Go's `ParseFloat` reads it (Prometheus text format 0.0.4, "Comments, help text, and type information").
#[inline(always)]
pub(super) fn push_value(out: &mut Vec<u8>, value: Value) {
    match value {
        Value::Unsigned(value) => push_integer(out, value),
        Value::Signed(value) => push_integer(out, value),
        Value::Float(value) => push_float(out, value),
    }
}

#[inline(always)]
pub(super) fn push_integer(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a float; a whole one without point and exponent, as long as it is exact that way.
#[inline]
pub(super) fn push_float(out: &mut Vec<u8>, value: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    let whole = value as i64;
    if value.abs() < EXACT && (whole as f64).to_bits() == value.to_bits() {
        push_integer(out, whole);
    } else if value.is_finite() && value.to_bits() != (-0.0f64).to_bits() {
        out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
    } else {
        out.extend_from_slice(special(value));
    }
}

/// The floats that have a name.
#[cold]
fn special(value: f64) -> &'static [u8] {
    if value.is_nan() {
        b"NaN"
    } else if value == f64::INFINITY {
        b"+Inf"
    } else if value == f64::NEG_INFINITY {
        b"-Inf"
    } else {
        b"-0"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        push_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn named_and_whole_floats() {
        for (value, expected) in [
            (f64::NAN, "NaN"),
            (-f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (0.1, "0.1"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (-9_007_199_254_740_991.0, "-9007199254740991"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn integers_are_exact() {
        let mut out = Vec::new();
        push_value(&mut out, Value::Unsigned(u64::MAX));
        push_value(&mut out, Value::Signed(i64::MIN));
        assert_eq!(out, b"18446744073709551615-9223372036854775808");
    }

    proptest! {
        #[test]
        fn floats_read_back_to_the_same_bits(value in prop::num::f64::ANY) {
            let read: f64 = text(value).parse().unwrap();
            prop_assert!(read.to_bits() == value.to_bits() || read.is_nan() && value.is_nan());
        }

        #[test]
        fn floats_are_the_shortest_text(value in prop::num::f64::NORMAL) {
            let significant = |text: &str| {
                let digits = text.split('e').next().unwrap().replace(['-', '.'], "");
                digits.trim_matches('0').len()
            };
            let shortest = format!("{:e}", value);
            prop_assert_eq!(significant(&text(value)), significant(&shortest), "{}", shortest);
        }
    }
}
