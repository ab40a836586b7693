//! The label values of LLM calls that are known beforehand.

use crate::values::label_values;

label_values! {
    /// What an LLM is asked for.
    pub enum Operation {
        /// Which kind of thing something is.
        Classification = "classification",
        /// What is to be added to something.
        Enrichment = "enrichment",
        /// What is behind something.
        Analysis = "analysis",
        /// A vector for a text.
        Embedding = "embedding",
    }
}

label_values! {
    /// How a call ended, or what became of a fallback.
    pub enum CallStatus {
        /// With an answer.
        Success = "success",
        /// Without one, or with an error in the middle of it.
        Error = "error",
        /// It was given up before its end. That is no error.
        Cancelled = "cancelled",
    }
}

label_values! {
    /// Which tokens are counted. What is a part of these, such as cached tokens, is counted elsewhere: a sum over the types counts
    /// each token once.
    pub enum TokenType {
        /// Tokens that were sent.
        Prompt = "prompt",
        /// Tokens of the answer.
        Completion = "completion",
    }
}

label_values! {
    /// What was done with the provider's cache of prompts.
    pub enum CacheAccess {
        /// Tokens that were found there.
        Read = "read",
        /// Tokens that were put there.
        Write = "write",
    }
}

label_values! {
    /// Why an answer ended.
    pub enum FinishReason {
        /// It was at its end.
        Stop = "stop",
        /// It reached the limit of tokens.
        Length = "length",
        /// A filter held it back.
        ContentFilter = "content_filter",
        /// The model wants tools to be called.
        ToolCalls = "tool_calls",
        /// Anything else.
        Other = "other",
    }
    else Other
}

label_values! {
    /// Why a call failed.
    pub enum ErrorType {
        /// Too many requests or tokens. Also counted in `llm_rate_limit_hits_total`.
        RateLimit = "rate_limit",
        /// No answer in time.
        Timeout = "timeout",
        /// The provider does not know the key, or does not allow it this.
        Authentication = "authentication",
        /// The provider cannot answer now, or cannot be reached.
        ServiceUnavailable = "service_unavailable",
        /// Anything else.
        Unknown = "unknown",
    }
    else Unknown
}

impl ErrorType {
    /// That of an HTTP status which is an error: 429 is a rate limit, 401 and 403 are of authentication, 408 and 504 are timeouts,
    /// 529 and the others from 500 on say that the service is unavailable.
    ///
    /// ```
    /// use quipu_catalog::llm::ErrorType;
    /// assert_eq!(ErrorType::of_http_status(429), ErrorType::RateLimit);
    /// assert_eq!(ErrorType::of_http_status(400), ErrorType::Unknown);
    /// ```
    pub const fn of_http_status(status: u16) -> ErrorType {
        match status {
            429 => ErrorType::RateLimit,
            401 | 403 => ErrorType::Authentication,
            408 | 504 => ErrorType::Timeout,
            500..=599 => ErrorType::ServiceUnavailable,
            _ => ErrorType::Unknown,
        }
    }
}

label_values! {
    /// What a provider limits the rate of.
    pub enum Resource {
        /// Requests in a time.
        Requests = "requests",
        /// Tokens in a time.
        Tokens = "tokens",
    }
}
