//! The books: counts of what was done, which tell whether the metrics are right.

use quipu_catalog::llm::{CallStatus, Operation, Usage};
use quipu_catalog::storage::QueryOperation;
use rusqlite::{Connection, params};

use super::{Database, Result};

/// A call to a model.
#[derive(Clone, Debug)]
pub(crate) struct LlmUse {
    pub(crate) provider: &'static str,
    pub(crate) model: String,
    pub(crate) operation: Operation,
    pub(crate) status: CallStatus,
    pub(crate) usage: Usage,
}

impl Database {
    /// Counts what ended so: a job, a notification, a playbook.
    pub(crate) fn count_outcome(&mut self, what: &str, name: &str, outcome: &str) -> Result<()> {
        self.query(QueryOperation::Insert, |connection| count_outcome(connection, what, name, outcome))
    }

    pub(crate) fn count_llm_use(&mut self, call: &LlmUse) -> Result<()> {
        let change = "INSERT INTO llm_usage VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET
             calls = calls + 1,
             prompt_tokens = prompt_tokens + excluded.prompt_tokens,
             completion_tokens = completion_tokens + excluded.completion_tokens";
        let LlmUse { provider, model, operation, status, usage } = call;
        let [prompt, completion] = [usage.prompt, usage.completion].map(|tokens| tokens.min(u32::MAX.into()) as i64);
        self.query(QueryOperation::Insert, |connection| {
            let values = params![provider, model, operation.as_str(), status.as_str(), prompt, completion];
            connection.prepare_cached(change)?.execute(values)?;
            Ok(())
        })
    }
}

/// As [`Database::count_outcome`], inside of a transaction.
pub(super) fn count_outcome(connection: &Connection, what: &str, name: &str, outcome: &str) -> Result<()> {
    let change = "INSERT INTO outcomes VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1";
    connection.prepare_cached(change)?.execute([what, name, outcome])?;
    Ok(())
}
