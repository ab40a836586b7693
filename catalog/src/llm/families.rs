//! The families of LLM calls.

use super::labels::{CacheAccess, CallStatus, ErrorType, FinishReason, Operation, Resource, TokenType};
use crate::bounds;
use quipu::{Counter, Family, FloatCounter, Gauge, Histogram, InFlightGauge, MetricSet};

/// The families of LLM calls. [`Llm`](super::Llm) records into them.
///
/// `provider` and `model` may come from requests: a family has 20 providers and 100 models at most. Others are recorded under
/// [`OVERFLOW_VALUE`](quipu::guard::OVERFLOW_VALUE), as are names of more than 1,024 bytes.
#[derive(Debug, MetricSet)]
pub struct LlmMetrics {
    /// Requests to LLMs that ended.
    #[metric(
        labels(provider: &str, model: &str, operation: Operation, status: CallStatus),
        max_values("provider", 20),
        max_values("model", 100)
    )]
    pub llm_requests_total: Family<Counter, RequestLabels<'static>>,
    /// Time from a request to the end of its answer, of those that succeeded.
    #[metric(
        unit = "seconds",
        bounds = bounds::LLM,
        labels(provider: &str, model: &str, operation: Operation),
        max_values("provider", 20),
        max_values("model", 100)
    )]
    pub llm_request_duration_seconds: Family<Histogram, OperationLabels<'static>>,
    /// Time from a request to the first token of its answer.
    #[metric(unit = "seconds", bounds = bounds::TOKEN, max_values("provider", 20), max_values("model", 100))]
    pub llm_time_to_first_token_seconds: Family<Histogram, OperationLabels<'static>>,
    /// Mean time of the tokens of an answer that can be seen, after the first.
    #[metric(unit = "seconds", bounds = bounds::TOKEN, max_values("provider", 20), max_values("model", 100))]
    pub llm_time_per_output_token_seconds: Family<Histogram, OperationLabels<'static>>,
    /// Tokens sent and received.
    #[metric(
        labels(provider: &str, model: &str, token_type: TokenType),
        max_values("provider", 20),
        max_values("model", 100)
    )]
    pub llm_tokens_total: Family<Counter, TokenLabels<'static>>,
    /// Tokens of the prompt of one request.
    #[metric(unit = "tokens", bounds = bounds::COUNT4, max_values("provider", 20), max_values("model", 100))]
    pub llm_request_input_tokens: Family<Histogram, OperationLabels<'static>>,
    /// Tokens of the answers to one request.
    #[metric(unit = "tokens", bounds = bounds::COUNT4, max_values("provider", 20), max_values("model", 100))]
    pub llm_request_output_tokens: Family<Histogram, OperationLabels<'static>>,
    /// Prompt tokens read from the provider's cache, or written to it.
    #[metric(
        labels(provider: &str, model: &str, access: CacheAccess),
        max_values("provider", 20),
        max_values("model", 100)
    )]
    pub llm_cached_tokens_total: Family<Counter, CachedTokenLabels<'static>>,
    /// Completion tokens that a model used to reason.
    #[metric(labels(provider: &str, model: &str), max_values("provider", 20), max_values("model", 100))]
    pub llm_reasoning_tokens_total: Family<Counter, ModelLabels<'static>>,
    /// Requests to LLMs under way.
    #[metric(max_values("provider", 20), max_values("model", 100))]
    pub llm_requests_in_flight: Family<InFlightGauge, ModelLabels<'static>>,
    /// Why answers ended.
    #[metric(
        labels(provider: &str, model: &str, reason: FinishReason),
        max_values("provider", 20),
        max_values("model", 100)
    )]
    pub llm_finish_reasons_total: Family<Counter, FinishReasonLabels<'static>>,
    /// Times that another model was asked instead.
    #[metric(labels(from: &str, to: &str, outcome: CallStatus), max_values("from", 100), max_values("to", 100))]
    pub llm_fallbacks_total: Family<Counter, FallbackLabels<'static>>,
    /// Times that a request was sent again.
    #[metric(max_values("provider", 20), max_values("model", 100))]
    pub llm_retries_total: Family<Counter, ModelLabels<'static>>,
    /// What a provider said is left of a rate limit.
    #[metric(labels(provider: &str, resource: Resource), max_values("provider", 20))]
    pub llm_rate_limit_remaining: Family<Gauge, RateLimitLabels<'static>>,
    /// Requests that succeeded and whose cost is not known.
    #[metric(max_values("provider", 20), max_values("model", 100))]
    pub llm_unpriced_requests_total: Family<Counter, ModelLabels<'static>>,
    /// Requests that failed.
    #[metric(
        labels(provider: &str, model: &str, error_type: ErrorType),
        max_values("provider", 20),
        max_values("model", 100)
    )]
    pub llm_errors_total: Family<Counter, ErrorLabels<'static>>,
    /// Cost of requests that succeeded.
    #[metric(unit = "dollars", max_values("provider", 20), max_values("model", 100))]
    pub llm_cost_dollars_total: Family<FloatCounter, ModelLabels<'static>>,
    /// Requests that a provider's rate limit turned away.
    #[metric(labels(provider: &str), max_values("provider", 20))]
    pub llm_rate_limit_hits_total: Family<Counter, ProviderLabels<'static>>,
    /// State of a model's circuit breaker: 0 closed, 1 open, 2 half-open.
    #[metric(max_values("provider", 20), max_values("model", 100))]
    pub llm_circuit_breaker_state: Family<Gauge, ModelLabels<'static>>,
}
