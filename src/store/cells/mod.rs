//! Memory that threads record into: blocks of rows, a lane for each thread, slots of cells for each series.

pub(in crate::store) mod block;
pub(in crate::store) mod lane;
pub(in crate::store) mod memory;
pub(in crate::store) mod pages;
pub(in crate::store) mod prefetch;
pub(in crate::store) mod shared;
pub(in crate::store) mod slots;
