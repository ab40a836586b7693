//! Calls of LLMs: requests, tokens, cost, the time to the first token.
//!
//! ```
//! use quipu_catalog::llm::{ErrorType, Llm, Operation, Price, Prices, Usage};
//!
//! let registry = quipu::Registry::new();
//! let prices = Prices::new([("gpt-4o", Price::new(0.0025, 0.01))])?; // dollars for 1,000 tokens
//! let llm = Llm::register(&registry, prices)?;
//!
//! let call = llm.start("openai", "gpt-4o", Operation::Classification);
//! call.first_token(); // of a stream
//! call.success(Usage { prompt: 812, completion: 96, ..Usage::default() }); // tokens, cost, durations
//!
//! let call = llm.start("openai", "gpt-4o", Operation::Classification);
//! call.error(ErrorType::of_http_status(429));
//!
//! drop(llm.start("openai", "gpt-4o", Operation::Analysis)); // cancelled
//!
//! let text = registry.to_text();
//! assert!(text.contains("llm_cost_dollars_total{provider=\"openai\",model=\"gpt-4o\"} 0.00299\n"), "{text}");
//! assert!(text.contains("llm_rate_limit_hits_total{provider=\"openai\"} 1\n"));
//! assert!(text.contains("operation=\"analysis\",status=\"cancelled\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Names from outside
//!
//! A provider's or a model's name is recorded as it is given, control characters included; each format escapes what it must. Names that are
//! too many or too long are recorded under [`OVERFLOW_VALUE`](quipu::guard::OVERFLOW_VALUE): see [`LlmMetrics`]. A model that is called
//! for the first time allocates its series, all known outcomes at zero. So does each call of a name that has more than 256 bytes or comes after
//! 512 others; its series is found anew each time.
//!
//! OpenTelemetry's names for all this are in [`semconv`].

mod call;
mod fallback;
mod families;
mod labels;
mod price;
pub mod semconv;
#[cfg(feature = "stream")]
mod stream;

pub use call::{Call, Usage};
pub use fallback::Fallback;
pub use families::{
    CachedTokenLabels, ErrorLabels, FallbackLabels, FinishReasonLabels, LlmMetrics, ModelLabels, OperationLabels,
    ProviderLabels, RateLimitLabels, RequestLabels, TokenLabels,
};
pub use labels::{CacheAccess, CallStatus, ErrorType, FinishReason, Operation, Resource, TokenType};
pub use price::{Price, PriceError, Prices};
#[cfg(feature = "stream")]
pub use stream::{Answer, TokenStream};

use crate::names::Names;
use call::CallSeries;
use price::LivePrices;
use quipu::clock::Clock;
use quipu::registry::ScrapeHook;
use quipu::{CircuitBreaker, MetricSet, RegisterError, Registry};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Tracks calls of LLMs. A clone is another handle to the same.
///
/// ```
/// use quipu_catalog::llm::{Llm, Operation, Prices, Usage};
///
/// # let registry = quipu::Registry::new();
/// let llm = Llm::register(&registry, Prices::none())?;
/// let call = llm.start("anthropic", "claude-sonnet-4", Operation::Analysis);
/// call.success(Usage { prompt: 2_000, completion: 500, cached_read: 1_024, ..Usage::default() });
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Llm(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: LlmMetrics,
    clock: Clock,
    prices: LivePrices,
    calls: Names<CallSeries>,
    /// What shows the state of a model's breaker, by provider and model.
    breakers: Mutex<HashMap<[String; 2], ScrapeHook>>,
}

impl Llm {
    /// Registers the families of LLM calls, or finds them.
    ///
    /// # Errors
    /// When another metric has one of their names; then none is registered.
    pub fn register(registry: &Registry, prices: Prices) -> Result<Llm, RegisterError> {
        let metrics = LlmMetrics::register(registry)?;
        let (clock, calls) = (registry.clock().clone(), Names::new(1024));
        let prices = LivePrices::new(prices);
        Ok(Llm(Arc::new(Inner { metrics, clock, prices, calls, breakers: Mutex::default() })))
    }

