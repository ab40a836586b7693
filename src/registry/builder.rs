//! From a name and a help text to a registered metric.

use super::Registry;
use super::description::Description;
use super::error::RegisterError;
use super::family::{DynLabelNames, Family, LabelNames};
use crate::metric::{Config, Histogram, Metric, Summary};
use crate::model::{LabelSet, SummaryConfig, is_closed, normal_bounds};
use crate::store::MetricRef;
use core::marker::PhantomData;
use core::time::Duration;
use std::borrow::Cow;

/// A metric about to be registered. Made by [`Registry::counter`] and its like.
///
/// Give it labels with [`labels`](Self::labels), [`label_set`](Self::label_set) or [`dyn_labels`](Self::dyn_labels), or none;
/// then [`register`](Self::register).
///
/// ```
/// let registry = quipu::Registry::new();
/// let sizes = registry.histogram("mail_size_bytes", "Size of a mail.").bounds([1e3, 1e6]).labels(["queue"]).register()?;
/// sizes.with(["out"]).observe(2500.0);
/// assert_eq!(sizes.with(["out"]).snapshot().bucket_counts(), [0, 1, 0]);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is registered before `register` is called"]
pub struct MetricBuilder<'r, M, L = ()> {
    registry: &'r Registry,
    description: Description,
    types: PhantomData<fn() -> (M, L)>,
}

impl<'r, M: Metric> MetricBuilder<'r, M> {
    pub(super) fn new(registry: &'r Registry, name: Cow<'static, str>, help: Cow<'static, str>) -> Self {
        let name = format!("{}{name}", registry.prefix());
        MetricBuilder { registry, description: Description::new(name, help, M::TYPE), types: PhantomData }
    }

    fn labelled<L>(mut self, labels: Vec<Cow<'static, str>>) -> MetricBuilder<'r, M, L> {
        self.description.labels = labels;
        MetricBuilder { registry: self.registry, description: self.description, types: PhantomData }
    }

    /// Gives the metric labels of these names. The compiler then counts the values wherever they are given.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue", "status"]).register()?;
    /// jobs.with(["mail", "ok"]).inc();
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn labels<const N: usize>(self, names: [&'static str; N]) -> MetricBuilder<'r, M, LabelNames<N>> {
        self.labelled(names.into_iter().map(Cow::Borrowed).collect())
    }

    /// Gives the metric the labels of a type. When all of them are enums, every series is there from the start, at zero;
    /// there may be at most 65,536 of them.
    ///
    /// ```
    /// #[derive(quipu::LabelSet)]
    /// struct Job<'a> {
    ///     queue: &'a str,
    ///     retried: bool,
    /// }
    ///
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").label_set::<Job>().register()?;
    /// jobs.with(Job { queue: "mail", retried: false }).inc();
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn label_set<L: LabelSet>(self) -> MetricBuilder<'r, M, L> {
        let mut builder = self.labelled(L::NAMES.iter().copied().map(Cow::Borrowed).collect());
        let is_known = const { is_closed::<L>() } || L::VALUES.iter().any(Option::is_some);
        let values = || L::VALUES.iter().map(|values| values.map(Cow::Borrowed)).collect();
        builder.description.values = is_known.then(values);
        builder
    }

    /// Gives the metric labels whose names are known only at run time. A wrong number of values is then an error at run time.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let names = vec![String::from("queue")]; // from a file, say
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").dyn_labels(&names).register()?;
    /// jobs.with(&["mail"])?.inc();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn dyn_labels<S: AsRef<str>>(self, names: &[S]) -> MetricBuilder<'r, M, DynLabelNames> {
        self.labelled(names.iter().map(|name| Cow::Owned(name.as_ref().to_owned())).collect())
    }

    /// Registers the metric, or returns the one that is registered with the same description. Its series exists from now
    /// on, at zero.
    ///
    /// # Cost
    /// Takes the registry's lock and allocates; for the start of a program, not for its hot loops.
    ///
    /// # Errors
    /// When a name or a bound breaks a rule, or when another family has the name; see [`RegisterError`].
    pub fn register(self) -> Result<M, RegisterError> {
        let core = self.registry.get_or_register(self.description)?;
        Ok(MetricRef::look_up_once(&core.set, &[], M::from_series).clone())
    }
}

impl<M, L> MetricBuilder<'_, M, L> {
    /// What `register` would register; for those who register several families, and want all or none.
    pub(crate) fn into_description(self) -> Description {
        self.description
    }

