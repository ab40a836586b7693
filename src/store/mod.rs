//! The store: lanes of cells, one row for each thread. All unsafe code of the crate is here and in `sync`.
//!
//! A **block** is 65 rows of 512 cells. Row 0 is shared; each other row is a **lane** that one thread at a time owns. A **slot**
//! is a run of cells at the same place in every row; a series owns one. To record, a thread writes the slot in its lane; to read, the slot is
//! summed over the rows ([`fold`]). Threads find their row in a thread-local ([`lane`]); series are found by key ([`index`](lookup::index),
//! [`map`](series::map)) under a [`pin`](reclaim::pin).
//!
//! # Who may touch what
//!
//! | memory | written by | read by |
//! |---|---|---|
//! | a cell of a lane | the lane's owner: plain load, plain store; zeroed by whoever drops the last share of its slot (S4) | anyone |
//! | a cell of row 0 | anyone: read-modify-write, or `set` | anyone |
//! | a pin count | its lane's owner; those of row 0, anyone by read-modify-write | whoever frees |
//! | a row's turn, which of its counts new pins raise | whoever frees | its lane's owner; row 0's, anyone |
//! | index | the holder of the map's lock | anyone who is pinned |
//! | list | the holder of the map's lock; no place is moved or freed during a walk | walks, under a pin |
//! | a series' header | nobody after it is made, but for the count of shares, and the place by the holder of the map's lock | anyone with a share or a pin |
//!
//! # Invariants
//!
//! Each has tests that bear its number (`s1_…`).
//!
//! - **S1** A cell of a lane has one writer at a time: the lane's owner, while the slot's series lives. A lane passes from thread
//!   to thread through [`lane::LaneAllocator`], whose Acquire and Release order the writes of one owner before those of the next.
//! - **S2** A cell never moves: blocks are reserved once and never freed.
//! - **S3** A lane outlives every handle, and passes only from free to owned and back: its values stay in it, and the next
//!   owner goes on from them. Nothing is flushed, so nothing is counted twice.
//! - **S4** A slot that is reused is out of reach of old handles: every handle owns a share of its series, and the slot is
//!   zeroed and given back when the last share is dropped. What is only looked up is kept by a [`pin`]. (No generations:
//!   ownership says the same at no cost to the writer.)
//! - **S5** A fold never sees half a value, nor counts one twice: cells are read whole, each once.
//! - **S6** A counter never goes down, also across thread exit and overflow: no cell of it ever does, while its series lives.
//! - **S7** Recording through a warm handle allocates nothing, locks nothing, calls nothing.
//! - **S8** The count, the `+Inf` bucket and the sum in a snapshot of a histogram speak of the same observations: each bucket
//!   keeps its count and its sum in 16 bytes that are written and read as one ([`pair`](crate::sync::pair)).
//!
//! # What is not promised
//!
//! A signal handler that records may interrupt its own thread between a load and a store: that increment is lost.
//!
//! # Forks
//!
//! A child has the thread that forked, and none of the others. It finds no lock held ([`gate`](crate::sync::gate)). Before anything
//! else it drops the pins of the other threads and frees their lanes, with the values in them; each set forgets its walks when
//! it is locked next. Shares that the other threads held are never dropped: those series stay in memory.
#![allow(unsafe_code, reason = "the store is where the crate keeps its unsafe code; each block names its invariant")]

mod cells;
mod lookup;
mod reclaim;
mod series;
#[cfg(not(quipu_loom))]
mod thread;

#[cfg(all(test, quipu_loom))]
mod models;
#[cfg(all(test, not(quipu_loom)))]
mod tests;

#[cfg(not(quipu_loom))]
pub use series::metric_ref::MetricRef;
#[cfg(not(quipu_loom))]
#[expect(unreachable_pub, reason = "named by the sealed trait of the metrics")]
pub use series::series::Series;
#[cfg(not(quipu_loom))]
pub(crate) use {
    cells::lane::LANES,
    cells::slots::{SLOTS, SlotLayout},
    reclaim::retained::{is_freeing_refused, lost_lanes, retained_series},
    series::fold::{BATCH, Histograms, fold_floats, fold_integers, fold_shared},
    series::handle::{Handle, HistogramHandle},
    series::map::{Batch, SeriesMap},
    series::series::{FamilyLayout, SeriesRef},
    thread::pin,
};
