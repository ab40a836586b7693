//! One call of an LLM.

use super::families::{
    CachedTokenLabels, ErrorLabels, FinishReasonLabels, ModelLabels, OperationLabels, ProviderLabels, RequestLabels,
    TokenLabels,
};
use super::price::LivePrice;
use super::{CacheAccess, CallStatus, ErrorType, FinishReason, LlmMetrics, Operation, TokenType};
use core::sync::atomic::{AtomicU64, Ordering};
use quipu::clock::{Clock, Moment};
use quipu::{Counter, FloatCounter, Histogram, InFlightGauge};
use std::sync::Arc;

/// The tokens of one request.
///
/// All numbers are of tokens, and zero unless they are set. Of each, 2^32 - 1 count at most.
///
/// ```
/// use quipu_catalog::llm::Usage;
/// let usage = Usage { prompt: 812, completion: 96, cached_read: 512, ..Usage::default() };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All that were sent, cached ones included.
    pub prompt: u64,
    /// All of the answers, those used to reason included.
    pub completion: u64,
    /// Of the prompt, those that were read from the provider's cache.
    pub cached_read: u64,
    /// Of the prompt, those that were written to the provider's cache.
    pub cached_write: u64,
    /// Of the completion, those that the model used to reason.
    pub reasoning: u64,
}

impl Usage {
    /// Without what no request has: a nonsense from a wire would make a counter wrap.
    fn clamped(self) -> Usage {
        let clamp = |tokens: u64| tokens.min(u32::MAX.into());
        Usage {
            prompt: clamp(self.prompt),
            completion: clamp(self.completion),
            cached_read: clamp(self.cached_read),
            cached_write: clamp(self.cached_write),
            reasoning: clamp(self.reasoning),
        }
    }
}

/// The series of calls of one model for one operation, found once.
#[derive(Debug)]
pub(super) struct CallSeries {
    /// By [`CallStatus`].
    requests: [Counter; 3],
    seconds: Histogram,
    first_token: Histogram,
    per_token: Histogram,
    /// By [`TokenType`].
    tokens: [Counter; 2],
    sizes: [Histogram; 2],
    /// By [`CacheAccess`].
    cached: [Counter; 2],
    reasoning: Counter,
    in_flight: InFlightGauge,
    /// By [`FinishReason`].
    finished: [Counter; 5],
    retries: Counter,
    unpriced: Counter,
    /// By [`ErrorType`].
    errors: [Counter; 5],
    cost: FloatCounter,
    rate_limit_hits: Counter,
    price: LivePrice,
    clock: Clock,
}

impl CallSeries {
    pub(super) fn new(
        metrics: &LlmMetrics,
        clock: &Clock,
        price: LivePrice,
        (provider, model, operation): (&str, &str, Operation),
    ) -> CallSeries {
        let of_model = ModelLabels { provider, model };
        let of_operation = OperationLabels { provider, model, operation };
        let status = |status| RequestLabels { provider, model, operation, status };
        let token_type = |token_type| TokenLabels { provider, model, token_type };
        let access = |access| CachedTokenLabels { provider, model, access };
        let reason = |n: usize| FinishReasonLabels { provider, model, reason: FinishReason::ALL[n] };
        let error_type = |n: usize| ErrorLabels { provider, model, error_type: ErrorType::ALL[n] };
        CallSeries {
            requests: [CallStatus::Success, CallStatus::Error, CallStatus::Cancelled]
                .map(|of| metrics.llm_requests_total.handle(status(of))),
            seconds: metrics.llm_request_duration_seconds.handle(of_operation),
            first_token: metrics.llm_time_to_first_token_seconds.handle(of_operation),
            per_token: metrics.llm_time_per_output_token_seconds.handle(of_operation),
            tokens: [TokenType::Prompt, TokenType::Completion]
                .map(|of| metrics.llm_tokens_total.handle(token_type(of))),
            sizes: [&metrics.llm_request_input_tokens, &metrics.llm_request_output_tokens]
                .map(|family| family.handle(of_operation)),
            cached: [CacheAccess::Read, CacheAccess::Write]
                .map(|of| metrics.llm_cached_tokens_total.handle(access(of))),
            reasoning: metrics.llm_reasoning_tokens_total.handle(of_model),
            in_flight: metrics.llm_requests_in_flight.handle(of_model),
            finished: core::array::from_fn(|n| metrics.llm_finish_reasons_total.handle(reason(n))),
            retries: metrics.llm_retries_total.handle(of_model),
            unpriced: metrics.llm_unpriced_requests_total.handle(of_model),
            errors: core::array::from_fn(|n| metrics.llm_errors_total.handle(error_type(n))),
            cost: metrics.llm_cost_dollars_total.handle(of_model),
            rate_limit_hits: metrics.llm_rate_limit_hits_total.handle(ProviderLabels { provider }),
            price,
            clock: clock.clone(),
        }
    }

