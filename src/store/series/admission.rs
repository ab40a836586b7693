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
}

impl From<NoMemory> for Refusal {
    fn from(_: NoMemory) -> Self {
        Refusal::OutOfMemory
    }
}
