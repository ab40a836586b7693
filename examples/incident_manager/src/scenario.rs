//! What the world is like that the service is shown in.

use std::ops::Range;

/// A name for a [`Profile`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Scenario {
    /// Little happens, and most of it goes well.
    #[default]
    Calm,
    /// The same, and much more of it.
    Busy,
    /// Something big has broken: the same alarms again and again, most of them urgent, and slow helpers.
    Incident,
    /// The first model is down.
    LlmOutage,
    /// Somebody tries out tenants.
    Scan,
}

/// What the traffic, the stand-in for a model and the pretended senders do.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// Requests per second, unless others are asked for.
    pub(crate) rate: u32,
    /// How many things can go wrong: the fewer, the more reports are the same.
    pub(crate) causes: u32,
    /// Whether most incidents are urgent, not few.
    pub(crate) urgent: bool,
    /// Whether most requests name a tenant that is made up.
    pub(crate) scans: bool,
    /// The part of notifications and steps of playbooks that fail.
    pub(crate) failures: f64,
    /// The part of the workers' searches in the database that are interrupted.
    pub(crate) interrupted: f64,
    pub(crate) llm: LlmProfile,
}

/// What the stand-in for a model does.
#[derive(Clone, Debug)]
pub(crate) struct LlmProfile {
    /// Milliseconds to the first token, and to each further one.
    pub(crate) first_token_ms: Range<u64>,
    pub(crate) token_ms: Range<u64>,
    /// Requests per second that each model takes.
    pub(crate) requests_per_second: u32,
    /// The part of requests that fail in some way.
    pub(crate) failures: f64,
    /// The same for the first model.
    pub(crate) first_model_failures: f64,
}

impl Scenario {
    pub(crate) const ALL: [(&str, Scenario); 5] = [
        ("calm", Scenario::Calm),
        ("busy", Scenario::Busy),
        ("incident", Scenario::Incident),
        ("llm-outage", Scenario::LlmOutage),
        ("scan", Scenario::Scan),
    ];

    pub(crate) fn profile(self) -> Profile {
        let llm = LlmProfile {
            first_token_ms: 20..80,
            token_ms: 1..4,
            requests_per_second: 100,
            failures: 0.01,
            first_model_failures: 0.01,
        };
        let calm =
            Profile { rate: 50, causes: 2_000, urgent: false, scans: false, failures: 0.01, interrupted: 0.0, llm };
        match self {
            Scenario::Calm => calm,
            Scenario::Busy => Profile { rate: 300, ..calm },
            Scenario::Incident => Profile {
                rate: 100,
                causes: 40,
                urgent: true,
                failures: 0.2,
                interrupted: 0.05,
                llm: LlmProfile {
                    first_token_ms: 50..300,
                    requests_per_second: 8,
                    failures: 0.1,
                    first_model_failures: 0.1,
                    ..calm.llm
                },
                ..calm
            },
            Scenario::LlmOutage => {
                Profile { llm: LlmProfile { first_model_failures: 0.95, failures: 0.05, ..calm.llm }, ..calm }
            }
            Scenario::Scan => Profile { rate: 2_000, causes: 100, scans: true, ..calm },
        }
    }
}
