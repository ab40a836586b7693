//! What a collector may yield.

use crate::metric::sealed::Sealed;
use crate::metric::{Config, Counter, FlagSet, Gauge, Histogram, Info, Instrument, StateSet, Summary};
use crate::model::{FamilySnapshot, FamilyView, GlobalLabels, LabelValue, SummaryConfig, normal_bounds};
use crate::registry::Description;
use core::time::Duration;
use std::borrow::Cow;

/// The most series that a call may yield, unless the collector says otherwise.
const MAX_SERIES: usize = 10_000;

/// The families of a collector, its name and its limits. Filled by [`Collector::declare`](super::Collector::declare).
///
/// ```
/// use quipu::collect::Declaration;
///
/// fn declare(families: &mut Declaration) {
///     families.name("pool").max_series(100).timeout(std::time::Duration::from_secs(1));
///     families.gauge("pool_connections", "Connections.").labels(["state"]);
///     families.counter("pool_read_bytes_total", "What was read.").unit("bytes");
///     families.histogram("pool_wait_seconds", "Time until a connection was free.", [0.001, 0.01, 0.1]).unit("seconds");
/// }
/// ```
#[derive(Debug)]
pub struct Declaration {
    pub(super) name: Option<String>,
    pub(super) families: Vec<Declared>,
    pub(super) max_series: usize,
    pub(super) timeout: Option<Duration>,
}

/// A family of a collector: gets its labels and its unit.
///
/// ```
/// use quipu::collect::{Declaration, Declared};
///
/// fn connections(families: &mut Declaration) -> &mut Declared {
///     families.gauge("pool_connections", "Connections.").labels(["state"])
/// }
/// ```
#[derive(Debug)]
pub struct Declared {
    /// As the collector calls it, without a namespace.
    pub(super) short_name: Cow<'static, str>,
    pub(super) description: Description,
}

impl Declaration {
    pub(super) fn new() -> Declaration {
        Declaration { name: None, families: Vec::new(), max_series: MAX_SERIES, timeout: None }
    }

    /// Names the collector in the `quipu_collector_*` metrics; unless it does, it is called as its first family. Each collector of a
    /// registry has a name of its own. It gets the namespace of the registry, as the families do.
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        self.name = Some(name.into());
        self
    }

    /// The most series that one call may yield, of all families together; 10,000 unless it is set. Above that, the call yields none.
    pub fn max_series(&mut self, series: usize) -> &mut Self {
        self.max_series = series;
        self
    }

    /// How long a call may take; 5 s unless it is set. After that it counts as failed, and no scrape waits for it any more. Unless it is
    /// set, scrapes wait as long as they do for others.
    pub fn timeout(&mut self, timeout: Duration) -> &mut Self {
        self.timeout = Some(timeout);
        self
    }

    /// Declares a counter. The name ends in `_total`, and gets the namespace of the registry.
    pub fn counter(&mut self, name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> &mut Declared {
        self.family(name.into(), help.into(), Counter::TYPE)
    }

    /// Declares a gauge. The name gets the namespace of the registry.
    pub fn gauge(&mut self, name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> &mut Declared {
        self.family(name.into(), help.into(), Gauge::TYPE)
    }

    /// Declares an info, whose samples are all 1. The name ends in `_info`, and gets the namespace of the registry.
    pub fn info(&mut self, name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> &mut Declared {
        self.family(name.into(), help.into(), Info::TYPE)
    }

    /// Declares a histogram with these upper bounds of its buckets: as [`bounds`](crate::registry::MetricBuilder::bounds) of one that is
    /// recorded into. The name gets the namespace of the registry.
    pub fn histogram(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        bounds: impl Into<Vec<f64>>,
    ) -> &mut Declared {
        let bounds: Vec<f64> = bounds.into();
        let declared = self.family(name.into(), help.into(), Histogram::TYPE);
        declared.description.config = Config::Classic { bounds: normal_bounds(&bounds).into() };
        declared
    }

    /// Declares a summary with these quantiles: from 0 to 1, ascending, at most 32. The name gets the namespace of the registry.
    pub fn summary(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        quantiles: impl Into<Vec<f64>>,
    ) -> &mut Declared {
        let quantiles: Vec<f64> = quantiles.into();
        let declared = self.family(name.into(), help.into(), Summary::TYPE);
        declared.description.config =
            Config::Summary(SummaryConfig { quantiles: quantiles.into(), ..SummaryConfig::DEFAULT });
        declared
    }

    /// Declares a state set: of the values of `S`, an enum that derives [`LabelValue`](macro@crate::LabelValue), one holds at a time. The
    /// name gets the namespace of the registry, and is also that of the label that has the states.
    pub fn state_set<S: LabelValue + 'static>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> &mut Declared {
        self.family(name.into(), help.into(), StateSet::<S>::TYPE)
    }

    /// Declares a flag set: as a [state set](Self::state_set), but any of the values of `F` can hold at a time.
    pub fn flag_set<F: LabelValue + 'static>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> &mut Declared {
        self.family(name.into(), help.into(), FlagSet::<F>::TYPE)
    }

    fn family(
        &mut self,
        name: Cow<'static, str>,
        help: Cow<'static, str>,
        metric: &'static Instrument,
    ) -> &mut Declared {
        let description = Description::new(name.clone().into_owned(), help, metric);
        self.families.push(Declared { short_name: name, description });
        let last = self.families.len() - 1;
        &mut self.families[last]
    }
}

impl Declared {
    /// Gives the family labels of these names.
    pub fn labels<S: Into<Cow<'static, str>>>(&mut self, names: impl IntoIterator<Item = S>) -> &mut Self {
        self.description.labels = names.into_iter().map(Into::into).collect();
        self
    }

    /// Says in which unit values are, as [`MetricBuilder::unit`](crate::registry::MetricBuilder::unit) does.
    pub fn unit(&mut self, unit: impl Into<Cow<'static, str>>) -> &mut Self {
        self.description.unit = Some(unit.into());
        self
    }

    /// The family, without series.
    pub(super) fn family(&self) -> FamilySnapshot {
        let Description { name, help, metric, labels, unit, config, .. } = &self.description;
        let state_label = self.description.state_label().map(|label| Cow::Owned(label.to_owned()));
        let label_names: Vec<_> = labels.iter().cloned().chain(state_label).collect();
        FamilySnapshot::new(FamilyView {
            name,
            help,
            unit: unit.as_deref(),
            kind: metric.exposed_as,
            global_labels: &GlobalLabels::default(),
            label_names: &label_names,
            bounds: config.bounds(),
            is_continued: false,
        })
    }
}
