//! All areas at once.

use crate::code::Code;
use crate::health::Health;
use crate::incidents::Incidents;
use crate::jobs::Jobs;
use crate::llm::{Llm, Prices};
use crate::notifications::Notifications;
use crate::playbooks::Playbooks;
use crate::storage::Storage;
use quipu::{RegisterError, Registry};

/// The trackers of all areas. Cloning it clones eight reference counts.
///
/// ```
/// use quipu_catalog::{Catalog, llm::Prices, jobs::JobType};
///
/// let catalog = Catalog::register(&quipu::Registry::new(), Prices::none())?;
/// catalog.jobs.start(JobType::Escalation).success();
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Catalog {
    /// Calls of LLMs.
    pub llm: Llm,
    /// Incidents.
    pub incidents: Incidents,
    /// Background jobs and their queues.
    pub jobs: Jobs,
    /// Notifications.
    pub notifications: Notifications,
    /// Playbooks.
    pub playbooks: Playbooks,
    /// Storage, databases, caches, message queues.
    pub storage: Storage,
    /// Functions, blocks, batches, errors.
    pub code: Code,
    /// States of services.
    pub health: Health,
}

impl Catalog {
    /// Registers the families of all areas, or finds them.
    ///
    /// # Errors
    /// When another metric has one of their names. Areas before that one are registered then.
    pub fn register(registry: &Registry, prices: Prices) -> Result<Catalog, RegisterError> {
        Ok(Catalog {
            llm: Llm::register(registry, prices)?,
            incidents: Incidents::register(registry)?,
            jobs: Jobs::register(registry)?,
            notifications: Notifications::register(registry)?,
            playbooks: Playbooks::register(registry)?,
            storage: Storage::register(registry)?,
            code: Code::register(registry)?,
            health: Health::register(registry)?,
        })
    }
}
