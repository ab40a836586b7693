//! Numbers as text: whole ones in all their digits, others as the shortest text that reads back to the same bits.

use super::buffer::Line;
use crate::model::Value;

pub(super) use zmij::Buffer as FloatBuffer;

/// The longest text of a number.
pub(super) const MAX_LEN: usize = 24;

/// Writes a value as Go's `ParseFloat` reads it (Prometheus text format 0.0.4, "Comments, help text, and type information").
#[inline(always)]
pub(super) fn put_value(line: &mut Line<'_>, value: Value) {
    match value {
        Value::Unsigned(value) => put_integer(line, value),
        Value::Signed(value) => put_signed(line, value),
        Value::Float(value) => put_float(line, value),
    }
}

/// Writes a whole number, straight into its place.
///
/// Formatting into a buffer and copying from there costs three times as much: the copy loads eight bytes that were stored as
/// pairs of digits a moment before, which stalls the processor.
#[inline(always)]
pub(super) fn put_integer(line: &mut Line<'_>, value: u64) {
    // Without a call that is given `line`, which would keep the position in memory, for short numbers too.
    if value < 10 {
        // Mostly many one after another: the processor guesses the length and need not wait for it.
        line.put_array(&[b'0' + value as u8]);
    } else if value >= E8 {
        let high = value / E8;
        if high >= E8 {
            put_at_most_8(line, high / E8);
            line.put_array(&eight_digits(high % E8).to_le_bytes());
        } else {
            put_at_most_8(line, high);
        }
        line.put_array(&eight_digits(value % E8).to_le_bytes());
    } else {
        put_at_most_8(line, value);
    }
}

#[inline(always)]
fn put_signed(line: &mut Line<'_>, value: i64) {
    if value < 0 {
        line.put_array(b"-");
    }
    put_integer(line, value.unsigned_abs());
}

const E8: u64 = 100_000_000;

#[inline(always)]
fn put_at_most_8(line: &mut Line<'_>, value: u64) {
    // Not counted in the text: what comes next need not wait for the digits to know its place.
    let len = len_of(value as u32);
    line.put_part(&(eight_digits(value) >> (64 - 8 * len)).to_le_bytes(), len);
}

/// How many digits a number has.
#[inline(always)]
fn len_of(value: u32) -> usize {
    let binary_digits = (value | 1).ilog2() as usize;
    ((u64::from(value) + LENGTHS[binary_digits]) >> 32) as usize
}

/// For numbers with their highest bit at this place. The high half is the number of digits, when the number is added: of the
/// larger ones of them, from the next power of ten on, the sum carries into it.
const LENGTHS: [u64; 32] = {
    let (mut lengths, mut n) = ([0; 32], 0);
    while n < 32 {
        let len = (1u32 << n).ilog10() as u64 + 1;
        let next = if len < 10 { 10u64.pow(len as u32) } else { 1 << 32 };
        lengths[n] = ((len + 1) << 32) - next;
        n += 1;
    }
    lengths
};

const ZEROS: u64 = 0x3030_3030_3030_3030;

/// The digits of a number below 10^8, the first one in the lowest byte.
#[inline(always)]
fn eight_digits(value: u64) -> u64 {
    // Each step halves all parts at once: 8 digits in one lane of 64 bits, 4 in 32, 2 in 16, 1 in 8. The factors are
    // reciprocals, exact for the values a lane can have: 10486 / 2^20 = 1 / 100 below 10^4, 103 / 2^10 = 1 / 10 below 100.
    // `whole << half` less `quotient * (divisor << half)` is the remainder in the upper half of its lane; with the quotient
    // taken once less, it stays in the lower half.
    let upper = value / 10_000;
    let fours = (value << 32) - upper * ((10_000 << 32) - 1);
    let hundreds = (fours * 10_486) >> 20 & 0x7f_0000_007f;
    let twos = (fours << 16) - hundreds * ((100 << 16) - 1);
    let tens = (twos * 103) >> 10 & 0x000f_000f_000f_000f;
    (twos << 8) - tens * ((10 << 8) - 1) + ZEROS
}

