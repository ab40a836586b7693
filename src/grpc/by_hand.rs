//! Calls that are recorded without the layer.

use std::future::Future;
use std::sync::Arc;

use super::call::Call;
use super::deadline::Deadline;
use super::methods::Method;
use super::status::GrpcStatus;

/// A call under way, recorded by hand: for code that the layer does not reach. Made by
/// [`GrpcMetrics::start`](super::GrpcMetrics::start).
///
/// It is recorded once: with the status that [`finish`](Self::finish) is given, or as `Canceled` when it is dropped.
///
/// ```
/// use quipu::grpc::{GrpcMetrics, GrpcStatus};
///
/// let registry = quipu::Registry::new();
/// let metrics = GrpcMetrics::new(&registry)?;
///
/// let call = metrics.start("incidents.v1.Incidents", "Watch");
/// call.request_messages(1);
/// call.response_messages(3);
/// call.finish(GrpcStatus::Ok);
/// drop(metrics.start("incidents.v1.Incidents", "Watch"));
///
/// let text = registry.to_text();
/// let series = "{service=\"incidents.v1.Incidents\",method=\"Watch\"";
/// assert!(text.contains(&format!("grpc_requests_total{series},status=\"OK\"}} 1\n")));
/// assert!(text.contains(&format!("grpc_requests_total{series},status=\"Canceled\"}} 1\n")));
/// assert!(text.contains(&format!("grpc_messages_sent_total{series}}} 3\n")));
/// # Ok::<(), quipu::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a call that is dropped is recorded as `Canceled`"]
pub struct GrpcCall(Call);

impl GrpcCall {
    pub(super) fn start(method: &Arc<Method>) -> Self {
        let mut call = Call::of(method, Deadline::NONE);
        call.wait();
        Self(call)
    }

    /// Counts messages of the client: what a server receives, and a client sends.
    pub fn request_messages(&self, messages: u64) {
        self.0.count_request_messages(messages);
    }

    /// Counts messages of the server: what a server sends, and a client receives.
    pub fn response_messages(&self, messages: u64) {
        self.0.count_response_messages(messages);
    }

    /// Records the call with this status.
    pub fn finish(mut self, status: GrpcStatus) {
        self.0.end(status);
    }

    /// Awaits a unary call and records it: one message of the client, one of the server if it succeeds, and `OK`, or what `status`
    /// says of the error. A panic is `Unknown`. [`instrument_grpc!`](crate::instrument_grpc) writes it.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    ///
    /// ```
    /// use quipu::grpc::{GrpcMetrics, GrpcStatus};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # runtime.block_on(async {
    /// let metrics = GrpcMetrics::new(&quipu::Registry::new())?;
    /// let call = metrics.start("incidents.v1.Incidents", "Get");
    /// let answer: Result<(), &str> = call.unary(async { Err("no such incident") }, |_| GrpcStatus::NotFound).await;
    /// assert!(answer.is_err());
    /// # Ok::<(), quipu::RegisterError>(())
    /// # }).unwrap();
    /// ```
    pub fn unary<T, E, F: Future<Output = Result<T, E>>>(
        mut self,
        work: F,
        status: impl FnOnce(&E) -> GrpcStatus,
    ) -> impl Future<Output = Result<T, E>> {
        self.request_messages(1);
        async move {
            let mut work = std::pin::pin!(work);
            let result = std::future::poll_fn(|cx| {
                self.0.enter();
                let result = work.as_mut().poll(cx);
                self.0.wait();
                result
            })
            .await;
            // What tells the status may panic as well.
            self.0.enter();
            let status = result.as_ref().err().map_or(GrpcStatus::Ok, status);
            self.response_messages(result.is_ok().into());
            self.finish(status);
            result
        }
    }
}

/// Records a unary gRPC call around a future of a `Result`: [`GrpcCall::unary`] in one line.
///
/// The call begins here, and ends with the future. The status is that of the error's `code()`, as tonic's `Status` has one; for errors without one, a
/// closure says it.
///
/// ```
/// use quipu::grpc::{GrpcMetrics, GrpcStatus};
/// use quipu::instrument_grpc;
///
/// struct Incidents {
///     metrics: GrpcMetrics,
/// }
///
/// impl Incidents {
///     async fn get(&self, id: u64) -> Result<String, tonic::Status> {
///         instrument_grpc!(self.metrics, "incidents.v1.Incidents", "Get", async {
///             Err(tonic::Status::not_found(format!("no incident {id}")))
///         })
///         .await
///     }
///
///     async fn delete(&self) -> Result<(), std::io::Error> {
///         let work = async { Err(std::io::Error::other("disk")) };
///         instrument_grpc!(self.metrics, "incidents.v1.Incidents", "Delete", work, |_| GrpcStatus::Internal).await
///     }
/// }
///
/// # let registry = quipu::Registry::new();
/// # let incidents = Incidents { metrics: GrpcMetrics::new(&registry).unwrap() };
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # runtime.block_on(async { incidents.get(7).await.unwrap_err(); incidents.delete().await.unwrap_err(); });
/// # let text = registry.to_text();
/// # assert!(text.contains("method=\"Get\",status=\"NotFound\"} 1\n"), "{text}");
/// # assert!(text.contains("method=\"Delete\",status=\"Internal\"} 1\n"), "{text}");
/// ```
#[macro_export]
macro_rules! instrument_grpc {
    ($metrics:expr, $service:expr, $method:expr, $work:expr $(,)?) => {
        $crate::grpc::GrpcMetrics::start(&$metrics, $service, $method)
            .unary($work, |error| $crate::grpc::GrpcStatus::from_code(::core::convert::Into::into(error.code())))
    };
    ($metrics:expr, $service:expr, $method:expr, $work:expr, $status:expr $(,)?) => {
        $crate::grpc::GrpcMetrics::start(&$metrics, $service, $method).unary($work, $status)
    };
}
