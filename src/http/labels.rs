//! Labels that the program adds to those of the layer.

use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use crate::LabelValue;

/// The labels that the program adds, each an enum. All their values together make a number, the *class* of a request.
#[derive(Clone, Default)]
pub(super) struct ExtraLabels(Vec<ExtraLabel>);

#[derive(Clone)]
struct ExtraLabel {
    name: &'static str,
    values: &'static [&'static str],
    index: Arc<dyn Fn(&Parts) -> usize + Send + Sync>,
}

impl ExtraLabels {
    pub(super) fn add<T: LabelValue>(
        &mut self,
        name: &'static str,
        classify: impl Fn(&Parts) -> T + Send + Sync + 'static,
    ) {
        let values = const {
            match T::VALUES {
                Some(values) if !values.is_empty() => values,
                _ => panic!("the values of a label of requests must be known: use an enum that derives `LabelValue`"),
            }
        };
        // One that is written by hand may name a place that is not there.
        let index = Arc::new(move |parts: &Parts| classify(parts).index().min(values.len() - 1));
        self.0.push(ExtraLabel { name, values, index });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of classes.
    pub(super) fn classes(&self) -> usize {
        self.0.iter().map(|label| label.values.len()).product()
    }

    pub(super) fn class(&self, parts: &Parts) -> usize {
        self.0.iter().fold(0, |class, label| class * label.values.len() + (label.index)(parts))
    }

    /// These names and the added ones.
    pub(super) fn names<'a>(&'a self, names: &[&'a str]) -> Vec<&'a str> {
        names.iter().copied().chain(self.0.iter().map(|label| label.name)).collect()
    }

    /// The values of the added labels for a class.
    pub(super) fn values(&self, class: usize) -> impl Iterator<Item = &str> {
        let mut below = self.classes();
        self.0.iter().map(move |label| {
            below /= label.values.len();
            label.values[class / below % label.values.len()]
        })
    }
}

impl fmt::Debug for ExtraLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|label| label.name)).finish()
    }
}
