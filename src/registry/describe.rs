//! What is registered: the registry as a catalogue of its families.

use super::Registry;
use super::description::Description;
use crate::guard::LabelLimit;
use crate::model::{MetricType, OWN_PREFIX};
use crate::sync::lock;
use core::time::Duration;

/// A family as it was registered. Made by [`Registry::describe`].
///
/// ```
/// let registry = quipu::Registry::new();
/// registry.histogram("mail_size_bytes", "Size of a mail.").unit("bytes").bounds([1e3, 1e6]).labels(["queue"]).register()?;
/// let families = registry.describe();
/// let mail = families.iter().find(|family| family.name() == "mail_size_bytes").expect("it is registered");
/// assert_eq!((mail.help(), mail.unit(), mail.bounds()), ("Size of a mail.", Some("bytes"), &[1e3, 1e6][..]));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FamilyDescription {
    description: Description,
    max_series: Option<usize>,
    collector: Option<String>,
}

/// A label of a family, and what is known of its values. Made by [`FamilyDescription::labels`].
///
/// ```
/// use quipu::LabelSet;
///
/// #[derive(LabelSet)]
/// struct Job<'a> {
///     queue: &'a str,
///     retried: bool,
/// }
///
/// let registry = quipu::Registry::new();
/// registry.counter("jobs_total", "Jobs finished.").label_set::<Job>().max_values("queue", 20).register()?;
/// let families = registry.describe();
/// let jobs = families.iter().find(|family| family.name() == "jobs_total").expect("it is registered");
/// let [queue, retried] = jobs.labels().collect::<Vec<_>>()[..] else { panic!() };
/// assert_eq!((queue.name(), queue.values(), queue.max_values()), ("queue", None, Some(20)));
/// assert_eq!((retried.name(), retried.values()), ("retried", Some(&["false", "true"][..])));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LabelDescription<'a> {
    name: &'a str,
    values: Option<&'a [&'static str]>,
    max_values: Option<usize>,
}

impl FamilyDescription {
    /// The name, with the registry's namespace.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// What the family measures.
    pub fn metric_type(&self) -> MetricType {
        self.description.metric.exposed_as
    }

    /// The help text.
    pub fn help(&self) -> &str {
        &self.description.help
    }

    /// The unit, if one was given.
    pub fn unit(&self) -> Option<&str> {
        self.description.unit.as_deref()
    }

    /// The labels, in the order in which values are given; without the global labels of the registry. Of a state set the last one
    /// is that of its states, which has the family's name.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = LabelDescription<'_>> {
        let labels = self.description.labels.iter().enumerate().map(|(n, name)| {
            let values = self.description.known_values(n);
            let max_values = match self.description.limits.of_label(name, values.is_some()) {
                LabelLimit::Closed => None,
                LabelLimit::Open(most) => most,
            };
            LabelDescription { name, values, max_values }
        });
        let states = self.description.config.states();
        let state = self.description.state_label().map(|name| LabelDescription {
            name,
            values: Some(states),
            max_values: None,
        });
        labels.chain(state).collect::<Vec<_>>().into_iter()
    }

    /// The upper bounds of a histogram's buckets, without `+Inf`; of others, none.
    pub fn bounds(&self) -> &[f64] {
        self.bounds_of(MetricType::Histogram)
    }

    /// The quantiles of a summary; of others, none.
    pub fn quantiles(&self) -> &[f64] {
        self.bounds_of(MetricType::Summary)
    }

    fn bounds_of(&self, kind: MetricType) -> &[f64] {
        if self.metric_type() == kind { self.description.config.bounds() } else { &[] }
    }

    /// The most series that the family may have before values are replaced, be that set for it or for all families of the registry.
    /// `None` if only the registry's own limits hold, and for a closed label set, whose series are there from the start. Of a collector,
    /// it is the most that a call may yield, of all its families together; beyond that, the call yields none.
    pub fn max_series(&self) -> Option<usize> {
        self.max_series
    }

    /// So many series are the family's, whatever others use: what was
    /// [reserved](super::MetricBuilder::reserve_series), or all of a closed label set.
    pub fn reserved_series(&self) -> usize {
        self.description.reserved()
    }

    /// After how long idle series go, if they do.
    pub fn expire_after(&self) -> Option<Duration> {
        self.description.expiry()
    }

    /// The [collector](crate::collect) that yields the family at a scrape; `None` if it is recorded into.
    pub fn collector(&self) -> Option<&str> {
        self.collector.as_deref()
    }

    /// Whether this is one of quipu's metrics about itself.
    pub fn is_own(&self) -> bool {
        self.name().starts_with(OWN_PREFIX)
    }
}

impl<'a> LabelDescription<'a> {
    /// The label's name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// All values that it can have, if they are known: it is an enum or a `bool`, or a label of a layer that says so.
    pub fn values(&self) -> Option<&'a [&'static str]> {
        self.values
    }

    /// The most values that it may have before others are replaced, if there is a limit of its own.
    pub fn max_values(&self) -> Option<usize> {
        self.max_values
    }
}

impl Registry {
    /// Describes every family, sorted by name: those that are recorded into, those of collectors, and the registry's own. Those that are
    /// [hidden](Self::set_hidden) are left out.
    ///
    /// Dashboards, checks and reference pages are made from this, so that no second list of metrics is to be kept.
    ///
    /// # Cost
    /// Takes the registry's lock, and copies each description. Does not look at series.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    /// let mine: Vec<_> = registry.describe().into_iter().filter(|family| !family.is_own()).collect();
    /// assert_eq!(mine.iter().map(|family| family.name()).collect::<Vec<_>>(), ["jobs_total"]);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn describe(&self) -> Vec<FamilyDescription> {
        let families = lock(self.all_families());
        let recorded = families.by_name.values().map(|core| {
            let description = core.description.clone();
            FamilyDescription { max_series: self.max_series(&description), description, collector: None }
        });
        let collected = families.collectors.families().map(|owned| FamilyDescription {
            description: owned.description.clone(),
            max_series: Some(owned.max_series),
            collector: Some(owned.collector.clone()),
        });
        let is_shown = self.shown();
        let mut all: Vec<_> = recorded.chain(collected).filter(|family| is_shown(family.name())).collect();
        all.sort_by(|a, b| a.name().cmp(b.name()));
        all
    }
}
