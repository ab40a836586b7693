//! Plain data between recording and exposition: names, kinds, bounds, label values, snapshots, and the visitor of them.
//!
//! Nothing here knows an atomic or a socket. The rules of this module are constant functions, so that the same rule serves
//! literals, derives and names made at run time.

/// Makes the `Debug` form of an error its message: `unwrap`, and a `main` that returns an error, print that form, and the fields
/// alone would hide what to write instead.
macro_rules! debug_as_message {
    ($error:ty) => {
        impl core::fmt::Debug for $error {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}

mod buckets;
mod escape;
mod exemplar;
mod family;
mod labels;
mod limit;
mod literals;
mod names;
mod snapshot;
mod summary;
mod visit;

pub use buckets::{BoundsError, DEFAULT_BOUNDS, MAX_BOUNDS, check_bounds};
pub(crate) use buckets::{Buckets, normal_bounds};
pub(crate) use debug_as_message;
pub(crate) use escape::{escaped, needs_escape, push_escaped_label_value};
pub use exemplar::Exemplar;
pub(crate) use exemplar::MAX_EXEMPLAR_CHARS;
pub(crate) use family::Held;
pub use family::{FamilySnapshot, SeriesSnapshot, Snapshot};
pub(crate) use labels::is_closed;
pub use labels::{LabelBuffer, LabelSet, LabelValue};
pub use limit::VALUE_LIMIT;
pub(crate) use limit::is_summable;
pub use literals::{
    assert_bounds, assert_label, assert_label_names, assert_labels, assert_metric_name, assert_prefix,
    assert_state_label, assert_unit,
};
pub use names::{MetricType, NameError, check_label_name, check_metric_name};
pub(crate) use names::{Named, OWN_PREFIX, ends_in_unit, sample_names};
pub use snapshot::HistogramSnapshot;
pub(crate) use summary::{Quantiles, Sketch, SummaryConfig};
pub use summary::{SummaryError, SummarySnapshot};
pub(crate) use visit::{FamilyView, GlobalLabels, HistogramView, SeriesView, Value, Visitor};