    /// Says which values a label has, of a family whose values are texts. One label stays open at least: handles find closed
    /// families by an index.
    #[cfg(any(feature = "grpc", feature = "http"))]
    pub(crate) fn known_values(mut self, label: &str, known: impl Into<Cow<'static, [&'static str]>>) -> Self {
        let Description { labels, values, .. } = &mut self.description;
        if let Some(n) = labels.iter().position(|name| name == label) {
            values.get_or_insert_with(|| vec![None; labels.len()])[n] = Some(known.into());
        }
        self
    }
}

impl<'r, M> MetricBuilder<'r, M> {
    /// The registry, and what was to be registered there.
    pub(crate) fn into_parts(self) -> (&'r Registry, Description) {
        (self.registry, self.description)
    }
}

impl<M: Metric, const N: usize> MetricBuilder<'_, M, LabelNames<N>> {
    /// Registers the family, or returns the one that is registered with the same description.
    ///
    /// # Cost
    /// Takes the registry's lock and allocates; for the start of a program, not for its hot loops.
    ///
    /// # Errors
    /// When a name or a bound breaks a rule, or when another family has the name; see [`RegisterError`].
    pub fn register(self) -> Result<Family<M, LabelNames<N>>, RegisterError> {
        self.registry.get_or_register(self.description).map(Family::new)
    }
}

impl<M: Metric, L: LabelSet> MetricBuilder<'_, M, L> {
    /// Registers the family, or returns the one that is registered with the same description.
    ///
    /// # Cost
    /// Takes the registry's lock and allocates; for the start of a program, not for its hot loops. All series of a closed set
    /// are made now, and each returned family keeps a handle for each.
    ///
    /// # Errors
    /// When a name or a bound breaks a rule, or when another family has the name; see [`RegisterError`].
    pub fn register(self) -> Result<Family<M, L>, RegisterError> {
        self.registry.get_or_register(self.description).map(Family::new)
    }
}

impl<M: Metric> MetricBuilder<'_, M, DynLabelNames> {
    /// Registers the family, or returns the one that is registered with the same description.
    ///
    /// # Cost
    /// Takes the registry's lock and allocates; for the start of a program, not for its hot loops.
    ///
    /// # Errors
    /// When a name or a bound breaks a rule, or when another family has the name; see [`RegisterError`].
    pub fn register(self) -> Result<Family<M, DynLabelNames>, RegisterError> {
        self.registry.get_or_register(self.description).map(Family::new)
    }
}

