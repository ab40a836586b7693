//! Why a registration was refused.

use crate::model::{BoundsError, NameError};
use core::fmt;

/// Why a family was not registered. Its message names the offender and what to write instead.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The metric's name breaks a rule.
    MetricName {
        /// The name, with the registry's namespace.
        name: String,
        /// The rule.
        problem: NameError,
    },
    /// A label's name breaks a rule.
    LabelName {
        /// The metric's name.
        metric: String,
        /// The label's name.
        label: String,
        /// The rule.
        problem: NameError,
    },
    /// The bucket bounds break a rule.
    Bounds {
        /// The metric's name.
        metric: String,
        /// The rule.
        problem: BoundsError,
    },
    /// All series of a closed label set are made at registration, and these are too many.
    TooManySeries {
        /// The metric's name.
        metric: String,
        /// The product of the numbers of values.
        series: usize,
    },
    /// A family of this name is there, with another description.
    Conflict {
        /// The metric's name.
        name: String,
        /// The description that is registered.
        registered: String,
        /// The description that was refused.
        refused: String,
    },
    /// Another family exposes a sample of the same name.
    SampleClash {
        /// The name of the metric that was refused.
        name: String,
        /// The name of the family that is registered.
        registered: String,
        /// The name that samples of both could have.
        sample: String,
    },
}

/// The most series that a closed label set may have.
pub(crate) const MAX_CLOSED_SERIES: usize = 65_536;

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RegisterError::MetricName { name, problem } => {
                write!(f, "metric name {name:?}: ")?;
                problem.advise(name, f)
            }
            RegisterError::LabelName { metric, label, problem } => {
                write!(f, "label name {label:?} of `{metric}`: ")?;
                problem.advise(label, f)
            }
            RegisterError::Bounds { metric, problem } => write!(f, "`{metric}`: {problem}"),
            RegisterError::TooManySeries { metric, series } => write!(
                f,
                "`{metric}`: its label set has {series} series, which would all be made now; \
                 use fewer labels, or a string for one of them (at most {MAX_CLOSED_SERIES})"
            ),
            RegisterError::Conflict { name, registered, refused } => write!(
                f,
                "`{name}` is registered as {registered}, and cannot be {refused} as well; \
                 use one description for both, or another name"
            ),
            RegisterError::SampleClash { name, registered, sample } => write!(
                f,
                "`{name}` and the registered `{registered}` could both expose a sample `{sample}`; rename one of them"
            ),
        }
    }
}

// `unwrap`, and a `main` that returns an error, print this form; the fields alone would hide what to write instead.
impl fmt::Debug for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for RegisterError {}

/// Why a registry was not built.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// The namespace cannot begin a metric's name.
    Namespace {
        /// The namespace.
        namespace: String,
        /// The rule it breaks.
        problem: NameError,
    },
    /// A global label's name breaks a rule.
    LabelName {
        /// The label's name.
        label: String,
        /// The rule.
        problem: NameError,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Namespace { namespace, problem } => {
                write!(f, "namespace {namespace:?}: ")?;
                problem.advise(namespace, f)
            }
            BuildError::LabelName { label, problem } => {
                write!(f, "global label name {label:?}: ")?;
                problem.advise(label, f)
            }
        }
    }
}

impl fmt::Debug for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for BuildError {}

/// Label values do not fit the family's label names.
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelError {
    /// There are not as many values as names.
    Count {
        /// The number of label names.
        names: usize,
        /// The number of values given.
        values: usize,
    },
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelError::Count { names, values } => {
                write!(f, "{values} label values for {names} label names; give one value for each name, in their order")
            }
        }
    }
}

impl fmt::Debug for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::error::Error for LabelError {}

#[cfg(test)]
mod tests {
    use crate::Registry;
    use core::error::Error;

    #[test]
    fn what_unwrap_prints_says_what_to_write() {
        let registry = Registry::new();
        let family = registry.gauge("a", "A.").dyn_labels(&["b"]).register().unwrap();
        let errors: [Box<dyn Error>; 4] = [
            registry.counter("jobs", "Jobs.").register().unwrap_err().into(),
            Registry::builder().namespace("a-b").build().unwrap_err().into(),
            family.handle(&[]).unwrap_err().into(),
            crate::model::check_bounds(&[]).unwrap_err().into(),
        ];
        for error in errors {
            assert_eq!(format!("{error:?}"), error.to_string());
        }
    }
}
