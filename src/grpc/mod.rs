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
//!   that is dropped before its end is `Canceled`, or `DeadlineExceeded` if its time limit (`grpc-timeout`) was over. A panic, or
//!   an error of the service, is `Unknown`.
//! - On a client, every error of the transport is `Unavailable`, also a stream that the server resets, and a time limit of tonic's
//!   `Endpoint::timeout`. Set limits by `Request::set_timeout`: they go with the call as `grpc-timeout`, and are `DeadlineExceeded`.
//! - `service` and `method` are those that the server knows, and `other` for all else, however many a scanner tries. Either
//!   [the program lists them](GrpcMetricsBuilder::service), which is best, or a method has a name from the first answer on that only
//!   a handler can have given: `OK`, `InvalidArgument`, `NotFound`, `AlreadyExists`, `FailedPrecondition`, `Aborted`, `OutOfRange`,
//!   `Internal`, `DataLoss`, or the head of a stream whose `content-type` is of gRPC. All other statuses come from guards and limits
//!   as well, whatever the method. At most 1,000 methods get names so. Until then, `grpc_streams_active` has the call as `other`. Of a client, all names are the
//!   program's own.
//! - From the start for methods that are listed, and else from the answer on that gives a method its name, `grpc_requests_total` has series at 0 of `OK` and of the statuses that are errors of a server
//!   to OpenTelemetry (`Unknown`, `DeadlineExceeded`, `Unimplemented`, `Internal`, `Unavailable`, `DataLoss`), so that `increase`
//!   sees the first failure. Of a method that is not listed, it misses one in the call that gives the name, and before it.
//! - A request that is not of gRPC is recorded, too, mostly as `other` and `Unknown`: on a port that serves both, put the layer around the gRPC
//!   services only.
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
mod families;
mod frames;
mod layer;
mod methods;
mod status;

pub use body::{RequestBody, ResponseBody};
pub use by_hand::GrpcCall;
pub use layer::{GrpcLayer, GrpcService, ResponseFuture};
pub use status::GrpcStatus;

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
        GrpcMetricsBuilder { side: Side::Server, methods: None, duration_bounds: DEFAULT_BOUNDS.to_vec() }
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
    pub fn register(self, registry: &Registry) -> Result<GrpcMetrics, RegisterError> {
        let families = families::register(registry, self.side, self.duration_bounds)?;
        Ok(GrpcMetrics { methods: Arc::new(Methods::new(families, self.methods.as_deref())) })
    }
}