impl<M, L> MetricBuilder<'_, M, L> {
    /// Says in which unit values are: a base unit in the plural, such as `seconds` or `bytes`, in which the name ends (before
    /// `_total`). Formats that have a place for it tell it the scraper.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("mail_received_bytes_total", "Size of all mails.").unit("bytes").register()?;
    /// assert!(registry.counter("mails_total", "Mails.").unit("bytes").register().is_err());
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.description.unit = Some(unit.into());
        self
    }

    /// Lets series expire that have been idle for so long (to the millisecond): they are removed by a scrape, and the same labels
    /// then make a new series, from zero and with a new time of creation. Off unless it is asked for.
    ///
    /// A series is idle if scrapes find it as it was, and nobody holds a handle to it: a kept [`Counter`](crate::Counter), a timer
    /// or a guard keeps its series. To set a gauge is to use it, also to the same value; to look a series up is not. An in-flight
    /// gauge that is not zero stays. The last value always is in a scrape that came to its end, or a push that succeeded, before the
    /// series goes, and what is recorded while it goes is not lost: it then stays. So with nobody who scrapes, nothing expires, and
    /// the time counts from the first scrape that shows the last change. A series that a scrape
    /// [leaves out](crate::export::Scrape::of) stays as well.
    ///
    /// Series that are there from registration on do not expire: that of a metric without labels, and those of a closed
    /// [`LabelSet`]. `quipu_expired_series_total` counts those that have expired. On systems that refuse `membarrier`, nothing expires
    /// (`quipu_freeing_refused`).
    ///
    /// # Cost
    /// Nothing where is recorded. 16 bytes for each series, and a few nanoseconds for each in a scrape. In such a family
    /// [`get`](crate::Family::get) of labels that have no series takes the family's lock.
    ///
    /// ```
    /// use quipu::clock::ManualClock;
    /// use std::time::Duration;
    ///
    /// let clock = ManualClock::new();
    /// let registry = quipu::Registry::builder().clock(&clock).build()?;
    /// let jobs = registry
    ///     .counter("jobs_total", "Jobs finished.")
    ///     .labels(["tenant"])
    ///     .expire_after(Duration::from_secs(3600))
    ///     .register()?;
    /// jobs.with(["a"]).inc();
    /// assert!(registry.to_text().contains("jobs_total{tenant=\"a\"} 1\n"));
    /// clock.advance(Duration::from_secs(3600));
    /// // It is shown once more, and goes then.
    /// assert!(registry.to_text().contains("jobs_total{tenant=\"a\"} 1\n"));
    /// assert!(jobs.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn expire_after(mut self, idle: Duration) -> Self {
        self.description.expire_after = Some(idle);
        self
    }

    /// Limits the number of series. Label values beyond it are recorded in series with a replaced value, as the
    /// [`guard`](crate::guard) says. Unless it is set, the registry's
    /// [limit for each family](crate::registry::RegistryBuilder::max_series_per_family) holds.
    ///
    /// A closed label set, whose series are all there from the start, may not have more: that is an error at registration.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let logins = registry.counter("logins_total", "Logins.").labels(["tenant", "result"]).max_series(2).register()?;
    /// for tenant in ["a", "b", "c", "d"] {
    ///     logins.with([tenant, "ok"]).inc();
    /// }
    /// assert!(logins.get(["c", "ok"]).is_none());
    /// assert_eq!(logins.with(["__overflow__", "ok"]).value(), 2);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn max_series(mut self, series: usize) -> Self {
        self.description.limits.set_series(series);
        self
    }

    /// Limits the number of distinct values of a label. A value beyond it is replaced, as the [`guard`](crate::guard) says;
    /// the values of the other labels stay.
    ///
    /// A label that the metric does not have is an error at registration; so is an enum that has more values.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let logins = registry.counter("logins_total", "Logins.").labels(["tenant", "result"]).max_values("tenant", 2).register()?;
    /// for tenant in ["a", "b", "c", "d"] {
    ///     logins.with([tenant, "ok"]).inc();
    /// }
    /// assert_eq!(logins.with(["__overflow__", "ok"]).value(), 2);
    ///
    /// let builder = registry.counter("jobs_total", "Jobs.").labels(["queue"]).max_values("queu", 2);
    /// assert!(builder.register().unwrap_err().to_string().contains("its labels are [\"queue\"]"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn max_values(mut self, label: impl Into<Cow<'static, str>>, values: usize) -> Self {
        self.description.limits.set_values(label.into(), values);
        self
    }

    /// Reserves so many of the registry's series for this family, whatever others use. A closed label set has all of its
    /// series reserved.
    ///
    /// More than the registry may have, what others have reserved included, is an error at registration. Series that others have
    /// already stay: beside them, the registry may come to more than its limit.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().max_series(100).build()?;
    /// let logins = registry.counter("logins_total", "Logins.").labels(["tenant"]).reserve_series(20).register()?;
    /// let errors = registry.counter("errors_total", "Errors.").labels(["text"]).register()?;
    /// (0..1_000).for_each(|n| errors.with([&n.to_string()]).inc());
    /// (0..20).for_each(|n| logins.with([&n.to_string()]).inc());
    /// assert!(logins.get(["19"]).is_some() && errors.get(["80"]).is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reserve_series(mut self, series: usize) -> Self {
        self.description.limits.reserved = series;
        self
    }

    /// Takes away all limits that hold for this family alone. Those of the registry hold on.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let peers = registry.gauge("peer_delay_seconds", "Delay of a peer.").labels(["peer"]).unlimited().register()?;
    /// (0..20_000).for_each(|n| peers.with([&n.to_string()]).set(0.1));
    /// assert_eq!(peers.len(), 20_000);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn unlimited(mut self) -> Self {
        self.description.limits.lift();
        self
    }
}

