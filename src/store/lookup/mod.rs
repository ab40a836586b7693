//! From label values to a series: keys, their hashes, and the index.

pub(in crate::store) mod index;
pub(in crate::store) mod key;
pub(in crate::store) mod known;
mod pattern;
mod table;
mod vector;
mod words;
