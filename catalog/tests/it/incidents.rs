//! The life of incidents, beside a plain model of it.

use proptest::prelude::*;
use quipu::testing::{assert_changes, histogram, value};
use quipu_catalog::incidents::{Category, Kind, Level, Severity, Source, State};
use std::time::Duration;

pub(crate) const KIND: Kind =
    Kind { severity: Severity::P1, source: Source::LlmShield, category: Category::Availability };

#[test]
fn a_whole_life_with_the_durations_between() {
    let (catalog, registry, clock) = crate::catalog();
    let labels = r#"{severity="P1",source="llm-shield",category="availability"}"#;
    let [created, resolved] = ["incidents_total", "incidents_resolved_total"].map(|family| format!("{family}{labels}"));
    let changed = [
        (created.as_str(), 1.0),
        (resolved.as_str(), 1.0),
        (r#"incident_acknowledgment_duration_seconds_count{severity="P1"}"#, 1.0),
        (r#"incident_acknowledgment_duration_seconds_sum{severity="P1"}"#, 40.0),
        (r#"incident_resolution_duration_seconds_count{severity="P1",source="llm-shield"}"#, 1.0),
        (r#"incident_resolution_duration_seconds_sum{severity="P1",source="llm-shield"}"#, 940.0),
        (r#"incident_state_transitions_total{from_state="NEW",to_state="ACKNOWLEDGED"}"#, 1.0),
        (r#"incident_state_transitions_total{from_state="ACKNOWLEDGED",to_state="IN_PROGRESS"}"#, 1.0),
        (r#"incident_state_transitions_total{from_state="IN_PROGRESS",to_state="RESOLVED"}"#, 1.0),
        (r#"incident_state_transitions_total{from_state="RESOLVED",to_state="CLOSED"}"#, 1.0),
    ];
    assert_changes(&registry, changed, || {
        let mut incident = catalog.incidents.open(KIND);
        clock.advance(Duration::from_secs(40));
        incident.acknowledge();
        clock.advance(Duration::from_secs(900));
        incident.start_work();
        incident.resolve();
        clock.advance(Duration::from_secs(5));
        incident.close();
        assert_eq!((incident.state(), incident.kind()), (State::Closed, KIND));
    });
}

#[test]
fn restored_incidents_are_active_and_not_new() {
    let (catalog, registry, _) = crate::catalog();
    catalog.incidents.restore(KIND, 3);
    catalog.incidents.moved(KIND, State::InProgress, State::Resolved, Duration::from_secs(60));
    assert_eq!(value(&registry, "incidents_active", [("severity", "P1")]), 2.0);
    assert_eq!(value(&registry, "incidents_total", []), 0.0);
    assert_eq!(value(&registry, "incidents_resolved_total", []), 1.0);
}

#[test]
fn reports_that_are_no_incidents_of_their_own_are_counted() {
    let (catalog, registry, clock) = crate::catalog();
    let changed = [
        (r#"incidents_deduplicated_total{source="llm-sentinel"}"#, 1.0),
        (r#"incidents_correlated_total{source="other"}"#, 1.0),
        (r#"incidents_escalated_total{level="L2"}"#, 1.0),
        (r#"incident_processing_duration_seconds_count{severity="P0"}"#, 1.0),
        (r#"incident_processing_duration_seconds_sum{severity="P0"}"#, 0.02),
    ];
    assert_changes(&registry, changed, || {
        catalog.incidents.deduplicated("llm-sentinel".into());
        catalog.incidents.correlated("a system that nobody knows".into());
        catalog.incidents.escalated("L2".parse::<Level>().unwrap());
        let processing = catalog.incidents.processing(Severity::P0);
        clock.advance(Duration::from_millis(20));
        drop(processing);
    });
}

fn state() -> impl Strategy<Value = State> {
    prop::sample::select(State::ALL)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Both ways record the same, and as many are active as are in an active state.
    #[test]
    fn any_moves_agree_with_the_model(moves in prop::collection::vec((0..4usize, state(), 1..100u64), 0..60)) {
        let (told, told_registry, _) = crate::catalog();
        let (held, held_registry, clock) = crate::catalog();
        let mut incidents: Vec<_> = (0..4).map(|_| held.incidents.open(KIND)).collect();
        (0..4).for_each(|_| told.incidents.created(KIND));
        let (mut states, mut transitions, mut acknowledged, mut resolved, mut age) = ([State::New; 4], 0, 0, 0, 0);
        for (n, to, seconds) in moves {
            clock.advance(Duration::from_secs(seconds));
            age += seconds;
            let from = states[n];
            told.incidents.moved(KIND, from, to, Duration::from_secs(age));
            incidents[n].move_to(to);
            states[n] = to;
            transitions += u64::from(from != to);
            acknowledged += u64::from(from == State::New && [State::Acknowledged, State::InProgress].contains(&to));
            resolved += u64::from(from < State::Resolved && to >= State::Resolved);
        }
        let active = states.iter().filter(|state| **state < State::Resolved).count();
        for registry in [&told_registry, &held_registry] {
            prop_assert_eq!(value(registry, "incidents_active", []), active as f64);
            prop_assert_eq!(value(registry, "incident_state_transitions_total", []), transitions as f64);
            prop_assert_eq!(value(registry, "incidents_resolved_total", []), resolved as f64);
            let count = |family| histogram(registry, family, []).count();
            prop_assert_eq!(count("incident_acknowledgment_duration_seconds"), acknowledged);
            prop_assert_eq!(count("incident_resolution_duration_seconds"), resolved);
        }
        prop_assert_eq!(told_registry.to_text(), held_registry.to_text());
        drop(incidents);
        prop_assert_eq!(value(&held_registry, "incidents_active", []), 0.0);
    }
}
