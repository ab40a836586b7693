//! The label values of incidents.

use crate::values::label_values;
use quipu::LabelSet;

/// What an incident is: how urgent, reported by whom, about what.
///
/// ```
/// use quipu_catalog::incidents::{Category, Kind, Severity};
/// let kind = Kind { severity: Severity::P1, source: "llm-shield".into(), category: Category::Security };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, LabelSet)]
pub struct Kind {
    /// How urgent it is.
    pub severity: Severity,
    /// The system that reported it.
    pub source: Source,
    /// What it is about.
    pub category: Category,
}

label_values! {
    /// How urgent an incident is.
    pub enum Severity {
        /// The worst.
        P0 = "P0",
        /// High.
        P1 = "P1",
        /// Medium.
        P2 = "P2",
        /// Low.
        P3 = "P3",
        /// The least.
        P4 = "P4",
    }
}

label_values! {
    /// The system that reported an incident.
    pub enum Source {
        /// Watches models for drift and anomalies.
        LlmSentinel = "llm-sentinel",
        /// Guards models against attacks.
        LlmShield = "llm-shield",
        /// Runs agents at the edge.
        LlmEdgeAgent = "llm-edge-agent",
        /// Holds models to policies.
        LlmGovernanceCore = "llm-governance-core",
        /// Any other system.
        Other = "other",
    }
    else Other
}

label_values! {
    /// What an incident is about.
    pub enum Category {
        /// Something is slow.
        Performance = "performance",
        /// Somebody gets at what is not theirs.
        Security = "security",
        /// Something is down.
        Availability = "availability",
        /// A rule is broken.
        Compliance = "compliance",
        /// Something costs too much.
        Cost = "cost",
    }
}

label_values! {
    /// How far an incident has come.
    pub enum State {
        /// Nobody has seen it.
        New = "NEW",
        /// Somebody has seen it.
        Acknowledged = "ACKNOWLEDGED",
        /// Somebody works on it.
        InProgress = "IN_PROGRESS",
        /// It is over.
        Resolved = "RESOLVED",
        /// It is over, and all about it is done.
        Closed = "CLOSED",
    }
}

impl State {
    /// Whether the incident is not over.
    ///
    /// ```
    /// use quipu_catalog::incidents::State;
    /// assert!(State::InProgress.is_active() && !State::Resolved.is_active());
    /// ```
    pub const fn is_active(self) -> bool {
        matches!(self, State::New | State::Acknowledged | State::InProgress)
    }
}

label_values! {
    /// Who is called about an incident.
    pub enum Level {
        /// Those on call.
        L1 = "L1",
        /// Experts.
        L2 = "L2",
        /// Those who are in charge.
        L3 = "L3",
    }
}
