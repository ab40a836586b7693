//! Series: what one owns, the map and the list of a family's series, and what handles do to them.

#[cfg(not(quipu_loom))]
pub(in crate::store) mod admission;
#[cfg(not(quipu_loom))]
pub(in crate::store) mod fold;
#[cfg(not(quipu_loom))]
pub(in crate::store) mod handle;
#[cfg(not(quipu_loom))]
pub(in crate::store) mod limits;
pub(in crate::store) mod list;
#[cfg(not(quipu_loom))]
pub(in crate::store) mod map;
#[cfg(not(quipu_loom))]
pub(in crate::store) mod metric_ref;
#[cfg(not(quipu_loom))]
mod pool;
#[cfg(not(quipu_loom))]
#[expect(clippy::module_inception, reason = "the folder is named for what it is about: the series")]
pub(in crate::store) mod series;
#[cfg(not(quipu_loom))]
mod vacant;