/// Writes a float; a whole one without point and exponent, as long as it is exact that way.
#[inline(always)]
fn put_float(line: &mut Line<'_>, value: f64) {
    FloatText::new(value, &mut FloatBuffer::new()).put(line);
}

/// The text of a float, made before its place is known.
///
/// What was just stored to the buffer in pieces cannot be copied until the stores are done, so it is quicker to write
/// something else first.
#[derive(Clone, Copy)]
pub(super) enum FloatText<'a> {
    Whole(i64),
    Other(&'a [u8]),
}

impl<'a> FloatText<'a> {
    #[inline(always)]
    pub(super) fn new(value: f64, buffer: &'a mut FloatBuffer) -> Self {
        const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
        let whole = value as i64;
        if value.abs() < EXACT && (whole as f64).to_bits() == value.to_bits() {
            FloatText::Whole(whole)
        } else if value.is_finite() && value.to_bits() != (-0.0f64).to_bits() {
            FloatText::Other(buffer.format_finite(value).as_bytes())
        } else {
            FloatText::Other(special(value))
        }
    }
}

impl FloatText<'_> {
    #[inline(always)]
    pub(super) fn put(self, line: &mut Line<'_>) {
        match self {
            FloatText::Whole(whole) => put_signed(line, whole),
            FloatText::Other(text) => line.put(text),
        }
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
    use super::super::buffer::Buffer;
    use super::*;
    use proptest::prelude::*;

    fn text(value: Value) -> String {
        let mut buffer = Buffer::default();
        buffer.put_line(&[], |line| put_value(line, value));
        let mut text = String::from_utf8(buffer.finish()).unwrap();
        assert_eq!(text.pop(), Some('\n'));
        assert!(text.len() <= MAX_LEN);
        text
    }

    fn float(value: f64) -> String {
        text(Value::Float(value))
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
            assert_eq!(float(value), expected);
        }
    }

    #[test]
    fn integers_are_exact() {
        for power in (0..20).map(|n| 10u64.pow(n)) {
            for value in [power - 1, power, power + 1, power / 10 * 9] {
                assert_eq!(text(Value::Unsigned(value)), value.to_string());
            }
        }
        assert_eq!(text(Value::Unsigned(u64::MAX)), "18446744073709551615");
        assert_eq!(text(Value::Signed(i64::MIN)), "-9223372036854775808");
    }

    #[test]
    fn lengths_are_right_at_every_border() {
        for border in (0..32).map(|n| 1u32 << n).chain((0..10).map(|n| 10u32.pow(n))) {
            for value in [border - 1, border, border + 1, u32::MAX] {
                assert_eq!(len_of(value), value.to_string().len(), "{value}");
            }
        }
    }

    proptest! {
        #[test]
        fn integers_agree_with_format(value in any::<u64>(), shift in 0..64u32) {
            let value = value >> shift;
            prop_assert_eq!(text(Value::Unsigned(value)), value.to_string());
            prop_assert_eq!(text(Value::Signed(-(value as i64 >> 1))), (-(value as i64 >> 1)).to_string());
        }

        #[test]
        fn floats_read_back_to_the_same_bits(value in prop::num::f64::ANY) {
            let read: f64 = float(value).parse().unwrap();
            prop_assert!(read.to_bits() == value.to_bits() || read.is_nan() && value.is_nan());
        }

        #[test]
        fn floats_are_the_shortest_text(value in prop::num::f64::NORMAL) {
            let significant = |text: &str| {
                let digits = text.split('e').next().unwrap().replace(['-', '.'], "");
                digits.trim_matches('0').len()
            };
            let shortest = format!("{:e}", value);
            prop_assert_eq!(significant(&float(value)), significant(&shortest), "{}", shortest);
        }
    }
}
