//! What the traffic sends next: what clients would, mistakes included.

use axum::http::{Method, StatusCode};
use fastrand::Rng;
use quipu::LabelValue;
use serde::Deserialize;
use serde_json::json;

use super::client::{Answer, Call};
use super::rpc::Rpc;
use crate::grpc::wire::{CreateIncidentRequest, ListIncidentsRequest};
use crate::incident::{Severity, Source};
use crate::scenario::Profile;

/// Tells the incidents of the traffic from those of people, which it leaves alone.
const TITLE_PREFIX: &str = "[traffic] ";
/// With so many incidents open, every turn at one of them finds one. About three quarters stay open.
pub(super) const CROWD: usize = 1_000;

const INCIDENTS: &str = "/v1/incidents";
const ONE: &str = "/v1/incidents/{id}";

/// The part of an incident that the traffic reads.
#[derive(Debug, Deserialize)]
struct Seen {
    id: i64,
    title: String,
    #[serde(default)]
    state: String,
}

/// An incident of the traffic that is not resolved.
#[derive(Debug)]
struct Open {
    id: i64,
    /// Steps that were taken with it.
    steps: usize,
}

/// The states of an incident that is not resolved, by the steps that were taken with it.
const OPEN: [&str; 3] = ["NEW", "ACKNOWLEDGED", "IN_PROGRESS"];

/// The steps that lead to a resolved incident, each with its route.
const STEPS: [(&str, &str); 3] = [
    ("acknowledge", "/v1/incidents/{id}/acknowledge"),
    ("start", "/v1/incidents/{id}/start"),
    ("resolve", "/v1/incidents/{id}/resolve"),
];

/// What to send.
#[derive(Debug)]
pub(super) enum Operation {
    Http(Call),
    Grpc(Rpc),
}

/// Decides what to send next.
#[derive(Debug)]
pub(super) struct Plan {
    rng: Rng,
    causes: u32,
    urgent: bool,
    open: Vec<Open>,
}

impl Plan {
    pub(super) fn new(rng: Rng, profile: &Profile) -> Plan {
        Plan { rng, causes: profile.causes, urgent: profile.urgent, open: Vec::new() }
    }

    /// The questions whose answers tell what an earlier run did not get to resolve.
    pub(super) fn first() -> [Call; 3] {
        OPEN.map(|state| get(INCIDENTS, format!("{INCIDENTS}?state={state}&limit={CROWD}")))
    }

    /// Takes in an answer to one of the [`first`](Self::first) questions.
    pub(super) fn take_over(&mut self, answer: &Answer) {
        let seen: Vec<Seen> = serde_json::from_slice(&answer.body).unwrap_or_default();
        let ours = seen.into_iter().filter(|seen| seen.title.starts_with(TITLE_PREFIX));
        self.open.extend(ours.filter_map(|seen| {
            let steps = OPEN.iter().position(|state| *state == seen.state)?;
            Some(Open { id: seen.id, steps })
        }));
    }

    pub(super) fn next(&mut self) -> Operation {
        if self.rng.u32(..100) < 15 {
            return Operation::Grpc(self.rpc());
        }
        Operation::Http(self.call())
    }

    fn call(&mut self) -> Call {
        match self.rng.u32(..100) {
            0..8 => self.create(),
            8..43 => self.progress(),
            43..60 => self.find(),
            60..85 => self.list(),
            85..90 => get("/health", "/health"),
            _ => self.mistake(),
        }
    }

    pub(super) fn learn(&mut self, answer: &Answer) {
        if answer.status != StatusCode::CREATED {
            return;
        }
        let seen: Option<Seen> = serde_json::from_slice(&answer.body).ok();
        self.opened(seen.map(|seen| seen.id));
    }

    /// Takes in an incident that was created.
    pub(super) fn opened(&mut self, id: Option<i64>) {
        self.open.extend(id.map(|id| Open { id, steps: 0 }));
    }

    fn rpc(&mut self) -> Rpc {
        let open = self.rng.choice(&self.open).map_or(0, |open| open.id);
        match self.rng.u32(..10) {
            0 => Rpc::Create(self.incident()),
            // No severity.
            1 => Rpc::Create(CreateIncidentRequest { severity: String::new(), ..self.incident() }),
            2 => Rpc::Get(0),
            3..6 => Rpc::Get(open),
            6 => Rpc::Findings(open),
            7 => Rpc::Acknowledge(open),
            8 => Rpc::List(ListIncidentsRequest { state: Some("NEW".to_owned()), limit: Some(20) }),
            _ => Rpc::Check,
        }
    }

    fn create(&mut self) -> Call {
        let CreateIncidentRequest { title, severity, source, category } = self.incident();
        let body = json!({ "title": title, "severity": severity, "source": source, "category": category });
        post(INCIDENTS, INCIDENTS, body.to_string())
    }

    fn incident(&mut self) -> CreateIncidentRequest {
        let severities = texts::<Severity>();
        // The greater of two: the worse, the rarer; and no P0, for which somebody is paged. In an emergency the other way round.
        let [one, other] = [(); 2].map(|()| self.rng.usize(..severities.len()));
        let severity = if self.urgent { one.min(other) } else { one.max(other).max(1) };
        let cause = self.rng.u32(..self.causes);
        let (category, title) = [
            ("performance", "Time to first token above two seconds"),
            ("security", "Prompt injection in a support chat"),
            ("availability", "A provider answers 503"),
            ("compliance", "Personal data in a completion"),
            ("cost", "The token budget of a team is used up"),
        ][cause as usize % 5];
        let sources = texts::<Source>();
        CreateIncidentRequest {
            title: format!("{TITLE_PREFIX}{title} ({cause})"),
            severity: severities[severity].to_owned(),
            source: sources[self.rng.usize(..sources.len())].to_owned(),
            category: category.to_owned(),
        }
    }

