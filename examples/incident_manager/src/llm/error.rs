//! Why a model has not answered.

use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use quipu_catalog::llm::ErrorType;

#[derive(Debug)]
pub(crate) enum LlmError {
    /// Too many requests; worth another try after this time.
    RateLimit(Duration),
    Timeout,
    Authentication,
    Unavailable(String),
    /// It does not take this request: the model is not known, or the prompt too long.
    Refused(StatusCode),
    /// An answer that makes no sense.
    Unreadable(String),
    /// The circuit breaker is open, for so long.
    LeftAlone(Duration),
}

impl LlmError {
    /// Whether another model may do better.
    pub(super) fn is_of_the_model(&self) -> bool {
        !matches!(self, LlmError::Unreadable(_))
    }

    /// Whether there was an answer, so that nothing is wrong with the model: only with this request.
    pub(crate) fn is_an_answer(&self) -> bool {
        matches!(self, LlmError::Refused(_) | LlmError::Unreadable(_))
    }

    /// When to come back, if it is said.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            LlmError::RateLimit(wait) | LlmError::LeftAlone(wait) => Some(*wait),
            _ => None,
        }
    }

    /// Of the errors of two models the later one, with two exceptions. If both say when to come back, it is the one that says
    /// sooner. If only the later one is an answer, it is the first: that model may still take the request.
    pub(super) fn or(self, later: LlmError) -> LlmError {
        match (self.retry_after(), later.retry_after()) {
            (Some(wait), Some(longer)) if wait < longer => self,
            _ if later.is_an_answer() && !self.is_an_answer() => self,
            _ => later,
        }
    }

    /// What it is counted as.
    pub(super) fn error_type(&self) -> ErrorType {
        match self {
            LlmError::RateLimit(_) => ErrorType::RateLimit,
            LlmError::Timeout => ErrorType::Timeout,
            LlmError::Authentication => ErrorType::Authentication,
            LlmError::Unavailable(_) | LlmError::LeftAlone(_) => ErrorType::ServiceUnavailable,
            LlmError::Refused(_) | LlmError::Unreadable(_) => ErrorType::Unknown,
        }
    }
}

impl fmt::Display for LlmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LlmError::RateLimit(wait) => write!(f, "the model takes more in {wait:?}"),
            LlmError::Timeout => f.write_str("the model took too long"),
            LlmError::Authentication => f.write_str("the model does not take this key"),
            LlmError::Unavailable(what) => write!(f, "the model is not there: {what}"),
            LlmError::Refused(status) => write!(f, "the model refuses this: {status}"),
            LlmError::Unreadable(answer) => write!(f, "the model answered {answer:?}"),
            LlmError::LeftAlone(wait) => write!(f, "the model keeps failing, and is left alone for {wait:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_models_the_one_that_is_back_sooner_says_when() {
        let [soon, late] = [1, 5].map(Duration::from_secs);
        let unavailable = || LlmError::Unavailable("down".to_owned());
        assert_eq!(LlmError::LeftAlone(soon).or(LlmError::LeftAlone(late)).retry_after(), Some(soon));
        assert_eq!(LlmError::LeftAlone(late).or(LlmError::RateLimit(soon)).retry_after(), Some(soon));
        assert_eq!(LlmError::LeftAlone(late).or(unavailable()).retry_after(), None);
        assert_eq!(unavailable().or(LlmError::LeftAlone(late)).retry_after(), Some(late));
    }

    #[test]
    fn an_answer_of_the_second_model_is_not_the_last_word() {
        let refused = || LlmError::Refused(StatusCode::NOT_FOUND);
        let wait = Duration::from_secs(1);
        assert_eq!(LlmError::RateLimit(wait).or(refused()).retry_after(), Some(wait));
        assert!(!LlmError::Timeout.or(refused()).is_an_answer());
        assert!(LlmError::Unreadable(String::new()).or(refused()).is_an_answer());
    }
}
