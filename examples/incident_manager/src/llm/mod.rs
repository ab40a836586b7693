//! What a large language model says about an incident.
//!
//! `client.rs` speaks the HTTP API that OpenAI began and many servers have, `wire.rs` and `sse.rs` are its formats, `standin/` a server that
//! pretends to be one. Each model has a circuit breaker; a second model answers when the first does not.

mod client;
mod error;
mod sse;
mod standin;
mod wire;

use std::time::Duration;

use quipu::guard::{BreakerState, CircuitBreaker};
use quipu::{Registry, timed};
use quipu_catalog::Catalog;
use quipu_catalog::health::ServiceState;
use quipu_catalog::llm::{Call, CallStatus, Operation, Price};
use tokio::time::sleep;

pub(crate) use self::client::{Client, Settings};
use self::client::{Completion, Prompt, Sign};
pub(crate) use self::error::LlmError;
pub(crate) use self::standin::{KEY as STAND_IN_KEY, StandIn};
use crate::cache::Cache;
use crate::incident::{Category, Incident};
use crate::log::complain;
use crate::store::{LlmUse, Store};

/// US dollars for 1,000 tokens. Calls of other models are counted as unpriced.
pub(crate) const PRICES: [(&str, Price); 2] =
    [("gpt-4o", Price::new(0.0025, 0.01)), ("gpt-4o-mini", Price::new(0.00015, 0.0006))];

/// Classifications that are remembered.
const CACHED: usize = 1_000;
/// How long is waited at most when a model says when to come back.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// How long a call may take, with its retry.
pub(crate) const CALL_WITHIN: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub(crate) struct Llm {
    client: Client,
    /// The first, and the one that answers when that does not, each behind a breaker of its name.
    models: [CircuitBreaker; 2],
    classifications: Cache,
    catalog: Catalog,
    store: Store,
}

impl Llm {
    pub(crate) fn new(
        client: Client,
        models: [CircuitBreaker; 2],
        store: Store,
        catalog: &Catalog,
        registry: &Registry,
    ) -> Llm {
        for breaker in &models {
            catalog.llm.watch_breaker(registry, client.provider(), breaker.name(), breaker);
        }
        let classifications = Cache::new(CACHED, catalog.storage.cache("classifications"));
        Llm { client, models, classifications, catalog: catalog.clone(), store }
    }

    /// The category that the title speaks of. What was asked before is remembered.
    #[timed(tracker = self.catalog.code.start_function("classify"), errors)]
    pub(crate) async fn classify(&self, incident: &Incident) -> Result<Category, LlmError> {
        let title = &incident.title;
        if let Some(known) = self.classifications.get(title) {
            return category(&known);
        }
        let categories = Category::ALL.iter().map(|category| category.as_str()).collect::<Vec<_>>().join(", ");
        let system = format!("Answer with one word. Which of these is the incident about: {categories}?");
        let category = category(&self.ask(Operation::Classification, &system, title).await?)?;
        self.classifications.put(title, category.as_str());
        Ok(category)
    }

    /// What may be the cause, and what to do, in some sentences.
    #[timed(tracker = self.catalog.code.start_function("summarize"), errors)]
    pub(crate) async fn summarize(&self, incident: &Incident) -> Result<String, LlmError> {
        let system = "You help those on call. Say in two sentences what may be the cause, and what to look at first.";
        self.ask(Operation::Enrichment, system, &incident.title).await
    }

    /// Down is: no model is asked at present.
    pub(crate) fn state(&self) -> ServiceState {
        match self.models.iter().filter(|model| model.state() == BreakerState::Open).count() {
            0 => ServiceState::Healthy,
            1 => ServiceState::Degraded,
            _ => ServiceState::Down,
        }
    }

    /// Asks the first model, and if that does not answer the second.
    async fn ask(&self, operation: Operation, system: &str, user: &str) -> Result<String, LlmError> {
        let [first, second] = &self.models;
        let error = match self.ask_model(first, operation, system, user).await {
            Err(error) if error.is_of_the_model() => error,
            answered => return answered,
        };
        let fallback = self.catalog.llm.fall_back(first.name(), second.name());
        let answered = self.ask_model(second, operation, system, user).await;
        if answered.is_ok() {
            fallback.success();
        } else {
            fallback.error();
        }
        answered.map_err(|another| error.or(another))
    }

    /// Asks a model, unless it keeps failing.
    async fn ask_model(
        &self,
        model: &CircuitBreaker,
        operation: Operation,
        system: &str,
        user: &str,
    ) -> Result<String, LlmError> {
        let permit = model.try_acquire().map_err(|rejected| LlmError::LeftAlone(rejected.retry_after()))?;
        let prompt = Prompt { model: model.name(), system, user, is_streamed: operation == Operation::Enrichment };
        // Dropped with this future, the call was cancelled.
        let call = self.catalog.llm.start(self.client.provider(), model.name(), operation);
        let outcome = self.complete(&prompt, &call).await;
        match &outcome {
            Err(error) if !error.is_an_answer() => permit.failure(),
            _ => permit.success(),
        }
        match &outcome {
            Ok(Completion { usage: Some(usage), .. }) => call.success(*usage),
            Ok(_) => call.success_without_usage(),
            Err(error) => {
                call.error(error.error_type());
                self.catalog.code.error("llm", error.error_type().as_str());
            }
        }
        self.book(model, operation, outcome.as_ref().ok()).await;
        outcome.map(|completion| completion.text)
    }

    /// Sends a prompt, and once more if the model is busy for a short while only.
    async fn complete(&self, prompt: &Prompt<'_>, call: &Call) -> Result<Completion, LlmError> {
        let provider = self.client.provider();
        let hear = |sign| match sign {
            Sign::Token => call.first_token(),
            Sign::Left(resource, left) => self.catalog.llm.rate_limit_remaining(provider, resource, left),
        };
        let deadline = self.client.deadline();
        let mut outcome = self.client.complete(prompt, deadline, hear).await;
        if let Err(LlmError::RateLimit(wait)) = outcome
            && wait <= LONGEST_WAIT
        {
            call.rate_limited();
            sleep(wait).await;
            call.retry();
            outcome = self.client.complete(prompt, deadline, hear).await;
        }
        if let Ok(Completion { finish_reason: Some(reason), .. }) = &outcome {
            call.finish_reason(reason.as_str().into());
        }
        outcome
    }

    async fn book(&self, model: &CircuitBreaker, operation: Operation, completion: Option<&Completion>) {
        let call = LlmUse {
            provider: self.client.provider(),
            model: model.name().to_owned(),
            operation,
            status: if completion.is_some() { CallStatus::Success } else { CallStatus::Error },
            usage: completion.and_then(|completion| completion.usage).unwrap_or_default(),
        };
        if let Err(error) = self.store.write(move |database| database.count_llm_use(&call)).await {
            complain(&error);
        }
    }
}

/// The category that an answer names, however a model writes it: `Security.`
fn category(answer: &str) -> Result<Category, LlmError> {
    let word = answer.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    word.parse().map_err(|_| LlmError::Unreadable(answer.chars().take(100).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_known_however_it_is_written() {
        for (answer, expected) in [
            ("security", Some(Category::Security)),
            ("Security", Some(Category::Security)),
            (" **cost**.\n", Some(Category::Cost)),
            ("It is about cost", None),
            ("", None),
        ] {
            assert_eq!(category(answer).ok(), expected, "{answer:?}");
        }
    }
}