    /// Takes a step with an open incident. The more are open, the more often it finds one, so that their number settles.
    fn progress(&mut self) -> Call {
        let turn = self.rng.usize(..CROWD);
        let is_skipped = self.rng.u32(..100) < 15;
        let Some(open) = self.open.get_mut(turn) else { return self.list() };
        let step = if is_skipped { STEPS.len() - 1 } else { open.steps };
        open.steps = step + 1;
        let (name, route) = STEPS[step];
        let path = format!("{INCIDENTS}/{}/{name}", open.id);
        if open.steps == STEPS.len() {
            self.open.swap_remove(turn);
        }
        post(route, path, "")
    }

    fn find(&mut self) -> Call {
        let wants_findings = self.rng.u32(..4) == 0;
        match self.rng.choice(&self.open) {
            Some(Open { id, .. }) if wants_findings => {
                get("/v1/incidents/{id}/findings", format!("{INCIDENTS}/{id}/findings"))
            }
            Some(Open { id, .. }) => get(ONE, format!("{INCIDENTS}/{id}")),
            None => self.list(),
        }
    }

    fn list(&mut self) -> Call {
        let queries = ["?limit=20", "?state=NEW&limit=50", "?state=ACKNOWLEDGED&limit=50", "?state=RESOLVED&limit=10"];
        get(INCIDENTS, format!("{INCIDENTS}{}", queries[self.rng.usize(..queries.len())]))
    }

    fn mistake(&mut self) -> Call {
        match self.rng.u32(..7) {
            0 => get(ONE, "/v1/incidents/0"),
            1 => get(INCIDENTS, "/v1/incidents?limit=all"),
            2 => post(INCIDENTS, INCIDENTS, r#"{"title": "#),
            3 => post(INCIDENTS, INCIDENTS, r#"{"title": "?", "severity": "P9"}"#),
            4 => Call { method: Method::DELETE, ..get(INCIDENTS, INCIDENTS) },
            5 => get("unmatched", format!("/{:08x}/wp-login.php", self.rng.u32(..))),
            _ => self.acknowledge_again(),
        }
    }

    fn acknowledge_again(&mut self) -> Call {
        let (name, route) = STEPS[0];
        match self.open.iter().find(|open| open.steps > 0) {
            Some(open) => post(route, format!("{INCIDENTS}/{}/{name}", open.id), ""),
            None => get("unmatched", "/v1/incident"),
        }
    }
}

fn get(route: &'static str, path: impl Into<String>) -> Call {
    Call { method: Method::GET, route, path: path.into(), body: String::new() }
}

fn post(route: &'static str, path: impl Into<String>, body: impl Into<String>) -> Call {
    Call { method: Method::POST, route, path: path.into(), body: body.into() }
}

/// What a closed set holds.
fn texts<T: LabelValue>() -> &'static [&'static str] {
    T::VALUES.expect("only called for enums")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    fn plan() -> Plan {
        Plan::new(Rng::with_seed(7), &Scenario::Calm.profile())
    }

    fn created(id: i64) -> Answer {
        let body = format!(r#"{{"id": {id}, "title": "x"}}"#).into();
        Answer { status: StatusCode::CREATED, body }
    }

    #[test]
    fn the_number_of_open_incidents_settles() {
        let mut plan = plan();
        let mut most = 0;
        let mut resolved = 0;
        for id in 0..200_000 {
            match plan.next() {
                Operation::Http(call) => {
                    if call.method == Method::POST && call.body.contains(TITLE_PREFIX) {
                        plan.learn(&created(id));
                    }
                    resolved += u32::from(call.path.ends_with("/resolve"));
                }
                Operation::Grpc(Rpc::Create(new)) if !new.severity.is_empty() => plan.opened(Some(id)),
                Operation::Grpc(_) => {}
            }
            most = most.max(plan.open.len());
        }
        assert!((500..CROWD).contains(&most), "{most} were open at once");
        assert!(resolved > 12_000, "{resolved} were resolved");
    }

    #[test]
    fn what_an_earlier_run_left_open_is_taken_on_where_it_stands() {
        let mut plan = plan();
        let asked = Plan::first().map(|call| call.path);
        for (state, asked) in OPEN.iter().zip(asked) {
            assert!(asked.contains(state), "{asked}");
            let body = format!(
                r#"[{{"id": 1, "title": "{TITLE_PREFIX}x", "state": "{state}"}}, {{"id": 2, "title": "x", "state": "{state}"}}]"#
            );
            plan.take_over(&Answer { status: StatusCode::OK, body: body.into() });
        }
        assert_eq!(plan.open.iter().map(|open| (open.id, open.steps)).collect::<Vec<_>>(), [(1, 0), (1, 1), (1, 2)]);
    }

    #[test]
    fn what_it_creates_is_valid() {
        let mut plan = plan();
        for _ in 0..200 {
            let body = plan.create().body;
            serde_json::from_str::<crate::incident::NewIncident>(&body).unwrap();
        }
    }

    #[test]
    fn only_an_emergency_pages_somebody() {
        for scenario in Scenario::ALL.map(|(_, scenario)| scenario) {
            let mut plan = Plan::new(Rng::with_seed(1), &scenario.profile());
            let pages = (0..1_000).any(|_| plan.incident().severity == "P0");
            assert_eq!(pages, scenario == Scenario::Incident, "{scenario:?}");
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_traffic() {
        let operations = || {
            let mut plan = plan();
            (0..1_000).map(|_| format!("{:?}", plan.next())).collect::<Vec<_>>()
        };
        assert_eq!(operations(), operations());
    }
}
