//! The registry: it makes families, keeps them, and takes them out again.

use super::breakers::Breakers;
use super::description::{Description, Rules};
use super::error::{BuildError, RegisterError};
use super::families::Families;
use super::family::FamilyCore;
use super::hooks::Hooks;
use super::limits::Guard;
use super::offenders;
use super::overrides::Applied;
#[cfg(feature = "page")]
use super::pushes::PushTargets;
use super::safe::Caught;
use super::self_metrics::SelfMetrics;
use super::settings::RegistryBuilder;
use crate::clock::Clock;
use crate::guard::RegistryLimits;
use crate::model::{Buckets, GlobalLabels, Named, OWN_PREFIX};
#[cfg(feature = "page")]
use crate::store::SharedLimits;
use crate::sync::{Mutex, lock};
use core::fmt;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A set of families, exposed together. Cloning gives another handle to the same registry.
///
/// A registry is isolated: a test makes its own. A program that wants one for all of its parts takes [`global`](super::global()).
///
/// Every registry also measures itself: `quipu_series` is the number of series of each family, and
/// `quipu_rejected_values_total` counts the values that its float counters and histograms have refused.
/// `quipu_refused_lookups_total` counts lookups of new label values for which there was no memory, or for a gauge no room within a
/// limit. What is used of the limits on the number of series, and what is beyond them, the [`guard`](crate::guard) tells;
/// `quipu_expired_series_total` counts series that were [idle](crate::registry::MetricBuilder::expire_after). `quipu_retained_series`,
/// `quipu_freeing_refused` and `quipu_lost_lanes` say what of the process's memory cannot be freed; `quipu_lane_bytes`,
/// `quipu_lane_limit_bytes` and `quipu_threads_without_lane` tell about the [lanes](crate::lanes). Where several registries are
/// exposed together, `quipu_left_out_total` counts what was left out because two of them had the same.
/// `quipu_timed_conflicts_total` counts metrics of `#[timed]` and its like that were refused. Names that begin with
/// `quipu_` are reserved for such metrics; [`without_self_metrics`](RegistryBuilder::without_self_metrics) leaves them out.
///
/// ```
/// let registry = quipu::Registry::new();
/// let jobs = registry.counter("jobs_total", "Jobs finished.").register()?;
/// jobs.inc();
/// assert!(registry.to_text().contains("\njobs_total 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    /// What is put before names: ends in `_`, or is empty.
    prefix: Arc<str>,
}

/// What all handles to a registry share.
struct Shared {
    rules: Rules,
    clock: Clock,
    families: Mutex<Families>,
    self_metrics: Option<SelfMetrics>,
    breakers: Breakers,
    #[cfg(feature = "page")]
    pushes: PushTargets,
    hooks: Hooks,
    caught: Caught,
    guard: Guard,
    overrides: Applied,
    /// Whether it only hands out what is detached.
    is_disabled: bool,
}

impl Registry {
    /// A new registry, without a namespace and global labels.
    pub fn new() -> Registry {
        let (limits, overrides) = (RegistryLimits::default(), Applied::default());
        Registry::with(String::new(), Rules::default(), true, Clock::default(), limits, overrides)
    }

