//! Families: the series of one name, by their labels.

use super::description::Description;
use super::error::LabelError;
use super::registry::Registry;
use super::self_metrics::SelfSeries;
use super::states::States;
use crate::clock::Clock;
use crate::metric::{Metric, Values};
use crate::model::{self, Buckets, FamilyView, GlobalLabels, LabelSet};
use crate::store::{Limits, MetricRef, Series, SeriesMap};
use core::borrow::Borrow;
use core::fmt;
use core::marker::PhantomData;
use std::borrow::Cow;
use std::sync::Arc;

/// What the registry keeps of a family, whatever the type of its handles.
#[derive(Debug)]
pub(crate) struct FamilyCore {
    pub(crate) description: Description,
    pub(crate) set: SeriesMap,
    /// All labels as they are exposed, if these are more than the description's.
    exposed_labels: Option<Box<[Cow<'static, str>]>>,
    /// What the registry's metrics about itself say of the family. They have none themselves.
    pub(super) about: SelfSeries,
}

impl FamilyCore {
    pub(super) fn new(
        description: Description,
        buckets: Option<Buckets>,
        about: SelfSeries,
        clock: Clock,
        limits: Option<Limits>,
    ) -> FamilyCore {
        let label_names = description.labels.iter().map(|name| Box::from(&**name)).collect();
        let Description { metric, config, .. } = &description;
        let mut layout = metric.values.layout(config, label_names, buckets, about.rejected.clone());
        layout.clock = clock;
        layout.shared = limits.as_ref().and_then(|limits| limits.shared.clone());
        let layout = Arc::new(layout);
        let mut set = match limits {
            Some(limits) => SeriesMap::with_limits(layout, limits),
            None => SeriesMap::new(layout),
        };
        if let Some(idle) = description.expiry() {
            set.expire_after(idle, description.metric.values == Values::Signed);
        }
        let state_label = description.state_label().map(|label| Cow::Owned(label.to_owned()));
        let exposed_labels = state_label.map(|state| description.labels.iter().cloned().chain([state]).collect());
        FamilyCore { set, exposed_labels, description, about }
    }

    /// A family that nobody reads: all label values have the same series.
    pub(super) fn detached(description: Description, buckets: Option<Buckets>) -> FamilyCore {
        let core = FamilyCore::new(description, buckets, SelfSeries::default(), Clock::default(), None);
        FamilyCore { set: SeriesMap::detached(core.set.family.clone()), ..core }
    }

    /// What a series of a state set is to an encoder.
    pub(super) fn states_of<'a>(&'a self, series: &'a Series) -> Option<States<'a>> {
        let label = self.description.state_label()?;
        Some(States { series, label, names: self.description.config.states() })
    }

    pub(crate) fn view<'a>(&'a self, global_labels: &'a GlobalLabels, is_continued: bool) -> FamilyView<'a> {
        FamilyView {
            name: &self.description.name,
            help: &self.description.help,
            unit: self.description.unit.as_deref(),
            kind: self.description.metric.exposed_as,
            global_labels,
            label_names: self.exposed_labels.as_deref().unwrap_or(&self.description.labels),
            bounds: self.description.config.bounds(),
            is_continued,
        }
    }
}

/// Whether all series are there from the start, so that they are found by an index.
const fn is_closed<M: Metric, L: LabelSet>() -> bool {
    M::TYPE.can_be_closed() && model::is_closed::<L>()
}

/// Labels by name, as many as the compiler counts: the `L` of a [`Family`] registered with
/// [`labels`](crate::registry::MetricBuilder::labels).
///
/// ```
/// struct Metrics {
///     jobs: quipu::Family<quipu::Counter, quipu::LabelNames<2>>,
/// }
/// # let registry = quipu::Registry::new();
/// let metrics = Metrics { jobs: registry.counter("jobs_total", "Jobs.").labels(["queue", "status"]).register()? };
/// metrics.jobs.with(["mail", "ok"]).inc();
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LabelNames<const N: usize>(());

/// Labels whose names and number are known at run time only: the `L` of a [`Family`] registered with
/// [`dyn_labels`](crate::registry::MetricBuilder::dyn_labels).
///
/// ```
/// struct Metrics {
///     jobs: quipu::Family<quipu::Counter, quipu::DynLabelNames>,
/// }
/// # let registry = quipu::Registry::new();
/// let metrics = Metrics { jobs: registry.counter("jobs_total", "Jobs.").dyn_labels(&["queue"]).register()? };
/// metrics.jobs.with(&["mail"])?.inc();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DynLabelNames(());

/// The series of one name, told apart by their labels.
///
/// `M` is the type of the handles; `L` says how labels are given: [`LabelNames<N>`] as an array of strings, a type that derives
/// [`LabelSet`], or [`DynLabelNames`] as a slice. Cloning gives another handle to the same family.
///
/// # Cost
/// [`with`](Self::with) hashes the values and compares them all: 10 to 16 ns for three short strings among a hundred
/// series, and 21 to 45 among 10,000, which wait for memory; without a lock, and without an allocation when the series exists.
/// On a closed label set it computes an index. More than four labels, values that have to be escaped, and those
/// longer than 64 bytes take 35 to 50 ns or, if they are very long, more.
/// The first call with new values takes the family's lock and allocates the series: its labels as text and about 80 bytes
/// more.
///
/// [`remove`](Self::remove) takes the lock, and now and then a system call (`membarrier`) that interrupts the other threads, to
/// learn when what was removed can be freed. Where the system does not have that call, nothing that is removed is freed.
///
/// ```
/// let registry = quipu::Registry::new();
/// let requests = registry.counter("http_requests_total", "Requests.").labels(["method", "status"]).register()?;
/// requests.with(["GET", "200"]).inc();
///
/// // In a hot loop, keep a handle instead:
/// let created = requests.handle(["POST", "201"]);
/// for _ in 0..1000 {
///     created.inc();
/// }
/// assert_eq!(requests.with(["POST", "201"]).value(), 1000);
/// # Ok::<(), quipu::RegisterError>(())
/// ```
pub struct Family<M, L> {
    pub(super) core: Arc<FamilyCore>,
    /// A handle for each series of a closed set, by index.
    kept: Arc<[M]>,
    labels: PhantomData<fn() -> L>,
}

impl<M: Metric, L> Family<M, L> {
    pub(crate) fn new(core: Arc<FamilyCore>) -> Self {
        let handle = |values: Vec<&str>| MetricRef::look_up_once(&core.set, &values, M::from_series).clone();
        let kept = core.description.closed_sets().map(handle).collect();
        Family { core, kept, labels: PhantomData }
    }

