//! The types of values: how each is read, written, and told of.

use super::tree::{Node, Tree, parse_value, text_node};
use core::ops::Range;
use core::time::Duration;
use std::fmt::{Display, Write};

/// What numbers a key takes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) from: f64,
    pub(super) to: f64,
}

/// A value that is none.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) span: Range<usize>,
    /// Of a list: the number of the item, in brackets.
    pub(super) item: String,
    /// What to write instead.
    pub(super) wanted: String,
}

impl Refused {
    fn at(node: &Node, wanted: String) -> Refused {
        Refused { span: node.span.clone(), item: String::new(), wanted }
    }
}

/// A type that a key can have: `bool`, whole numbers, `f64`, [`Duration`] in seconds, `String`, lists of those, and an `Option` of each, which is
/// `None` where the key is not there. It is sealed: other types are read as one of these and [checked](super::Key::checked).
#[expect(private_bounds, reason = "sealed")]
pub trait Value: Typed {}

impl<T: Typed> Value for T {}

pub(super) trait Typed: Clone {
    /// All numbers that the type has.
    const ALL: Bounds = Bounds { from: f64::NEG_INFINITY, to: f64::INFINITY };

    fn read(node: &Node, bounds: Bounds) -> Result<Self, Refused>;

    /// The value that a variable of the environment is.
    fn parse(text: &str) -> Node {
        parse_value(text)
    }

    /// In TOML; `false` if there is nothing to write.
    fn write(&self, out: &mut String) -> bool;

    /// What to write, as "true or false".
    fn wanted(bounds: Bounds) -> String;

    /// The same for several.
    fn wanted_of_many(bounds: Bounds) -> String {
        Self::wanted(bounds)
    }
}

fn show(out: &mut String, value: impl Display) -> bool {
    // Writing to a string does not fail.
    let _ = write!(out, "{value}");
    true
}

impl Typed for bool {
    fn read(node: &Node, bounds: Bounds) -> Result<Self, Refused> {
        match node.value {
            Tree::Bool(value) => Ok(value),
            _ => Err(Refused::at(node, Self::wanted(bounds))),
        }
    }

    fn write(&self, out: &mut String) -> bool {
        show(out, self)
    }

    fn wanted(_: Bounds) -> String {
        "true or false".to_owned()
    }
}

fn range(what: &str, bounds: Bounds) -> String {
    match (bounds.from.is_finite(), bounds.to.is_finite()) {
        (true, true) => format!("{what} from {} to {}", bounds.from, bounds.to),
        (true, false) => format!("{what} from {} on", bounds.from),
        (false, true) => format!("{what} up to {}", bounds.to),
        (false, false) => what.to_owned(),
    }
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl Typed for $number {
            const ALL: Bounds = Bounds { from: 0.0, to: f64::INFINITY };

            fn read(node: &Node, bounds: Bounds) -> Result<Self, Refused> {
                let refused = || Refused::at(node, Self::wanted(bounds));
                let Tree::Integer(Some(value)) = node.value else { return Err(refused()) };
                let is_within = value as f64 >= bounds.from && value as f64 <= bounds.to;
                <$number>::try_from(value).ok().filter(|_| is_within).ok_or_else(refused)
            }

            fn write(&self, out: &mut String) -> bool {
                show(out, self)
            }

            fn wanted(bounds: Bounds) -> String {
                range("a whole number", bounds)
            }

            fn wanted_of_many(bounds: Bounds) -> String {
                range("whole numbers", bounds)
            }
        }
    )*};
}

whole_numbers!(u32, u64, usize);

/// A number, written with or without a point.
fn number(node: &Node, bounds: Bounds) -> Option<f64> {
    let value = match node.value {
        Tree::Float(value) => value,
        Tree::Integer(Some(value)) => value as f64,
        _ => return None,
    };
    (value.is_finite() && value >= bounds.from && value <= bounds.to).then_some(value)
}

impl Typed for f64 {
    fn read(node: &Node, bounds: Bounds) -> Result<Self, Refused> {
        number(node, bounds).ok_or_else(|| Refused::at(node, Self::wanted(bounds)))
    }

    fn write(&self, out: &mut String) -> bool {
        show(out, format_args!("{self:?}"))
    }

    fn wanted(bounds: Bounds) -> String {
        range("a number", bounds)
    }

    fn wanted_of_many(bounds: Bounds) -> String {
        range("numbers", bounds)
    }
}

/// A year in seconds: what is longer is no time-out.
const YEAR: f64 = 365.0 * 86_400.0;

impl Typed for Duration {
    const ALL: Bounds = Bounds { from: 0.0, to: YEAR };

    fn read(node: &Node, bounds: Bounds) -> Result<Self, Refused> {
        let seconds = number(node, bounds).and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        seconds.ok_or_else(|| Refused::at(node, Self::wanted(bounds)))
    }

