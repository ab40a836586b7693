//! Label values, and sets of labels with a type.

use core::fmt;
use core::num::NonZero;
use std::borrow::Cow;

/// Room for the text of a label value that is not kept as text, so that making it allocates nothing.
///
/// ```
/// use quipu::{LabelBuffer, LabelValue};
/// assert_eq!(404_u16.as_label(&mut LabelBuffer::new()), "404");
/// ```
#[derive(Default)]
pub struct LabelBuffer {
    integer: itoa::Buffer,
    char: [u8; 4],
}

impl LabelBuffer {
    /// An empty buffer.
    #[inline]
    pub fn new() -> LabelBuffer {
        LabelBuffer::default()
    }
}

impl fmt::Debug for LabelBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LabelBuffer").finish_non_exhaustive()
    }
}

/// A type that can be the value of a label.
///
/// Strings, `char`, integers and `bool` are, and `Option` of any of them, where `None` is the empty string: to Prometheus, a label
/// that is empty is a label that is not there. Derive it for your enums (`#[derive(LabelValue)]`), whose values are then known
/// to the compiler. By hand it is written for types that wrap one of those:
///
/// ```
/// use quipu::{LabelBuffer, LabelValue};
///
/// struct Shard(u16);
///
/// impl LabelValue for Shard {
///     fn as_label<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
///         self.0.as_label(buffer)
///     }
/// }
///
/// assert_eq!(Shard(7).as_label(&mut LabelBuffer::new()), "7");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the value of a label",
    label = "not a label value",
    note = "use a string, a char, an integer or a bool, an `Option` of one, or an enum with `#[derive(quipu::LabelValue)]`"
)]
pub trait LabelValue {
    /// All values, when the type is an enum (or `bool`); `None` when there is no end of them.
    const VALUES: Option<&'static [&'static str]> = None;

    /// The place of this value in [`VALUES`](Self::VALUES); 0 without them.
    fn index(&self) -> usize {
        0
    }

    /// The text of the value.
    fn as_label<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str;
}

macro_rules! text {
    ($($type:ty),*) => {$(
        impl LabelValue for $type {
            #[inline]
            fn as_label<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
                self
            }
        }
    )*};
}
text!(str, String, Box<str>, std::sync::Arc<str>, Cow<'_, str>);

macro_rules! integer {
    ($($type:ty),*) => {$(
        impl LabelValue for $type {
            #[inline]
            fn as_label<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
                buffer.integer.format(*self)
            }
        }

        impl LabelValue for NonZero<$type> {
            #[inline]
            fn as_label<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
                buffer.integer.format(self.get())
            }
        }
    )*};
}
integer!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize);

impl LabelValue for char {
    #[inline]
    fn as_label<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        self.encode_utf8(&mut buffer.char)
    }
}

impl LabelValue for bool {
    const VALUES: Option<&'static [&'static str]> = Some(&["false", "true"]);

    #[inline]
    fn index(&self) -> usize {
        usize::from(*self)
    }

    #[inline]
    fn as_label<'a>(&'a self, _: &'a mut LabelBuffer) -> &'a str {
        if *self { "true" } else { "false" }
    }
}

impl<T: LabelValue + ?Sized> LabelValue for &T {
    const VALUES: Option<&'static [&'static str]> = T::VALUES;

    #[inline]
    fn index(&self) -> usize {
        (**self).index()
    }

    #[inline]
    fn as_label<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        (**self).as_label(buffer)
    }
}

/// `None` is the empty string and comes first; the values are known if those of `T` are, and they are at most 255.
impl<T: LabelValue> LabelValue for Option<T> {
    const VALUES: Option<&'static [&'static str]> = match T::VALUES {
        Some(values) if values.len() < WITH_NONE => Some(Self::WITH_NONE.split_at(values.len() + 1).0),
        _ => None,
    };

    #[inline]
    fn index(&self) -> usize {
        self.as_ref().map_or(0, |value| 1 + value.index())
    }

    #[inline]
    fn as_label<'a>(&'a self, buffer: &'a mut LabelBuffer) -> &'a str {
        self.as_ref().map_or("", |value| value.as_label(buffer))
    }
}

