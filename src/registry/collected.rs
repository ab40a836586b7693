//! What a registry asks for families at each scrape: a collector, as a registry sees it.

use super::Registry;
use super::description::Description;
use super::error::RegisterError;
use crate::model::{FamilySnapshot, sample_names};
use crate::sync::lock;
use core::fmt;
use core::pin::Pin;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Yields families when it is asked.
pub(crate) trait Collected: Send + Sync + fmt::Debug {
    /// Begins a call, or joins the one under way. The future ends when the call does, or when this time is over.
    fn collect(&self, within: Duration) -> Collecting;
    /// The registry has forgotten it.
    fn removed(&self);
    /// How its calls went.
    #[cfg_attr(not(feature = "page"), expect(dead_code, reason = "only the page shows it"))]
    fn status(&self) -> CollectorStatus;
}

/// What is known of the calls of a collector.
#[derive(Clone, Debug, Default)]
#[cfg_attr(not(feature = "page"), expect(dead_code, reason = "only the page shows it"))]
pub(crate) struct CollectorStatus {
    /// Whether the last call yielded its values in time; `None` before the first one.
    pub(crate) is_up: Option<bool>,
    /// How long it took.
    pub(crate) seconds: Option<f64>,
    pub(crate) last_error: Option<LastError>,
    /// How many series the last good call yielded, by family.
    pub(crate) series: Vec<(String, usize)>,
}

/// How a call of a collector, or a push, went wrong.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "page"), expect(dead_code, reason = "only the page shows it"))]
pub(crate) struct LastError {
    /// The word for it in the label `reason`.
    pub(crate) reason: &'static str,
    /// What was said about it, which may be cut.
    pub(crate) message: Option<String>,
    /// When, in seconds since 1970.
    pub(crate) time: f64,
}

impl LastError {
    /// Takes the place of an earlier one. That a call was skipped says less than why, so that is told only where nothing else is.
    pub(crate) fn replace(self, last: &mut Option<LastError>) {
        if self.reason != "skipped" || last.is_none() {
            *last = Some(self);
        }
    }
}

/// What one scrape waits for.
pub(crate) type Collecting = Pin<Box<dyn Future<Output = Vec<Arc<FamilySnapshot>>> + Send>>;

/// The collectors of a registry, by name, and which of them yields a family.
#[derive(Default)]
pub(super) struct Collectors {
    by_name: BTreeMap<String, Arc<dyn Collected>>,
    by_family: BTreeMap<String, Owned>,
}

/// A family of a collector.
pub(super) struct Owned {
    pub(super) collector: String,
    pub(super) description: Description,
    /// The most series that a call may yield, of all families together.
    pub(super) max_series: usize,
}

impl Collectors {
    /// The collector that yields this family.
    pub(super) fn of(&self, family: &str) -> Option<&str> {
        self.by_family.get(family).map(|owned| &*owned.collector)
    }

    /// All collectors, with their names.
    #[cfg(feature = "page")]
    pub(super) fn named(&self) -> Vec<(String, Arc<dyn Collected>)> {
        self.by_name.iter().map(|(name, collector)| (name.clone(), collector.clone())).collect()
    }

    /// All families.
    pub(super) fn families(&self) -> impl Iterator<Item = &Owned> {
        self.by_family.values()
    }

    /// Takes the collector of this family out, and tells the families that it declared.
    pub(super) fn remove(&mut self, family: &str) -> Option<(Arc<dyn Collected>, Vec<String>)> {
        let name = self.of(family)?.to_owned();
        let mut families = Vec::new();
        self.by_family.retain(|family, owned| {
            let is_other = owned.collector != name;
            families.extend((!is_other).then(|| family.clone()));
            is_other
        });
        Some((self.by_name.remove(&name)?, families))
    }
}

impl Registry {
    /// Adds what `make` makes of a collector of this name, if all of its families can be registered. A call may yield so many
    /// series.
    ///
    /// In a disabled registry, nothing is made. `make` is called under the registry's lock.
    pub(crate) fn attach(
        &self,
        collector: &str,
        families: &[Description],
        max_series: usize,
        make: impl FnOnce() -> Arc<dyn Collected>,
    ) -> Result<(), RegisterError> {
        let mut samples = BTreeMap::new();
        for description in families {
            self.check_alone(description)?;
            for sample in sample_names(&description.name, description.metric.exposed_as) {
                if let Some(registered) = samples.insert(sample.clone(), &description.name) {
                    let (name, registered) = (description.name.clone(), registered.clone());
                    return Err(RegisterError::SampleClash { name, registered, sample });
                }
            }
        }
        if self.is_disabled() {
            return Ok(());
        }
        let mut all = lock(self.all_families());
        if all.collectors.by_name.contains_key(collector) {
            return Err(RegisterError::CollectorName { name: collector.to_owned() });
        }
        for description in families {
            if all.registered(description)?.is_some() {
                return Err(RegisterError::Recorded {
                    name: description.name.clone(),
                    collector: collector.to_owned(),
                });
            }
        }
        for description in families {
            all.reserve(description);
            let owned = Owned { collector: collector.to_owned(), description: description.clone(), max_series };
            all.collectors.by_family.insert(description.name.clone(), owned);
            self.overrides().refuse(&description.name);
        }
        all.collectors.by_name.insert(collector.to_owned(), make());
        Ok(())
    }

    /// Takes out the collector of this name, as [`unregister`](Self::unregister) does by one of its families.
    #[cfg(feature = "config")]
    pub(crate) fn unregister_collector(&self, collector: &str) {
        let family = {
            let families = lock(self.all_families());
            let owned = families.collectors.families().find(|owned| owned.collector == collector);
            owned.map(|owned| owned.description.name.clone())
        };
        if let Some(family) = family {
            self.unregister(&family);
        }
    }

    /// The collectors, by name: all, or only those that yield one of these families.
    pub(super) fn collectors(&self, only: Option<&BTreeSet<String>>) -> Vec<Arc<dyn Collected>> {
        let families = lock(self.all_families());
        let Collectors { by_name, by_family } = &families.collectors;
        let Some(only) = only else { return by_name.values().cloned().collect() };
        let asked: BTreeSet<&str> = only.iter().filter_map(|family| Some(&*by_family.get(family)?.collector)).collect();
        asked.into_iter().filter_map(|name| by_name.get(name)).cloned().collect()
    }
}
