//! The families of a registry, by name and by the samples that they may expose.

use super::description::{Description, Difference};
use super::error::RegisterError;
use super::family::FamilyCore;
use crate::model::sample_names;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Families {
    pub(super) by_name: BTreeMap<String, Arc<FamilyCore>>,
    /// Which family may expose a sample of this name, in any format.
    by_sample: BTreeMap<String, String>,
}

impl Families {
    pub(super) fn add(&mut self, core: Arc<FamilyCore>) {
        let Description { name, metric, .. } = &core.description;
        for sample in sample_names(name, metric.exposed_as) {
            self.by_sample.insert(sample, name.clone());
        }
        self.by_name.insert(name.clone(), core);
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<FamilyCore>> {
        let core = self.by_name.remove(name)?;
        self.by_sample.retain(|_, family| family != name);
        Some(core)
    }

    /// The family with this description, if it is there; an error if another one is in its way.
    pub(super) fn registered(&self, description: &Description) -> Result<Option<&Arc<FamilyCore>>, RegisterError> {
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