    fn write(&self, out: &mut String) -> bool {
        match self.subsec_nanos() {
            0 => show(out, self.as_secs()),
            _ => show(out, format_args!("{:?}", self.as_secs_f64())),
        }
    }

    fn wanted(bounds: Bounds) -> String {
        range("a number of seconds", bounds)
    }
}

impl Typed for String {
    fn read(node: &Node, bounds: Bounds) -> Result<Self, Refused> {
        match &node.value {
            Tree::Text(text) => Ok(text.clone()),
            _ => Err(Refused::at(node, Self::wanted(bounds))),
        }
    }

    fn parse(text: &str) -> Node {
        text_node(text)
    }

    fn write(&self, out: &mut String) -> bool {
        write_text(self, out);
        true
    }

    fn wanted(_: Bounds) -> String {
        "text in quotes".to_owned()
    }

    fn wanted_of_many(_: Bounds) -> String {
        "texts in quotes".to_owned()
    }
}

/// As TOML has text in quotes.
pub(super) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if char.is_control() => drop(write!(out, "\\u{:04X}", u32::from(char))),
            _ => out.push(char),
        }
    }
    out.push('"');
}

impl<T: Typed> Typed for Vec<T> {
    const ALL: Bounds = T::ALL;

    fn read(node: &Node, bounds: Bounds) -> Result<Self, Refused> {
        let Tree::Array(items) = &node.value else { return Err(Refused::at(node, Self::wanted(bounds))) };
        let item = |(n, item)| T::read(item, bounds).map_err(|refused| Refused { item: format!("[{n}]"), ..refused });
        items.iter().enumerate().map(item).collect()
    }

    /// A list as TOML has it, or items with commas between them.
    fn parse(text: &str) -> Node {
        if text.trim_start().starts_with('[') {
            return parse_value(text);
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        // Each stands for the whole, so that an error shows it.
        let items = items.map(|item| Node { span: 0..text.len(), ..T::parse(item) });
        Node { value: Tree::Array(items.collect()), span: 0..text.len() }
    }

    fn write(&self, out: &mut String) -> bool {
        out.push('[');
        for (n, item) in self.iter().enumerate() {
            out.push_str(if n > 0 { ", " } else { "" });
            item.write(out);
        }
        out.push(']');
        true
    }

    fn wanted(bounds: Bounds) -> String {
        format!("a list of {}", T::wanted_of_many(bounds))
    }
}

impl<T: Typed> Typed for Option<T> {
    const ALL: Bounds = T::ALL;

    fn read(node: &Node, bounds: Bounds) -> Result<Self, Refused> {
        T::read(node, bounds).map(Some)
    }

    fn parse(text: &str) -> Node {
        T::parse(text)
    }

    fn write(&self, out: &mut String) -> bool {
        self.as_ref().is_some_and(|value| value.write(out))
    }

    fn wanted(bounds: Bounds) -> String {
        T::wanted(bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a value, reads it, and says what was written.
    fn round<T: Typed + PartialEq + std::fmt::Debug>(value: T) -> String {
        let mut text = String::new();
        assert!(value.write(&mut text));
        assert_eq!(T::read(&parse_value(&text), T::ALL).unwrap(), value, "{text}");
        text
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(round(true), "true");
        assert_eq!(round(u32::MAX), "4294967295");
        assert_eq!(round(1e300), "1e300");
        assert_eq!(round(0.1), "0.1");
        assert_eq!(round(-5.0), "-5.0");
        assert_eq!(round(Duration::from_secs(15)), "15");
        assert_eq!(round(Duration::from_millis(1_500)), "1.5");
        assert_eq!(round(vec![0.5, 2.0]), "[0.5, 2.0]");
        assert_eq!(round(Some(3_u64)), "3");
        assert_eq!(round(Vec::<String>::new()), "[]");
        let all: String = (0..=0x2ff).filter_map(char::from_u32).chain(['\u{feff}', '𝄞']).collect();
        round(all);
    }

    #[test]
    fn a_variable_is_read_as_its_type() {
        let numbers = |text| Vec::<f64>::read(&Vec::<f64>::parse(text), f64::ALL).map_err(|refused| refused.wanted);
        assert_eq!(numbers("0.1, 1,5"), Ok(vec![0.1, 1.0, 5.0]));
        assert_eq!(numbers("[0.1, 1]"), Ok(vec![0.1, 1.0]));
        assert_eq!(numbers(""), Ok(vec![]));
        assert_eq!(numbers("a"), Err("a number".to_owned()));
        let texts = |text| Vec::<String>::read(&Vec::<String>::parse(text), String::ALL).unwrap();
        assert_eq!(texts("/health, /internal/*"), ["/health", "/internal/*"]);
        assert_eq!(texts(r#"["a,b"]"#), ["a,b"]);
        assert_eq!(String::read(&String::parse("true"), String::ALL).unwrap(), "true");
    }
}
