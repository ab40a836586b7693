//! The integration tests of quipu, in one binary.
//!
//! Each module is a place where a user meets the crate.

mod recording;
