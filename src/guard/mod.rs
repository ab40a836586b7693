//! Guards: the application and its metrics do each other no harm.
//!
//! A [`CircuitBreaker`] leaves alone what keeps failing. The rest of this page is about limits on the number of series: what
//! hostile label values, or a mistake, can make a registry hold.
//!
//! Three limits hold at once: distinct values of a label, series of a family, and series and bytes of a registry.
//!
//! | what | set by | unless it is set |
//! |---|---|---|
//! | values of a label | [`MetricBuilder::max_values`](crate::registry::MetricBuilder::max_values) | none |
//! | series of a family | [`MetricBuilder::max_series`](crate::registry::MetricBuilder::max_series), for all families [`RegistryBuilder::max_series_per_family`](crate::registry::RegistryBuilder::max_series_per_family) | [`MAX_SERIES_PER_FAMILY`] |
//! | series of a registry | [`RegistryBuilder::max_series`](crate::registry::RegistryBuilder::max_series) | [`MAX_SERIES`] |
//! | bytes of a registry | [`RegistryBuilder::max_bytes`](crate::registry::RegistryBuilder::max_bytes) | [`MAX_BYTES`] |
//! | bytes of a label's value | [`RegistryBuilder::max_value_bytes`](crate::registry::RegistryBuilder::max_value_bytes) | [`MAX_VALUE_BYTES`] |
//!
//! `unlimited()` takes the limits away, of a registry or of a family.
//!
//! # Beyond a limit
//! Nothing is lost. A lookup of label values for which there is no room finds the series of the same labels with one value
//! replaced, by `__overflow__` ([`OVERFLOW_VALUE`]): `logins_total{tenant="__overflow__",result="ok"}`. It is an ordinary series,
//! which is made when it is needed. The label whose value is replaced is the one with as many values as it may have, or whose
//! value is too long. When no label is, it is the one that has the most values among the last series of the family, 4,096 of
//! them at most. The values of the other labels stay, so sums by them are exact.
//!
//! 256 such series of a family stand outside of all limits; further ones need room as others do. Where there is none, the
//! values of all labels are replaced that are not enums. So sums by labels that are enums are exact always; sums by
//! another label are, as long as its own values are not replaced.
//!
//! A [`Gauge`](crate::Gauge) has no such series, because a sum of values that were set means nothing; nor has an [`Info`](crate::Info), a
//! [`StateSet`](crate::StateSet) or a [`FlagSet`](crate::FlagSet). What is recorded under a
//! refused label value is lost, and counted in `quipu_refused_lookups_total`.
//!
//! Series stay until they are removed, or [expire](crate::registry::MetricBuilder::expire_after). So first come, first served: a
//! limit that is reached keeps out the new ones.
//!
//! The registry's metrics about itself, and those of its circuit breakers, are outside of all limits.
//!
//! # Cost
//! Series that are there are found as ever. A lookup beyond a limit takes about two and a half times as long as one that finds its
//! series; it takes no lock and allocates nothing, but that the first one of a label makes room for its offenders. Making a series takes about 0.1 µs more for each label that
//! [`max_values`](crate::registry::MetricBuilder::max_values) limits, and about 80 bytes for each of its values.
//!
//! # What the registry says about it
//! - `quipu_overflowed_lookups_total{family,label}`: lookups in which a label's value was replaced.
//! - `quipu_overflowed_values{family,label}`: about how many different values these lookups had. Which they were, the most frequent
//!   ones, only [`Registry::offenders_to_text`](crate::Registry::offenders_to_text) tells, and with the feature `tracing` one
//!   warning for each family and minute, at a scrape.
//! - `quipu_refused_lookups_total{family}`: lookups whose recordings are lost: beyond a limit of a gauge or another metric without sums, and of any metric without memory.
//! - `quipu_series{family}` and `quipu_series_limit{family}`; `quipu_label_values{family,label}` and
//!   `quipu_label_values_limit{family,label}`, for labels with a limit.
//! - `quipu_registry_series`, `quipu_registry_series_limit`, `quipu_registry_bytes` and `quipu_registry_bytes_limit`.
//!
//! ```
//! let registry = quipu::Registry::builder().max_series(200_000).max_bytes(64 << 20).build()?;
//! let logins = registry
//!     .counter("logins_total", "Logins.")
//!     .labels(["tenant", "result"])
//!     .max_values("tenant", 2)
//!     .register()?;
//! for tenant in ["a", "b", "mallory-1", "mallory-2"] {
//!     logins.with([tenant, "ok"]).inc();
//! }
//! assert_eq!(logins.with(["__overflow__", "ok"]).value(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod breaker;
mod limits;
#[cfg(all(test, quipu_loom))]
mod models;
mod offenders;

pub use breaker::{
    BreakerError, BreakerState, CallError, CircuitBreaker, CircuitBreakerBuilder, Permit, Rejected, SettingProblem,
};
pub(crate) use limits::{FamilyLimits, LabelLimit, RegistryLimits};
pub use limits::{MAX_BYTES, MAX_SERIES, MAX_SERIES_PER_FAMILY, MAX_VALUE_BYTES, OVERFLOW_VALUE};
pub(crate) use offenders::{LabelOffenders, Offenders, Report};
