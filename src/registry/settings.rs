//! What a registry is built with.

use super::description::Rules;
use super::error::BuildError;
use super::registry::Registry;
use crate::clock::{Clock, ManualClock};
use crate::model::{GlobalLabels, NameError, Named};

/// Settings for a new registry. Made by [`Registry::builder`].
///
/// ```
/// let registry = quipu::Registry::builder().namespace("shop").label("region", "eu").lenient_names().build()?;
/// registry.counter("orders", "Orders.").register()?.inc();
/// assert!(registry.to_text().contains("shop_orders{region=\"eu\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is made before `build` is called"]
pub struct RegistryBuilder {
    namespace: String,
    labels: Vec<(String, String)>,
    lenient_names: bool,
    without_self_metrics: bool,
    clock: Clock,
}

impl RegistryBuilder {
    /// Puts `namespace` and `_` before the name of every metric, but for those registered
    /// [without it](Registry::without_namespace).
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Gives every series this label. It costs no memory per series.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Accepts names that are legal but against convention: counters without `_total`, and other metrics that end in `_total`,
    /// `_created` or `_bucket`.
    ///
    /// For services that move to this library and keep the names of their metrics, on which dashboards and alerts rest. What a
    /// format requires is still asked for: a gauge `size_bucket` is refused beside a histogram `size`.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().lenient_names().build()?;
    /// registry.counter("jobs_processed", "Jobs finished.").register()?.inc();
    /// registry.gauge("machine_swap_total", "Swap of this machine, in bytes.").register()?.set(1e9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lenient_names(mut self) -> Self {
        self.lenient_names = true;
        self
    }

    /// Leaves out the registry's metrics about itself, all of those whose names begin with `quipu_`. What a metric refuses is then
    /// not counted.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().without_self_metrics().build()?;
    /// registry.counter("jobs_total", "Jobs finished.").register()?;
    /// assert!(!registry.to_text().contains("quipu_"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn without_self_metrics(mut self) -> Self {
        self.without_self_metrics = true;
        self
    }

    /// Lets the metrics of the registry read the time from `clock`, for tests: see [`ManualClock`].
    pub fn clock(mut self, clock: &ManualClock) -> Self {
        self.clock = Clock::Manual(clock.clone());
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
        let rules = Rules { lenient_names: self.lenient_names, global_labels: labels };
        Ok(Registry::with(namespace, rules, !self.without_self_metrics, self.clock))
    }
}
