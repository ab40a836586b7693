//! Labels that the program adds to those of the layer.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use http::request::Parts;

use crate::{LabelValue, RegisterError};

/// The value of a label for what is not in its list.
const OTHER: &str = "other";

/// The most classes; a route keeps a place for each of them and each method.
const MAX_CLASSES: usize = 1_000;

/// The labels that the program adds, whose values are known. All their values together make a number, the *class* of a request.
#[derive(Clone, Default)]
pub(super) struct ExtraLabels(Vec<ExtraLabel>);

#[derive(Clone)]
struct ExtraLabel {
    name: &'static str,
    values: Cow<'static, [&'static str]>,
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
        self.0.push(ExtraLabel { name, values: Cow::Borrowed(values), index });
    }

    /// A label of these values, and of `other`, which comes last if it is not in the list.
    pub(super) fn add_list(
        &mut self,
        name: &'static str,
        list: impl IntoIterator<Item = &'static str>,
        classify: impl Fn(&Parts) -> Option<&str> + Send + Sync + 'static,
    ) {
        let mut values: Vec<&'static str> = Vec::new();
        for value in list.into_iter().chain([OTHER]) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let place = |list: &[&str], wanted: &str| list.iter().position(|value| *value == wanted);
        let other = place(&values, OTHER).expect("it is in the list");
        let list = values.clone();
        let index = move |parts: &Parts| classify(parts).and_then(|value| place(&list, value)).unwrap_or(other);
        let index = Arc::new(index);
        self.0.push(ExtraLabel { name, values: Cow::Owned(values), index });
    }

    /// The names, each with its values.
    pub(super) fn known(&self) -> impl Iterator<Item = (&'static str, &[&'static str])> {
        self.0.iter().map(|label| (label.name, &*label.values))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of classes.
    pub(super) fn classes(&self) -> usize {
        self.0.iter().fold(1, |classes, label| classes.saturating_mul(label.values.len()))
    }

    /// A route has a place for each class.
    pub(super) fn check(&self) -> Result<(), RegisterError> {
        let values = self.classes();
        if values <= MAX_CLASSES {
            return Ok(());
        }
        let labels = self.0.iter().map(|label| label.name.to_owned()).collect();
        Err(RegisterError::TooManyCombinations { labels, values, most: MAX_CLASSES })
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
