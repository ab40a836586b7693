//! A place in the code that the macros time, and the metrics that it records into.

use super::Call;
use crate::metric::{Counter, Histogram};
use crate::registry::{DynLabelNames, Family, LabelNames, RegisterError, Registry};
use crate::sync::{OnceLock, get_or_init};
use core::fmt;

/// What a place records into, from the literals of a macro: the compiler has checked them.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Spec<const N: usize> {
    /// The name of the histogram.
    pub seconds: &'static str,
    /// Its help.
    pub help: &'static str,
    /// Its bounds.
    pub bounds: &'static [f64],
    /// The name of the counter of calls, if there is one.
    pub calls: Option<&'static str>,
    /// The name of the counter of errors, if there is one.
    pub errors: Option<&'static str>,
    /// Whether errors have a label [`CLASS`] beside the others.
    pub is_classified: bool,
    /// The labels of all of them.
    pub labels: [&'static str; N],
}

/// The label that says what an error was.
pub(super) const CLASS: &str = "error_type";

/// So many labels can a family have.
const MOST_LABELS: usize = 62;

/// The label's value for calls that panicked.
const PANIC: &str = "panic";

/// A place that is timed: a static at that place.
#[doc(hidden)]
pub struct Site<const N: usize> {
    pub(super) spec: Spec<N>,
    registry: fn() -> Registry,
    families: OnceLock<Families<N>>,
    /// The series of a place whose label values are literals.
    fixed: OnceLock<Handles>,
    /// Whether the series of all classes of errors are there, of such a place.
    has_classes: OnceLock<()>,
}

/// The families of a place.
struct Families<const N: usize> {
    seconds: Family<Histogram, LabelNames<N>>,
    calls: Option<Family<Counter, LabelNames<N>>>,
    errors: Option<Errors<N>>,
}

enum Errors<const N: usize> {
    All(Family<Counter, LabelNames<N>>),
    Classified(Family<Counter, DynLabelNames>),
}

/// The series that a call records into.
#[doc(hidden)]
#[derive(Debug)]
pub struct Handles {
    pub(super) seconds: Histogram,
    pub(super) calls: Option<Counter>,
    pub(super) errors: Option<Counter>,
}

impl<const N: usize> Site<N> {
    /// A place whose metrics are registered at its first call.
    ///
    /// # Panics
    /// At compile time, when there are too many labels.
    pub const fn new(spec: Spec<N>, registry: fn() -> Registry) -> Self {
        assert!(N + spec.is_classified as usize <= MOST_LABELS, "a metric has at most 62 labels");
        Site { spec, registry, families: OnceLock::new(), fixed: OnceLock::new(), has_classes: OnceLock::new() }
    }

