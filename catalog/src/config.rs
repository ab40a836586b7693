//! The sections of the catalogue in the configuration of [`quipu::Engine`]: `metrics.llm`, `metrics.incidents`, `metrics.jobs`, and
//! `metrics.catalog` for the other areas.
//!
//! ```
//! use quipu_catalog::{Catalog, config::CatalogConfig};
//!
//! let file = "
//! [metrics.llm.prices.gpt-4o]
//! prompt = 0.0025
//! completion = 0.01
//! ";
//! let engine = quipu::Engine::builder().with(CatalogConfig::default()).text("metrics.toml", file).build()?;
//! let catalog = Catalog::from_engine(&engine)?; // follows reloads
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::Catalog;
use crate::code::Code;
use crate::health::Health;
use crate::incidents::Incidents;
use crate::jobs::Jobs;
use crate::llm::{Llm, Price, PriceError, Prices};
use crate::notifications::Notifications;
use crate::playbooks::Playbooks;
use crate::storage::Storage;
use quipu::config::{Keys, Section};
use quipu::{Engine, RegisterError, Registry};
use std::collections::BTreeMap;

/// All sections of the catalogue, for [`EngineBuilder::with`](quipu::engine::EngineBuilder::with).
#[derive(Clone, Debug, Default)]
pub struct CatalogConfig {
    /// Calls of LLMs.
    pub llm: LlmConfig,
    /// Incidents.
    pub incidents: IncidentsConfig,
    /// Background jobs.
    pub jobs: JobsConfig,
    /// The other areas.
    pub areas: AreasConfig,
}

/// The table `metrics.llm`.
#[derive(Clone, Debug)]
pub struct LlmConfig {
    /// Whether calls are measured.
    pub enabled: bool,
    /// Whether tokens are exposed.
    pub track_token_usage: bool,
    /// Whether the cost is exposed.
    pub track_cost: bool,
    /// The price of 1,000 tokens of the prompt, of models that have none of their own. If only that of the answer is set, they are free.
    pub cost_per_1k_tokens_prompt: Option<f64>,
    /// The same of the answer.
    pub cost_per_1k_tokens_completion: Option<f64>,
    /// Prices by the beginning of models' names.
    pub prices: BTreeMap<String, Price>,
    /// Prices that the program knows, by the beginning of models' names: of models that have none by the other fields. No key sets them.
    pub default_prices: BTreeMap<String, Price>,
}

/// The table `metrics.incidents`.
#[derive(Clone, Debug)]
pub struct IncidentsConfig {
    /// Whether incidents are measured.
    pub enabled: bool,
    /// Whether the time to resolve is exposed.
    pub track_resolution_time: bool,
    /// Whether the time to acknowledge is exposed.
    pub track_acknowledgment_time: bool,
}

/// The table `metrics.jobs`.
#[derive(Clone, Debug)]
pub struct JobsConfig {
    /// Whether jobs are measured.
    pub enabled: bool,
    /// Whether the depth and the age of queues are exposed.
    pub track_queue_depth: bool,
}

/// The table `metrics.catalog`: which of the other areas are measured.
#[derive(Clone, Debug)]
pub struct AreasConfig {
    /// Notifications.
    pub notifications: bool,
    /// Playbooks.
    pub playbooks: bool,
    /// Storage, databases, caches, message queues.
    pub storage: bool,
    /// Functions, blocks, batches, errors.
    pub code: bool,
    /// States of services.
    pub health: bool,
}

impl Default for LlmConfig {
    fn default() -> Self {
        LlmConfig {
            enabled: true,
            track_token_usage: true,
            track_cost: true,
            cost_per_1k_tokens_prompt: None,
            cost_per_1k_tokens_completion: None,
            prices: BTreeMap::new(),
            default_prices: BTreeMap::new(),
        }
    }
}

impl Default for IncidentsConfig {
    fn default() -> Self {
        IncidentsConfig { enabled: true, track_resolution_time: true, track_acknowledgment_time: true }
    }
}

impl Default for JobsConfig {
    fn default() -> Self {
        JobsConfig { enabled: true, track_queue_depth: true }
    }
}

