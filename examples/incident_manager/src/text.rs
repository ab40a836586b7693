//! Values of closed sets as texts.

use std::borrow::Cow;

use quipu::LabelValue;
use quipu_catalog::UnknownValue;
use quipu_catalog::incidents::{Category, Level, Severity, Source, State};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A closed set whose values are read from texts.
pub(crate) trait Known: LabelValue + Copy {
    /// The value that the text names.
    fn of_text(text: &str) -> Result<Self, UnknownValue>;
}

macro_rules! known {
    ($($kind:ty),+) => {$(
        impl Known for $kind {
            fn of_text(text: &str) -> Result<Self, UnknownValue> {
                text.parse()
            }
        }
    )+};
}

known!(Severity, Category, State, Level);

impl Known for Source {
    /// Systems come and go: one that is not known is `other`.
    fn of_text(text: &str) -> Result<Self, UnknownValue> {
        Ok(text.into())
    }
}

/// The text of a value.
pub(crate) fn text_of<T: LabelValue>(value: T) -> &'static str {
    let texts = T::VALUES.expect("only called for enums");
    texts[value.index()]
}

pub(crate) fn serialize<T: Known, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text_of(*value))
}

pub(crate) fn serialize_option<T: Known, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(text_of).serialize(serializer)
}

pub(crate) fn deserialize<'de, T: Known, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = Cow::<str>::deserialize(deserializer)?;
    T::of_text(&text).map_err(D::Error::custom)
}

pub(crate) fn deserialize_option<'de, T: Known, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let text = Option::<Cow<'_, str>>::deserialize(deserializer)?;
    text.map(|text| T::of_text(&text)).transpose().map_err(D::Error::custom)
}
