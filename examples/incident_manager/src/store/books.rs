//! The books: counts of what was done, which tell whether the metrics are right.

use rusqlite::params;

use super::{Database, Result};

/// A call to a model.
#[derive(Clone, Debug)]
pub(crate) struct LlmUse {
    pub(crate) provider: &'static str,
    pub(crate) model: String,
    pub(crate) operation: &'static str,
    pub(crate) status: &'static str,
    pub(crate) prompt_tokens: i64,
    pub(crate) completion_tokens: i64,
}

impl Database {
    /// Counts what ended so: a job, a notification, a playbook.
    pub(crate) fn count_outcome(&mut self, what: &str, name: &str, outcome: &str) -> Result<()> {
        let change = "INSERT INTO outcomes VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1";
        self.connection.prepare_cached(change)?.execute([what, name, outcome])?;
        Ok(())
    }

    pub(crate) fn count_llm_use(&mut self, call: &LlmUse) -> Result<()> {
        let change = "INSERT INTO llm_usage VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO UPDATE SET
             calls = calls + 1,
             prompt_tokens = prompt_tokens + excluded.prompt_tokens,
             completion_tokens = completion_tokens + excluded.completion_tokens";
        let LlmUse { provider, model, operation, status, prompt_tokens, completion_tokens } = call;
        let values = params![provider, model, operation, status, prompt_tokens, completion_tokens];
        self.connection.prepare_cached(change)?.execute(values)?;
        Ok(())
    }
}
