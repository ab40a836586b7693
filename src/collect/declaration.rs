//! What a collector may yield.

use crate::metric::sealed::Sealed;
use crate::metric::{Counter, Gauge, Info, Instrument};
use crate::model::FamilySnapshot;
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
        let Description { name, help, metric, labels, unit, .. } = &self.description;
        FamilySnapshot::new(name, help, unit.as_deref(), metric.exposed_as, labels)
    }
}
