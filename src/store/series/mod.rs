//! Series: what one owns, the map and the list of a family's series, and what handles do to them.

pub(in crate::store) mod admission;
mod buckets;
pub(in crate::store) mod fold;
pub(in crate::store) mod handle;
pub(in crate::store) mod idle;
pub(in crate::store) mod labels;
pub(in crate::store) mod limits;
pub(in crate::store) mod list;
pub(in crate::store) mod map;
pub(in crate::store) mod metric_ref;
#[cfg(not(quipu_loom))]
mod pool;
#[cfg(quipu_loom)]
#[path = "general.rs"]
mod pool;
#[expect(clippy::module_inception, reason = "the folder is named for what it is about: the series")]
pub(in crate::store) mod series;
pub(super) mod summary;
mod vacant;
