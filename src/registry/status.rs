//! How a registry stands: what a page for people shows beside the values.

use super::Registry;
use super::collected::CollectorStatus;
use super::describe::FamilyDescription;
use super::family::FamilyCore;
use super::offenders;
use super::pushes::PushStatus;
use crate::guard::{LabelOffenders, Report};
use crate::lanes;
use crate::sync::lock;
use std::collections::HashMap;
use std::sync::Arc;

/// A registry at one time. Made by [`Registry::status`].
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) families: Vec<FamilyStatus>,
    pub(crate) offenders: Vec<Offending>,
    pub(crate) breakers: Vec<BreakerStatus>,
    /// With their names.
    pub(crate) collectors: Vec<(String, CollectorStatus)>,
    pub(crate) pushes: Vec<PushStatus>,
    pub(crate) series: usize,
    pub(crate) most_series: Option<usize>,
    pub(crate) bytes: usize,
    pub(crate) most_bytes: Option<usize>,
    pub(crate) lanes: Lanes,
}

/// The [lanes] of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub(crate) bytes: usize,
    pub(crate) most_bytes: usize,
    pub(crate) threads_without: u64,
}

#[derive(Debug)]
pub(crate) struct FamilyStatus {
    pub(crate) description: FamilyDescription,
    /// How many there are; of a collector, how many the last good call yielded.
    pub(crate) series: usize,
    /// The memory of the series, if it is counted.
    pub(crate) bytes: Option<usize>,
    /// The distinct values of each label that has a limit of its own.
    pub(crate) values: Vec<Option<usize>>,
    /// Lookups in which the value of a label was replaced, by label.
    pub(crate) overflowed: Vec<u64>,
}

/// The values of a label that came beyond a limit.
#[derive(Debug)]
pub(crate) struct Offending {
    pub(crate) family: String,
    pub(crate) label: String,
    pub(crate) report: Report,
}

#[derive(Debug)]
pub(crate) struct BreakerStatus {
    /// With the prefix of its families.
    pub(crate) name: String,
    pub(crate) state: &'static str,
    pub(crate) opened: u64,
    pub(crate) rejections: u64,
}

impl Registry {
    /// How the registry stands. Takes its lock, and each family's for a moment; calls no collector.
    pub(crate) fn status(&self) -> Status {
        let descriptions = self.describe();
        let (cores, collectors) = {
            let families = lock(self.all_families());
            let cores: HashMap<String, Arc<FamilyCore>> =
                families.by_name.iter().map(|(name, core)| (name.clone(), core.clone())).collect();
            (cores, families.collectors.named())
        };
        let collectors: Vec<_> = collectors.into_iter().map(|(name, it)| (name, it.status())).collect();
        let collected: HashMap<&str, usize> = collectors
            .iter()
            .flat_map(|(_, status)| status.series.iter().map(|(family, series)| (&**family, *series)))
            .collect();
        let family = |description: FamilyDescription| match cores.get(description.name()) {
            Some(core) => FamilyStatus::of(description, core),
            None => FamilyStatus {
                series: collected.get(description.name()).copied().unwrap_or_default(),
                bytes: None,
                values: Vec::new(),
                overflowed: Vec::new(),
                description,
            },
        };
        let families: Vec<_> = descriptions.into_iter().map(family).collect();
        let shared = self.shared_limits();
        Status {
            offenders: families
                .iter()
                .filter_map(|family| cores.get(family.description.name()))
                .flat_map(offending)
                .collect(),
            families,
            breakers: self.breakers().statuses(),
            pushes: self.pushes().statuses(),
            collectors,
            series: shared.series(),
            most_series: shared.most_series(),
            bytes: shared.bytes(),
            most_bytes: shared.most_bytes(),
            lanes: Lanes {
                bytes: lanes::used_bytes(),
                most_bytes: lanes::limit_bytes(),
                threads_without: lanes::threads_without(),
            },
        }
    }
}

fn offending(core: &Arc<FamilyCore>) -> Vec<Offending> {
    let family = &core.description.name;
    let of_label = |(label, offenders): (&str, &LabelOffenders)| Offending {
        family: family.clone(),
        label: label.to_owned(),
        report: offenders.report(),
    };
    offenders::by_label(core).map(of_label).collect()
}

impl FamilyStatus {
    /// Adds the series of the same family of another registry.
    pub(crate) fn add(&mut self, other: &FamilyStatus) {
        self.series += other.series;
        self.bytes = self.bytes.zip(other.bytes).map(|(bytes, more)| bytes + more);
        self.values.iter_mut().zip(&other.values).for_each(|(values, more)| *values = (*values).max(*more));
        self.overflowed.iter_mut().zip(&other.overflowed).for_each(|(count, more)| *count += more);
    }

    fn of(description: FamilyDescription, core: &FamilyCore) -> FamilyStatus {
        let mut values = vec![None; core.description.labels.len()];
        for (label, number, _) in core.set.label_values() {
            values[label] = Some(number);
        }
        FamilyStatus {
            description,
            series: core.set.len(),
            bytes: core.set.bytes(),
            values,
            overflowed: core.about.overflowed.iter().map(|count| count.sum()).collect(),
        }
    }
}
