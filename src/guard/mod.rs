//! Guards: the application and its metrics do each other no harm.

mod breaker;

pub use breaker::{
    BreakerError, BreakerState, CallError, CircuitBreaker, CircuitBreakerBuilder, Permit, Rejected, SettingProblem,
};
