//! Exposition formats. Sees [`model`](crate::model), and no store and no socket.

mod number;
mod out;
mod text;

pub(crate) use text::{Parts, Text};

/// How much a buffer holds before it is handed on.
const CHUNK: usize = 64 * 1024;