impl<L> MetricBuilder<'_, Histogram, L> {
    /// Sets the upper bounds of the buckets: finite, ascending, at most [`MAX_BOUNDS`](crate::model::MAX_BOUNDS). The bucket of
    /// `+Inf` is always there: at the end of the list it may be written or not, and of an empty list it is the only one. Unless
    /// they are set, the bounds are [`DEFAULT_BOUNDS`](crate::model::DEFAULT_BOUNDS).
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let ages = registry.histogram("job_age_seconds", "Age of a job.").bounds([60.0, 3600.0]).register()?;
    /// assert_eq!(ages.bounds(), [60.0, 3600.0]);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[doc(alias = "buckets")]
    pub fn bounds(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        let bounds: Vec<f64> = bounds.into();
        self.description.config = Config::Classic { bounds: normal_bounds(&bounds).into() };
        self
    }
}

impl<L> MetricBuilder<'_, Summary, L> {
    fn config(&mut self) -> &mut SummaryConfig {
        match &mut self.description.config {
            Config::Summary(config) => config,
            _ => unreachable!("a summary has the settings of one"),
        }
    }

    /// Sets the quantiles that are shown: from 0 to 1, ascending, at most 32. Unless they are set: 0.5, 0.9 and 0.99.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.summary("job_duration_seconds", "Time a job took.").quantiles([0.75, 0.999]).register()?;
    /// assert!(registry.to_text().contains("job_duration_seconds{quantile=\"0.999\"} NaN\n"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[doc(alias = "objectives")]
    pub fn quantiles(mut self, quantiles: impl Into<Vec<f64>>) -> Self {
        let quantiles: Vec<f64> = quantiles.into();
        self.config().quantiles = quantiles.into();
        self
    }

    /// Sets how far back the quantiles look, and in how many steps the window slides: 1 to 60, of a millisecond or more each. The window
    /// is shorter by up to a step. Unless it is set, 10 minutes in 5 steps. Each step takes 8 bytes for each bucket.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let registry = quipu::Registry::new();
    /// let builder = registry.summary("job_duration_seconds", "Time a job took.");
    /// builder.window(Duration::from_secs(60), 6).register()?.observe(0.5);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[doc(alias = "max_age")]
    pub fn window(mut self, window: Duration, steps: usize) -> Self {
        let config = self.config();
        (config.window, config.steps) = (window, steps);
        self
    }

    /// Sets by what part a quantile may be wrong: from 0.001 to 0.5, 0.02 unless it is set. Half the error takes twice the memory.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let sizes = registry.summary("mail_size_bytes", "Size of a mail.").relative_error(0.005).range(1.0, 1e9).register()?;
    /// sizes.observe(1e6);
    /// assert!((sizes.snapshot().quantile(0.5) - 1e6).abs() <= 0.005 * 1e6);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn relative_error(mut self, error: f64) -> Self {
        self.config().relative_error = error;
        self
    }

    /// Sets the range in which quantiles have the relative error: above zero and below
    /// [`VALUE_LIMIT`](crate::model::VALUE_LIMIT); 1e-6 to 1e5 unless it is set. Twice as high an end takes 17 buckets more, at 2 %.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let sizes = registry.summary("mail_size_bytes", "Size of a mail.").range(1.0, 1e9).register()?;
    /// sizes.observe(1e12);
    /// assert!((sizes.snapshot().quantile(0.5) - 1e9).abs() <= 0.02 * 1e9);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn range(mut self, from: f64, to: f64) -> Self {
        self.config().range = [from, to];
        self
    }
}
