//! What a registry is built with.

use super::description::Rules;
use super::error::BuildError;
use super::overrides::{Applied, FamilySettings, Overrides};
use super::registry::Registry;
use crate::clock::{Clock, ManualClock};
use crate::guard::RegistryLimits;
use crate::model::{GlobalLabels, NameError, Named};
use core::time::Duration;

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
    limits: RegistryLimits,
    overrides: Overrides,
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

    /// Limits the number of series of all families together. Label values beyond it are recorded in series with a replaced
    /// value, as the [`guard`](crate::guard) says. Unless it is set, the limit is [`MAX_SERIES`](crate::guard::MAX_SERIES). The
    /// registry's metrics about itself do not count. When threads make series of several families at one moment, it may be
    /// exceeded by one for each; and by what families reserve that are registered when others have the series already.
    pub fn max_series(mut self, series: usize) -> Self {
        self.limits.series = Some(series);
        self
    }

    /// Limits the memory of the series of all families together, in bytes; [lanes](crate::lanes) count, those of other
    /// registries included. Beyond it, label values are recorded as beyond [`max_series`](Self::max_series), and no series gets
    /// a slot in the lanes. From half of it on, none does: so lanes leave room to new series. Unless it is set, the limit is [`MAX_BYTES`](crate::guard::MAX_BYTES).
    ///
    /// Lanes are also made by threads that record for the first time: what they take has a limit of its own. Series that were removed
    /// and wait to be freed do not count, nor does what is kept of label values [beyond a limit](crate::guard).
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.limits.bytes = Some(bytes);
        self
    }

    /// Limits the number of series of each family that has no [limit](crate::registry::MetricBuilder::max_series) of its own.
    /// It does not hold for closed label sets, whose series are all there from the start. Unless it is set, the limit is [`MAX_SERIES_PER_FAMILY`](crate::guard::MAX_SERIES_PER_FAMILY).
    pub fn max_series_per_family(mut self, series: usize) -> Self {
        self.limits.series_per_family = Some(series);
        self
    }

    /// Limits the length of label values, in bytes. A longer one is replaced, as is one that is one too many. Unless it is set,
    /// the limit is [`MAX_VALUE_BYTES`](crate::guard::MAX_VALUE_BYTES).
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.limits.value_bytes = bytes;
        self
    }

    /// Sets what stands in place of label values that are too many. Unless it is set, that is
    /// [`OVERFLOW_VALUE`](crate::guard::OVERFLOW_VALUE). A label value that a program gives and that is this text has the same
    /// series.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().overflow_value("other").build()?;
    /// let logins = registry.counter("logins_total", "Logins.").labels(["tenant"]).max_series(1).register()?;
    /// ["a", "b", "c"].iter().for_each(|tenant| logins.with([tenant]).inc());
    /// assert_eq!(logins.with(["other"]).value(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn overflow_value(mut self, text: impl Into<String>) -> Self {
        self.limits.overflow_value = text.into().into();
        self
    }

    /// Takes away all limits of the registry, and those that hold for families which set none. One that is set after this
    /// holds.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().unlimited().build()?;
    /// let peers = registry.gauge("peer_delay_seconds", "Delay of a peer.").labels(["peer"]).register()?;
    /// (0..20_000).for_each(|n| peers.with([&n.to_string()]).set(0.1));
    /// assert_eq!(peers.len(), 20_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unlimited(mut self) -> Self {
        self.limits.lift();
        self
    }

    /// Sets what holds for the family of this name, in place of what the code says that will register it; for settings that are read from a
    /// file. The name is the full one or that without the namespace; where both have settings, the former go before. What does not fit the family, such
    /// as bounds of a counter, has no effect, of which [`unused_settings`](Registry::unused_settings) tells.
    ///
    /// ```
    /// use quipu::registry::FamilySettings;
    ///
    /// let settings = FamilySettings { bounds: Some(vec![0.5, 1.0]), ..FamilySettings::default() };
    /// let registry = quipu::Registry::builder().family("job_duration_seconds", settings).build()?;
    /// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").bounds([10.0]).register()?;
    /// assert_eq!(seconds.bounds(), [0.5, 1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn family(mut self, name: impl Into<String>, settings: FamilySettings) -> Self {
        self.overrides.by_name.insert(name.into(), settings);
        self
    }

    /// Lets idle series expire of families for which nothing else is said, as [`MetricBuilder::expire_after`](super::MetricBuilder::expire_after)
    /// does for one. Unless it is set, they stay.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use quipu::clock::ManualClock;
    ///
    /// let clock = ManualClock::new();
    /// let registry = quipu::Registry::builder().expire_after(Duration::from_secs(60)).clock(&clock).build()?;
    /// let logins = registry.counter("logins_total", "Logins.").labels(["tenant"]).register()?;
    /// logins.with(["a"]).inc();
    /// registry.to_text();
    /// clock.advance(Duration::from_secs(61));
    /// registry.to_text();
    /// assert!(logins.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expire_after(mut self, idle: Duration) -> Self {
        self.overrides.expire_after = Some(idle);
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
        let overrides = Applied::new(self.overrides, namespace.clone());
        Ok(Registry::with(namespace, rules, !self.without_self_metrics, self.clock, self.limits, overrides))
    }
}
