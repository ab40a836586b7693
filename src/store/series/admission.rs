//! What becomes of a key that is not there.

use crate::store::cells::memory::NoMemory;

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A series was made for it.
    Admitted,
    /// It was there: another thread was first.
    Known,
    /// It has no series.
    Refused(Refusal),
}

/// Why a key has no series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The process can have no more memory.
    OutOfMemory,
    /// The family has as many series as it may have.
    Series,
    /// The family takes as many bytes as it may take.
    Bytes,
    /// The families that share a limit take as many bytes as they may take together.
    SharedBytes,
    /// A label has as many distinct values as it may have, and this would be another one.
    Values {
        /// The label, by its place among the label names.
        label: usize,
    },
}

impl From<NoMemory> for Refusal {
    fn from(_: NoMemory) -> Self {
        Refusal::OutOfMemory
    }
}
