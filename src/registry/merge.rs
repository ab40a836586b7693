//! Several registries behind one endpoint: which family stands where, and which cannot stand beside the others.

use super::Registry;
use super::family::FamilyCore;
use super::self_metrics::is_of_process;
use crate::model::{FamilySnapshot, FamilyView, sample_names};
use crate::sync::block_on::block_on;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// How long a scrape waits for collectors where nobody says how long it may: half of the time that Prometheus gives a scrape.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// A registry, and the families that its collectors yielded for one scrape.
#[derive(Debug)]
pub(crate) struct Gathered {
    registry: Registry,
    /// The families that are wanted, if these are not all.
    only: Option<BTreeSet<String>>,
    collected: Vec<Arc<FamilySnapshot>>,
}

impl Gathered {
    fn stored(&self) -> Vec<Arc<FamilyCore>> {
        self.registry.families_among(self.only.as_ref())
    }
}

/// The first phase of a scrape, of all families or of those that may expose a sample of one of these names: asks their collectors at
/// once, and waits for them at most so long.
pub(crate) async fn collect(
    registries: Vec<Registry>,
    samples: Option<Arc<[String]>>,
    within: Duration,
) -> Vec<Gathered> {
    for (n, registry) in registries.iter().enumerate() {
        if !registries[..n].iter().any(|before| before.is_same(registry)) {
            registry.hooks().run();
        }
    }
    let begin = |registry: Registry| {
        // After the hooks, which may register families.
        let only = samples.as_deref().map(|samples| registry.among(samples));
        let collectors = registry.collectors(only.as_ref());
        let calls: Vec<_> = collectors.iter().map(|collector| collector.collect(within)).collect();
        (registry, only, calls)
    };
    let begun: Vec<_> = registries.into_iter().map(begin).collect();
    let mut gathered = Vec::with_capacity(begun.len());
    for (registry, only, calls) in begun {
        let mut collected = Vec::new();
        for call in calls {
            collected.extend(call.await);
        }
        let is_shown = registry.shown();
        let is_wanted = |name: &str| only.as_ref().map_or_else(|| is_shown(name), |only| only.contains(name));
        collected.retain(|family: &Arc<FamilySnapshot>| is_wanted(family.name()));
        gathered.push(Gathered { registry, only, collected });
    }
    gathered
}

/// As [`collect`], on a thread that waits.
pub(crate) fn collect_now(registries: Vec<Registry>) -> Vec<Gathered> {
    // Each call ends by itself.
    block_on(collect(registries, None, PATIENCE), || Some(PATIENCE)).unwrap_or_default()
}

/// Where the series of a family come from.
#[derive(Debug)]
pub(super) enum Source {
    Stored(Arc<FamilyCore>),
    Collected(Arc<FamilySnapshot>),
}

/// The series of a family that come from one source.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) registry: Registry,
    pub(super) source: Source,
    /// It is the first one of its family.
    pub(super) begins_family: bool,
    /// Of the parts of the family, it is the first one with these global labels, which come one after another.
    pub(super) begins_labels: bool,
    /// A series of it may also be in another part.
    pub(super) may_repeat: bool,
}

impl Part {
    fn new(registry: &Registry, source: Source) -> Part {
        Part { registry: registry.clone(), source, begins_family: true, begins_labels: true, may_repeat: false }
    }

    pub(super) fn view(&self, is_continued: bool) -> FamilyView<'_> {
        match &self.source {
            Source::Stored(core) => core.view(self.registry.global_labels(), is_continued),
            Source::Collected(family) => family.view(self.registry.global_labels(), is_continued),
        }
    }
}

