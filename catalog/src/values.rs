//! Label values that are known beforehand: enums with the catalogue's texts.

use core::fmt;

/// Makes an enum of label values, which is parsed from its texts. With `else`, text that is unknown is that variant; without, it
/// is an error.
macro_rules! label_values {
    (
        $(#[$meta:meta])*
        pub enum $Name:ident {
            $($(#[$variant_meta:meta])* $Variant:ident = $text:literal,)+
        }
        $(else $Other:ident)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, quipu::LabelValue)]
        pub enum $Name {
            $($(#[$variant_meta])* #[label($text)] $Variant,)+
        }

        impl $Name {
            /// All values, in the order in which they are exposed.
            pub const ALL: &'static [$Name] = &[$($Name::$Variant),+];

            /// The text of the value, as it is exposed.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($Name::$Variant => $text,)+
                }
            }

            #[allow(dead_code, reason = "not all enums need it")]
            fn of_text(text: &str) -> Option<$Name> {
                match text {
                    $($text => Some($Name::$Variant),)+
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        $crate::values::label_values!(@parse $Name [$($text),+] $($Other)?);
    };
    (@parse $Name:ident [$($text:literal),+] $Other:ident) => {
        #[doc = concat!("From its text; any other text is `", stringify!($Other), "`.")]
        impl From<&str> for $Name {
            fn from(text: &str) -> $Name {
                $Name::of_text(text).unwrap_or($Name::$Other)
            }
        }
    };
    (@parse $Name:ident [$($text:literal),+]) => {
        /// From its text; any other text is an error.
        impl core::str::FromStr for $Name {
            type Err = $crate::UnknownValue;

            fn from_str(text: &str) -> Result<$Name, $crate::UnknownValue> {
                $Name::of_text(text)
                    .ok_or_else(|| $crate::UnknownValue::new(stringify!($Name), text, &[$($text),+]))
            }
        }
    };
}
pub(crate) use label_values;

/// A text that is none of an enum's values. Its message says which they are.
///
/// ```
/// use quipu_catalog::incidents::Severity;
///
/// let error = "P9".parse::<Severity>().unwrap_err();
/// assert_eq!(error.to_string(), "\"P9\" is no Severity; write one of P0, P1, P2, P3, P4");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownValue {
    name: &'static str,
    text: String,
    known: &'static [&'static str],
}

impl UnknownValue {
    /// How much of a text from a wire is kept, in characters.
    const KEPT: usize = 64;

    pub(crate) fn new(name: &'static str, text: &str, known: &'static [&'static str]) -> Self {
        UnknownValue { name, text: text.chars().take(Self::KEPT).collect(), known }
    }

    /// The texts that are known.
    pub fn known(&self) -> &'static [&'static str] {
        self.known
    }
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}; write one of {}", self.text, self.name, self.known.join(", "))
    }
}

impl core::error::Error for UnknownValue {}