    /// A new registry with settings: a namespace, global labels, lenient names, a clock for tests.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().namespace("shop").label("region", "eu").build()?;
    /// registry.counter("orders_total", "Orders.").register()?.inc();
    /// assert!(registry.to_text().contains("shop_orders_total{region=\"eu\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder::default()
    }

    pub(super) fn with(
        namespace: String,
        rules: Rules,
        has_self_metrics: bool,
        clock: Clock,
        limits: RegistryLimits,
        overrides: Applied,
    ) -> Registry {
        let guard = Guard::new(limits);
        let self_metrics = has_self_metrics.then(|| SelfMetrics::new(&rules.global_labels, &guard.shared));
        let mut families = Families::default();
        for family in self_metrics.iter().flat_map(SelfMetrics::families) {
            families.add(family.clone());
        }
        let families = Mutex::new(families);
        Registry {
            shared: Arc::new(Shared {
                rules,
                clock,
                families,
                self_metrics,
                breakers: Breakers::default(),
                #[cfg(feature = "page")]
                pushes: PushTargets::default(),
                hooks: Hooks::default(),
                caught: Caught::default(),
                guard,
                overrides,
                is_disabled: false,
            }),
            prefix: namespace.into(),
        }
    }

    /// A handle to the same registry for a part of the program: names of metrics that are registered through it get `prefix`
    /// and `_` put before them, after the namespace and the prefix that this handle has.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().namespace("shop").build()?;
    /// let db = registry.with_prefix("db")?;
    /// db.counter("queries_total", "Queries.").register()?.inc();
    /// assert!(registry.to_text().contains("\nshop_db_queries_total 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When no name can begin with the prefix.
    pub fn with_prefix(&self, prefix: &str) -> Result<Registry, BuildError> {
        match Named::Namespace.check(prefix) {
            Ok(()) => Ok(self.with_unchecked_prefix(prefix)),
            Err(problem) => Err(BuildError::Prefix { prefix: prefix.to_owned(), problem }),
        }
    }

    /// The same, with a prefix that is checked with the names that come after it.
    pub(super) fn with_unchecked_prefix(&self, prefix: &str) -> Registry {
        self.prefixed(format!("{}{}_", self.prefix, prefix.trim_end_matches('_')))
    }

    /// A handle to the same registry that puts nothing before names: neither the namespace nor a prefix. For metrics that stock
    /// dashboards look for.
    ///
    /// ```
    /// let registry = quipu::Registry::builder().namespace("shop").build()?;
    /// let stock = registry.without_namespace();
    /// stock.gauge("process_threads", "Threads of this process.").register()?.set(8.0);
    /// assert!(registry.to_text().contains("\nprocess_threads 8\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn without_namespace(&self) -> Registry {
        self.prefixed(String::new())
    }

    /// A handle to the same registry for this library's metrics about itself, whose names are the same in all registries.
    pub(crate) fn own_metrics(&self) -> Registry {
        self.prefixed(OWN_PREFIX.to_owned())
    }

    fn prefixed(&self, prefix: String) -> Registry {
        Registry { shared: self.shared.clone(), prefix: prefix.into() }
    }

    /// A registry for programs that are to run without metrics: it exposes nothing, and keeps no series.
    ///
    /// Names, labels and bounds are checked as ever, but no metric stands in the way of another. What is registered is detached,
    /// as a [`Counter::detached`](crate::Counter::detached) is: it records at the same cost and can be read, and all label values of a family, those that
    /// were never used included, share one series. A family has [`len`](crate::Family::len) 0, and
    /// [`get`](crate::Family::get) finds nothing in it; of a closed label set it finds the one series.
    ///
    /// ```
    /// let registry = quipu::Registry::disabled();
    /// let jobs = registry.counter("jobs_total", "Jobs finished.").labels(["queue"]).register()?;
    /// jobs.with(["mail"]).inc();
    /// assert!(jobs.is_empty());
    /// assert_eq!(registry.to_text(), "");
    /// assert!(registry.counter("jobs", "Jobs finished.").register().is_err());
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn disabled() -> Registry {
        Registry::disabled_with(Rules::default())
    }

    /// The same, with names of which only what formats require is asked.
    pub(crate) fn disabled_and_lenient() -> Registry {
        Registry::disabled_with(Rules { lenient_names: true, ..Rules::default() })
    }

    fn disabled_with(rules: Rules) -> Registry {
        let shared = Shared {
            rules,
            clock: Clock::default(),
            families: Mutex::default(),
            self_metrics: None,
            breakers: Breakers::default(),
            #[cfg(feature = "page")]
            pushes: PushTargets::default(),
            hooks: Hooks::default(),
            caught: Caught::default(),
            guard: Guard::new(RegistryLimits::default()),
            overrides: Applied::default(),
            is_disabled: true,
        };
        Registry { shared: Arc::new(shared), prefix: Arc::default() }
    }

    /// Unregisters a family. Returns whether it was registered. `name` is the full name, with the namespace and the prefix. The
    /// registry's metrics about itself cannot be unregistered: `false`.
    ///
    /// Handles to its series stay good, but nobody reads what they record; the name is free again, and so is what was reserved for
    /// the family. Of the family of a [collector](crate::collect), it unregisters the collector, with all of its families.
    ///
    /// # Cost
    /// Takes the registry's lock, looks at the names of all families, and frees the series that nobody has a handle to.
    ///
    /// ```
    /// let registry = quipu::Registry::new();
    /// registry.counter("jobs_total", "Jobs finished.").register()?;
    /// assert!(registry.unregister("jobs_total"));
    /// assert!(!registry.to_text().contains("jobs_total"));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn unregister(&self, name: &str) -> bool {
        if name.starts_with(OWN_PREFIX) {
            return false;
        }
        let mut families = lock(&self.shared.families);
        if let Some(collector) = families.remove_collector(name) {
            // Under the lock: a new collector of this name would lose its own metrics.
            collector.removed();
            // Dropping it runs code of others.
            drop(families);
            return true;
        }
        let Some(core) = families.remove(name) else { return false };
        // Under the lock: a new family of this name would lose its own.
        if let Some(about) = &self.shared.self_metrics {
            about.remove(&core.description);
        }
        drop(families);
        drop(core);
        true
    }

    /// What is put before names.
    pub(crate) fn prefix(&self) -> &Arc<str> {
        &self.prefix
    }

    pub(super) fn caught(&self) -> &Caught {
        &self.shared.caught
    }

    pub(super) fn breakers(&self) -> &Breakers {
        &self.shared.breakers
    }

    #[cfg(feature = "page")]
    pub(super) fn pushes(&self) -> &PushTargets {
        &self.shared.pushes
    }

    /// Where the registry's timers read the time: the real clock, or that of a
    /// [test](crate::registry::RegistryBuilder::clock).
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    pub(super) fn hooks(&self) -> &Hooks {
        &self.shared.hooks
    }

    pub(crate) fn global_labels(&self) -> &GlobalLabels {
        &self.shared.rules.global_labels
    }

    /// The family that is registered with this description, or a new one.
    pub(crate) fn get_or_register(&self, description: Description) -> Result<Arc<FamilyCore>, RegisterError> {
        self.get_or_register_all([description]).map(|[core]| core)
    }

    /// The families that are registered with these descriptions, or new ones; or an error, and then none is registered.
    pub(crate) fn get_or_register_all<const N: usize>(
        &self,
        descriptions: [Description; N],
    ) -> Result<[Arc<FamilyCore>; N], RegisterError> {
        let cores = self.get_or_register_list(descriptions.into())?;
        Ok(<[_; N]>::try_from(cores).expect("a family for each description"))
    }

    /// The same, for a number that is known at run time only.
    pub(crate) fn get_or_register_list(
        &self,
        descriptions: Vec<Description>,
    ) -> Result<Vec<Arc<FamilyCore>>, RegisterError> {
        let mut checked = Vec::with_capacity(descriptions.len());
        for mut description in descriptions {
            self.shared.overrides.apply(&mut description);
            let buckets = description.check(&self.prefix, &self.shared.rules)?;
            checked.push((description, buckets));
        }
        if self.shared.is_disabled {
            let detached = |(description, buckets)| Arc::new(FamilyCore::detached(description, buckets));
            Ok(checked.into_iter().map(detached).collect())
        } else {
            self.add_all(checked)
        }
    }

    fn add_all(&self, checked: Vec<(Description, Option<Buckets>)>) -> Result<Vec<Arc<FamilyCore>>, RegisterError> {
        let about = self.shared.self_metrics.as_ref();
        let mut families = lock(&self.shared.families);
        let (mut cores, mut added) = (Vec::with_capacity(checked.len()), Vec::new());
        for (description, buckets) in checked {
            let registered = families.registered(&description).map(Option::<&_>::cloned).and_then(|registered| {
                // One that is there has what it reserves.
                if registered.is_none() { self.shared.guard.check(&description).map(|()| None) } else { Ok(registered) }
            });
            let core = match registered {
                Ok(Some(core)) => core,
                Ok(None) => {
                    let core = Arc::new(self.make(description, buckets));
                    families.add(core.clone());
                    added.push(core.clone());
                    core
                }
                Err(error) => {
                    for core in added {
                        families.remove(&core.description.name);
                        about.inspect(|about| about.remove(&core.description));
                    }
                    return Err(error);
                }
            };
            cores.push(core);
        }
        Ok(cores)
    }

    /// Checks all that can be checked without the other families.
    pub(super) fn check_alone(&self, description: &Description) -> Result<(), RegisterError> {
        description.check(&self.prefix, &self.shared.rules).map(drop)
    }

    /// Families that are recorded into, and collectors.
    pub(super) fn all_families(&self) -> &Mutex<Families> {
        &self.shared.families
    }

    /// The most series of a family that gets any while it is used.
    pub(super) fn max_series(&self, family: &Description) -> Option<usize> {
        self.shared.guard.most_series(family)
    }

    pub(super) fn overrides(&self) -> &Applied {
        &self.shared.overrides
    }

    /// What all families use together, and may use.
    #[cfg(feature = "page")]
    pub(super) fn shared_limits(&self) -> &SharedLimits {
        &self.shared.guard.shared
    }

    pub(super) fn is_disabled(&self) -> bool {
        self.shared.is_disabled
    }

    fn make(&self, description: Description, buckets: Option<Buckets>) -> FamilyCore {
        let Shared { self_metrics, guard, clock, .. } = &*self.shared;
        let most = guard.most_series(&description);
        let about = self_metrics.as_ref().map(|about| about.add(&description, most)).unwrap_or_default();
        let limits = guard.limits(&description, about.overflowed.clone());
        FamilyCore::new(description, buckets, about, clock.clone(), limits)
    }

    /// Counts what a scrape left out of a family. Not to be called under a pin.
    pub(super) fn count_left_out(&self, family: &str, n: u64) {
        if let Some(self_metrics) = &self.shared.self_metrics {
            // Under the lock: nothing shall be said any more of a family that is unregistered.
            let families = lock(&self.shared.families);
            if families.has(family) {
                self_metrics.count_left_out(family, n);
            }
        }
    }

    /// Whether both have the same families.
    pub(crate) fn is_same(&self, other: &Registry) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// The names of the families that are shown, of collectors too, that may expose a sample of one of these names.
    pub(super) fn among(&self, samples: &[String]) -> BTreeSet<String> {
        let mut families = lock(&self.shared.families).among(samples);
        let is_shown = self.shown();
        families.retain(|family| is_shown(family));
        families
    }

    /// The families that are shown, by name, brought up to date: all, or only [those](Self::among) of these names.
    pub(super) fn families_among(&self, only: Option<&BTreeSet<String>>) -> Vec<Arc<FamilyCore>> {
        let Some(only) = only else { return self.families() };
        // What the registry says about itself speaks of all families.
        if only.iter().any(|name| name.starts_with(OWN_PREFIX)) {
            let mut families = self.families();
            families.retain(|core| only.contains(&core.description.name));
            return families;
        }
        self.shared.breakers.bring_up_to_date();
        let families = lock(&self.shared.families);
        only.iter().filter_map(|name| families.by_name.get(name)).cloned().collect()
    }

    /// All families that are shown, by name, brought up to date.
    pub(crate) fn families(&self) -> Vec<Arc<FamilyCore>> {
        // Of those that are hidden, too, the registry's own tell.
        let mut families: Vec<_> = lock(&self.shared.families).by_name.values().cloned().collect();
        self.shared.breakers.bring_up_to_date();
        families.iter().for_each(|family| offenders::bring_up_to_date(family));
        if let Some(self_metrics) = &self.shared.self_metrics {
            // Without the registry's lock, since each waits for its family's. What that makes of a family which is unregistered
            // meanwhile goes afterwards.
            families.iter().for_each(|family| self_metrics.bring_up_to_date(family));
            self_metrics.refresh();
            let now = lock(&self.shared.families);
            let is_gone = |family: &&Arc<FamilyCore>| !now.has(&family.description.name);
            families.iter().filter(is_gone).for_each(|family| self_metrics.remove(&family.description));
        }
        let is_shown = self.shown();
        families.retain(|family| is_shown(&family.description.name));
        families
    }

    /// Tells of names which of these families are shown, recorded or collected: those that nobody has [hidden](Self::set_hidden), and its own
    /// if it exposes any.
    pub(super) fn shown(&self) -> impl Fn(&str) -> bool + use<> {
        let (hidden, has_own) = (self.shared.overrides.hidden(), self.shared.self_metrics.is_some());
        move |name| (has_own || !name.starts_with(OWN_PREFIX)) && !hidden.contains(name)
    }
}

