//! Structs of metrics, registered together. `derive(MetricSet)` writes the code for one.

use super::builder::MetricBuilder;
use super::description::Description;
use super::error::RegisterError;
use super::family::{Family, FamilyCore, LabelNames};
use super::registry::Registry;
use crate::metric::Metric;
use crate::model::LabelSet;
use crate::model::MetricType;
use crate::store::MetricRef;
use std::sync::Arc;
use std::vec::IntoIter;

/// A struct of metrics that are registered together. Derive it: `#[derive(MetricSet)]`, whose documentation names the attributes.
///
/// ```
/// use quipu::{Counter, Histogram, MetricSet};
///
/// #[derive(MetricSet)]
/// struct Mail {
///     /// Mails sent.
///     mails_sent_total: Counter,
///     /// Time to hand a mail over.
///     #[metric(unit = "seconds", bounds = [0.1, 0.5, 1.0, 5.0])]
///     mail_handover_seconds: Histogram,
/// }
///
/// let registry = quipu::Registry::new();
/// let mail = Mail::register(&registry)?;
/// mail.mails_sent_total.inc();
/// mail.mail_handover_seconds.observe(0.3);
/// assert!(registry.to_text().contains("# HELP mails_sent_total Mails sent.\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of metrics",
    label = "not a set of metrics",
    note = "put `#[derive(quipu::MetricSet)]` on a struct with a field for each metric"
)]
pub trait MetricSet: Sized {
    /// Registers all metrics of the set, or returns those that are registered with the same descriptions. If one is refused, none
    /// is registered.
    ///
    /// # Cost
    /// Takes the registry's lock once, and allocates; for the start of a program, not for its hot loops.
    ///
    /// # Errors
    /// When a metric cannot be registered: see [`RegisterError`]. What the compiler has checked can still clash with other
    /// metrics of the registry, its global labels or its limits.
    fn register(registry: &Registry) -> Result<Self, RegisterError> {
        let mut declarations = Declarations { registry: registry.clone(), families: Vec::new() };
        Self::declare(&mut declarations);
        let families = registry.get_or_register_list(declarations.families)?;
        Ok(Self::build(&mut RegisteredFamilies(families.into_iter())))
    }

    /// A set that no registry knows. It records at the same cost, and only its handles can read it; of each family, all label values
    /// share one series. For code that has to have metrics before there is a registry, and for tests.
    ///
    /// ```
    /// # use quipu::{Counter, MetricSet};
    /// #[derive(MetricSet)]
    /// struct Mail {
    ///     /// Mails sent.
    ///     mails_sent_total: Counter,
    /// }
    ///
    /// let mail = Mail::detached();
    /// mail.mails_sent_total.inc();
    /// assert_eq!(mail.mails_sent_total.value(), 1);
    /// ```
    ///
    /// # Panics
    /// When no registry could register the set: a closed label set has more than 65,536 series, say.
    fn detached() -> Self {
        Self::register(&Registry::disabled_and_lenient()).expect("a set that can be registered")
    }

    /// Says what the set's families are, in the order of the fields.
    #[doc(hidden)]
    fn declare(declarations: &mut Declarations);

    /// Makes the set of its families, which come in the order in which they were declared.
    #[doc(hidden)]
    fn build(families: &mut RegisteredFamilies) -> Self;
}

/// What is to be registered together.
#[doc(hidden)]
#[derive(Debug)]
pub struct Declarations {
    /// With the prefix of the set that is being declared.
    registry: Registry,
    families: Vec<Description>,
}

