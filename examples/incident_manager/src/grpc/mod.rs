//! The gRPC API: the operations of the HTTP API, and a stream of what happens.

mod convert;
mod incoming;

use std::pin::Pin;
use std::time::Duration;

use quipu::grpc::{GrpcMetrics, GrpcMetricsBuilder};
use tokio::net::TcpListener;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use self::convert::{known, new_incident};
use self::incoming::incoming;
use self::wire::incidents_server::{Incidents, IncidentsServer};
use crate::incident::Change;
use crate::operations::{Operations, Refusal};
use crate::part::Part;

/// The code that is made of `proto/incidents.proto`.
#[allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated")]
pub(crate) mod wire {
    tonic::include_proto!("incidents.v1");
}

/// The methods, so that the series of each are there from the start, and whatever else a scanner calls is `other`.
const METHODS: [&str; 10] = [
    "CreateIncident",
    "GetIncident",
    "GetFindings",
    "ListIncidents",
    "AcknowledgeIncident",
    "StartIncident",
    "ResolveIncident",
    "CloseIncident",
    "WatchIncidents",
    "Check",
];

type Answer<T> = Result<Response<T>, Status>;

/// The metrics of its calls.
pub(crate) fn metrics() -> GrpcMetricsBuilder {
    GrpcMetrics::builder().service(wire::incidents_server::SERVICE_NAME, METHODS)
}

/// Answers calls until it is told to stop. Without metrics there is no layer for them either.
pub(crate) fn serve(listener: TcpListener, operations: Operations, metrics: Option<&GrpcMetrics>) -> Part {
    let service = IncidentsServer::new(Api { operations });
    let Some(metrics) = metrics else {
        let calls = Server::builder().add_service(service);
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        return Part::start(|stop| async { drop(calls.serve_with_incoming_shutdown(incoming, stop).await) });
    };
    let calls = Server::builder().layer(metrics.layer()).add_service(service);
    let incoming = incoming(listener, metrics.clone());
    Part::start(|stop| async { drop(calls.serve_with_incoming_shutdown(incoming, stop).await) })
}

#[derive(Debug)]
struct Api {
    operations: Operations,
}

impl Api {
    async fn change(&self, request: Request<wire::IncidentId>, change: Change) -> Answer<wire::Incident> {
        Ok(Response::new(self.operations.change(request.into_inner().id, change).await?.into()))
    }
}

#[tonic::async_trait]
impl Incidents for Api {
    type WatchIncidentsStream = Pin<Box<dyn Stream<Item = Result<wire::Event, Status>> + Send>>;

    async fn create_incident(&self, request: Request<wire::CreateIncidentRequest>) -> Answer<wire::Incident> {
        let new = new_incident(request.into_inner())?;
        Ok(Response::new(self.operations.create(new).await?.into()))
    }

    async fn get_incident(&self, request: Request<wire::IncidentId>) -> Answer<wire::Incident> {
        Ok(Response::new(self.operations.find(request.into_inner().id).await?.into()))
    }

    async fn get_findings(&self, request: Request<wire::IncidentId>) -> Answer<wire::Findings> {
        Ok(Response::new(self.operations.findings(request.into_inner().id).await?.into()))
    }

    async fn list_incidents(
        &self,
        request: Request<wire::ListIncidentsRequest>,
    ) -> Answer<wire::ListIncidentsResponse> {
        let wire::ListIncidentsRequest { state, limit } = request.into_inner();
        let state = state.map(|state| known("state", &state)).transpose()?;
        let incidents = self.operations.list(state, limit).await?;
        let incidents = incidents.into_iter().map(wire::Incident::from).collect();
        Ok(Response::new(wire::ListIncidentsResponse { incidents }))
    }

    async fn acknowledge_incident(&self, request: Request<wire::IncidentId>) -> Answer<wire::Incident> {
        self.change(request, Change::Acknowledge).await
    }

    async fn start_incident(&self, request: Request<wire::IncidentId>) -> Answer<wire::Incident> {
        self.change(request, Change::Start).await
    }

    async fn resolve_incident(&self, request: Request<wire::IncidentId>) -> Answer<wire::Incident> {
        self.change(request, Change::Resolve).await
    }

    async fn close_incident(&self, request: Request<wire::IncidentId>) -> Answer<wire::Incident> {
        self.change(request, Change::Close).await
    }

    async fn watch_incidents(
        &self,
        request: Request<wire::WatchIncidentsRequest>,
    ) -> Answer<Self::WatchIncidentsStream> {
        let wire::WatchIncidentsRequest { limit, idle_ms } = request.into_inner();
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        let (watcher, events) = self.operations.events.watch();
        let events = BroadcastStream::new(events).map(move |event| match event {
            Ok(Some(event)) => {
                watcher.take(&event);
                Ok(wire::Event::from(&*event))
            }
            Ok(None) => Err(Status::unavailable("the service is stopping")),
            Err(BroadcastStreamRecvError::Lagged(missed)) => {
                Err(Status::data_loss(format!("{missed} events were missed")))
            }
        });
        let events = events.take(limit);
        let Some(idle_ms) = idle_ms else { return Ok(Response::new(Box::pin(events))) };
        let events = events.timeout(Duration::from_millis(idle_ms.into()));
        let idle = move |_| Status::aborted(format!("nothing has happened for {idle_ms} ms"));
        Ok(Response::new(Box::pin(events.map(move |event| event.map_err(idle)?))))
    }

    async fn check(&self, _: Request<wire::CheckRequest>) -> Answer<wire::CheckResponse> {
        match self.operations.check().await {
            Ok(()) => Ok(Response::new(wire::CheckResponse {})),
            Err(refusal) => Err(Status::unavailable(format!("the database cannot be written: {refusal}"))),
        }
    }
}