    fn succeed(&self, usage: Option<Usage>, seconds: f64, first_token: Option<f64>) {
        self.seconds.observe(seconds);
        let Some(usage) = usage.map(Usage::clamped) else { return self.unpriced.inc() };
        // The tokens of the reasoning came before the first that could be seen.
        let seen = usage.completion.saturating_sub(usage.reasoning);
        if let Some(first_token) = first_token
            && seen > 1
        {
            // A clock may have gone back.
            self.per_token.observe((seconds - first_token).max(0.0) / (seen - 1) as f64);
        }
        for (of, tokens) in [usage.prompt, usage.completion].into_iter().enumerate() {
            self.tokens[of].inc_by(tokens);
            self.sizes[of].observe(tokens as f64);
        }
        // Mostly none: most models neither reason nor have a cache.
        for (counter, tokens) in self.cached.iter().zip([usage.cached_read, usage.cached_write]) {
            if tokens > 0 {
                counter.inc_by(tokens);
            }
        }
        if usage.reasoning > 0 {
            self.reasoning.inc_by(usage.reasoning);
        }
        match self.price.now() {
            Some(price) => self.cost.inc_by(price.of(&usage)),
            None => self.unpriced.inc(),
        }
    }
}

/// How a call ended.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Success(Option<Usage>),
    Error(ErrorType),
    Cancelled,
}

/// A call of an LLM under way: one request, however many answers it has. Made by [`Llm::start`](super::Llm::start).
///
/// Say how it ended; it is recorded once. Dropped without a word, by an early return, a panic or a future that is dropped, it was
/// `cancelled`. In any case it is in flight no more.
///
/// | ended | requests | duration | first token, time for each token | tokens, cost |
/// |---|---|---|---|---|
/// | [`success`](Self::success) | `success` | yes | if [`first_token`](Self::first_token) was called | yes |
/// | [`success_without_usage`](Self::success_without_usage) | `success` | yes | the first token, if it was called | no; counted as unpriced |
/// | [`error`](Self::error) | `error` | no | no | no |
/// | dropped | `cancelled` | no | the first token, if it was called | no |
///
/// # Cost
/// About 130 ns for all of it, two readings of the clock included. Nothing is allocated once the model was called a first time.
///
/// ```
/// use quipu_catalog::llm::{Llm, Operation, Prices, Usage};
///
/// # let registry = quipu::Registry::new();
/// let llm = Llm::register(&registry, Prices::none())?;
/// let call = llm.start("openai", "gpt-4o", Operation::Classification);
/// call.first_token();
/// call.success(Usage { prompt: 812, completion: 96, ..Usage::default() });
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a call that is dropped at once is cancelled; keep it until the answer is there"]
pub struct Call {
    series: Arc<CallSeries>,
    start: Moment,
    /// Seconds from the start, as bits; all ones before it came.
    first_token: AtomicU64,
    outcome: Outcome,
}