/// The families of these registries, sorted by name; of two that cannot stand beside each other, that of the earlier registry.
pub(super) fn parts(gathered: Vec<Gathered>) -> Vec<Part> {
    if let [only] = &gathered[..]
        && only.collected.is_empty()
    {
        return only.stored().into_iter().map(|core| Part::new(&only.registry, Source::Stored(core))).collect();
    }
    let mut merge = Merge::default();
    for gathered in gathered {
        if !merge.registries.iter().any(|other| other.is_same(&gathered.registry)) {
            let stored = gathered.stored().into_iter().map(Source::Stored);
            let Gathered { registry, collected, .. } = gathered;
            stored.chain(collected.into_iter().map(Source::Collected)).for_each(|source| merge.add(&registry, source));
            merge.registries.push(registry);
        }
    }
    merge.by_name.into_values().flatten().collect()
}

#[derive(Default)]
struct Merge {
    registries: Vec<Registry>,
    by_name: BTreeMap<String, Vec<Part>>,
    /// Names of samples that the families may expose.
    samples: HashSet<String>,
}

impl Merge {
    fn add(&mut self, registry: &Registry, source: Source) {
        let mut part = Part::new(registry, source);
        let view = part.view(false);
        let Some(parts) = self.by_name.get_mut(view.name) else {
            let samples = sample_names(view.name, view.kind);
            if samples.iter().any(|sample| self.samples.contains(sample)) {
                return registry.count_left_out(view.name, 1);
            }
            self.samples.extend(samples);
            self.by_name.insert(view.name.to_owned(), vec![part]);
            return;
        };
        if is_of_process(view.name) {
            // The same in each registry.
            return;
        }
        if !parts.iter().all(|other| other.view(false).is_alike(&view)) {
            return registry.count_left_out(view.name, 1);
        }
        part.begins_family = false;
        let has_same_labels = |other: &Part| other.registry.global_labels().is_alike(registry.global_labels());
        match parts.iter().rposition(has_same_labels) {
            Some(before) => {
                parts[before].may_repeat = true;
                (part.begins_labels, part.may_repeat) = (false, true);
                parts.insert(before + 1, part);
            }
            None => parts.push(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FamilySnapshot, Snapshot};
    use crate::registry::Gather;

    fn snapshot(gathered: Vec<Gathered>) -> Snapshot {
        let mut snapshot = Snapshot::default();
        assert!(!Gather::new(gathered).step(&mut snapshot));
        snapshot
    }

    #[test]
    fn collected_families_stand_among_the_stored() {
        let (stored, other) = (Registry::new(), Registry::new());
        for (registry, labels) in [(&stored, ["a", "b"]), (&other, ["b", "c"])] {
            let counter = registry.counter("n_total", "N.").labels(["x"]).register().unwrap();
            let histogram = registry.histogram("s", "S.").bounds([1.0]).labels(["x"]).register().unwrap();
            for label in labels {
                counter.with([label]).inc_by(label.len() as u64);
                histogram.with([label]).observe(0.5);
            }
        }
        other.gauge("g", "G.").register().unwrap().set(7.0);
        let mut collected = other.snapshot().families().to_vec();
        collected.retain(|family| !family.name().starts_with("quipu"));
        let collected = collected.into_iter().map(Arc::new).collect();

        let found = snapshot(vec![Gathered { registry: stored.clone(), only: None, collected }]);
        let names: Vec<_> = found.families().iter().map(FamilySnapshot::name).collect();
        assert!(names.is_sorted(), "{names:?}");
        let names: Vec<_> = names.into_iter().filter(|name| !name.starts_with("quipu")).collect();
        assert_eq!(names, ["g", "n_total", "s"]);
        let values = |name: &str| {
            found.family(name).unwrap().series().iter().map(|series| series.label_values().collect::<String>())
        };
        assert_eq!(values("n_total").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(values("s").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(found.value("g", &[]), Some(7.0));
        assert_eq!(found.histogram("s", &[("x", "c")]).unwrap().bucket_counts(), [1, 0]);
        for family in ["n_total", "s"] {
            let left_out = stored.snapshot().value("quipu_left_out_total", &[("family", family)]);
            assert_eq!(left_out, Some(1.0), "{family}");
        }
    }
}
