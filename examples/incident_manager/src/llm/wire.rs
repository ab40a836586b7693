//! The JSON of `POST /v1/chat/completions`: of a request what is sent, of an answer what is read.

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request<'a> {
    pub(super) model: &'a str,
    #[serde(borrow)]
    pub(super) messages: Vec<Message<'a>>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stream_options: Option<StreamOptions>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message<'a> {
    pub(super) role: &'a str,
    // Borrowed where nothing in it is escaped.
    #[serde(borrow)]
    pub(super) content: std::borrow::Cow<'a, str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: bool,
}

/// A whole answer, or a piece of one that is streamed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    #[serde(default)]
    pub(super) usage: Option<Usage>,
    /// Ends a stream early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Problem>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Choice {
    /// Of a whole answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<Text>,
    /// Of a piece.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) delta: Option<Text>,
    #[serde(default)]
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Text {
    #[serde(default)]
    pub(super) content: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Problem {
    pub(super) message: String,
}

/// The tokens of a call. The details are parts of the numbers above them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Usage {
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    #[serde(default)]
    pub(super) prompt_tokens_details: PromptDetails,
    #[serde(default)]
    pub(super) completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PromptDetails {
    #[serde(default)]
    pub(super) cached_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct CompletionDetails {
    #[serde(default)]
    pub(super) reasoning_tokens: u64,
}

impl From<Usage> for quipu_catalog::llm::Usage {
    fn from(usage: Usage) -> Self {
        quipu_catalog::llm::Usage {
            prompt: usage.prompt_tokens,
            completion: usage.completion_tokens,
            cached_read: usage.prompt_tokens_details.cached_tokens,
            reasoning: usage.completion_tokens_details.reasoning_tokens,
            ..Self::default()
        }
    }
}