impl Declarations {
    /// Declares a family.
    pub fn add<M: Metric, L>(
        &mut self,
        name: &'static str,
        help: &'static str,
        configure: impl FnOnce(MetricBuilder<'_, M>) -> MetricBuilder<'_, M, L>,
    ) {
        let family = configure(MetricBuilder::new(&self.registry, name.into(), help.into()));
        self.families.push(family.into_description());
    }

    /// Declares what another set declares, with a prefix before its names.
    pub fn add_prefixed(&mut self, prefix: &str, declare: impl FnOnce(&mut Declarations)) {
        let outer = self.registry.clone();
        self.registry = outer.with_unchecked_prefix(prefix);
        declare(self);
        self.registry = outer;
    }
}

/// What has been registered together.
#[doc(hidden)]
#[derive(Debug)]
pub struct RegisteredFamilies(IntoIter<Arc<FamilyCore>>);

impl RegisteredFamilies {
    fn next(&mut self) -> Arc<FamilyCore> {
        self.0.next().expect("as many families as were declared")
    }
}

/// What a field of a set may be: a metric, or a family of one. Sealed.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a metric nor a family of one",
    label = "not a metric",
    note = "write a metric such as `Counter`, or `Family<Counter, L>`, where `L` derives `LabelSet` or is `LabelNames<N>`",
    note = "put `#[metric(flatten)]` on the field if its type is another `MetricSet`"
)]
pub trait MetricField: Sized {
    /// The type of the handles.
    type Metric: Metric;
    /// How labels are given.
    type Labels;
    /// What the family is exposed as.
    const KIND: MetricType;
    /// The names of the labels; `None` if the type does not say them.
    const LABELS: Option<&'static [&'static str]>;

    /// Begins its registration.
    fn begin(builder: MetricBuilder<'_, Self::Metric>) -> MetricBuilder<'_, Self::Metric, Self::Labels>;

    /// The metric of the next family.
    fn of(families: &mut RegisteredFamilies) -> Self;
}

impl<M: Metric> MetricField for M {
    type Metric = M;
    type Labels = ();
    const KIND: MetricType = M::TYPE.exposed_as;
    const LABELS: Option<&'static [&'static str]> = Some(&[]);

    fn begin(builder: MetricBuilder<'_, M>) -> MetricBuilder<'_, M> {
        builder
    }

    fn of(families: &mut RegisteredFamilies) -> M {
        MetricRef::look_up_once(&families.next().set, &[], M::from_series).clone()
    }
}

impl<M: Metric, L: LabelSet> MetricField for Family<M, L> {
    type Metric = M;
    type Labels = L;
    const KIND: MetricType = M::TYPE.exposed_as;
    const LABELS: Option<&'static [&'static str]> = Some(L::NAMES);

    fn begin(builder: MetricBuilder<'_, M>) -> MetricBuilder<'_, M, L> {
        builder.label_set()
    }

    fn of(families: &mut RegisteredFamilies) -> Self {
        Family::new(families.next())
    }
}

impl<M: Metric, const N: usize> MetricField for Family<M, LabelNames<N>> {
    type Metric = M;
    type Labels = LabelNames<N>;
    const KIND: MetricType = M::TYPE.exposed_as;
    const LABELS: Option<&'static [&'static str]> = None;

    /// The names follow, by [`NamedLabels`].
    fn begin(builder: MetricBuilder<'_, M>) -> MetricBuilder<'_, M, LabelNames<N>> {
        builder.labels([""; N])
    }

    fn of(families: &mut RegisteredFamilies) -> Self {
        Family::new(families.next())
    }
}

/// A field whose type says how many labels it has, and not their names. Sealed.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no family with {N} labels to be named",
    label = "names of {N} labels",
    note = "write `Family<Counter, LabelNames<{N}>>`, or as many names as it has labels; labels of a type that derives `LabelSet` have names"
)]
pub trait NamedLabels<const N: usize>: MetricField {
    /// Begins its registration, with these names.
    fn begin_named<'r>(
        builder: MetricBuilder<'r, Self::Metric>,
        names: [&'static str; N],
    ) -> MetricBuilder<'r, Self::Metric, Self::Labels>;
}

impl<M: Metric, const N: usize> NamedLabels<N> for Family<M, LabelNames<N>> {
    fn begin_named<'r>(builder: MetricBuilder<'r, M>, names: [&'static str; N]) -> MetricBuilder<'r, M, LabelNames<N>> {
        builder.labels(names)
    }
}
