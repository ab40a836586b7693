//! When what was removed can be freed: pins, and what waits for them.

pub(in crate::store) mod pin;
#[cfg(not(quipu_loom))]
pub(in crate::store) mod retained;
pub(in crate::store) mod retired;
