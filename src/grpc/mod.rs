//! Records gRPC calls: a tower layer for tonic 0.14, and any other service over `http` types, as server and as client.
//!
//! | family of a server | of a client | kind | labels |
//! |---|---|---|---|
//! | `grpc_requests_total` | `grpc_client_requests_total` | counter | `service`, `method`, `status` |
//! | `grpc_request_duration_seconds` | `grpc_client_request_duration_seconds` | histogram, [`DEFAULT_BOUNDS`] | `service`, `method`, `status` |
//! | `grpc_streams_active` | `grpc_client_streams_active` | gauge | `service`, `method` |
//! | `grpc_messages_received_total` | `grpc_client_messages_received_total` | counter | `service`, `method` |
//! | `grpc_messages_sent_total` | `grpc_client_messages_sent_total` | counter | `service`, `method` |
//! | `grpc_connections_active` | `grpc_client_connections_active` | gauge, by [`GrpcMetrics::connection`] | `service`: the listener's name |
//!
//! Calls of all four kinds are recorded alike, exactly once, when their status is there: the duration lasts until then, and messages count as
//! their last byte passes, also while a stream goes on.
//!
//! - `status` is that of the headers, if a call failed at once, else that of the trailers, written as the Go middleware does: [`GrpcStatus`].
//!   A stream that ends without a status is `Unknown`, and an answer that is not of gRPC has what its HTTP status means to gRPC. A call
//!   that is dropped before its end is `Canceled`, or `DeadlineExceeded` if its time limit (`grpc-timeout`) was over. A panic is
//!   `Unknown`, unless the limit was over.
//! - An error of the service, or of the body of an answer, is `DeadlineExceeded` if the time limit was over. Else it is `Unknown` of a server and
//!   `Unavailable` of a client, unless [`error_status`](GrpcMetricsBuilder::error_status) tells what it is: a limit of tonic's
//!   `Endpoint::timeout`, say, or a stream that the server reset.
//! - A request to a server whose `content-type` is not of gRPC (`application/grpc`, and what begins so) is no call: it passes, and is not
//!   recorded. A port may serve both; the [HTTP layer](crate::http) records the others.
//!
//! # Names
//! `service` and `method` are those that the server knows, and `other` for all else, however many a scanner tries. Of a client, all
//! names are the program's own. A server has its names in one of two ways:
//!
//! - [The program lists them](GrpcMetricsBuilder::service), which is best: their series exist from the start, and the first failure of each
//!   shows.
//! - Or a method earns its name by its first answer that only a handler gives: any status but the five that routers, guards and limits
//!   give whatever the method, or the head of a stream whose `content-type` is of gRPC. The five are `Unimplemented` (no
//!   such method), `Unauthenticated` and `PermissionDenied` (a guard), `ResourceExhausted` and `Unavailable` (a limit of rate or load).
//!   Until it has a name, calls of a method are `other`: also those that panic, whose service fails, or that are dropped (by the client, or by
//!   a time limit around the layer). At most 1,000 methods earn names. A guard that gives other statuses to any path, `Internal` say, makes a list needful.
//!
//! From the start for methods that are listed, and else from the answer on that gives a method its name, `grpc_requests_total` has series at
//! 0 of `OK` and of the statuses that are errors of a server to OpenTelemetry (`Unknown`, `DeadlineExceeded`, `Unimplemented`,
//! `Internal`, `Unavailable`, `DataLoss`), so that `increase` sees the first failure. Of a method that is not listed, it misses one
//! in the call that gives the name, and before it.
//!
//! gRPC-Web has its status in the body, where the layer does not look: put it inside of the layer that translates.
//!
//! # Cost
//! About what the HTTP layer adds: 0.2 µs a unary call on a busy machine. Once a method has a name and
//! its series, the layer allocates nothing and takes no lock. Memory: less than 200 bytes for a call under way.
//!
//! # Example
//! On a server, for all its services:
//!
//! ```
//! use quipu::grpc::GrpcMetrics;
//! use tonic::transport::Server;
//!
//! let registry = quipu::Registry::new();
//! let metrics = GrpcMetrics::new(&registry)?;
//! let server = Server::builder().layer(metrics.layer()); // .add_service(…).serve(…)
//! # Ok::<(), quipu::RegisterError>(())
//! ```
//!
//! On a client, around a channel, which wants tonic's own body:
//!
//! ```
//! use http::Request;
//! use quipu::grpc::{GrpcMetrics, RequestBody};
//! use tonic::{body::Body, transport::Endpoint};
//! use tower::ServiceBuilder;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # let _entered = runtime.enter();
//! let metrics = GrpcMetrics::client(&quipu::Registry::new())?;
//! let channel = ServiceBuilder::new()
//!     .layer(metrics.layer())
//!     .map_request(|request: Request<RequestBody<Body>>| request.map(Body::new))
//!     .service(Endpoint::from_static("http://localhost:8081").connect_lazy());
//! let client = tonic::client::Grpc::new(channel); // or that of a generated client
//! # Ok::<(), quipu::RegisterError>(())
//! ```

