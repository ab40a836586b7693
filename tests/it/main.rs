//! The integration tests of quipu, in one binary.
//!
//! Each module is a place where a user meets the crate.

mod derive;
mod export;
mod exposition;
mod http_layer;
mod recording;
mod rivals_failings;
