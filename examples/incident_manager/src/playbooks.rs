//! Playbooks: what is done about an incident before a person looks at it. What they do to other systems is pretended; what
//! they do with the incident is not.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::sleep;

use crate::incident::{Category, Change, Incident};
use crate::operations::{Operations, Refusal};
use crate::store::StoreError;

#[derive(Debug)]
pub(crate) struct Playbook {
    pub(crate) name: &'static str,
    steps: &'static [Step],
}

#[derive(Debug)]
enum Step {
    /// A command to another system, which takes some milliseconds.
    Command(&'static str, u64),
    /// A step with the incident itself, unless somebody was faster.
    Change(Change),
}

/// A step that failed: the playbook ends there.
#[derive(Debug)]
pub(crate) enum PlaybookError {
    Command(&'static str),
    Refused(Refusal),
}

impl Playbook {
    pub(crate) fn of(category: Category) -> &'static Playbook {
        use Step::{Change as Do, Command};
        match category {
            Category::Performance => &Playbook {
                name: "add-replicas",
                steps: &[Do(Change::Acknowledge), Do(Change::Start), Command("scale up", 60), Command("warm up", 90)],
            },
            Category::Security => &Playbook {
                name: "block-prompt",
                steps: &[Do(Change::Acknowledge), Command("block the pattern", 20), Do(Change::Start)],
            },
            Category::Availability => &Playbook {
                name: "switch-provider",
                steps: &[Do(Change::Acknowledge), Do(Change::Start), Command("switch", 40), Do(Change::Resolve)],
            },
            Category::Compliance => &Playbook { name: "keep-evidence", steps: &[Command("copy the log", 80)] },
            Category::Cost => &Playbook {
                name: "cap-budget",
                steps: &[Do(Change::Start), Command("lower the limit", 10), Do(Change::Resolve)],
            },
        }
    }
}

/// Who runs playbooks.
#[derive(Debug)]
pub(crate) struct Runner {
    rng: Mutex<Rng>,
    failures: f64,
}

impl Runner {
    /// A runner of which this part of the commands fails.
    pub(crate) fn new(rng: Rng, failures: f64) -> Runner {
        Runner { rng: Mutex::new(rng), failures }
    }

    pub(crate) async fn run(
        &self,
        playbook: &Playbook,
        incident: &Incident,
        operations: &Operations,
    ) -> Result<(), PlaybookError> {
        for step in playbook.steps {
            match *step {
                Step::Command(command, milliseconds) => {
                    let block = operations.catalog.code.start_block("playbook_command");
                    sleep(Duration::from_millis(milliseconds)).await;
                    if self.fails() {
                        block.error();
                        return Err(PlaybookError::Command(command));
                    }
                }
                Step::Change(change) => match operations.change(incident.id, change).await {
                    Ok(_) | Err(Refusal::Store(StoreError::Conflict(..))) => {}
                    Err(refusal) => return Err(PlaybookError::Refused(refusal)),
                },
            }
        }
        Ok(())
    }

    fn fails(&self) -> bool {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).f64() < self.failures
    }
}