impl Default for AreasConfig {
    fn default() -> Self {
        AreasConfig { notifications: true, playbooks: true, storage: true, code: true, health: true }
    }
}

/// Dollars for 1,000 tokens that nobody asks.
const MOST_DOLLARS: f64 = 1e6;

impl Section for LlmConfig {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("llm", "Calls of LLMs.", |keys| {
            keys.key("enabled", "Measures them.").value(&mut self.enabled);
            let help = "Exposes llm_tokens_total and the other families of tokens.";
            keys.key("track_token_usage", help).live().value(&mut self.track_token_usage);
            let help = "Exposes llm_cost_dollars_total and llm_unpriced_requests_total.";
            keys.key("track_cost", help).live().value(&mut self.track_cost);
            let help = "Dollars for 1,000 tokens of the prompt, of models that have no price of their own. \
                Where only one of this and the next key is set, the other is 0.";
            let key = keys.key("cost_per_1k_tokens_prompt", help).range(0.0, MOST_DOLLARS).live();
            key.example("0.03").value(&mut self.cost_per_1k_tokens_prompt);
            let help = "The same of the answer.";
            let key = keys.key("cost_per_1k_tokens_completion", help).range(0.0, MOST_DOLLARS).live();
            key.example("0.06").value(&mut self.cost_per_1k_tokens_completion);
            let help = "Prices by the beginning of the model's name, of which the longest counts. In the file only.";
            keys.key("prices", help).live().example("gpt-4o").tables(&mut self.prices);
            // The ranges of the keys leave only what the program has set.
            if let Err(error) = self.check_prices() {
                keys.refuse("prices", &format!("cannot be used: {error}"));
            }
        });
    }
}

impl Section for Price {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        let help = "Dollars for 1,000 tokens of the prompt.";
        keys.key("prompt", help).range(0.0, MOST_DOLLARS).value(&mut self.prompt);
        let help = "Dollars for 1,000 tokens of the answer, those used to reason included.";
        keys.key("completion", help).range(0.0, MOST_DOLLARS).value(&mut self.completion);
        let help =
            "Dollars for 1,000 tokens of the prompt that are read from the provider's cache; else those of the prompt.";
        let key = keys.key("cached_read", help).range(0.0, MOST_DOLLARS);
        key.example("0.00125").value(&mut self.cached_read);
        let help = "Dollars for 1,000 tokens of the prompt that are written to the provider's cache; else those of the prompt.";
        let key = keys.key("cached_write", help).range(0.0, MOST_DOLLARS);
        key.example("0.003").value(&mut self.cached_write);
    }
}

impl Section for IncidentsConfig {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("incidents", "The life of incidents.", |keys| {
            keys.key("enabled", "Measures them.").value(&mut self.enabled);
            let help = "Exposes incident_resolution_duration_seconds.";
            keys.key("track_resolution_time", help).live().value(&mut self.track_resolution_time);
            let help = "Exposes incident_acknowledgment_duration_seconds.";
            keys.key("track_acknowledgment_time", help).live().value(&mut self.track_acknowledgment_time);
        });
    }
}

impl Section for JobsConfig {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("jobs", "Background jobs and their queues.", |keys| {
            keys.key("enabled", "Measures them.").value(&mut self.enabled);
            let help = "Exposes jobs_queue_depth and jobs_queue_oldest_item_age_seconds.";
            keys.key("track_queue_depth", help).live().value(&mut self.track_queue_depth);
        });
    }
}

impl Section for AreasConfig {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        keys.table("catalog", "Which other areas are measured.", |keys| {
            keys.key("notifications", "Deliveries of notifications.").value(&mut self.notifications);
            keys.key("playbooks", "Executions of playbooks.").value(&mut self.playbooks);
            keys.key("storage", "Storage, databases, caches, message queues.").value(&mut self.storage);
            keys.key("code", "Functions, blocks, batches, errors by component.").value(&mut self.code);
            keys.key("health", "States of services.").value(&mut self.health);
        });
    }
}

