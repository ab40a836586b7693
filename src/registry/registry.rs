//! The registry: it makes families, keeps them, and takes them out again.

use super::builder::MetricBuilder;
use super::description::Description;
use super::error::RegisterError;
use super::families::Families;
use super::family::FamilyCore;
use super::self_metrics::SelfMetrics;
use super::settings::RegistryBuilder;
use crate::metric::{Counter, FloatCounter, Gauge, Histogram, InFlightGauge};
use crate::model::GlobalLabels;
use crate::sync::{Mutex, lock};
use core::fmt;
use std::borrow::Cow;
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
    global_labels: GlobalLabels,
    families: Mutex<Families>,
    self_metrics: SelfMetrics,
}

impl Registry {
    /// A new registry without namespace and global labels.
    pub fn new() -> Registry {
        Registry::with(String::new(), GlobalLabels::default())
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

    pub(super) fn with(namespace: String, global_labels: GlobalLabels) -> Registry {
        let self_metrics = SelfMetrics::new();
        let mut families = Families::default();
        for family in self_metrics.families() {
            families.add(family.clone());
        }
        let families = Mutex::new(families);
        Registry(Arc::new(Inner { namespace, global_labels, families, self_metrics }))
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
        if self.0.self_metrics.families().iter().any(|family| family.description.name == name) {
            return false;
        }
        let mut families = lock(&self.0.families);
        let Some(core) = families.remove(name) else { return false };
        // Under the lock: a new family of this name would lose its own.
        self.0.self_metrics.remove(name);
        drop(families);
        drop(core);
        true
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.0.namespace
    }

    pub(crate) fn global_labels(&self) -> &GlobalLabels {
        &self.0.global_labels
    }

    /// The family that is registered with this description, or a new one.
    pub(crate) fn get_or_register(&self, description: Description) -> Result<Arc<FamilyCore>, RegisterError> {
        let buckets = description.check(&self.0.global_labels)?;
        let mut families = lock(&self.0.families);
        if let Some(core) = families.registered(&description)? {
            return Ok(core.clone());
        }
        let about = self.0.self_metrics.add(&description);
        let core = Arc::new(FamilyCore::new(description, buckets, about));
        families.add(core.clone());
        Ok(core)
    }

    /// Whether a registration would succeed now.
    #[cfg(feature = "http")]
    pub(crate) fn check(&self, description: &Description) -> Result<(), RegisterError> {
        description.check(&self.0.global_labels)?;
        lock(&self.0.families).registered(description).map(drop)
    }

    /// All families, by name; and the number of series of each brought up to date.
    pub(crate) fn families(&self) -> Vec<Arc<FamilyCore>> {
        let families: Vec<_> = lock(&self.0.families).by_name.values().cloned().collect();
        // Without the registry's lock, since each waits for its family's. That of a family which is unregistered meanwhile counts
        // into a series that is removed as well.
        families.iter().for_each(|family| family.count_series());
        families
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// A scrape that waits for a family's lock keeps nobody else out, nor does it leave the family's number behind if that is
    /// unregistered meanwhile.
    #[test]
    fn a_scrape_that_waits_for_a_family_holds_no_lock() {
        let registry = Registry::new();
        registry.gauge("a", "A.").register().unwrap();
        registry.gauge("b", "B.").register().unwrap();
        let [a, b] = ["a", "b"].map(|name| lock(&registry.0.families).by_name[name].clone());
        let held = b.set.hold();
        let scrape = thread::spawn({
            let registry = registry.clone();
            move || registry.families().len()
        });
        // By name: when `a` is counted, it is the turn of `b`.
        while a.series.as_ref().unwrap().value() == 0.0 {
            thread::yield_now();
        }
        let (done, is_done) = mpsc::channel();
        thread::spawn({
            let registry = registry.clone();
            move || {
                registry.gauge("c", "C.").register().unwrap();
                done.send(registry.unregister("b")).unwrap();
            }
        });
        assert_eq!(is_done.recv_timeout(Duration::from_secs(30)), Ok(true));
        drop(held);
        scrape.join().unwrap();
        let text = registry.to_text();
        assert!(!text.contains("family=\"b\""), "{text}");
        assert!(text.contains("quipu_series{family=\"c\"} 1\n"), "{text}");
    }
}
