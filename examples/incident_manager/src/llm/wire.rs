//! The JSON of `POST /v1/chat/completions`: of a request what is sent, of an answer what is read.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request<'a> {
    // Borrowed where nothing in it is escaped, as are the other texts.
    #[serde(borrow)]
    pub(super) model: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) messages: Vec<Message<'a>>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stream_options: Option<StreamOptions>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) content: Cow<'a, str>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StreamOptions {
    pub(super) include_usage: bool,
}

/// A whole answer, or a piece of one that is streamed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) choices: Vec<Choice>,
    #[serde(deserialize_with = "known")]
    pub(super) usage: Option<Usage>,
    /// Ends a stream early. Mostly it has a `message`.
    pub(super) error: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    /// Of a whole answer.
    pub(super) message: Option<Text>,
    /// Of a piece.
    pub(super) delta: Option<Text>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Text {
    pub(super) content: Option<String>,
}

/// The tokens of a call. The details are parts of the numbers above them. Servers leave out what they do not know, write `null`, or
/// nonsense: none of it may cost the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Usage {
    #[serde(deserialize_with = "known")]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "known")]
    pub(super) completion_tokens: Option<u64>,
    #[serde(deserialize_with = "known")]
    pub(super) prompt_tokens_details: Option<PromptDetails>,
    #[serde(deserialize_with = "known")]
    pub(super) completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct PromptDetails {
    #[serde(deserialize_with = "known")]
    pub(super) cached_tokens: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct CompletionDetails {
    #[serde(deserialize_with = "known")]
    pub(super) reasoning_tokens: Option<u64>,
}

/// None of what is something else, such as a text or -1 for a number of tokens.
fn known<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(serde_json::Value::deserialize(from)?).ok())
}

impl Usage {
    /// What is counted: nothing, if one of the two numbers is not known.
    pub(super) fn counted(self) -> Option<quipu_catalog::llm::Usage> {
        let cached = self.prompt_tokens_details.and_then(|details| details.cached_tokens);
        let reasoning = self.completion_tokens_details.and_then(|details| details.reasoning_tokens);
        Some(quipu_catalog::llm::Usage {
            prompt: self.prompt_tokens?,
            completion: self.completion_tokens?,
            cached_read: cached.unwrap_or_default(),
            reasoning: reasoning.unwrap_or_default(),
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(usage: &str) -> Option<[u64; 4]> {
        let answer: Answer = serde_json::from_str(&format!(r#"{{"choices": [], "usage": {usage}}}"#)).unwrap();
        let usage = answer.usage.and_then(Usage::counted)?;
        Some([usage.prompt, usage.completion, usage.cached_read, usage.reasoning])
    }

    #[test]
    fn tokens_that_are_not_told_do_not_cost_the_answer() {
        for (usage, expected) in [
            (
                r#"{"prompt_tokens": 812, "completion_tokens": 96, "prompt_tokens_details": {"cached_tokens": 512},
                    "completion_tokens_details": {"reasoning_tokens": 32}}"#,
                Some([812, 96, 512, 32]),
            ),
            (
                r#"{"prompt_tokens": 9, "completion_tokens": 8, "prompt_tokens_details": null,
                    "completion_tokens_details": {"reasoning_tokens": null}}"#,
                Some([9, 8, 0, 0]),
            ),
            (
                r#"{"prompt_tokens": 9, "completion_tokens": 8, "prompt_tokens_details": {"cached_tokens": -1}}"#,
                Some([9, 8, 0, 0]),
            ),
            (
                r#"{"prompt_tokens": 9, "completion_tokens": 8, "prompt_tokens_details": "none",
                    "completion_tokens_details": 7}"#,
                Some([9, 8, 0, 0]),
            ),
            (r#""unknown""#, None),
            ("7", None),
            (r#"{"prompt_tokens": 9, "completion_tokens": null}"#, None),
            (r#"{"prompt_tokens": -1, "completion_tokens": 8}"#, None),
            (r#"{"prompt_tokens": 9}"#, None),
            ("null", None),
        ] {
            assert_eq!(counted(usage), expected, "{usage}");
        }
    }
}