impl Section for CatalogConfig {
    fn keys(&mut self, keys: &mut Keys<'_>) {
        self.llm.keys(keys);
        self.incidents.keys(keys);
        self.jobs.keys(keys);
        self.areas.keys(keys);
    }
}

impl LlmConfig {
    /// The prices that are set. With one of the flat prices, each model has one. None, if a program has set one that is no number from 0 on: an
    /// [engine](Engine) refuses such.
    ///
    /// ```
    /// use quipu_catalog::{config::LlmConfig, llm::Price};
    /// let config = LlmConfig { cost_per_1k_tokens_prompt: Some(0.03), ..LlmConfig::default() };
    /// assert_eq!(config.prices().of("any"), Some(&Price::new(0.03, 0.0)));
    /// ```
    pub fn prices(&self) -> Prices {
        self.check_prices().unwrap_or_default()
    }

    fn check_prices(&self) -> Result<Prices, PriceError> {
        let mut prices = self.prices.clone();
        let flat = [self.cost_per_1k_tokens_prompt, self.cost_per_1k_tokens_completion];
        if flat.iter().any(Option::is_some) {
            let [prompt, completion] = flat.map(Option::unwrap_or_default);
            // A price for the beginning "" that has a table of its own goes before the flat one.
            prices.entry(String::new()).or_insert(Price::new(prompt, completion));
        }
        let is_set = |model: &str| prices.keys().any(|beginning| model.starts_with(&**beginning));
        let known: Vec<_> = self.default_prices.iter().filter(|(model, _)| !is_set(model)).collect();
        prices.extend(known.into_iter().map(|(model, price)| (model.clone(), *price)));
        Prices::new(prices)
    }
}

impl Catalog {
    /// Registers the areas that the engine's configuration switches on; the others record into nothing. What can change while the program runs, such as
    /// prices, follows each [reload](Engine::reload). Without a [`CatalogConfig`] in the engine, all is as it is by default.
    ///
    /// # Errors
    /// When another metric has one of their names. Areas before that one are registered then.
    pub fn from_engine(engine: &Engine) -> Result<Catalog, RegisterError> {
        let config: CatalogConfig = engine.section().unwrap_or_default();
        let (registry, off) = (engine.registry(), Registry::disabled());
        let on = |is_on: bool| if is_on { registry } else { &off };
        let areas = &config.areas;
        let catalog = Catalog {
            llm: Llm::register(on(config.llm.enabled), config.llm.prices())?,
            incidents: Incidents::register(on(config.incidents.enabled))?,
            jobs: Jobs::register(on(config.jobs.enabled))?,
            notifications: Notifications::register(on(areas.notifications))?,
            playbooks: Playbooks::register(on(areas.playbooks))?,
            storage: Storage::register(on(areas.storage))?,
            code: Code::register(on(areas.code))?,
            health: Health::register(on(areas.health))?,
        };
        let (llm, registry) = (catalog.llm.clone(), registry.clone());
        engine.follow(move |config: &CatalogConfig| {
            llm.set_prices(config.llm.prices());
            config.show(&registry);
        });
        Ok(catalog)
    }
}

impl CatalogConfig {
    /// Shows the families that are switched on, and hides the others.
    fn show(&self, registry: &Registry) {
        let CatalogConfig { llm, incidents, jobs, .. } = self;
        let tokens = [
            "llm_tokens_total",
            "llm_request_input_tokens",
            "llm_request_output_tokens",
            "llm_cached_tokens_total",
            "llm_reasoning_tokens_total",
        ];
        let groups: [(bool, &[&str]); 5] = [
            (llm.track_token_usage, &tokens),
            (llm.track_cost, &["llm_cost_dollars_total", "llm_unpriced_requests_total"]),
            (incidents.track_resolution_time, &["incident_resolution_duration_seconds"]),
            (incidents.track_acknowledgment_time, &["incident_acknowledgment_duration_seconds"]),
            (jobs.track_queue_depth, &["jobs_queue_depth", "jobs_queue_oldest_item_age_seconds"]),
        ];
        for (is_shown, families) in groups {
            families.iter().for_each(|family| registry.set_hidden(family, !is_shown));
        }
    }
}
