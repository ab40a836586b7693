//! Values as JSON.

use core::fmt::{self, Write};

/// A text with its quotes.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        let mut rest = self.0;
        while let Some(at) = rest.find(|c: char| c < ' ' || matches!(c, '"' | '\\')) {
            f.write_str(&rest[..at])?;
            match rest.as_bytes()[at] {
                control @ 0..0x20 => write!(f, "\\u{control:04x}")?,
                escaped => write!(f, "\\{}", char::from(escaped))?,
            }
            rest = &rest[at + 1..];
        }
        f.write_str(rest)?;
        f.write_char('"')
    }
}

/// A number; what is none in JSON is `null`.
pub(super) struct Number(pub(super) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() { write!(f, "{}", self.0) } else { f.write_str("null") }
    }
}

/// A value, or `null`.
pub(super) struct Maybe<T>(pub(super) Option<T>);

impl<T: fmt::Display> fmt::Display for Maybe<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("null"),
        }
    }
}

/// An array.
pub(super) struct List<I>(pub(super) I);

impl<I: Iterator<Item: fmt::Display> + Clone> fmt::Display for List<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('[')?;
        for (n, value) in self.0.clone().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            write!(f, "{comma}{value}")?;
        }
        f.write_char(']')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_back(text in any::<String>()) {
            let json = Text(&text).to_string();
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn any_number_is_read_back(bits in any::<u64>()) {
            let number = f64::from_bits(bits);
            let json = Number(number).to_string();
            prop_assert_eq!(serde_json::from_str::<Option<f64>>(&json).unwrap().is_some(), number.is_finite());
            // serde_json reads most numbers a little beside what they are.
            prop_assert_eq!(json.parse().ok(), number.is_finite().then_some(number));
        }
    }

    #[test]
    fn hostile_texts_stay_texts() {
        for text in ["", "\"", "\\", "\\\"", "\u{0}\u{1f}\n\r\t", "</script>", "\u{7f}\u{2028}\u{feff}é😀", "{\"a\":1}"]
        {
            let json = List([Text(text), Text("b")].iter()).to_string();
            assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text, "b"], "{json}");
        }
        assert_eq!(List(core::iter::empty::<Number>()).to_string(), "[]");
        assert_eq!(List([Maybe(Some(1)), Maybe(None)].iter()).to_string(), "[1,null]");
    }
}
