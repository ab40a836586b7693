//! Registries: families by name, and the way to register and to walk them.

mod builder;
mod description;
mod error;
mod family;
mod gather;
mod labels;

pub use builder::MetricBuilder;
pub use error::{BuildError, LabelError, RegisterError};
pub use family::{DynLabelNames, Family, LabelNames};
pub(crate) use gather::Gather;
pub use labels::{LabelBuffer, LabelSet, LabelValue};

use crate::metric::{Counter, FloatCounter, Gauge, Histogram, InFlightGauge, Instrument, sealed::Sealed};
use crate::model::{NameError, Named, SELF_LABEL, push_escaped_label_value, sample_names};
use crate::store::{FamilyLayout, Series, SeriesMap, pin};
use crate::sync::{Mutex, lock};
use core::fmt;
use description::{Description, Difference};
use family::FamilyCore;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// A set of families, exposed together. Cloning gives another handle to the same registry.
///
/// A registry is isolated: a test makes its own. A program that wants one for all of its parts takes [`global`].
///
/// Every registry also measures itself: `quipu_series` is the number of series of each family, and
/// `quipu_rejected_values_total` counts the values that its float counters and histograms have refused.
///
/// ```
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").register()?;
/// jobs.inc();
/// assert!(registry.to_text().contains("\njobs_total 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    /// Ends in `_`, or is empty.
    namespace: String,
    global_label_names: Vec<String>,
    /// `region="eu",zone="b"`, escaped.
    global_labels: String,
    families: Mutex<Families>,
    series: Arc<FamilyCore>,
    rejected: Arc<FamilyCore>,
}

#[derive(Default)]
struct Families {
    by_name: BTreeMap<String, Arc<FamilyCore>>,
    /// Which family may expose a sample of this name, in any format.
    by_sample: BTreeMap<String, String>,
}

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
        let mut names: Vec<String> = Vec::new();
        let mut text = String::new();
        for (name, value) in self.labels {
            let is_new = if names.contains(&name) { Err(NameError::Duplicate) } else { Ok(()) };
            if let Err(problem) = Named::GlobalLabel.check(&name).and(is_new) {
                return Err(BuildError::LabelName { label: name, problem });
            }
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(&name);
            text.push_str("=\"");
            push_escaped_label_value(&mut text, &value);
            text.push('"');
            names.push(name);
        }
        Ok(Registry::with(namespace, names, text))
    }
}

fn self_metric(name: &str, help: &'static str, metric: &'static Instrument) -> Arc<FamilyCore> {
    let labels = vec![Cow::Borrowed(SELF_LABEL)];
    let description = Description {
        name: name.to_owned(),
        namespace: 0,
        help: help.into(),
        metric,
        labels,
        config: metric.config.clone(),
        closed: None,
    };
    Arc::new(make_core(description, None, None))
}

fn make_core(description: Description, buckets: Option<crate::model::Buckets>, rejected: Option<Series>) -> FamilyCore {
    let form = description.metric.values.layout(buckets.as_ref());
    let label_names = description.labels.iter().map(|name| Box::from(&**name)).collect();
    let layout = FamilyLayout::new(form, label_names, buckets, rejected);
    FamilyCore { set: SeriesMap::new(Arc::new(layout)), description }
}

impl Registry {
    /// A new registry without namespace and global labels.
    pub fn new() -> Registry {
        Registry::with(String::new(), Vec::new(), String::new())
    }

