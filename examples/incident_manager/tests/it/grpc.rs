//! What the gRPC API answers.

use std::time::Duration;

use tokio::runtime;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use self::wire::incidents_client::IncidentsClient;
use self::wire::{CheckRequest, CreateIncidentRequest, IncidentId, ListIncidentsRequest, WatchIncidentsRequest};
use crate::service::{Service, database};

#[allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated")]
mod wire {
    tonic::include_proto!("incidents.v1");
}

/// Runs a test with a client of a service of its own.
fn with_client<F: Future<Output = Result<(), Status>>>(name: &str, test: impl FnOnce(IncidentsClient<Channel>) -> F) {
    let service = Service::start(&database(name), "off");
    let address = format!("http://{}", service.grpc);
    runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
        let test = timeout(Duration::from_secs(20), test(IncidentsClient::new(channel)));
        test.await.expect("it takes too long").unwrap();
    });
    service.stop("TERM", Duration::from_secs(9));
}

fn new(severity: &str) -> CreateIncidentRequest {
    let [title, source, category] = ["Test", "llm-shield", "cost"].map(str::to_owned);
    CreateIncidentRequest { title, severity: severity.to_owned(), source, category }
}

#[test]
fn an_incident_goes_its_way_by_grpc() {
    with_client("grpc-way", async |mut client| {
        let created = client.create_incident(new("P1")).await?.into_inner();
        assert_eq!((&*created.state, &*created.severity), ("NEW", "P1"));
        let id = || IncidentId { id: created.id };
        assert_eq!(client.get_incident(id()).await?.into_inner(), created);
        assert_eq!(client.acknowledge_incident(id()).await?.into_inner().state, "ACKNOWLEDGED");
        let started = client.start_incident(id()).await?.into_inner();
        assert_eq!(started.state, "IN_PROGRESS");
        client.resolve_incident(id()).await?;
        let closed = client.close_incident(id()).await?.into_inner();
        assert!(closed.closed_at.is_some());
        let request = ListIncidentsRequest { state: Some("CLOSED".to_owned()), limit: None };
        assert_eq!(client.list_incidents(request).await?.into_inner().incidents, [closed]);
        client.get_findings(id()).await?;
        client.check(CheckRequest {}).await?;
        Ok(())
    });
}

#[test]
fn mistakes_have_their_codes() {
    with_client("grpc-mistakes", async |mut client| {
        let id = client.create_incident(new("P3")).await?.into_inner().id;
        client.acknowledge_incident(IncidentId { id }).await?;
        let wrong = client.create_incident(new("P9")).await.unwrap_err();
        assert_eq!(wrong.code(), Code::InvalidArgument);
        assert!(wrong.message().contains("P9"), "{wrong}");
        let untitled = CreateIncidentRequest { title: " ".to_owned(), ..new("P1") };
        assert_eq!(client.create_incident(untitled).await.unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(client.get_incident(IncidentId { id: 0 }).await.unwrap_err().code(), Code::NotFound);
        let twice = client.acknowledge_incident(IncidentId { id }).await.unwrap_err();
        assert_eq!(twice.code(), Code::FailedPrecondition);
        let many = ListIncidentsRequest { state: None, limit: Some(1_001) };
        assert_eq!(client.list_incidents(many).await.unwrap_err().code(), Code::InvalidArgument);
        Ok(())
    });
}

#[test]
fn a_watcher_sees_what_happens() {
    with_client("grpc-watch", async |mut client| {
        let request = WatchIncidentsRequest { limit: Some(2), idle_ms: None };
        let mut events = client.watch_incidents(request).await?.into_inner();
        // A minor one, which no playbook touches.
        let id = client.create_incident(new("P4")).await?.into_inner().id;
        client.resolve_incident(IncidentId { id }).await?;
        let mut states = Vec::new();
        while let Some(event) = events.message().await? {
            states.push((event.from_state, event.incident.unwrap().state));
        }
        let resolved = (Some("NEW".to_owned()), "RESOLVED".to_owned());
        assert_eq!(states, [(None, "NEW".to_owned()), resolved]);
        Ok(())
    });
}

#[test]
fn a_watcher_of_nothing_is_sent_away() {
    with_client("grpc-idle", async |mut client| {
        let request = WatchIncidentsRequest { limit: None, idle_ms: Some(50) };
        let mut events = client.watch_incidents(request).await?.into_inner();
        assert_eq!(events.message().await.unwrap_err().code(), Code::Aborted);
        Ok(())
    });
}

#[test]
fn watchers_are_sent_away_when_the_service_stops() {
    let service = Service::start(&database("grpc-stop"), "off");
    let runtime = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut events = runtime.block_on(async {
        let channel = Endpoint::from_shared(format!("http://{}", service.grpc)).unwrap().connect().await.unwrap();
        let request = WatchIncidentsRequest { limit: None, idle_ms: None };
        IncidentsClient::new(channel).watch_incidents(request).await.unwrap().into_inner()
    });
    service.stop("TERM", Duration::from_secs(2));
    let end = runtime.block_on(async { timeout(Duration::from_secs(10), events.message()).await.unwrap() });
    assert_eq!(end.unwrap_err().code(), Code::Unavailable);
}
