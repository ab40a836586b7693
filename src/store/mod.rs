//! The store: the cells that threads record into, and the series that own them. All unsafe code of the crate is here and in `sync`.
//!
//! Each series has a **shared slot** in its own allocation: one cell, or a pair of cells for each bucket. All threads write it, by
//! read-modify-writes ([`shared`](cells::shared)). A series that is recorded into often gets a second slot, in the **lanes**.
//!
//! A **block** is 257 rows of 512 cells. Row 0 is not used. Each other row is part of a **lane**, which one thread at a time owns
//! ([`lane`](cells::lane)). A **slot in the lanes** is a run of cells at the same place in every row ([`slots`](cells::slots)). A
//! thread writes it in its own lane, with a plain load and a plain store.
//!
//! The value of a series is what its shared slot holds, and the sum of its slot in the lanes over the rows
//! ([`fold`](series::fold)). Threads find their lane in a thread-local ([`thread`]). Series are found by key
//! ([`index`](lookup::index), [`map`](series::map)) under a [`pin`](reclaim::pin).
//!
//! # Who may touch what
//!
//! | memory | written by | read by |
//! |---|---|---|
//! | a series' shared slot | anyone with a reference or a pin: read-modify-write, or `set` | the same |
//! | a cell of a lane | the lane's owner: plain load, plain store; zeroed by whoever drops the last reference to its series (S4) | anyone |
//! | a cell of row 0 | nobody | nobody |
//! | which blocks and slots are taken | the holder of the slots' lock | the same |
//! | a pin count | its lane's owner; those of row 0, anyone by read-modify-write | whoever frees |
//! | a row's turn, which of its counts new pins raise | whoever frees | its lane's owner; row 0's, anyone |
//! | index | the holder of the map's lock | anyone who is pinned |
//! | list | the holder of the map's lock; no place is moved or freed during a walk | walks, under a pin |
//! | a series' header | nobody after it is made, but for the five fields below | anyone with a reference or a pin |
//! | its count of references | anyone with a reference or a pin: read-modify-write | the same |
//! | its place in the list | the holder of the map's lock, while nobody walks | that holder, and walks |
//! | its count of recordings | whoever records into the shared slot; threads may overwrite each other's count; of a gauge, a mark, which walks take away | the same |
//! | its slot in the lanes | the holder of the slots' lock, once | anyone with a reference or a pin |
//! | its `extra` | whoever attaches something first, once: of a summary its window, before anyone else has the series | anyone with a reference or a pin |
//! | a summary's copies of its counts | the holder of their lock, which recording only tries to take | the same |
//!
//! # Invariants
//!
//! Each has tests that bear its number (`s1_…`).
//!
//! - **S1** A cell of a lane has one writer at a time: the lane's owner, while the slot's series lives. A lane passes from thread
//!   to thread through [`LaneAllocator`](cells::lane::LaneAllocator), whose Acquire and Release order the writes of one owner before those of the next.
//! - **S2** A cell never moves. The addresses of a block are reserved once and never freed. The memory of a block that holds no slot
//!   goes back to the system, and is zero when it is used again. A shared slot stays where it is for as long as its series.
//! - **S3** A lane outlives every handle, and passes only from free to owned and back: its values stay in it, and the next
//!   owner goes on from them. Nothing is flushed, so nothing is counted twice.
//! - **S4** A slot that is reused is out of reach of old handles: every handle owns a reference to its series, and the slots
//!   are given back, those in the lanes zeroed, when the last reference is dropped. What is only looked up is kept by a
//!   [`pin`](reclaim::pin). (No generations:
//!   ownership says the same at no cost to the writer.)
//! - **S5** A fold never sees half a value, nor counts one twice: cells are read whole, each once.
//! - **S6** A counter never goes down, also across thread exit and with more threads than lanes: no cell of it ever does, while
//!   its series lives.
//! - **S7** Recording allocates nothing and waits for nothing. A series that becomes busy takes a slot that was prepared, by
//!   `try_lock`. When another thread holds the lock, or no slot is prepared, a later recording tries again.
//! - **S8** The count, the `+Inf` bucket and the sum in a snapshot of a histogram speak of the same observations: each bucket
//!   keeps its count and its sum in 16 bytes that are written and read as one ([`pair`](crate::sync::pair)).
//! - **S9** A series that gets a slot in the lanes while handles are in use loses nothing, and nothing counts twice. The shared slot
//!   keeps what it holds. A thread that has not seen the new slot yet writes the shared one. Every fold adds both.
//! - **S10** A series that is refused or removed leaves the sums explained. What is recorded under a key beyond a limit is in the
//!   series of the key with some values replaced. Where there is none, for want of memory or because sums make no sense, it is in
//!   no sum, and each such lookup is counted. What is recorded into a removed series is in no sum either. A series expires only when its value
//!   was exported and nobody can add to it any more ([`expiry`](series::map)). A key that comes back gets a new series, which
//!   begins at zero with a time of creation of its own.
//!
//! # What is not promised
//!
//! A signal handler that records may interrupt its own thread between a load and a store: that increment is lost.
//!
//! # Forks
//!
//! A child has the thread that forked, and none of the others. It finds no lock held ([`gate`](crate::sync::gate)). Before anything
//! else it drops the pins of the other threads and frees their lanes, with the values in them; each map forgets its walks when
//! it is locked next. References that the other threads held are never dropped: those series stay in memory.
#![allow(unsafe_code, reason = "the store is where the crate keeps its unsafe code; each block names its invariant")]

mod cells;
mod lookup;
mod reclaim;
mod series;
mod thread;

#[cfg(all(test, quipu_loom))]
mod models;
#[cfg(all(test, not(quipu_loom)))]
mod tests;

pub use series::metric_ref::MetricRef;
#[expect(unreachable_pub, reason = "named by the sealed trait of the metrics")]
pub use series::series::Series;
pub(crate) use {
    cells::lane::LANES,
    cells::slots::{SLOTS, SlotLayout},
    reclaim::retained::{is_freeing_refused, lost_lanes, retained_series},
    series::fold::{BATCH, Histograms, fold_floats, fold_integers, fold_shared},
    series::handle::{Handle, HistogramHandle},
    series::idle::Stamp,
    series::labels::Labels,
    series::limits::{Limits, Overflow, SharedLimits},
    series::map::{Batch, SeriesMap},
    series::series::{FamilyLayout, SeriesRef},
    series::summary::{SummaryHandle, SummaryLayout},
    thread::pin,
};
