//! The families of a registry, by name and by the samples that they may expose.

use super::collected::{Collected, Collectors};
use super::description::{Description, Difference};
use super::error::RegisterError;
use super::family::FamilyCore;
use crate::model::sample_names;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Families {
    pub(super) by_name: BTreeMap<String, Arc<FamilyCore>>,
    /// Which family may expose a sample of this name, in any format.
    by_sample: BTreeMap<String, String>,
    pub(super) collectors: Collectors,
}

impl Families {
    /// Whether a family of this name is registered, recorded or collected.
    pub(super) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(name) || self.collectors.of(name).is_some()
    }

    /// The names of the families that may expose a sample of one of these names, in any format.
    pub(super) fn among(&self, samples: &[String]) -> BTreeSet<String> {
        samples.iter().filter_map(|sample| self.by_sample.get(sample)).cloned().collect()
    }

    pub(super) fn add(&mut self, core: Arc<FamilyCore>) {
        self.reserve(&core.description);
        self.by_name.insert(core.description.name.clone(), core);
    }

    /// Keeps the names of a family's samples from others.
    pub(super) fn reserve(&mut self, Description { name, metric, .. }: &Description) {
        for sample in sample_names(name, metric.exposed_as) {
            self.by_sample.insert(sample, name.clone());
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<FamilyCore>> {
        let core = self.by_name.remove(name)?;
        self.by_sample.retain(|_, family| family != name);
        core.set.give_back_reserved();
        Some(core)
    }

    /// Takes out the collector that yields this family, with all that it declared.
    pub(super) fn remove_collector(&mut self, family: &str) -> Option<Arc<dyn Collected>> {
        let (collector, families) = self.collectors.remove(family)?;
        self.by_sample.retain(|_, family| !families.contains(family));
        Some(collector)
    }

    /// The family with this description, if it is there; an error if another one is in its way.
    pub(super) fn registered(&self, description: &Description) -> Result<Option<&Arc<FamilyCore>>, RegisterError> {
        if let Some(collector) = self.collectors.of(&description.name) {
            let (name, collector) = (description.name.clone(), collector.to_owned());
            return Err(RegisterError::Collected { name, collector });
        }
        let Some(core) = self.by_name.get(&description.name) else {
            return self.check_clash(description).map(|()| None);
        };
        if core.description == *description {
            return Ok(Some(core));
        }
        Err(RegisterError::Conflict {
            name: description.name.clone(),
            registered: Difference { of: &core.description, from: description }.to_string(),
            refused: Difference { of: description, from: &core.description }.to_string(),
        })
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
