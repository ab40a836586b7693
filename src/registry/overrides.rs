//! What is set for families by name, before they are registered.

use super::Registry;
use super::description::Description;
use crate::metric::Config;
use crate::model::{OWN_PREFIX, check_bounds, normal_bounds};
use crate::sync::{Mutex, lock};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

/// What holds for one family, in place of what the code says that registers it; for [`RegistryBuilder::family`](super::RegistryBuilder::family).
///
/// ```
/// use quipu::registry::FamilySettings;
///
/// let settings = FamilySettings { max_series: Some(1_000), ..FamilySettings::default() };
/// let registry = quipu::Registry::builder().family("logins_total", settings).build()?;
/// # Ok::<(), quipu::registry::BuildError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FamilySettings {
    /// The bounds of a histogram, as [`bounds`](super::MetricBuilder::bounds).
    pub bounds: Option<Vec<f64>>,
    /// The most series, as [`max_series`](super::MetricBuilder::max_series).
    pub max_series: Option<usize>,
    /// When idle series go, as [`expire_after`](super::MetricBuilder::expire_after).
    pub expire_after: Option<Duration>,
    /// The most values of labels, as [`max_values`](super::MetricBuilder::max_values).
    pub max_values: BTreeMap<String, usize>,
}

/// The settings of all families that have some.
#[derive(Clone, Debug, Default)]
pub(super) struct Overrides {
    pub(super) by_name: BTreeMap<String, FamilySettings>,
    /// For families that say nothing else.
    pub(super) expire_after: Option<Duration>,
}

/// The same, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Applied {
    overrides: Overrides,
    namespace: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Names of settings that a family has.
    used: BTreeSet<String>,
    /// Settings that do not fit their families, in words.
    misfits: BTreeSet<String>,
    /// Families that are not exposed.
    hidden: BTreeSet<String>,
}

impl Applied {
    /// Names of families begin with `namespace`, which is none of the settings' names.
    pub(super) fn new(overrides: Overrides, namespace: String) -> Applied {
        Applied { overrides, namespace, state: Mutex::default() }
    }

    /// Puts what is set in place of what the description says. What does not fit is left out: no registration fails for it.
    pub(super) fn apply(&self, description: &mut Description) {
        if description.name.starts_with(OWN_PREFIX) {
            return;
        }
        if description.expire_after.is_none() {
            description.expire_after = self.overrides.expire_after;
        }
        let family = description.name.clone();
        for (name, settings) in self.find(&family) {
            let misfits = settings.put_into(description);
            self.note(name, &family, misfits);
        }
    }

    /// Leaves out what is set for a family that a collector yields: a collector alone says what its families are.
    pub(super) fn refuse(&self, family: &str) {
        for (name, _) in self.find(family) {
            let misfit = "a collector yields it, so what is set for it has no effect";
            self.note(name, family, vec![misfit.to_owned()]);
        }
    }

    /// What is set for a family by the name without the namespace, then by the whole one, which goes before.
    fn find(&self, family: &str) -> impl Iterator<Item = (&str, &FamilySettings)> {
        let short = family.strip_prefix(&self.namespace).filter(|short| *short != family);
        let names = short.into_iter().chain([family]);
        names.filter_map(|name| self.overrides.by_name.get_key_value(name)).map(|(name, settings)| (&**name, settings))
    }

    /// Notes that these settings have a family, and what of them does not fit it.
    fn note(&self, name: &str, family: &str, misfits: Vec<String>) {
        let state = &mut *lock(&self.state);
        state.used.insert(name.to_owned());
        state.misfits.extend(misfits.into_iter().map(|misfit| format!("`{family}`: {misfit}")));
    }

    /// What was set and has no effect, in words.
    pub(super) fn unused(&self) -> Vec<String> {
        let state = lock(&self.state);
        let unused = self.overrides.by_name.keys().filter(|name| !state.used.contains(*name));
        let unused = unused.map(|name| {
            format!("`{name}`: no family that is recorded into has this name, so what is set for it has no effect")
        });
        unused.chain(state.misfits.iter().cloned()).collect()
    }

