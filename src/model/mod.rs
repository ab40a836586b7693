//! Plain data between recording and exposition: names, kinds, bounds, snapshots, and the visitor of them.
//!
//! Nothing here knows an atomic or a socket. The rules of this module are constant functions, so that the same rule serves
//! literals, derives and names made at run time.

mod buckets;
mod escape;
mod names;
mod snapshot;
mod visit;

pub(crate) use buckets::Buckets;
pub use buckets::{BoundsError, DEFAULT_BOUNDS, MAX_BOUNDS, check_bounds};
pub(crate) use escape::push_escaped_label_value;
pub use names::{Kind, NameError, assert_label_names, check_label_name, check_metric_name};
pub(crate) use names::{Named, SELF_LABEL, sample_names};
pub use snapshot::HistogramSnapshot;
pub(crate) use visit::{FamilyView, Value, Visitor};
