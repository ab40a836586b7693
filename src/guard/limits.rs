//! What is set for registries and families, and what follows from both.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The most series of a registry, unless another number is set.
pub const MAX_SERIES: usize = 200_000;

/// The most bytes of a registry, unless another number is set: 128 MiB, of which lanes take at most 64 unless their own
/// [limit](crate::lanes) is set.
pub const MAX_BYTES: usize = 128 << 20;

/// The most series of a family, unless another number is set.
pub const MAX_SERIES_PER_FAMILY: usize = 10_000;

/// The most bytes of a label's value, unless another number is set.
pub const MAX_VALUE_BYTES: usize = 1_024;

/// What stands in place of a label's value that is one too many, unless another text is set.
pub const OVERFLOW_VALUE: &str = "__overflow__";

/// How much a registry may hold.
#[derive(Clone, Debug)]
pub(crate) struct RegistryLimits {
    pub(crate) series: Option<usize>,
    pub(crate) bytes: Option<usize>,
    /// Of families without a limit of their own.
    pub(crate) series_per_family: Option<usize>,
    pub(crate) value_bytes: usize,
    pub(crate) overflow_value: Arc<str>,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        RegistryLimits {
            series: Some(MAX_SERIES),
            bytes: Some(MAX_BYTES),
            series_per_family: Some(MAX_SERIES_PER_FAMILY),
            value_bytes: MAX_VALUE_BYTES,
            overflow_value: OVERFLOW_VALUE.into(),
        }
    }
}

impl RegistryLimits {
    /// Takes all limits away.
    pub(crate) fn lift(&mut self) {
        (self.series, self.bytes, self.series_per_family, self.value_bytes) = (None, None, None, usize::MAX);
    }
}

/// What is set for a family.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FamilyLimits {
    series: Option<usize>,
    is_unlimited: bool,
    /// Neither the registry's limits hold, nor does it count against them.
    pub(crate) is_exempt: bool,
    pub(crate) reserved: usize,
    /// By label; each label once.
    values: Vec<(Cow<'static, str>, usize)>,
}

/// How many values a label may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabelLimit {
    /// Those that it was declared with.
    Closed,
    /// As many, if there is a limit.
    Open(Option<usize>),
}

impl FamilyLimits {
    pub(crate) fn set_series(&mut self, most: usize) {
        (self.series, self.is_unlimited) = (Some(most), false);
    }

    pub(crate) fn set_values(&mut self, label: Cow<'static, str>, most: usize) {
        self.values.retain(|(other, _)| *other != label);
        self.values.push((label, most));
    }

    /// Takes away what holds for this family alone.
    pub(crate) fn lift(&mut self) {
        (self.series, self.is_unlimited) = (None, true);
        self.values.clear();
    }

    /// The limit that was set for the family itself.
    pub(crate) fn series(&self) -> Option<usize> {
        self.series
    }

    /// The limit that holds for the family.
    pub(crate) fn series_within(&self, registry: &RegistryLimits) -> Option<usize> {
        if self.is_unlimited { None } else { self.series.or(registry.series_per_family) }
    }

    /// Those labels whose values are limited, and to how many.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&str, usize)> {
        self.values.iter().map(|(label, most)| (&**label, *most))
    }

    /// The limit of a label.
    pub(crate) fn of_label(&self, label: &str, is_closed: bool) -> LabelLimit {
        match is_closed {
            true => LabelLimit::Closed,
            false => LabelLimit::Open(self.values().find(|(name, _)| *name == label).map(|(_, most)| most)),
        }
    }
}

/// In words that follow "registered".
impl fmt::Display for FamilyLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.is_exempt.then(|| "no limits".to_owned()));
        parts.extend(self.is_unlimited.then(|| "no limit of series".to_owned()));
        parts.extend(self.series.map(|most| format!("at most {most} series")));
        parts.extend((self.reserved > 0).then(|| format!("{} series reserved", self.reserved)));
        parts.extend(self.values().map(|(label, most)| format!("at most {most} values of {label:?}")));
        match &*parts {
            [] => f.write_str("with the registry's limits"),
            _ => write!(f, "with {}", parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_that_are_documented_and_can_be_lifted() {
        let mut limits = RegistryLimits::default();
        assert_eq!((limits.series, limits.bytes), (Some(200_000), Some(134_217_728)));
        assert_eq!((limits.series_per_family, limits.value_bytes), (Some(10_000), 1_024));
        assert_eq!(&*limits.overflow_value, "__overflow__");
        limits.lift();
        assert_eq!((limits.series, limits.bytes, limits.series_per_family), (None, None, None));
        assert_eq!(limits.value_bytes, usize::MAX);
    }

    #[test]
    fn the_last_word_holds_for_a_family() {
        let registry = RegistryLimits { series_per_family: Some(7), ..RegistryLimits::default() };
        let mut family = FamilyLimits::default();
        assert_eq!((family.series(), family.series_within(&registry)), (None, Some(7)));
        family.set_series(20);
        assert_eq!((family.series(), family.series_within(&registry)), (Some(20), Some(20)));
        family.lift();
        assert_eq!((family.series(), family.series_within(&registry)), (None, None));
        family.set_series(0);
        assert_eq!((family.series(), family.series_within(&registry)), (Some(0), Some(0)));
    }

    #[test]
    fn each_open_label_has_its_own_limit() {
        let mut family = FamilyLimits::default();
        family.set_values("tenant".into(), 3);
        family.set_values("user".into(), 4);
        family.set_values("tenant".into(), 5);
        assert_eq!(family.values().collect::<Vec<_>>(), [("user", 4), ("tenant", 5)]);
        assert_eq!(family.of_label("tenant", false), LabelLimit::Open(Some(5)));
        assert_eq!(family.of_label("user", false), LabelLimit::Open(Some(4)));
        assert_eq!(family.of_label("path", false), LabelLimit::Open(None));
        assert_eq!(family.of_label("tenant", true), LabelLimit::Closed);
        family.lift();
        assert_eq!(family.of_label("tenant", false), LabelLimit::Open(None));
    }

    #[test]
    fn what_is_set_is_told_in_words() {
        let mut family = FamilyLimits::default();
        assert_eq!(family.to_string(), "with the registry's limits");
        family.reserved = 1;
        assert_eq!(family.to_string(), "with 1 series reserved");
        family.set_series(9);
        family.set_values("user".into(), 4);
        assert_eq!(family.to_string(), r#"with at most 9 series, 1 series reserved, at most 4 values of "user""#);
        (family.reserved, family.is_exempt) = (0, true);
        family.lift();
        assert_eq!(family.to_string(), "with no limits, no limit of series");
    }
}