    pub(super) fn set_hidden(&self, family: &str, is_hidden: bool) {
        let hidden = &mut lock(&self.state).hidden;
        match is_hidden {
            true => drop(hidden.insert(family.to_owned())),
            false => drop(hidden.remove(family)),
        }
    }

    /// Those that are not exposed.
    pub(super) fn hidden(&self) -> BTreeSet<String> {
        lock(&self.state).hidden.clone()
    }
}

impl FamilySettings {
    /// Returns what does not fit.
    fn put_into(&self, description: &mut Description) -> Vec<String> {
        let mut misfits = Vec::new();
        let is_closed = description.has_known_labels();
        match (&self.bounds, &mut description.config) {
            (Some(bounds), Config::Classic { bounds: own }) => match check_bounds(bounds) {
                Ok(()) => *own = normal_bounds(bounds).into(),
                Err(problem) => misfits.push(format!("what is set for its bounds has no effect: {problem}")),
            },
            (Some(_), _) => misfits.push("it is no histogram, so its bounds have no effect".to_owned()),
            (None, _) => {}
        }
        match self.max_series {
            Some(_) if is_closed => {
                misfits.push("all of its label values are known, so `max_series` has no effect".to_owned());
            }
            Some(most) => description.limits.set_series(most),
            None => {}
        }
        match self.expire_after {
            Some(_) if is_closed => {
                misfits.push("all of its label values are known, so its series do not expire".to_owned());
            }
            Some(after) => description.expire_after = Some(after),
            None => {}
        }
        for (label, most) in &self.max_values {
            match description.labels.iter().position(|name| name == label) {
                None => misfits.push(format!("it has no label {label:?}, so `max_values` has no effect")),
                Some(n) if description.known_values(n).is_some() => {
                    misfits.push(format!("the values of {label:?} are known, so `max_values` has no effect"));
                }
                Some(_) => description.limits.set_values(label.clone().into(), *most),
            }
        }
        misfits
    }
}

impl Registry {
    /// Stops showing a family, or shows it again. A hidden one is in no scrape, push or snapshot, nor in [`describe`](Self::describe). It is
    /// recorded all the while, so its totals go on; one of a [collector](crate::collect) is collected. `family` is the name that it has or
    /// will have when it is registered through this handle. `quipu_series` and its like tell of hidden families as of others. Idle series
    /// [expire](super::MetricBuilder::expire_after) only after a scrape, so those of a hidden family stay.
    ///
    /// # Cost
    /// A short lock. Recording does not see it.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").register()?;
    /// registry.set_hidden("jobs_total", true);
    /// jobs.inc();
    /// assert!(!registry.to_text().contains("\njobs_total"));
    /// registry.set_hidden("jobs_total", false);
    /// assert!(registry.to_text().contains("\njobs_total 1\n"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn set_hidden(&self, family: &str, is_hidden: bool) {
        self.overrides().set_hidden(&format!("{}{family}", self.prefix()), is_hidden);
    }

    /// What was set for [families](super::RegistryBuilder::family) and has no effect by now, a sentence each: no family of the name is registered, the
    /// setting does not fit it, or a [collector](crate::collect) yields it. Ask when all is registered.
    ///
    /// ```
    /// use quipu::registry::FamilySettings;
    ///
    /// let settings = FamilySettings { bounds: Some(vec![0.5, 1.0]), ..FamilySettings::default() };
    /// let registry = quipu::Registry::builder().family("jobs_total", settings).build()?;
    /// let unused = "`jobs_total`: no family that is recorded into has this name, so what is set for it has no effect";
    /// assert_eq!(registry.unused_settings(), [unused]);
    /// registry.counter("jobs_total", "Jobs finished.").register()?;
    /// assert_eq!(registry.unused_settings(), ["`jobs_total`: it is no histogram, so its bounds have no effect"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn unused_settings(&self) -> Vec<String> {
        self.overrides().unused()
    }
}
