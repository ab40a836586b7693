//! What a registry is built with.

use super::error::BuildError;
use super::registry::Registry;
use crate::model::{GlobalLabels, NameError, Named};

/// Settings for a new registry. Made by [`Registry::builder`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is made before `build` is called"]
pub struct RegistryBuilder {
    namespace: String,
    labels: Vec<(String, String)>,
}

impl RegistryBuilder {
    /// Puts `namespace` and `_` before the name of every metric.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Gives every series this label. It costs no memory per series.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Makes the registry.
    ///
    /// # Errors
    /// When the namespace or a label's name breaks a rule.
    pub fn build(self) -> Result<Registry, BuildError> {
        let mut namespace = self.namespace;
        if !namespace.is_empty() {
            if let Err(problem) = Named::Namespace.check(&namespace) {
                return Err(BuildError::Namespace { namespace, problem });
            }
            if !namespace.ends_with('_') {
                namespace.push('_');
            }
        }
        let mut labels = GlobalLabels::default();
        for (name, value) in self.labels {
            let is_new = if labels.has(&name) { Err(NameError::Duplicate) } else { Ok(()) };
            if let Err(problem) = Named::GlobalLabel.check(&name).and(is_new) {
                return Err(BuildError::LabelName { label: name, problem });
            }
            labels.push(name, value);
        }
        Ok(Registry::with(namespace, labels))
    }
}
