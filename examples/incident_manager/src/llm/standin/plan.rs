//! What the stand-in will answer, decided by chance before it does.

use std::time::Duration;

use fastrand::Rng;

use crate::llm::wire::Request;
use crate::scenario::LlmProfile;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Failure {
    Unavailable,
    Unauthorized,
    RateLimit,
    Hangs,
    /// Midway, with an error inside of a stream.
    Breaks,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) failure: Option<Failure>,
    pub(super) words: Vec<String>,
    pub(super) first_token: Duration,
    pub(super) token: Duration,
    pub(super) usage: Usage,
    pub(super) finish_reason: &'static str,
}

/// The tokens of a call. Cached ones are a part of the prompt, reasoning ones of the completion.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) prompt: u64,
    pub(super) completion: u64,
    pub(super) cached: u64,
    pub(super) reasoning: u64,
}

/// What the words of titles speak of.
const SUBJECTS: [(&str, &str); 5] = [
    ("token budget", "cost"),
    ("Prompt injection", "security"),
    ("Personal data", "compliance"),
    ("answers 503", "availability"),
    ("", "performance"),
];

const SUMMARY: &str = "A change of the last hour is the most likely cause. Compare the deployments with the first \
    failures, and look at the share of each provider. If one stands out, switch to another and call its support.";

impl Plan {
    pub(super) fn new(request: &Request<'_>, is_first_model: bool, profile: &LlmProfile, rng: &mut Rng) -> Plan {
        let failures = if is_first_model { profile.first_model_failures } else { profile.failures };
        let fails = rng.f64() < failures;
        let all = [
            Failure::Unavailable,
            Failure::Unavailable,
            Failure::Unavailable,
            Failure::Unauthorized,
            Failure::RateLimit,
            Failure::Hangs,
            Failure::Breaks,
        ];
        let failure = fails.then(|| all[rng.usize(..all.len())]);
        let text = if request.stream { SUMMARY } else { subject(request) };
        let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        let prompt: usize = request.messages.iter().map(|message| message.content.len()).sum();
        let prompt = prompt as u64 / 4 + 8;
        // Hidden, before the first word.
        let reasoning = rng.u64(0..8);
        let completion = words.len() as u64 + reasoning;
        let cached = if rng.u32(..4) == 0 { prompt / 2 } else { 0 };
        Plan {
            failure,
            words,
            first_token: Duration::from_millis(rng.u64(profile.first_token_ms.clone())),
            token: Duration::from_millis(rng.u64(profile.token_ms.clone())),
            usage: Usage { prompt, completion, cached, reasoning },
            finish_reason: if rng.u32(..20) == 0 { "length" } else { "stop" },
        }
    }
}

fn subject(request: &Request<'_>) -> &'static str {
    let title = request.messages.last().map_or("", |message| &message.content);
    let found = SUBJECTS.iter().find(|(words, _)| title.contains(words));
    found.map_or("performance", |(_, subject)| subject)
}
