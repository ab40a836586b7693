//! Calls that are recorded without the layer.

use super::*;
use quipu::grpc::GrpcStatus;
use quipu::instrument_grpc;
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

fn metrics() -> (Registry, GrpcMetrics) {
    let registry = Registry::new();
    let metrics = GrpcMetrics::new(&registry).unwrap();
    (registry, metrics)
}

#[test]
fn a_call_is_recorded_once_however_it_ends() {
    let (registry, metrics) = metrics();
    let call = metrics.start("test.Incidents", "Get");
    call.request_messages(2);
    call.response_messages(3);
    assert_eq!(sum(&registry, "grpc_streams_active"), 1.0);
    call.finish(GrpcStatus::AlreadyExists);
    drop(metrics.start("test.Incidents", "Get"));
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
    assert_eq!(messages(&registry), [2.0, 3.0]);
    assert_calls(&registry, &[("test.Incidents Get AlreadyExists", 1.0), ("test.Incidents Get Canceled", 1.0)]);
}

#[tokio::test]
async fn the_macro_takes_the_status_of_tonic() {
    let (registry, metrics) = metrics();
    let answer = instrument_grpc!(metrics, "test.Incidents", "Get", async { Ok::<_, tonic::Status>(5) }).await;
    assert_eq!(answer.unwrap(), 5);
    let fails = async { Err::<(), _>(tonic::Status::data_loss("")) };
    instrument_grpc!(&metrics, "test.Incidents", "Get", fails,).await.unwrap_err();
    let other = async { Err::<(), _>("no") };
    instrument_grpc!(metrics, "test.Incidents", "Get", other, |_| GrpcStatus::Aborted).await.unwrap_err();
    assert_calls(
        &registry,
        &[("test.Incidents Get Aborted", 1.0), ("test.Incidents Get DataLoss", 1.0), ("test.Incidents Get OK", 1.0)],
    );
    assert_eq!(messages(&registry), [3.0, 1.0]);
}

async fn panics_at_once() -> Result<(), ()> {
    panic!("on purpose")
}

#[test]
fn a_future_that_is_dropped_is_canceled_and_one_that_panics_unknown() {
    let (registry, metrics) = metrics();
    let status = |_: &()| GrpcStatus::Internal;
    let never = || pending::<Result<(), ()>>();
    drop(metrics.start("test.Incidents", "Get").unary(never(), status));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(pin!(metrics.start("test.Incidents", "Get").unary(never(), status)).poll(&mut cx).is_pending());
    assert_calls(&registry, &[("test.Incidents Get Canceled", 2.0)]);
    let panics = metrics.start("test.Incidents", "Get").unary(panics_at_once(), status);
    let mut panics = Box::pin(panics);
    catch_unwind(AssertUnwindSafe(|| panics.as_mut().poll(&mut cx))).unwrap_err();
    drop(panics);
    let misjudged = metrics.start("test.Incidents", "Get").unary(ready(Err(())), |()| panic!("on purpose"));
    let mut misjudged: Pin<Box<dyn Future<Output = Result<(), ()>>>> = Box::pin(misjudged);
    catch_unwind(AssertUnwindSafe(|| misjudged.as_mut().poll(&mut cx))).unwrap_err();
    drop(misjudged);
    assert_calls(&registry, &[("test.Incidents Get Canceled", 2.0), ("test.Incidents Get Unknown", 2.0)]);
    assert_eq!(sum(&registry, "grpc_streams_active"), 0.0);
}

#[test]
fn connections_are_counted_by_listener() {
    let (registry, metrics) = metrics();
    let open = [metrics.connection("public"), metrics.connection("public"), metrics.connection("inside")];
    let expected = [("inside".to_owned(), 1.0), ("public".to_owned(), 2.0)];
    assert_eq!(counted(&registry, "grpc_connections_active"), expected);
    drop(open);
    assert_eq!(counted(&registry, "grpc_connections_active"), []);
}