    /// A family that nobody reads, with so many labels.
    pub(crate) fn detached(labels: usize) -> Self {
        let mut description = Description::new("detached".to_owned(), "".into(), M::TYPE);
        description.labels = (0..labels).map(|n| format!("label{n}").into()).collect();
        let core = Registry::disabled_and_lenient().get_or_register(description);
        Family::new(core.expect("a description of which nothing can be refused"))
    }

    #[inline(always)]
    fn look_up(&self, values: &[&str]) -> MetricRef<'_, M> {
        MetricRef::look_up(|| &self.core.set, values, M::from_series)
    }

    /// The number of series. Takes the family's lock.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    /// assert!(jobs.is_empty());
    /// jobs.with(["mail"]).inc();
    /// assert_eq!(jobs.len(), 1);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.core.set.len()
    }

    /// Whether there is no series. Takes the family's lock.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The family's name, with the registry's namespace.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().namespace("shop").build()?;
    /// let orders = registry.counter("orders_total", "Orders.").labels(["country"]).register()?;
    /// assert_eq!(orders.name(), "shop_orders_total");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.core.description.name
    }

    /// The names of the labels, in the order in which their values are given.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue", "status"]).register()?;
    /// assert!(jobs.label_names().eq(["queue", "status"]));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn label_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.core.description.labels.iter().map(|name| &**name)
    }

    fn find(&self, values: &[&str]) -> Option<MetricRef<'_, M>> {
        MetricRef::find(&self.core.set, values, M::from_series)
    }
}

impl<M: Metric, const N: usize> Family<M, LabelNames<N>> {
    /// The series with these label values, to record into on the spot; made if it is not there.
    ///
    /// Values are any strings, the empty one included, in the order of the label names.
    #[doc(alias = "with_label_values")]
    #[inline(always)]
    pub fn with(&self, values: [&str; N]) -> MetricRef<'_, M> {
        self.look_up(&values)
    }

    /// The series with these label values, if it is there. Unlike [`with`](Self::with) it makes none.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    /// assert!(jobs.get(["mail"]).is_none());
    /// jobs.with(["mail"]).inc();
    /// assert_eq!(jobs.get(["mail"]).unwrap().value(), 1);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn get(&self, values: [&str; N]) -> Option<MetricRef<'_, M>> {
        self.find(&values)
    }

    /// A handle to the series with these label values, to keep. Costs a reference count more than [`with`](Self::with).
    pub fn handle(&self, values: [&str; N]) -> M {
        self.with(values).clone()
    }

    /// Removes a series. Returns whether it was there.
    ///
    /// It is not exposed any more. Handles to it stay good, but nobody reads what they record; the same labels make a new
    /// series, from zero.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    /// jobs.with(["mail"]).inc();
    /// assert!(jobs.remove(["mail"]));
    /// assert!(!jobs.remove(["mail"]));
    /// assert_eq!(jobs.with(["mail"]).value(), 0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn remove(&self, values: [&str; N]) -> bool {
        self.core.set.remove(&values)
    }
}

