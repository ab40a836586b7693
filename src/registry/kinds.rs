//! A beginning for each kind of metric.

use super::builder::MetricBuilder;
use super::registry::Registry;
use crate::metric::{Counter, FlagSet, FloatCounter, Gauge, Histogram, InFlightGauge, Info, StateSet, Summary};
use crate::model::LabelValue;
use std::borrow::Cow;

impl Registry {
    /// Begins to register a counter of whole numbers. Its name ends in `_total`.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").register()?;
    /// jobs.inc();
    /// assert_eq!(jobs.value(), 1);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn counter(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, Counter> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Begins to register a counter of amounts that need not be whole. Its name ends in `_total`.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let cost = registry.float_counter("cost_dollars_total", "What was spent.").register()?;
    /// cost.inc_by(0.25);
    /// assert_eq!(cost.value(), 0.25);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn float_counter(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, FloatCounter> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Begins to register a gauge, which is set.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let depth = registry.gauge("queue_depth", "Jobs waiting.").register()?;
    /// depth.set(12.0);
    /// assert_eq!(depth.value(), 12.0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn gauge(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, Gauge> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Begins to register a gauge of things under way, which is only counted up and down.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let active = registry.in_flight_gauge("jobs_active", "Jobs being done.").register()?;
    /// let job = active.guard();
    /// assert_eq!(active.value(), 1);
    /// drop(job);
    /// assert_eq!(active.value(), 0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn in_flight_gauge(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, InFlightGauge> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Begins to register a histogram with fixed buckets: from 5 ms to 10 s, unless [`bounds`](MetricBuilder::bounds) says otherwise.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let seconds = registry.histogram("job_duration_seconds", "Time a job took.").register()?;
    /// seconds.observe(0.25);
    /// assert_eq!(seconds.snapshot().sum(), 0.25);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn histogram(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, Histogram> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Begins to register a summary: quantiles of the last 8 to 10 minutes, with count and sum of all. Mostly a
    /// [histogram](Self::histogram) is better, since quantiles cannot be added up: see [`Summary`].
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let seconds = registry.summary("job_duration_seconds", "Time a job took.").register()?;
    /// seconds.observe(0.25);
    /// assert!(registry.to_text().contains("job_duration_seconds{quantile=\"0.99\"} 0.2"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn summary(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, Summary> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Begins to register an info: what is so, said by labels. Its value is always 1, and its name ends in `_info`.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let build = registry.info("build_info", "The build that runs.").labels(["version"]).register()?;
    /// build.with(["1.4.0"]).set();
    /// assert!(registry.to_text().contains("build_info{version=\"1.4.0\"} 1\n"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn info(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, Info> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Begins to register a state set: of the values of `S`, an enum that derives [`LabelValue`](macro@crate::LabelValue), one holds at a
    /// time. The states are exposed as the values of a label that has the metric's name, namespace included; the metric can have
    /// others beside it.
    ///
    /// ```
    /// #[derive(quipu::LabelValue)]
    /// enum State {
    ///     Starting,
    ///     Running,
    /// }
    ///
    /// let registry = quipu::Registry::new();
    /// let state = registry.state_set::<State>("worker_state", "What a worker is at.").labels(["worker"]).register()?;
    /// state.with(["mail"]).set(State::Running);
    /// assert!(registry.to_text().contains("worker_state{worker=\"mail\",worker_state=\"running\"} 1\n"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn state_set<S: LabelValue + 'static>(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, StateSet<S>> {
        MetricBuilder::new(self, name.into(), help.into())
    }

    /// Begins to register a flag set: as a [state set](Self::state_set), but any of the values of `F` can hold at a time.
    ///
    /// ```
    /// #[derive(quipu::LabelValue)]
    /// enum Feature {
    ///     Search,
    ///     Export,
    /// }
    ///
    /// let registry = quipu::Registry::new();
    /// let features = registry.flag_set::<Feature>("feature_enabled", "Features that are on.").register()?;
    /// features.set(Feature::Export, true);
    /// assert!(registry.to_text().contains("feature_enabled{feature_enabled=\"search\"} 0\n"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn flag_set<F: LabelValue + 'static>(
        &self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> MetricBuilder<'_, FlagSet<F>> {
        MetricBuilder::new(self, name.into(), help.into())
    }
}
