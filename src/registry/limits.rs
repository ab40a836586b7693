//! The limits of a registry and of each of its families, as the store counts them.

use super::description::Description;
use super::error::RegisterError;
use crate::guard::RegistryLimits;
use crate::model::OWN_PREFIX;
use crate::store::{Handle, Limits, Overflow, SharedLimits};
use std::sync::Arc;

/// So many series of a family that have a replaced value are outside of all limits.
const SPARE: usize = 256;

/// What is set, and what all families use of it together.
#[derive(Debug)]
pub(super) struct Guard {
    limits: RegistryLimits,
    pub(super) shared: Arc<SharedLimits>,
}

impl Guard {
    pub(super) fn new(limits: RegistryLimits) -> Guard {
        Guard { shared: SharedLimits::new(limits.series, limits.bytes).into(), limits }
    }

    /// Whether what a new family reserves can be had.
    pub(super) fn check(&self, family: &Description) -> Result<(), RegisterError> {
        let (series, left) = (family.reserved(), self.shared.unreserved());
        if series <= left || is_exempt(family) {
            return Ok(());
        }
        Err(RegisterError::Reserved { metric: family.name.clone(), series, left })
    }

    /// The most series of a family that gets any while it is used.
    pub(super) fn most_series(&self, family: &Description) -> Option<usize> {
        family.limits.series_within(&self.limits).filter(|_| !family.has_known_labels() && !is_exempt(family))
    }

    /// The limits of a family, whose lookups beyond them are counted by label; `None` if it has none.
    pub(super) fn limits(&self, family: &Description, lookups: Vec<Handle>) -> Option<Limits> {
        if is_exempt(family) {
            return None;
        }
        let (text, is_summed) = (self.limits.overflow_value.clone(), family.metric.values.is_summed());
        Some(Limits {
            series: self.most_series(family),
            shared: Some(self.shared.clone()),
            reserved: family.reserved(),
            value_bytes: self.limits.value_bytes,
            labels: family.label_limits().collect(),
            overflow: is_summed.then(|| Overflow::new(text, SPARE, family.labels.len(), lookups)),
        })
    }
}

/// Whether a family is outside of all limits: what tells of a storm has to be there in the storm.
fn is_exempt(family: &Description) -> bool {
    family.limits.is_exempt || family.name.starts_with(OWN_PREFIX)
}