/// Room for the values of an `Option`: what is computed from a type's values cannot have a length of its own.
const WITH_NONE: usize = 256;

trait WithNone {
    /// The empty string, the values, and empty strings up to the end.
    const WITH_NONE: &'static [&'static str; WITH_NONE];
}

impl<T: LabelValue> WithNone for Option<T> {
    const WITH_NONE: &'static [&'static str; WITH_NONE] = &{
        let mut with_none = [""; WITH_NONE];
        if let Some(values) = T::VALUES {
            let mut at = 0;
            while at < values.len() && at + 1 < WITH_NONE {
                with_none[at + 1] = values[at];
                at += 1;
            }
        }
        with_none
    };
}

/// The labels of a family as a type, with a field for each label. Derive it: `#[derive(LabelSet)]`.
///
/// When every field is an enum, the set is *closed*: all its series exist from registration, at zero, and are found by an
/// index instead of a search.
///
/// ```
/// use quipu::{LabelSet, LabelValue};
///
/// #[derive(LabelValue)]
/// enum Queue {
///     Mail,
///     Sms,
/// }
///
/// #[derive(LabelSet)]
/// struct Job {
///     queue: Queue,
/// }
///
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").label_set::<Job>().register()?;
/// jobs.with(Job { queue: Queue::Mail }).inc();
/// assert!(registry.to_text().contains("jobs_total{queue=\"sms\"} 0\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
///
/// By hand it is written for values that no enum names:
///
/// ```
/// use quipu::LabelSet;
///
/// /// One of the three digits.
/// struct Shard(usize);
///
/// const DIGITS: &[&str] = &["0", "1", "2"];
///
/// impl LabelSet for Shard {
///     const NAMES: &'static [&'static str] = &["shard"];
///     const VALUES: &'static [Option<&'static [&'static str]>] = &[Some(DIGITS)];
///
///     fn index(&self) -> usize {
///         self.0
///     }
///
///     fn with_values<R>(&self, use_values: impl FnOnce(&[&str]) -> R) -> R {
///         use_values(&[DIGITS[self.0]])
///     }
/// }
///
/// let registry = quipu::Registry::new();
/// let writes = registry.counter("writes_total", "Writes.").label_set::<Shard>().register()?;
/// writes.with(Shard(2)).inc();
/// assert_eq!(writes.len(), 3);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of labels",
    label = "not a label set",
    note = "put `#[derive(quipu::LabelSet)]` on a struct with a field for each label"
)]
pub trait LabelSet {
    /// The names of the labels.
    const NAMES: &'static [&'static str];

    /// The values of each label, where they are known: as many as [`NAMES`](Self::NAMES), or registration does not compile.
    const VALUES: &'static [Option<&'static [&'static str]>];

    /// The place of this set among all of a closed set, the last label changing fastest: below the product of the numbers of
    /// values, or the lookup panics. Of no meaning for others.
    fn index(&self) -> usize;

    /// Calls `use_values` with the label values, in the order of [`NAMES`](Self::NAMES): one for each, or the lookup panics.
    fn with_values<R>(&self, use_values: impl FnOnce(&[&str]) -> R) -> R;
}

/// Whether the values of all labels are known.
pub(crate) const fn is_closed<L: LabelSet>() -> bool {
    assert!(L::NAMES.len() == L::VALUES.len(), "a label set has as many `VALUES` as `NAMES`");
    let mut label = 0;
    while label < L::VALUES.len() {
        if L::VALUES[label].is_none() {
            return false;
        }
        label += 1;
    }
    true
}

#[cfg(all(test, feature = "derive", not(quipu_loom)))]
mod tests {
    /// Derives name the crate, which knows itself by that name.
    #[test]
    fn the_crate_itself_can_derive() {
        use crate::{LabelSet, LabelValue};

        #[derive(LabelValue)]
        #[allow(dead_code, reason = "only its values are looked at")]
        enum Queue {
            Mail,
        }

        #[derive(LabelSet)]
        #[allow(dead_code, reason = "only its names are looked at")]
        struct Job {
            queue: Queue,
        }

        assert_eq!((Job::NAMES, Job::VALUES), (&["queue"][..], &[Some(&["mail"][..])][..]));
    }
}
