//! Registries: families by name, and the way to register and to walk them.

mod breakers;
mod builder;
mod collected;
mod describe;
mod description;
mod error;
mod families;
mod family;
mod gather;
mod global;
mod hooks;
mod iter;
mod kinds;
mod limits;
mod lint;
mod merge;
mod metric_set;
mod misplaced;
mod offenders;
mod overrides;
mod page;
#[cfg(feature = "page")]
mod pushes;
#[expect(clippy::module_inception, reason = "the folder is named for what it is about: the registry")]
mod registry;
mod safe;
mod self_metrics;
mod settings;
mod states;
#[cfg(feature = "page")]
mod status;

pub use crate::model::{LabelBuffer, LabelSet, LabelValue};
pub use builder::MetricBuilder;
pub(crate) use collected::{Collected, Collecting, CollectorStatus, LastError};
pub use describe::{FamilyDescription, LabelDescription};
pub(crate) use description::Description;
pub use error::{BuildError, LabelError, RegisterError};
pub use family::{DynLabelNames, Family, LabelNames};
pub(crate) use gather::Gather;
pub use global::{SetGlobalError, global, set_global};
pub use hooks::ScrapeHook;
pub use lint::{Lint, LintRule};
pub(crate) use merge::{Gathered, PATIENCE, collect, collect_now};
pub use metric_set::MetricSet;
#[doc(hidden)]
pub use metric_set::{Declarations, MetricField, NamedLabels, RegisteredFamilies};
pub use overrides::FamilySettings;
#[cfg(feature = "page")]
pub(crate) use pushes::PushStatus;
#[cfg(all(feature = "page", feature = "push"))]
pub(crate) use pushes::PushTarget;
pub use registry::Registry;
pub use safe::Recorded;
pub(crate) use safe::guarded;
pub use settings::RegistryBuilder;
#[cfg(feature = "page")]
pub(crate) use status::{BreakerStatus, FamilyStatus, Offending, Status};