    /// A new registry with a namespace or global labels.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().namespace("shop").label("region", "eu").build()?;
    /// registry.counter("orders_total", "Orders.").register()?.inc();
    /// assert!(registry.to_text().contains("shop_orders_total{region=\"eu\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    fn with(namespace: String, global_label_names: Vec<String>, global_labels: String) -> Registry {
        let series = self_metric("quipu_series", "Series of a family.", Gauge::TYPE);
        let rejected = self_metric(
            "quipu_rejected_values_total",
            "Values that were refused: NaN, infinite, of a magnitude of 2^960 or more, or for a counter negative.",
            Counter::TYPE,
        );
        let mut families = Families::default();
        families.add(series.clone());
        families.add(rejected.clone());
        let families = Mutex::new(families);
        Registry(Arc::new(Inner { namespace, global_label_names, global_labels, families, series, rejected }))
    }

    /// A counter of whole numbers. Its name ends in `_total`.
    pub fn counter(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, Counter> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// A counter of amounts that need not be whole. Its name ends in `_total`.
    pub fn float_counter(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, FloatCounter> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// A gauge that is set.
    pub fn gauge(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, Gauge> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// A gauge of things under way, which is only counted up and down.
    pub fn in_flight_gauge(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, InFlightGauge> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// A histogram with fixed buckets: from 5 ms to 10 s, unless [`bounds`](MetricBuilder::bounds) says otherwise.
    pub fn histogram(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, Histogram> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Takes a family out of the registry, and says whether it was there. `name` is the full name, with the namespace. The
    /// registry's metrics about itself stay: `false`.
    ///
    /// Handles to its series stay good, but nobody reads what they record; the name is free again.
    ///
    /// # Cost
    /// Takes the registry's lock, looks at the names of all families, and frees the series that nobody has a handle to.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").register()?;
    /// assert!(registry.unregister("jobs_total"));
    /// assert!(!registry.to_text().contains("jobs_total"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn unregister(&self, name: &str) -> bool {
        if name == self.0.series.description.name || name == self.0.rejected.description.name {
            return false;
        }
        let mut families = lock(&self.0.families);
        let Some(core) = families.by_name.remove(name) else { return false };
        families.by_sample.retain(|_, family| family != name);
        // Under the lock: a new family of this name would lose its own.
        self.0.series.set.remove(&[name]);
        self.0.rejected.set.remove(&[name]);
        drop(families);
        drop(core);
        true
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.0.namespace
    }

    pub(crate) fn global_labels(&self) -> &str {
        &self.0.global_labels
    }

    /// The family that is registered with this description, or a new one.
    pub(crate) fn get_or_register(&self, description: Description) -> Result<Arc<FamilyCore>, RegisterError> {
        let buckets = description.check(&self.0.global_label_names)?;
        let mut families = lock(&self.0.families);
        if let Some(core) = families.by_name.get(&description.name) {
            if core.description == description {
                return Ok(core.clone());
            }
            return Err(RegisterError::Conflict {
                registered: Difference { of: &core.description, from: &description }.to_string(),
                refused: Difference { of: &description, from: &core.description }.to_string(),
                name: description.name,
            });
        }
        families.check_clash(&description)?;
        let name = [&*description.name];
        let series = |core: &FamilyCore| {
            core.set.insert(&name);
            core.set.get(&name, &pin()).map(|found| (*found).clone())
        };
        let rejected = if description.metric.can_refuse { series(&self.0.rejected) } else { None };
        let core = Arc::new(make_core(description, buckets, rejected));
        families.add(core.clone());
        Ok(core)
    }

    /// All families, by name; and the number of series of each brought up to date.
    pub(crate) fn families(&self) -> Vec<Arc<FamilyCore>> {
        // Locked to the end: a family that is removed meanwhile would leave its number behind.
        let families = lock(&self.0.families);
        for core in families.by_name.values() {
            if !Arc::ptr_eq(core, &self.0.series) && !Arc::ptr_eq(core, &self.0.rejected) {
                let series = crate::store::MetricRef::look_up_once(
                    &self.0.series.set,
                    &[&core.description.name],
                    Gauge::from_series,
                );
                series.set(core.set.len() as f64);
            }
        }
        families.by_name.values().cloned().collect()
    }
}

impl Families {
    fn add(&mut self, core: Arc<FamilyCore>) {
        let Description { name, metric, .. } = &core.description;
        for sample in sample_names(name, metric.exposed_as) {
            self.by_sample.insert(sample, name.clone());
        }
        self.by_name.insert(name.clone(), core);
    }

    fn check_clash(&self, description: &Description) -> Result<(), RegisterError> {
        let samples = sample_names(&description.name, description.metric.exposed_as);
        match samples.into_iter().find_map(|sample| self.by_sample.get(&sample).map(|family| (sample, family.clone())))
        {
            Some((sample, registered)) => {
                Err(RegisterError::SampleClash { name: description.name.clone(), registered, sample })
            }
            None => Ok(()),
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Registry::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(lock(&self.0.families).by_name.keys()).finish()
    }
}

/// The registry of the process, for programs that need only one. Tests make their own with [`Registry::new`].
///
/// ```
/// let starts = quipu::global().counter("starts_total", "Starts.").register()?;
/// starts.inc();
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub fn global() -> &'static Registry {
    static GLOBAL: LazyLock<Registry> = LazyLock::new(Registry::new);
    &GLOBAL
}
