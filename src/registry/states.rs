//! The states of a state set: one number in the store, to an encoder a series for each state.

use crate::metric::Values;
use crate::model::{SeriesView, Value, Visitor, push_escaped_label_value};
use crate::store::Series;
use core::time::Duration;
use std::iter;

/// The states of a series.
pub(super) struct States<'a> {
    pub(super) series: &'a Series,
    /// The name of the label whose values are the states.
    pub(super) label: &'a str,
    pub(super) names: &'static [&'static str],
}

/// One of them.
struct State<'a> {
    series: &'a Series,
    name: &'static str,
    text: String,
}

impl<'a> States<'a> {
    /// The text of the labels of each: that of the series, and the state.
    pub(super) fn texts(&self) -> impl Iterator<Item = String> + use<'a> {
        let (labels, label) = (self.series.labels(), self.label);
        let has_labels = !self.series.family().label_names.is_empty();
        self.names.iter().map(move |name| {
            let mut text = if has_labels { format!("{labels}\",{label}=\"") } else { String::new() };
            push_escaped_label_value(&mut text, name);
            text
        })
    }

    /// Shows all of them, however full the visitor is: they are of one moment.
    pub(super) fn show(&self, values: Values, number: u64, visitor: &mut impl Visitor) {
        let series = self.series;
        for ((text, name), n) in self.texts().zip(self.names).zip(0..) {
            let holds = if values == Values::Flags { number >> n & 1 == 1 } else { number == n };
            let state = State { series, name, text };
            visitor.samples(|n| (n == 0).then_some(&state), |_| Value::Unsigned(holds.into()));
        }
    }
}

impl SeriesView for State<'_> {
    fn values(&self) -> impl Iterator<Item = &str> {
        self.series.values().chain(iter::once(self.name))
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn created(&self) -> Option<Duration> {
        SeriesView::created(self.series)
    }
}
