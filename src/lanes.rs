//! The memory of lanes, which all registries of a process share.
//!
//! A series that is recorded into often gets a slot in the *lanes*: a cell for each thread, which that thread writes without an
//! atomic operation. That costs memory for each thread: 8 bytes for a counter, 32 for a float counter, and 16 for each bucket of a
//! histogram. When the lanes have reached their limit, no more series get such slots, and new threads get no lane. What they
//! record goes into one slot that all threads share: slower (5 to 10 ns for a counter, 20 for a histogram), never wrong.
//!
//! Each registry exposes what this module tells: `quipu_lane_bytes`, `quipu_lane_limit_bytes` and
//! `quipu_threads_without_lane`.
//!
//! ```
//! assert_eq!(quipu::lanes::limit_bytes(), 64 << 20);
//! quipu::lanes::set_limit_bytes(16 << 20);
//! assert!(quipu::lanes::used_bytes() <= quipu::lanes::limit_bytes());
//! assert_eq!(quipu::lanes::threads_without(), 0);
//! ```

use crate::store::{LANES, SLOTS};

/// The most bytes that lanes may take: 64 MiB, unless [`set_limit_bytes`] has said otherwise.
pub fn limit_bytes() -> usize {
    SLOTS.limit()
}

/// Sets the most bytes that lanes may take, for the whole process. Slots and lanes that are in use stay, also above a lower
/// limit; with 0, all that is recorded later by new series goes into shared slots.
pub fn set_limit_bytes(bytes: usize) {
    SLOTS.set_limit(bytes);
}

/// The most bytes that the slots in use can take now: 4 KiB for each block of them (512 counters, say) and for each of the most
/// threads that ever recorded at one time. Memory that no thread has written is counted, but not resident.
pub fn used_bytes() -> usize {
    SLOTS.bytes(&LANES)
}

/// How many threads have ever recorded without a lane: because 256 others had one, or because of the limit.
pub fn threads_without() -> u64 {
    LANES.without()
}
