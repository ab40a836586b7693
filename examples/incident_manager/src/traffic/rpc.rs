//! Calls by gRPC.

use std::time::Duration;

use tokio::time::sleep;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::grpc::wire::incidents_client::IncidentsClient;
use crate::grpc::wire::{CheckRequest, CreateIncidentRequest, IncidentId, ListIncidentsRequest, WatchIncidentsRequest};

/// Events after which a watcher asks anew.
const EVENTS: u32 = 20;
/// How long a watcher waits when it cannot watch.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) type Client = IncidentsClient<Channel>;

/// A call to make.
#[derive(Debug)]
pub(super) enum Rpc {
    Create(CreateIncidentRequest),
    Get(i64),
    Findings(i64),
    Acknowledge(i64),
    List(ListIncidentsRequest),
    Check,
}

/// How a call ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) method: &'static str,
    pub(super) code: Code,
    /// The incident that it has created.
    pub(super) created: Option<i64>,
}

impl Rpc {
    pub(super) async fn send(self, mut client: Client) -> Ended {
        let incident = |id| Request::new(IncidentId { id });
        let mut created = None;
        let (method, outcome) = match self {
            Rpc::Create(new) => {
                let answer = client.create_incident(new).await;
                created = answer.as_ref().ok().map(|answer| answer.get_ref().id);
                ("CreateIncident", answer.map(drop))
            }
            Rpc::Get(id) => ("GetIncident", client.get_incident(incident(id)).await.map(drop)),
            Rpc::Findings(id) => ("GetFindings", client.get_findings(incident(id)).await.map(drop)),
            Rpc::Acknowledge(id) => ("AcknowledgeIncident", client.acknowledge_incident(incident(id)).await.map(drop)),
            Rpc::List(request) => ("ListIncidents", client.list_incidents(request).await.map(drop)),
            Rpc::Check => ("Check", client.check(CheckRequest {}).await.map(drop)),
        };
        Ended { method, code: code(outcome), created }
    }
}

/// The method of [`watch`].
pub(super) const WATCH: &str = "WatchIncidents";

/// Watches, some events at a time, until `stop` resolves; returns how each call ended.
pub(super) async fn watch(mut client: Client, stop: impl Future<Output = ()>) -> Vec<Code> {
    let mut ended = Vec::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => {
                // Whoever gives up a call has cancelled it.
                ended.push(Code::Cancelled);
                return ended;
            }
            code = watch_once(&mut client) => ended.push(code),
        }
    }
}

async fn watch_once(client: &mut Client) -> Code {
    let mut events = match client.watch_incidents(WatchIncidentsRequest { limit: Some(EVENTS), idle_ms: None }).await {
        Ok(events) => events.into_inner(),
        Err(status) => {
            sleep(PAUSE).await;
            return status.code();
        }
    };
    loop {
        match events.message().await {
            Ok(Some(_)) => {}
            Ok(None) => return Code::Ok,
            Err(status) => return status.code(),
        }
    }
}

fn code(outcome: Result<(), Status>) -> Code {
    outcome.err().map_or(Code::Ok, |status| status.code())
}

/// Written as in metrics.
pub(super) fn name(code: Code) -> String {
    match code {
        Code::Ok => "OK".to_owned(),
        Code::Cancelled => "Canceled".to_owned(),
        other => format!("{other:?}"),
    }
}
