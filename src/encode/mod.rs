//! Exposition formats. Sees [`model`](crate::model), and no store and no socket.

mod number;
mod text;

pub(crate) use text::{Parts, Text};
