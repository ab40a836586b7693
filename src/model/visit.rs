//! The waist: what a registry shows to an encoder.

use super::MetricType;

/// A family, as an encoder sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FamilyView<'a> {
    pub(crate) name: &'a str,
    pub(crate) help: &'a str,
    pub(crate) kind: MetricType,
    /// Labels that every series of the registry has, escaped: `region="eu",zone="b"`, or empty.
    pub(crate) global_labels: &'a str,
    /// Name of the first of the series' own labels.
    pub(crate) first_label: Option<&'a str>,
    /// Upper bounds of a histogram's buckets, without `+Inf`.
    pub(crate) bounds: &'a [f64],
}

/// The value of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// Walks a registry: each family, then its series in the order of their creation.
///
/// `labels` is the text of a series' own labels from the first value to the end of the last, escaped: `GET",status="200`.
pub(crate) trait Visitor {
    fn family(&mut self, family: FamilyView<'_>);
    /// Takes samples by their numbers, from 0 on, until it is full or there are no more, and at least one if there is one. How
    /// many it took. It may ask more than once for the labels of one.
    fn samples<'s>(&mut self, labels: impl Fn(usize) -> Option<&'s str>, value: impl Fn(usize) -> Value) -> usize;
    /// `buckets` are the observations in each by itself, the `+Inf` bucket last.
    fn histogram(&mut self, labels: &str, buckets: impl Iterator<Item = u64> + Clone, sum: f64);
    /// Whether the visitor wants to be left alone until it is called for again. Asked between series.
    fn is_full(&self) -> bool;
}
