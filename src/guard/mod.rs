//! Guards: the application and its metrics do each other no harm.

mod breaker;
#[cfg(all(test, quipu_loom))]
mod models;
#[allow(dead_code, reason = "for the overflow path")]
mod offenders;

pub use breaker::{
    BreakerError, BreakerState, CallError, CircuitBreaker, CircuitBreakerBuilder, Permit, Rejected, SettingProblem,
};
#[allow(unused_imports, reason = "for the overflow path")]
pub(crate) use offenders::{LabelOffenders, Offenders};
