//! Another model, asked instead of the first.

use super::families::FallbackLabels;
use super::{CallStatus, LlmMetrics};

/// A fallback under way: another model is asked. Made by [`Llm::fall_back`](super::Llm::fall_back).
///
/// Say whether it helped; it is counted once, in `llm_fallbacks_total`. Dropped without a word, it was `cancelled`. The calls
/// themselves are tracked by [`Call`](super::Call).
///
/// ```
/// use quipu_catalog::llm::{ErrorType, Llm, Operation, Prices, Usage};
///
/// # let registry = quipu::Registry::new();
/// # let usage = Usage::default();
/// let llm = Llm::register(&registry, Prices::none())?;
/// llm.start("openai", "gpt-4o", Operation::Analysis).error(ErrorType::ServiceUnavailable);
/// let fallback = llm.fall_back("gpt-4o", "claude-sonnet-4");
/// llm.start("anthropic", "claude-sonnet-4", Operation::Analysis).success(usage);
/// fallback.success();
/// let line = "llm_fallbacks_total{from=\"gpt-4o\",to=\"claude-sonnet-4\",outcome=\"success\"} 1\n";
/// assert!(registry.to_text().contains(line));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a fallback that is dropped at once is cancelled; keep it until it has helped or failed"]
pub struct Fallback<'a> {
    metrics: &'a LlmMetrics,
    from: &'a str,
    to: &'a str,
    outcome: CallStatus,
}

impl<'a> Fallback<'a> {
    pub(super) fn new(metrics: &'a LlmMetrics, from: &'a str, to: &'a str) -> Self {
        // All outcomes are there from the first on, at zero: the first that fails must be able to alert.
        for outcome in CallStatus::ALL {
            let _ = metrics.llm_fallbacks_total.with(FallbackLabels { from, to, outcome: *outcome });
        }
        Fallback { metrics, from, to, outcome: CallStatus::Cancelled }
    }

    /// The other model has answered.
    pub fn success(mut self) {
        self.outcome = CallStatus::Success;
    }

    /// The other model has not answered either.
    pub fn error(mut self) {
        self.outcome = CallStatus::Error;
    }
}

impl Drop for Fallback<'_> {
    fn drop(&mut self) {
        let Fallback { metrics, from, to, outcome } = *self;
        metrics.llm_fallbacks_total.with(FallbackLabels { from, to, outcome }).inc();
    }
}