    /// Begins a call with label values that are the same for all calls.
    #[inline]
    pub fn start_fixed(&'static self, values: [&str; N]) -> Call<N, &'static Handles> {
        Call::new(self, self.fixed.get().unwrap_or_else(|| self.fix(values)))
    }

    /// Begins a call with these label values.
    #[inline]
    pub fn start(&'static self, values: [&str; N]) -> Call<N, Handles> {
        Call::new(self, self.families().handles(values))
    }

    #[cold]
    fn fix(&self, values: [&str; N]) -> &Handles {
        let families = self.families();
        get_or_init(&self.fixed, || families.handles(values))
    }

    #[inline]
    fn families(&self) -> &Families<N> {
        self.families.get().unwrap_or_else(|| self.register())
    }

    /// Code of others runs outside of the cell's lock, as it may come here again: that which finds the registry, and the log.
    #[cold]
    fn register(&self) -> &Families<N> {
        let registry = (self.registry)();
        let mut refused = None;
        let families = get_or_init(&self.families, || {
            Families::register(&self.spec, &registry).unwrap_or_else(|error| {
                refused = Some(error);
                Families::detached(&self.spec)
            })
        });
        if let Some(error) = refused {
            report(&registry, self.spec.seconds, &error);
        }
        families
    }

    /// Counts an error of a call that recorded into this series.
    #[cold]
    pub(super) fn count_class(&self, seconds: &Histogram, class: &str) {
        self.with_class(seconds, class, Counter::inc);
    }

    /// Lets an increase be seen of the first error of each class, if these are known and all label values are literals.
    #[inline]
    pub(super) fn make_classes(&self, seconds: &Histogram, classes: &[&str]) {
        if self.fixed.get().is_some() {
            get_or_init(&self.has_classes, || {
                classes.iter().chain([&PANIC]).for_each(|class| self.with_class(seconds, class, |_| {}));
            });
        }
    }

    fn with_class(&self, seconds: &Histogram, class: &str, count: impl FnOnce(&Counter)) {
        let Some(Errors::Classified(errors)) = &self.families().errors else { return };
        let mut values = [""; MOST_LABELS];
        for (value, of_call) in values.iter_mut().zip(seconds.label_values().take(N)) {
            *value = of_call;
        }
        values[N] = class;
        if let Ok(counter) = errors.with(&values[..=N]) {
            count(&counter);
        }
    }

    /// Counts a call that panicked.
    #[cold]
    pub(super) fn count_panic(&self, handles: &Handles) {
        match &handles.errors {
            Some(errors) => errors.inc(),
            None => self.count_class(&handles.seconds, PANIC),
        }
    }
}

impl<const N: usize> Families<N> {
    /// All families of a place, or none.
    fn register(spec: &Spec<N>, registry: &Registry) -> Result<Self, RegisterError> {
        let seconds =
            registry.histogram(spec.seconds, spec.help).unit("seconds").bounds(spec.bounds).labels(spec.labels);
        let mut descriptions = vec![seconds.into_description()];
        if let Some(calls) = spec.calls {
            descriptions.push(registry.counter(calls, "Calls.").labels(spec.labels).into_description());
        }
        if let Some(errors) = spec.errors {
            let errors = registry.counter(errors, "Calls that failed.");
            descriptions.push(if spec.is_classified {
                let labels: Vec<_> = spec.labels.iter().chain([&CLASS]).collect();
                errors.dyn_labels(&labels).into_description()
            } else {
                errors.labels(spec.labels).into_description()
            });
        }
        let mut cores = registry.get_or_register_list(descriptions)?.into_iter();
        let mut next = || cores.next().expect("a family for each description");
        Ok(Families {
            seconds: Family::new(next()),
            calls: spec.calls.map(|_| Family::new(next())),
            errors: spec.errors.map(|_| match spec.is_classified {
                true => Errors::Classified(Family::new(next())),
                false => Errors::All(Family::new(next())),
            }),
        })
    }

    /// Families that nobody reads.
    fn detached(spec: &Spec<N>) -> Self {
        Families {
            seconds: Family::detached(N),
            calls: spec.calls.map(|_| Family::detached(N)),
            errors: spec.errors.map(|_| match spec.is_classified {
                true => Errors::Classified(Family::detached(N + 1)),
                false => Errors::All(Family::detached(N)),
            }),
        }
    }

    fn handles(&self, values: [&str; N]) -> Handles {
        Handles {
            seconds: self.seconds.handle(values),
            calls: self.calls.as_ref().map(|calls| calls.handle(values)),
            errors: match &self.errors {
                Some(Errors::All(errors)) => Some(errors.handle(values)),
                _ => None,
            },
        }
    }
}

/// Counts metrics that were refused, and says why: what they were to record is lost.
#[cfg_attr(not(feature = "tracing"), expect(unused_variables, reason = "there is no log"))]
fn report(registry: &Registry, name: &str, error: &RegisterError) {
    let label = registry.global_labels().free_name("family");
    let conflicts = registry
        .own_metrics()
        .counter(
            "timed_conflicts_total",
            "Metrics of `#[timed]` and its like that were refused: what they record is lost.",
        )
        .dyn_labels(&[label])
        .register();
    if let Ok(Ok(counter)) = conflicts.as_ref().map(|conflicts| conflicts.with(&[name])) {
        counter.inc();
    }
    #[cfg(feature = "tracing")]
    crate::registry::guarded(|| tracing::warn!("what is timed as `{name}` is lost: {error}"));
}

impl<const N: usize> fmt::Debug for Site<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}
