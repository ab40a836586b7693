//! From label values to a series: keys, their hashes, and the index.

pub(in crate::store) mod index;
#[cfg(not(quipu_loom))]
pub(in crate::store) mod key;
#[cfg(not(quipu_loom))]
pub(in crate::store) mod known;
#[cfg(not(quipu_loom))]
mod pattern;
mod table;
#[cfg(not(quipu_loom))]
mod vector;
#[cfg(not(quipu_loom))]
mod words;
