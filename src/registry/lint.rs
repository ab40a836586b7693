//! What a registry accepts although it is better avoided.

use super::registry::Registry;
use crate::model::{NameError, check_metric_name, debug_as_message};
use core::fmt;

/// A name that a registry accepts although it is better avoided. Made by [`Registry::lint`]; its message says why.
///
/// ```
/// use quipu::registry::Lint;
/// let registry = quipu::Registry::new();
/// registry.gauge("queue_length", "Jobs that wait.").labels(["job"]).register()?;
/// let [Lint::TargetLabel { metric: Some(metric), label, .. }] = &registry.lint()[..] else { panic!() };
/// assert_eq!((&**metric, &**label), ("queue_length", "job"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lint {
    /// A label `job` or `instance`. Prometheus sets both on every series of a target, and renames those that come with it.
    #[non_exhaustive]
    TargetLabel {
        /// The metric that has the label; `None` if it is a global label.
        metric: Option<String>,
        /// The label.
        label: String,
    },
    /// A metric's name against convention, in a registry with [lenient names](super::RegistryBuilder::lenient_names).
    #[non_exhaustive]
    Convention {
        /// The metric's name.
        metric: String,
        /// The rule.
        problem: NameError,
    },
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lint::TargetLabel { metric, label } => {
                match metric {
                    Some(metric) => write!(f, "label `{label}` of `{metric}`")?,
                    None => write!(f, "global label `{label}`")?,
                }
                write!(f, ": Prometheus sets `{label}` itself, and renames this one to `exported_{label}`; ")?;
                write!(f, "use another name")
            }
            Lint::Convention { metric, problem } => write!(f, "metric name `{metric}`: {problem}"),
        }
    }
}

debug_as_message!(Lint);

impl Registry {
    /// What is registered although it is better avoided. For a test of a program's metrics.
    ///
    /// # Cost
    /// Takes the registry's lock and that of each family.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    /// assert_eq!(registry.lint(), []);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn lint(&self) -> Vec<Lint> {
        let global_labels = self.global_labels().pairs().iter().map(|(label, _)| (None, &**label));
        let mut lints: Vec<Lint> = global_labels.filter_map(target_label).collect();
        for family in self.families() {
            let description = &family.description;
            match check_metric_name(&description.name, description.metric.exposed_as) {
                Err(problem) if problem.is_convention() => {
                    lints.push(Lint::Convention { metric: description.name.clone(), problem });
                }
                _ => {}
            }
            let labels = description.labels.iter().map(|label| (Some(&*description.name), &**label));
            lints.extend(labels.filter_map(target_label));
        }
        lints
    }
}

fn target_label((metric, label): (Option<&str>, &str)) -> Option<Lint> {
    let is_set_by_prometheus = ["job", "instance"].contains(&label);
    is_set_by_prometheus.then(|| Lint::TargetLabel { metric: metric.map(str::to_owned), label: label.to_owned() })
}