    /// The families, to record into directly.
    pub fn metrics(&self) -> &LlmMetrics {
        &self.0.metrics
    }

    /// Sets other prices, which hold for all calls that end from now on. What was spent before stays as it was counted.
    ///
    /// ```
    /// use quipu_catalog::llm::{Llm, Operation, Price, Prices, Usage};
    ///
    /// # let registry = quipu::Registry::new();
    /// let llm = Llm::register(&registry, Prices::new([("gpt-4o", Price::new(0.0, 1.0))])?)?;
    /// let spend = || llm.start("openai", "gpt-4o", Operation::Analysis).success(Usage { completion: 1_000, ..Usage::default() });
    /// spend();
    /// llm.set_prices(Prices::new([("gpt-4o", Price::new(0.0, 0.5))])?);
    /// spend();
    /// assert_eq!(quipu::testing::value(&registry, "llm_cost_dollars_total", [("provider", "openai"), ("model", "gpt-4o")]), 1.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_prices(&self, prices: Prices) {
        self.0.prices.set(prices);
    }

    /// Starts a call: it is in flight from now on.
    #[must_use = "a call that is dropped at once is cancelled; keep it until the answer is there"]
    pub fn start(&self, provider: &str, model: &str, operation: Operation) -> Call {
        let Inner { metrics, clock, prices, calls, .. } = &*self.0;
        let make = || CallSeries::new(metrics, clock, prices.of_model(model), (provider, model, operation));
        Call::start(calls.get([provider, model, operation.as_str()], make))
    }

    /// Begins to ask `to` because `from` does not answer; both are names of models.
    pub fn fall_back<'a>(&'a self, from: &'a str, to: &'a str) -> Fallback<'a> {
        Fallback::new(&self.0.metrics, from, to)
    }

    /// What a provider says is left of a rate limit, as in the header `x-ratelimit-remaining-tokens`. There is no such series before
    /// it was said once.
    ///
    /// ```
    /// use quipu_catalog::llm::{Llm, Prices, Resource};
    ///
    /// # let registry = quipu::Registry::new();
    /// let llm = Llm::register(&registry, Prices::none())?;
    /// llm.rate_limit_remaining("openai", Resource::Tokens, 149_984);
    /// let line = "llm_rate_limit_remaining{provider=\"openai\",resource=\"tokens\"} 149984\n";
    /// assert!(registry.to_text().contains(line));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn rate_limit_remaining(&self, provider: &str, resource: Resource, remaining: u64) {
        self.0.metrics.llm_rate_limit_remaining.with(RateLimitLabels { provider, resource }).set(remaining as f64);
    }

    /// Shows the state of a model's breaker in `llm_circuit_breaker_state`: 0 closed, 1 open, 2 half-open. It is read at each
    /// scrape of the registry, which is the one that this was registered in, until another breaker of the model is shown.
    ///
    /// ```
    /// use quipu::CircuitBreaker;
    /// use quipu_catalog::llm::{Llm, Prices};
    ///
    /// let registry = quipu::Registry::new();
    /// let llm = Llm::register(&registry, Prices::none())?;
    /// let breaker = CircuitBreaker::builder("openai").min_calls(1).build()?;
    /// llm.watch_breaker(&registry, "openai", "gpt-4o", &breaker);
    /// breaker.try_acquire()?.failure();
    /// let line = "llm_circuit_breaker_state{provider=\"openai\",model=\"gpt-4o\"} 1\n";
    /// assert!(registry.to_text().contains(line));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch_breaker(&self, registry: &Registry, provider: &str, model: &str, breaker: &CircuitBreaker) {
        let state = self.0.metrics.llm_circuit_breaker_state.handle(ModelLabels { provider, model });
        let breaker = breaker.clone();
        let hook = registry.before_scrape(move || state.set(f64::from(breaker.state() as u8)));
        let mut breakers = self.0.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        let before = breakers.insert([provider.to_owned(), model.to_owned()], hook);
        // Dropping it takes the registry's lock.
        drop(breakers);
        drop(before);
    }
}