impl<M: Metric, L: LabelSet> Family<M, L> {
    /// The series with these labels, to record into on the spot; made if it is not there.
    ///
    /// # Panics
    /// When a [`LabelSet`] that is written by hand has an index beyond its sets, or does not give a value for each name. Those
    /// that are derived are right.
    #[inline(always)]
    pub fn with(&self, labels: impl Borrow<L>) -> MetricRef<'_, M> {
        let labels = labels.borrow();
        if const { is_closed::<M, L>() } {
            MetricRef::kept(&self.kept[labels.index()])
        } else {
            labels.with_values(|values| {
                assert_eq!(values.len(), L::NAMES.len(), "a label set gives a value for each of its names");
                self.look_up(values)
            })
        }
    }

    /// The series with these labels, if it is there, as those of a closed set always are. Unlike [`with`](Self::with) it makes
    /// none.
    ///
    /// # Panics
    /// When a closed [`LabelSet`] that is written by hand has an index beyond its sets.
    ///
    /// ```
    /// #[derive(quipu::LabelSet)]
    /// struct Job<'a> {
    ///     queue: &'a str,
    /// }
    ///
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").label_set::<Job>().register()?;
    /// assert!(jobs.get(Job { queue: "mail" }).is_none());
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn get(&self, labels: impl Borrow<L>) -> Option<MetricRef<'_, M>> {
        let labels = labels.borrow();
        if const { is_closed::<M, L>() } {
            Some(MetricRef::kept(&self.kept[labels.index()]))
        } else {
            labels.with_values(|values| self.find(values))
        }
    }

    /// A handle to the series with these labels, to keep. Costs a reference count more than [`with`](Self::with).
    ///
    /// # Panics
    /// As [`with`](Self::with).
    pub fn handle(&self, labels: impl Borrow<L>) -> M {
        self.with(labels).clone()
    }

    /// Removes a series. Returns whether it was there. The series of a closed set always stay: `false`.
    ///
    /// It is not exposed any more. Handles to it stay good, but nobody reads what they record; the same labels make a new
    /// series, from zero.
    ///
    /// ```
    /// #[derive(quipu::LabelSet)]
    /// struct Job<'a> {
    ///     queue: &'a str,
    /// }
    ///
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").label_set::<Job>().register()?;
    /// jobs.with(Job { queue: "mail" }).inc();
    /// assert!(jobs.remove(Job { queue: "mail" }));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn remove(&self, labels: impl Borrow<L>) -> bool {
        let is_open = const { !is_closed::<M, L>() };
        is_open && labels.borrow().with_values(|values| self.core.set.remove(values))
    }
}

impl<M: Metric> Family<M, DynLabelNames> {
    fn check(&self, values: &[&str]) -> Result<(), LabelError> {
        match self.core.description.labels.len() {
            names if names == values.len() => Ok(()),
            names => Err(LabelError::Count { names, values: values.len() }),
        }
    }

    /// The series with these label values, to record into on the spot; made if it is not there.
    ///
    /// # Errors
    /// When there are not as many values as label names.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").dyn_labels(&["queue"]).register()?;
    /// jobs.with(&["mail"])?.inc();
    /// assert!(jobs.with(&["mail", "ok"]).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn with(&self, values: &[&str]) -> Result<MetricRef<'_, M>, LabelError> {
        self.check(values)?;
        Ok(MetricRef::look_up_any(&self.core.set, values, M::from_series))
    }

    /// The series with these label values, if it is there. Unlike [`with`](Self::with) it makes none.
    ///
    /// # Errors
    /// When there are not as many values as label names.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").dyn_labels(&["queue"]).register()?;
    /// assert!(jobs.get(&["mail"])?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self, values: &[&str]) -> Result<Option<MetricRef<'_, M>>, LabelError> {
        self.check(values)?;
        Ok(self.find(values))
    }

    /// A handle to the series with these label values, to keep. Costs a reference count more than [`with`](Self::with).
    ///
    /// # Errors
    /// When there are not as many values as label names.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").dyn_labels(&["queue"]).register()?;
    /// let mail = jobs.handle(&["mail"])?;
    /// mail.inc();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn handle(&self, values: &[&str]) -> Result<M, LabelError> {
        Ok(self.with(values)?.clone())
    }

    /// Removes a series. Returns whether it was there; see [`Family::<M, LabelNames<N>>::remove`](Family::remove).
    ///
    /// # Errors
    /// When there are not as many values as label names.
    ///
    /// ```
    /// # let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").dyn_labels(&["queue"]).register()?;
    /// jobs.with(&["mail"])?.inc();
    /// assert!(jobs.remove(&["mail"])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn remove(&self, values: &[&str]) -> Result<bool, LabelError> {
        self.check(values)?;
        Ok(self.core.set.remove(values))
    }
}

impl<M, L> Clone for Family<M, L> {
    fn clone(&self) -> Self {
        Family { core: self.core.clone(), kept: self.kept.clone(), labels: PhantomData }
    }
}

impl<M, L> fmt::Debug for Family<M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("description", &self.core.description)
            .field("series", &self.core.set.len())
            .finish()
    }
}