use std::fmt;
use std::sync::Arc;

use crate::model::DEFAULT_BOUNDS;
use crate::{InFlightGuard, RegisterError, Registry};

mod body;
mod by_hand;
mod call;
mod deadline;
mod failures;
mod families;
mod frames;
mod layer;
mod methods;
mod status;

pub use body::{RequestBody, ResponseBody};
pub use by_hand::GrpcCall;
pub use layer::{GrpcLayer, GrpcService, ResponseFuture};
pub use status::GrpcStatus;

use failures::Failures;
use families::Side;
use methods::Methods;

/// The gRPC families of a registry, and where the layers that record into them come from.
///
/// A clone is one reference count; all clones record into the same series.
///
/// ```
/// let registry = quipu::Registry::new();
/// let metrics = quipu::grpc::GrpcMetrics::new(&registry)?;
/// let _open = metrics.connection("public");
/// assert!(registry.to_text().contains("grpc_connections_active{service=\"public\"} 1\n"));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Clone)]
pub struct GrpcMetrics {
    methods: Arc<Methods>,
}

impl GrpcMetrics {
    /// Registers the families of a server, or takes those that are there. Methods earn their names.
    ///
    /// # Errors
    ///
    /// If the registry has another metric under one of these names. Then none of them is registered.
    pub fn new(registry: &Registry) -> Result<Self, RegisterError> {
        Self::builder().register(registry)
    }

    /// Registers the families of a client, or takes those that are there.
    ///
    /// # Errors
    ///
    /// If the registry has another metric under one of these names. Then none of them is registered.
    pub fn client(registry: &Registry) -> Result<Self, RegisterError> {
        Self::builder().client().register(registry)
    }

    /// Settings: which methods there are, and bounds.
    pub fn builder() -> GrpcMetricsBuilder {
        GrpcMetricsBuilder {
            side: Side::Server,
            methods: None,
            failures: Failures::default(),
            duration_bounds: DEFAULT_BOUNDS.to_vec(),
        }
    }

    /// A layer that records what passes it. Put it on once: a call is recorded by every layer that it passes.
    pub fn layer(&self) -> GrpcLayer {
        GrpcLayer::new(Arc::clone(&self.methods))
    }

    /// Begins a call by hand, for code that the layer does not reach; see [`GrpcCall`].
    ///
    /// The names are the program's own, of which there are few: more than 1,000, or others than those listed, are `other`.
    ///
    /// # Cost
    /// As of the layer: no allocation, once the series are there.
    pub fn start(&self, service: &str, method: &str) -> GrpcCall {
        GrpcCall::start(self.methods.name(service, method))
    }

    /// Counts a connection of a listener in `grpc_connections_active` until the guard is dropped. Looks the listener's name up.
    ///
    /// ```
    /// # let metrics = quipu::grpc::GrpcMetrics::new(&quipu::Registry::new())?;
    /// # async fn serve(_: tokio::net::TcpStream) {}
    /// # let accept = async |stream: tokio::net::TcpStream| {
    /// let open = metrics.connection("public");
    /// tokio::spawn(async move {
    ///     serve(stream).await;
    ///     drop(open);
    /// });
    /// # };
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    pub fn connection(&self, listener: &str) -> InFlightGuard {
        self.methods.families.connections.with([listener]).guard()
    }
}

impl fmt::Debug for GrpcMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcMetrics").finish_non_exhaustive()
    }
}

