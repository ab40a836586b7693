//! Whether the services that a program needs are there.
//!
//! ```
//! use quipu_catalog::health::{Health, ServiceState};
//! use std::time::Duration;
//!
//! # async fn ping() -> Result<(), std::io::Error> { Ok(()) }
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! let registry = quipu::Registry::new();
//! let health = Health::register(&registry)?;
//!
//! health.set("llm", ServiceState::Degraded); // known from elsewhere
//!
//! // Or asked every 10 s, for 2 s at most (feature `tokio`):
//! let watch = health.watch("database", Duration::from_secs(10), Duration::from_secs(2), || async { ping().await });
//! tokio::spawn(watch);
//! # tokio::time::sleep(Duration::from_secs(1)).await;
//!
//! let text = registry.to_text();
//! assert!(text.contains("service_health_status{service_name=\"llm\"} 1\n"));
//! assert!(text.contains("service_health_status{service_name=\"database\"} 0\n"));
//! # Ok::<(), quipu::RegisterError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "tokio")]
mod watch;

use quipu::{Family, Gauge, MetricSet, RegisterError, Registry};
use std::sync::Arc;

/// Whether a service is there; as a number, what is exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceState {
    /// It does what it should.
    Healthy = 0,
    /// It does some of that, or slowly.
    Degraded = 1,
    /// It does not.
    Down = 2,
}

/// `Ok` is healthy, `Err` is down.
impl<E> From<Result<(), E>> for ServiceState {
    fn from(result: Result<(), E>) -> ServiceState {
        if result.is_ok() { ServiceState::Healthy } else { ServiceState::Down }
    }
}

/// The family of services' states. [`Health`] records into it.
#[derive(Debug, MetricSet)]
pub struct HealthMetrics {
    /// State of a service: 0 healthy, 1 degraded, 2 down.
    #[metric(labels(service_name: &str), max_values("service_name", 50))]
    pub service_health_status: Family<Gauge, ServiceLabels<'static>>,
}

/// Shows whether services are there. A clone is another handle to the same. The [module](self) has an example.
#[derive(Clone, Debug)]
pub struct Health(Arc<HealthMetrics>);

impl Health {
    /// Registers the family of services' states, or finds it.
    ///
    /// # Errors
    /// When another metric has its name.
    pub fn register(registry: &Registry) -> Result<Health, RegisterError> {
        Ok(Health(Arc::new(HealthMetrics::register(registry)?)))
    }

    /// The family, to record into directly.
    pub fn metrics(&self) -> &HealthMetrics {
        &self.0
    }

    /// Sets the state of a service.
    pub fn set(&self, service_name: &str, state: ServiceState) {
        self.0.service_health_status.with(ServiceLabels { service_name }).set(f64::from(state as u8));
    }
}