assert_small!(Call);

/// A NaN that no clock shows.
const NO_TOKEN: u64 = u64::MAX;

impl Call {
    pub(super) fn start(series: Arc<CallSeries>) -> Call {
        series.in_flight.inc();
        Call { start: series.clock.now(), series, first_token: AtomicU64::new(NO_TOKEN), outcome: Outcome::Cancelled }
    }

    /// The first token of the answer that can be seen has come: not one of hidden reasoning, which `llm_time_per_output_token_seconds`
    /// leaves out of its division. Calls after the first change nothing, so it may be called for each token.
    pub fn first_token(&self) {
        // Whoever calls it has the call: two threads at one moment are of no interest.
        if self.first_token.load(Ordering::Relaxed) == NO_TOKEN {
            let seconds = self.series.clock.seconds_since(self.start);
            self.first_token.store(seconds.to_bits(), Ordering::Relaxed);
        }
    }

    /// An answer has ended for this reason. Counted at once; call it for each answer of the request.
    ///
    /// ```
    /// use quipu_catalog::llm::{FinishReason, Llm, Operation, Prices};
    ///
    /// # let llm = Llm::register(&quipu::Registry::new(), Prices::none())?;
    /// # let call = llm.start("openai", "gpt-4o", Operation::Analysis);
    /// call.finish_reason("length".into()); // as it is told on the wire; what is unknown is `other`
    /// call.finish_reason(FinishReason::Stop);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn finish_reason(&self, reason: FinishReason) {
        self.series.finished[reason as usize].inc();
    }

    /// The request is sent once more within this call. Counted at once.
    pub fn retry(&self) {
        self.series.retries.inc();
    }

    /// The provider's rate limit has turned the request away, and the call goes on: a [`retry`](Self::retry) follows. Counted at once in
    /// `llm_rate_limit_hits_total`. One that ends the call is counted by [`error`](Self::error) alone.
    ///
    /// ```
    /// use quipu_catalog::llm::{ErrorType, Llm, Operation, Prices};
    ///
    /// # let registry = quipu::Registry::new();
    /// # let llm = Llm::register(&registry, Prices::none())?;
    /// let call = llm.start("openai", "gpt-4o", Operation::Analysis);
    /// call.rate_limited(); // 429
    /// call.retry();
    /// call.error(ErrorType::RateLimit); // 429 again
    /// assert_eq!(quipu::testing::value(&registry, "llm_rate_limit_hits_total", []), 2.0);
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn rate_limited(&self) {
        self.series.rate_limit_hits.inc();
    }

    /// The answer is there, with all of its tokens.
    pub fn success(mut self, usage: Usage) {
        self.outcome = Outcome::Success(Some(usage));
    }

    /// The answer is there, and nobody said how many tokens it has. Its cost is not known, so it is counted in
    /// `llm_unpriced_requests_total`.
    pub fn success_without_usage(mut self) {
        self.outcome = Outcome::Success(None);
    }

    /// There is no answer, or it broke off.
    pub fn error(mut self, error: ErrorType) {
        self.outcome = Outcome::Error(error);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let series = &*self.series;
        let first_token =
            Some(self.first_token.load(Ordering::Relaxed)).filter(|bits| *bits != NO_TOKEN).map(f64::from_bits);
        let status = match self.outcome {
            Outcome::Success(usage) => {
                series.succeed(usage, series.clock.seconds_since(self.start), first_token);
                CallStatus::Success
            }
            Outcome::Error(error) => {
                series.errors[error as usize].inc();
                if error == ErrorType::RateLimit {
                    series.rate_limit_hits.inc();
                }
                CallStatus::Error
            }
            Outcome::Cancelled => CallStatus::Cancelled,
        };
        if status != CallStatus::Error
            && let Some(seconds) = first_token
        {
            series.first_token.observe(seconds);
        }
        series.requests[status as usize].inc();
        series.in_flight.dec();
    }
}