impl Default for Registry {
    fn default() -> Self {
        Registry::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(lock(&self.shared.families).by_name.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    /// A scrape that waits for a family's lock keeps nobody else out, nor does it leave the family's number behind if that is
    /// unregistered meanwhile.
    #[test]
    fn a_scrape_that_waits_for_a_family_holds_no_lock() {
        let registry = Registry::new();
        registry.gauge("a", "A.").register().unwrap();
        drop(registry.gauge("b", "B.").labels(["label"]).max_values("label", 1).register().unwrap());
        let [a, b] = ["a", "b"].map(|name| lock(&registry.shared.families).by_name[name].clone());
        let held = b.set.hold();
        let scrape = thread::spawn({
            let registry = registry.clone();
            move || registry.families().len()
        });
        // By name: when `a` is counted, it is the turn of `b`.
        while a.about.series.as_ref().unwrap().value() == 0.0 {
            thread::yield_now();
        }
        let (done, is_done) = mpsc::channel();
        thread::spawn({
            let registry = registry.clone();
            move || {
                registry.gauge("c", "C.").register().unwrap();
                done.send(registry.unregister("b")).unwrap();
            }
        });
        assert_eq!(is_done.recv_timeout(Duration::from_secs(30)), Ok(true));
        drop(held);
        scrape.join().unwrap();
        let text = registry.to_text();
        assert!(!text.contains("family=\"b\""), "{text}");
        assert!(text.contains("quipu_series{family=\"c\"} 1\n"), "{text}");
    }

    #[test]
    fn a_scrape_of_some_families_leaves_the_others_alone() {
        let registry = Registry::new();
        registry.gauge("a", "A.").register().unwrap();
        registry.gauge("b", "B.").register().unwrap();
        let b = lock(&registry.shared.families).by_name["b"].clone();
        let _held = b.set.hold();
        let names = |cores: Vec<Arc<FamilyCore>>| -> Vec<_> {
            cores.iter().map(|core| core.description.name.clone()).collect()
        };
        let only = registry.among(&["a".to_owned(), "c".to_owned()]);
        assert_eq!(names(registry.families_among(Some(&only))), ["a"]);
    }

    #[test]
    fn of_several_families_all_are_registered_or_none() {
        let registry = Registry::new();
        registry.counter("old_total", "Old.").register().unwrap();
        let about_families = || -> Vec<String> {
            registry.to_text().lines().filter(|line| line.contains("_total")).map(str::to_owned).collect()
        };
        let before = about_families();
        let description = |name, help| registry.counter(name, help).into_description();
        let mine = || description("mine_total", "Mine.");
        // The third is in the way of the second, which is new as well; or of one that was there.
        for other in [description("mine_total", "Other."), description("old_total", "Other.")] {
            let error = registry.get_or_register_all([description("old_total", "Old."), mine(), other]).unwrap_err();
            assert!(matches!(error, RegisterError::Conflict { .. }), "{error}");
            assert_eq!(about_families(), before);
        }
        registry.get_or_register_all([mine(), mine()]).unwrap();
    }

    /// What it says of itself is there when nothing else has room, and does not count.
    #[test]
    fn own_metrics_are_outside_of_all_limits() {
        let registry = Registry::builder().max_series(1).max_series_per_family(1).max_value_bytes(1).build().unwrap();
        let filler = registry.gauge("filler", "F.").labels(["n"]).register().unwrap();
        ["a", "b"].iter().for_each(|n| filler.with([*n]).set(1.0));
        let up = registry.own_metrics().gauge("probe_up", "P.").labels(["probe"]).register().unwrap();
        ["first", "second"].iter().for_each(|probe| up.with([*probe]).set(1.0));
        assert!(!registry.record_safe(|| Err::<(), _>("down")));
        registry.own_metrics().counter("probes_total", "P.").labels(["n"]).reserve_series(9).register().unwrap();
        let read = registry.snapshot();
        let values = ["first", "second"].map(|probe| read.value("quipu_probe_up", &[("probe", probe)]));
        assert_eq!((filler.len(), values), (1, [Some(1.0); 2]));
        assert_eq!(read.value("quipu_record_failures_total", &[("kind", "error")]), Some(1.0));
        assert_eq!(read.value("quipu_registry_series", &[]), Some(1.0));
        assert_eq!(read.value("quipu_series_limit", &[("family", "quipu_probe_up")]), None);
    }

    #[test]
    #[cfg(feature = "http")]
    fn own_metrics_stand_outside_the_namespace_and_are_left_out_with_the_others() {
        let shop = || Registry::builder().namespace("shop");
        for (registry, is_shown) in [(shop().build(), true), (shop().without_self_metrics().build(), false)] {
            let registry = registry.unwrap();
            let own = registry.own_metrics();
            own.counter("probes_total", "P.").register().unwrap().inc();
            let shown = registry.to_text().contains("\nquipu_probes_total 1\n");
            assert_eq!(shown, is_shown);
            assert!(!registry.unregister("quipu_probes_total"));
        }
    }
}
