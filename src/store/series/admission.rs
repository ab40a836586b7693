//! What becomes of a key that is not there.

use crate::store::series::labels::Labels;

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A series was made for it.
    Admitted,
    /// It was there: another thread was first.
    Known,
    /// A limit is reached. What is recorded under it goes to the series of the same key with the values of these labels replaced.
    Overflowed(Labels),
    /// It has no series, nor one in its place: there is no memory, or the family's values make no sense when they are added up.
    Refused,
}
