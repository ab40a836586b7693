//! OpenTelemetry's names for what is measured here: its semantic conventions for generative AI.
//!
//! Those are in development, and names differ between versions. So they are data with a version, and no metric has one of them.
//!
//! ```
//! use quipu_catalog::llm::semconv::{self, Version};
//!
//! let name = semconv::metric("llm_request_duration_seconds", Version::V1_41);
//! assert_eq!(name, Some("gen_ai.client.operation.duration"));
//! assert_eq!(semconv::attribute("model"), Some("gen_ai.request.model"));
//! ```

/// A version of the conventions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// 1.41, the last one in OpenTelemetry's common conventions, and what tools emit.
    V1_41,
    /// October 2026, in a repository of its own: `inference` is apart from `embeddings`, and tokens are counters.
    V2026_10,
}

/// A family, and what it is called in each version; `None` if there is no such metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Mapping {
    /// The family.
    pub family: &'static str,
    /// The value of its label that tells apart what has two names in the conventions, as `(label, value)`.
    pub of: Option<(&'static str, &'static str)>,
    /// In [`Version::V1_41`].
    pub v1_41: Option<&'static str>,
    /// In [`Version::V2026_10`]. Durations of the operation `embedding` are `gen_ai.client.embeddings.duration` there.
    pub v2026_10: Option<&'static str>,
}

const fn map(
    family: &'static str,
    of: Option<(&'static str, &'static str)>,
    v1_41: Option<&'static str>,
    v2026_10: Option<&'static str>,
) -> Mapping {
    Mapping { family, of, v1_41, v2026_10 }
}

/// All families that have a name in one of the versions.
pub const METRICS: &[Mapping] = &[
    map(
        "llm_request_duration_seconds",
        None,
        Some("gen_ai.client.operation.duration"),
        Some("gen_ai.client.inference.duration"),
    ),
    map(
        "llm_time_to_first_token_seconds",
        None,
        Some("gen_ai.client.operation.time_to_first_chunk"),
        Some("gen_ai.client.inference.time_to_first_chunk"),
    ),
    map(
        "llm_time_per_output_token_seconds",
        None,
        Some("gen_ai.client.operation.time_per_output_chunk"),
        Some("gen_ai.client.inference.time_per_output_chunk"),
    ),
    map("llm_tokens_total", Some(("token_type", "prompt")), None, Some("gen_ai.client.inference.usage.input_tokens")),
    map(
        "llm_tokens_total",
        Some(("token_type", "completion")),
        None,
        Some("gen_ai.client.inference.usage.output_tokens"),
    ),
    map(
        "llm_request_input_tokens",
        None,
        Some("gen_ai.client.token.usage"),
        Some("gen_ai.client.inference.operation.input_tokens"),
    ),
    map(
        "llm_request_output_tokens",
        None,
        Some("gen_ai.client.token.usage"),
        Some("gen_ai.client.inference.operation.output_tokens"),
    ),
    map(
        "llm_cached_tokens_total",
        Some(("access", "read")),
        None,
        Some("gen_ai.client.inference.usage.cache_read.input_tokens"),
    ),
    map(
        "llm_cached_tokens_total",
        Some(("access", "write")),
        None,
        Some("gen_ai.client.inference.usage.cache_write.input_tokens"),
    ),
    map("llm_reasoning_tokens_total", None, None, Some("gen_ai.client.inference.usage.reasoning.output_tokens")),
];

/// Labels, and the attributes that they are in both versions. The attribute `gen_ai.token.type` has `input` for `prompt` and `output` for
/// `completion`, and `error.type` has `_OTHER` for `unknown`.
pub const ATTRIBUTES: &[(&str, &str)] = &[
    ("provider", "gen_ai.provider.name"),
    ("model", "gen_ai.request.model"),
    ("operation", "gen_ai.operation.name"),
    ("token_type", "gen_ai.token.type"),
    ("error_type", "error.type"),
    ("reason", "gen_ai.response.finish_reasons"),
];

/// The name of a family in a version. Of one that has two there, the first.
pub fn metric(family: &str, version: Version) -> Option<&'static str> {
    let of_version = |mapping: &Mapping| match version {
        Version::V1_41 => mapping.v1_41,
        Version::V2026_10 => mapping.v2026_10,
    };
    METRICS.iter().filter(|mapping| mapping.family == family).find_map(of_version)
}

/// The attribute that a label is.
pub fn attribute(label: &str) -> Option<&'static str> {
    ATTRIBUTES.iter().find(|(ours, _)| *ours == label).map(|(_, attribute)| *attribute)
}
