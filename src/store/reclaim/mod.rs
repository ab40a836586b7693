//! When what was removed can be freed: pins, and what waits for them.

pub(in crate::store) mod pin;
pub(in crate::store) mod retained;
pub(in crate::store) mod retired;