/// Says what [`GrpcMetrics`] records, and how; made by [`GrpcMetrics::builder`].
#[derive(Clone, Debug)]
pub struct GrpcMetricsBuilder {
    side: Side,
    /// `None` if they earn their names.
    methods: Option<Vec<(Box<str>, Box<str>)>>,
    failures: Failures,
    duration_bounds: Vec<f64>,
}

impl GrpcMetricsBuilder {
    /// Lists a service and its methods. Their series are there from the start, and all calls to what is not listed are `other`,
    /// also if the list is empty.
    ///
    /// ```
    /// use quipu::grpc::GrpcMetrics;
    ///
    /// let registry = quipu::Registry::new();
    /// let metrics = GrpcMetrics::builder().service("incidents.v1.Incidents", ["Create", "Get"]).register(&registry)?;
    /// let zero = "grpc_requests_total{service=\"incidents.v1.Incidents\",method=\"Get\",status=\"OK\"} 0\n";
    /// assert!(registry.to_text().contains(zero));
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[must_use]
    pub fn service<M: AsRef<str>>(mut self, service: &str, methods: impl IntoIterator<Item = M>) -> Self {
        let methods = methods.into_iter().map(|method| (service.into(), method.as_ref().into()));
        self.methods.get_or_insert_default().extend(methods);
        self
    }

    /// Records calls that the program makes, not those it serves: the families begin with `grpc_client_`.
    #[must_use]
    pub fn client(mut self) -> Self {
        self.side = Side::Client;
        self
    }

    /// Says which status an error of the type `E` is, in which the service or the body of an answer ends in place of a status. Can be
    /// called for several types. An error of another type is `Unknown` of a server, and `Unavailable` of a client.
    ///
    /// What comes after the call's time limit (`grpc-timeout`) is `DeadlineExceeded`, whatever the error.
    ///
    /// A client of tonic has an error for the call and another one for the body. As `Status`, both are what tonic tells the caller:
    ///
    /// ```
    /// use http::Request;
    /// use quipu::grpc::{GrpcMetrics, GrpcStatus, RequestBody};
    /// use std::error::Error;
    /// use tonic::transport::{self, Endpoint};
    /// use tonic::{Status, TimeoutExpired, body::Body};
    /// use tower::ServiceBuilder;
    ///
    /// fn status(status: &Status) -> GrpcStatus {
    ///     let mut causes = std::iter::successors(status.source(), |&error| error.source());
    ///     match causes.any(|error| error.is::<TimeoutExpired>()) {
    ///         true => GrpcStatus::DeadlineExceeded, // of `Endpoint::timeout`, which tonic calls `Cancelled`
    ///         false => GrpcStatus::from_code(status.code().into()),
    ///     }
    /// }
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    /// # let _entered = runtime.enter();
    /// let metrics = GrpcMetrics::builder().client().error_status(status).register(&quipu::Registry::new())?;
    /// let channel = ServiceBuilder::new()
    ///     .layer(metrics.layer())
    ///     .map_request(|request: Request<RequestBody<Body>>| request.map(Body::new))
    ///     .map_err(|error: transport::Error| Status::from_error(error.into()))
    ///     .service(Endpoint::from_static("http://localhost:8081").connect_lazy());
    /// let client = tonic::client::Grpc::new(channel); // or that of a generated client
    /// # Ok::<(), quipu::RegisterError>(())
    /// ```
    #[must_use]
    pub fn error_status<E: 'static>(mut self, status: impl Fn(&E) -> GrpcStatus + Send + Sync + 'static) -> Self {
        self.failures.add(status);
        self
    }

    /// Bounds of the durations, in seconds; [`DEFAULT_BOUNDS`] if this is not called.
    #[must_use]
    pub fn duration_bounds(mut self, bounds: impl Into<Vec<f64>>) -> Self {
        self.duration_bounds = bounds.into();
        self
    }

    /// Registers the families, or takes those that are there.
    ///
    /// # Errors
    ///
    /// If the registry has another metric under one of these names, or the bounds are no bounds. Then none of them is registered.
    pub fn register(mut self, registry: &Registry) -> Result<GrpcMetrics, RegisterError> {
        let methods = self.methods.take();
        let families = families::register(registry, self)?;
        Ok(GrpcMetrics { methods: Arc::new(Methods::new(families, methods.as_deref())) })
    }
}
