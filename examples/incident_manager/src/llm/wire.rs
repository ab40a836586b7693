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
pub(crate) struct Usage {
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    #[serde(default)]
    pub(crate) prompt_tokens_details: PromptDetails,
    #[serde(default)]
    pub(crate) completion_tokens_details: CompletionDetails,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PromptDetails {
    #[serde(default)]
    pub(crate) cached_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CompletionDetails {
    #[serde(default)]
    pub(crate) reasoning_tokens: u64,
}
