//! What a large language model says about an incident.
//!
//! `client.rs` speaks the HTTP API that OpenAI began and many servers have, `wire.rs` is its JSON, `standin/` a server that
//! pretends to be one. Each model has a circuit breaker; a second model answers when the first does not.

mod client;
mod standin;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use quipu::guard::CircuitBreaker;
use quipu::{LabelValue, RegisterError, Registry};
use tokio::time::sleep;

pub(crate) use self::client::{Client, LlmError, Settings};
use self::client::{Completion, Prompt};
pub(crate) use self::standin::{KEY as STAND_IN_KEY, StandIn};
use crate::cache::Cache;
use crate::incident::{Category, Incident, text_of, value_of};
use crate::log::complain;
use crate::store::{LlmUse, Store};

/// Classifications that are remembered.
const CACHED: usize = 1_000;
/// The longest that is waited when a model says when to come back.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
const COOL_DOWN: Duration = Duration::from_secs(5);

/// What a model is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, LabelValue)]
#[label(rename_all = "snake_case")]
pub(crate) enum Operation {
    Classification,
    Enrichment,
    Analysis,
    Embedding,
}

#[derive(Debug)]
pub(crate) struct Llm {
    client: Client,
    /// The first, and the one that answers when that does not.
    models: [Model; 2],
    classifications: Arc<Cache>,
    store: Store,
}

#[derive(Debug)]
struct Model {
    name: String,
    breaker: CircuitBreaker,
}

impl Model {
    fn new(name: &str, registry: &Registry) -> Result<Model, RegisterError> {
        let breaker = CircuitBreaker::builder(name).cool_down(COOL_DOWN).min_calls(10);
        Ok(Model { name: name.to_owned(), breaker: breaker.register(registry)? })
    }
}

impl Llm {
    pub(crate) fn new(
        client: Client,
        models: [&str; 2],
        store: Store,
        registry: &Registry,
    ) -> Result<Llm, RegisterError> {
        let [first, second] = models;
        let models = [Model::new(first, registry)?, Model::new(second, registry)?];
        Ok(Llm { client, models, classifications: Arc::new(Cache::new(CACHED)), store })
    }

    /// The category that the title speaks of. What was asked before is remembered.
    pub(crate) async fn classify(&self, incident: &Incident) -> Result<Category, LlmError> {
        let title = &incident.title;
        let answer = match self.classifications.get(title) {
            Some(answer) => answer,
            None => {
                let categories = Category::VALUES.unwrap_or_default().join(", ");
                let system = format!("Answer with one word. Which of these is the incident about: {categories}?");
                self.ask(Operation::Classification, &system, title).await?
            }
        };
        let category = value_of(answer.trim()).map_err(|_| LlmError::Unreadable(answer.clone()))?;
        self.classifications.put(title, text_of(category));
        Ok(category)
    }

    /// What may be the cause, and what to do, in some sentences.
    pub(crate) async fn summarize(&self, incident: &Incident) -> Result<String, LlmError> {
        let system = "You help those on call. Say in three sentences what may be the cause, and what to look at first.";
        self.ask(Operation::Enrichment, system, &incident.title).await
    }

    /// Asks the first model, and if that does not answer the second.
    async fn ask(&self, operation: Operation, system: &str, user: &str) -> Result<String, LlmError> {
        let [first, second] = &self.models;
        match self.ask_model(first, operation, system, user).await {
            Err(error) if error.is_of_the_model() => self.ask_model(second, operation, system, user).await,
            answered => answered,
        }
    }

    /// Asks a model, once more if it was busy, and leaves it alone if it keeps failing.
    async fn ask_model(
        &self,
        model: &Model,
        operation: Operation,
        system: &str,
        user: &str,
    ) -> Result<String, LlmError> {
        let is_streamed = operation == Operation::Enrichment;
        let prompt = Prompt { model: &model.name, system, user, is_streamed };
        match self.call(model, operation, &prompt).await {
            Err(LlmError::RateLimit(wait)) if wait <= LONGEST_WAIT => {
                sleep(wait).await;
                self.call(model, operation, &prompt).await
            }
            answered => answered,
        }
    }

    async fn call(&self, model: &Model, operation: Operation, prompt: &Prompt<'_>) -> Result<String, LlmError> {
        let permit = model.breaker.try_acquire().map_err(|_| LlmError::LeftAlone)?;
        let outcome = self.client.complete(prompt).await;
        permit.record(&outcome);
        self.book(model, operation, outcome.as_ref().ok()).await;
        Ok(outcome?.text)
    }

    async fn book(&self, model: &Model, operation: Operation, completion: Option<&Completion>) {
        let usage = completion.map(|completion| completion.usage).unwrap_or_default();
        let call = LlmUse {
            provider: self.client.provider(),
            model: model.name.clone(),
            operation: text_of(operation),
            status: if completion.is_some() { "success" } else { "error" },
            prompt_tokens: usage.prompt_tokens.try_into().unwrap_or(i64::MAX),
            completion_tokens: usage.completion_tokens.try_into().unwrap_or(i64::MAX),
        };
        if let Err(error) = self.store.write(move |database| database.count_llm_use(&call)).await {
            complain(&error);
        }
    }
}
