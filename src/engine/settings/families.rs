//! How much may be held: of all families, and of each.

use crate::config::{Keys, Section};
use crate::guard::{MAX_BYTES, MAX_SERIES, MAX_SERIES_PER_FAMILY, MAX_VALUE_BYTES, OVERFLOW_VALUE};
use std::collections::BTreeMap;
use std::time::Duration;

/// The table `metrics.limits`: how much the registry may hold. What comes beyond is recorded under another value: see [`guard`](crate::guard).
#[derive(Clone, Debug)]
pub struct LimitSettings {
    /// Series of all families together.
    pub max_series: usize,
    /// Memory of all series.
    pub max_bytes: usize,
    /// Series of a family that has no limit of its own.
    pub max_series_per_family: usize,
    /// Length of a label's value.
    pub max_value_bytes: usize,
    /// What stands in place of values that are too many or too long.
    pub overflow_value: String,
    /// After what time idle series go, of families that say nothing else; `None` is never.
    pub expire_after: Option<Duration>,
    /// Memory of the [lanes](crate::lanes) of the whole process; `None` leaves it as it is.
    pub max_lane_bytes: Option<usize>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        LimitSettings {
            max_series: MAX_SERIES,
            max_bytes: MAX_BYTES,
            max_series_per_family: MAX_SERIES_PER_FAMILY,
            max_value_bytes: MAX_VALUE_BYTES,
            overflow_value: OVERFLOW_VALUE.to_owned(),
            expire_after: None,
            max_lane_bytes: None,
        }
    }
}

/// Series that no machine has.
const MOST_SERIES: f64 = 1e9;
const MOST_BYTES: f64 = (1_u64 << 40) as f64;

impl Section for LimitSettings {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        let help =
            "How much may be held. What comes beyond is recorded under the overflow value, and quipu_* tells so.";
        keys.table("limits", help, |keys| {
            let help = "Series of all families together.";
            keys.key("max_series", help).range(1.0, MOST_SERIES).value(&mut self.max_series);
            let help = "Memory of all series, in bytes; the lanes of busy series count.";
            keys.key("max_bytes", help).range(65_536.0, MOST_BYTES).value(&mut self.max_bytes);
            let help = "Series of each family that has no limit of its own.";
            keys.key("max_series_per_family", help).range(1.0, MOST_SERIES).value(&mut self.max_series_per_family);
            let help = "Length of a label's value, in bytes.";
            keys.key("max_value_bytes", help).range(1.0, 1e6).value(&mut self.max_value_bytes);
            let help = "What stands in place of label values that are too many or too long.";
            keys.key("overflow_value", help).value(&mut self.overflow_value);
            let help =
                "Idle series are removed after so long, of families that say nothing else. Without it they stay.";
            keys.key("expire_after_seconds", help)
                .range(1.0, 31_536_000.0)
                .example("3600")
                .value(&mut self.expire_after);
            let help = "Memory of the lanes of busy series, in bytes, of the whole process; 64 MiB unless it was ever set. A reload without it changes nothing.";
            let lanes = keys.key("max_lane_bytes", help).range(0.0, MOST_BYTES).live();
            lanes.example("67108864").value(&mut self.max_lane_bytes);
        });
    }
}

/// A table of `metrics.families`: what holds for one family, in place of what the code says.
#[derive(Clone, Debug, Default)]
pub struct FamilyBudget {
    /// Its series.
    pub max_series: Option<usize>,
    /// After what time its idle series go.
    pub expire_after: Option<Duration>,
    /// Values of its labels.
    pub max_values: BTreeMap<String, usize>,
}

impl Section for FamilyBudget {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        let help = "Series that it has at most.";
        keys.key("max_series", help).range(1.0, MOST_SERIES).example("1000").value(&mut self.max_series);
        let help = "Its idle series are removed after so long.";
        keys.key("expire_after_seconds", help).range(1.0, 31_536_000.0).example("3600").value(&mut self.expire_after);
        keys.key("max_values", "Values that a label has at most.")
            .range(1.0, MOST_SERIES)
            .example("tenant = 500")
            .map(&mut self.max_values, |_, _| Ok(()));
    }
}
