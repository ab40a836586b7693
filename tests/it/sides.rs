//! A closed label set of two series, for tests that need any.

use quipu::{LabelSet, LabelValue};

#[derive(LabelValue, Clone, Copy, Debug, PartialEq)]
pub(crate) enum Side {
    Left,
    Right,
}

#[derive(LabelSet, Clone, Copy)]
pub(crate) struct Closed {
    pub(crate) side: Side,
}
